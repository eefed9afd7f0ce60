/* SPDX-License-Identifier: ISC */

/*
 * brood conformance: starts a program as a worker once per case and prints what
 * held, as TAP.  Owns the report; what is asked is in cases.c.
 */

#include "base/text.h"
#include "command/command.h"
#include "command/conformance/cases.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { CONFORMANCE_MS = 10000 };

static void
conformance_print(struct subject *s, const char *claim, size_t number,
    enum verdict verdict)
{
	brood__text_clean(s->why);
	printf("%sok %zu - %s", verdict == CASE_NOT_OK ? "not " : "",
	    number, claim);
	if (verdict == CASE_SKIPPED)
		printf(" # SKIP %s", s->why);
	putchar('\n');
	if (verdict == CASE_NOT_OK)
		printf("# %s\n", s->why);
	(void)fflush(stdout);
}

static enum verdict
conformance_case(struct subject *s, size_t i, size_t number)
{
	const struct conformance_case *c = &conformance_cases[i];
	int timeout_ms = s->timeout_ms, r;
	enum verdict verdict;

	r = subject_start(s, c->is_kept);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, -r, "%s", s->argv[0]);
	verdict = c->run(s, c->argument);
	s->timeout_ms = timeout_ms;
	subject_stop(s);
	conformance_print(s, c->claim, number, verdict);
	return verdict;
}

static bool
conformance_is_wanted(size_t i, const char *only)
{
	return only == NULL || strstr(conformance_cases[i].claim, only) != NULL;
}

static size_t
conformance_count(const char *only)
{
	size_t n = 0;

	for (size_t i = 0; i < n_conformance_cases; i++)
		n += conformance_is_wanted(i, only);
	return n;
}

/* A program that does not get past HELLO would fail all, each in its time. */
static int
conformance_cases_run(struct subject *s, const char *only)
{
	enum verdict verdict;
	bool is_ok = true;
	size_t number = 0;

	printf("1..%zu\n", conformance_count(only));
	for (size_t i = 0; i < n_conformance_cases; i++) {
		if (!conformance_is_wanted(i, only))
			continue;
		verdict = conformance_case(s, i, ++number);
		is_ok = is_ok && verdict != CASE_NOT_OK;
		if (i == 0 && !is_ok) {
			printf("Bail out!  No HELLO, no conversation.\n");
			break;
		}
	}
	return is_ok ? COMMAND_OK : COMMAND_FAILED;
}

static int
conformance_run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "only", required_argument, NULL, 'o' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct subject subject = { .timeout_ms = CONFORMANCE_MS, .fd = -1,
	    .kept_fd = -1 };
	const char *only = NULL;
	sigset_t chld;
	int c, r;

	while ((c = getopt_long(argc, argv, "+ho:t:", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			command_help(command);
		case 'o':
			only = optarg;
			if (conformance_count(only) == 0)
				command_misuse(command, "--only %s: no claim "
				    "has these words", only);
			break;
		case 't':
			subject.timeout_ms = command_seconds_ms(command,
			    "--timeout", optarg);
			break;
		default:
			command_misuse(command, "wrong option");
		}
	}
	if (optind == argc)
		command_misuse(command, "a program is missing");
	subject.argv = (const char *const *)argv + optind;
	(void)sigemptyset(&chld);
	(void)sigaddset(&chld, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &chld, NULL);
	r = conformance_cases_run(&subject, only);
	command_close_stdout();
	return r;
}

const struct command command_conformance = {
	.name = "conformance",
	.summary = "Test whether a program is a worker by the protocol",
	.usage = "conformance [--only WORDS] [--timeout SECONDS] --\n"
	    "           PROGRAM [ARG...]",
	.help =
	    "  -o, --only WORDS       test only claims that contain WORDS\n"
	    "  -t, --timeout SECONDS  wait so long for an answer (10)\n"
	    "  -h, --help             show this\n"
	    "\n"
	    "PROGRAM must answer every request with the request's own bytes:\n"
	    "method 0 of a worker under test is an echo.  It is started once\n"
	    "per case; what it prints goes to standard error.  The report is\n"
	    "TAP; the exit status is 1 if any case is not ok.\n",
	.run = conformance_run,
};
