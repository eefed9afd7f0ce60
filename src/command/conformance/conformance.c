/* SPDX-License-Identifier: ISC */

/*
 * brood conformance: starts a program as a worker, once for each case, and
 * prints in the form of TAP which claims hold.  The claims are in cases.c.
 */

#include "base/text.h"
#include "command/conformance/cases.h"
#include "command/conformance/script.h"
#include "command/options.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { CONFORMANCE_MS = 10000 };

static void
conformance_print(struct target *target, const char *claim, size_t number,
    bool is_ok)
{
	brood__text_clean(target->why);
	printf("%sok %zu - %s", is_ok ? "" : "not ", number, claim);
	if (is_ok && target->skipped != NULL)
		printf(" # SKIP %s", target->skipped);
	putchar('\n');
	if (!is_ok)
		printf("# %s\n", target->why);
	(void)fflush(stdout);
}

static bool
conformance_case(struct target *target, const struct conformance_case *c)
{
	return script_expect_hello(target) &&
	    script_send_hello(target, c->magic != NULL ? c->magic : "BROD",
	    c->version != 0 ? c->version : BROOD__VERSION) &&
	    (c->run == NULL || c->run(target, c));
}

static bool
conformance_is_wanted(size_t i, const char *only)
{
	return only == NULL ||
	    strcasestr(conformance_cases[i].claim, only) != NULL;
}

static size_t
conformance_count(const char *only)
{
	size_t n = 0;

	for (size_t i = 0; i < n_conformance_cases; i++)
		n += conformance_is_wanted(i, only);
	return n;
}

/*
 * A program that does not get past HELLO would fail every case, each only after
 * the time limit: end after the first.
 */
static int
conformance_cases_run(struct target *target, const char *only)
{
	size_t number = 0;
	int r, status = COMMAND_OK;
	bool is_ok;

	printf("1..%zu\n", conformance_count(only));
	for (size_t i = 0; i < n_conformance_cases; i++) {
		if (!conformance_is_wanted(i, only))
			continue;
		r = target_start(target, conformance_cases[i].is_kept);
		if (r < 0)
			command_die(COMMAND_UNUSABLE, -r, "%s",
			    target->argv[0]);
		is_ok = conformance_case(target, &conformance_cases[i]);
		target_stop(target);
		conformance_print(target, conformance_cases[i].claim,
		    ++number, is_ok);
		if (!is_ok)
			status = COMMAND_FAILED;
		if (i == 0 && !is_ok) {
			printf("Bail out!  All cases need a HELLO.\n");
			break;
		}
	}
	return status;
}

static int
conformance_run(const struct command *command, int argc, char **argv)
{
	struct target target = { .timeout_ms = CONFORMANCE_MS, .fd = -1,
	    .kept_fd = -1 };
	const char *only = NULL;
	const struct option_spec options[] = {
		{ 'o', "only", "WORDS", "test only claims that contain WORDS",
		    .text = &only },
		{ 't', "timeout", "SECONDS", "how long to wait for an answer; "
		    "default: 10", .seconds_ms = &target.timeout_ms },
		{ .name = NULL },
	};
	int r;

	argv = options_parse(command, options, argc, argv);
	if (conformance_count(only) == 0) {
		fputs("The claims are:\n", stderr);
		for (size_t i = 0; i < n_conformance_cases; i++)
			fprintf(stderr, "  %s\n", conformance_cases[i].claim);
		command_misuse(command, "--only %s: no claim has these words",
		    only);
	}
	target.argv = (const char *const *)argv;
	r = conformance_cases_run(&target, only);
	command_close_stdout();
	return r;
}

const struct command command_conformance = {
	.name = "conformance",
	.summary = "Test whether a program is a worker by the protocol",
	.operands = "-- PROGRAM [ARG...]",
	.min_operands = 1,
	.max_operands = INT_MAX,
	.options_first = true,
	.help =
	    "PROGRAM must answer a request for method 0 with the payload of\n"
	    "the request.  It is started once for each case; what it prints\n"
	    "goes to standard error.  The report is in the form of TAP.  Exit\n"
	    "status: 0, or 1 if a case is not ok, 2 if called wrongly, 3 if\n"
	    "PROGRAM cannot be run.\n",
	.run = conformance_run,
};
