/* SPDX-License-Identifier: ISC */

/*
 * One case: a scenario in a process of its own, with a call that fails.
 *
 * This process adopts all that are left of it, and so learns of those that
 * outlive the scenario.  A scenario that does not end is a failure too.
 */

#include "faults/driver.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CASE_MS = 20000,	/* a scenario and its second run */
	GONE_MS = 2000,		/* until its processes are gone */
};

static const char *const role_names[FAULT_ROLES] = {
	"host", "supervisor", "worker",
};

static void
print_fault(FILE *out, const struct fault *fault)
{
	(void)fprintf(out, "%s:%u:%s:%u%s", role_names[fault->role],
	    fault->site, fault_error_name(fault->error), fault->n,
	    fault->is_steady ? ":steady" : "");
}

static void
print_place(FILE *out, const struct fault *fault)
{
	const struct fault_site *site = fault_get_site(fault->site);

	(void)fprintf(out, "\n  %s() in %s(), %s:%d of %s", site->name,
	    site->function, site->file, site->line, site->source);
}

void
fault_case_print(FILE *out, const struct fault_case *one)
{
	(void)fprintf(out, "%s:", scenarios[one->scenario].name);
	for (int i = 0; i < 2; i++)
		if (one->faults[i].is_set) {
			(void)fputs(i == 0 ? "" : ",", out);
			print_fault(out, &one->faults[i]);
		}
	for (int i = 0; i < 2; i++)
		if (one->faults[i].is_set)
			print_place(out, &one->faults[i]);
}

static void
check_rest(const char *what, long is, long was)
{
	if (is != was)
		wrong("%ld %s, before %ld", is, what, was);
}

static void
check_children(void)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		wrong("a child is left (%d)", (int)info.si_pid);
}

/* In the process of the case: the host. */
static _Noreturn void
be_case(const struct scenario *scenario)
{
	long n_fds, n_blocks, n_mappings;
	int r;

	n_fds = count_fds();
	n_blocks = fault_n_blocks;
	n_mappings = fault_n_mappings;
	r = scenario->run();
	if (r < 0 && !fault_has_fired())
		wrong("it fails: %s", strerror(-r));
	check_rest("descriptors", count_fds(), n_fds);
	check_rest("blocks of memory", fault_n_blocks, n_blocks);
	check_rest("mappings", fault_n_mappings, n_mappings);
	check_children();
	if (r < 0 || (fault_region->faults[0].is_steady &&
	    !scenario->is_slow)) {
		fault_region->is_over = true;
		fault_region->is_strict = true;
		scenario_n_rests = 0;
		r = scenario->run();
		if (r < 0)
			wrong("it fails afterwards too: %s", strerror(-r));
		check_rest("descriptors at last", count_fds(), n_fds);
		check_children();
	}
	_exit(0);
}

/* In the process that looks on. */

static void
say(const struct fault_case *one, const char *why)
{
	(void)fprintf(stderr, "faults: FAILED: ");
	fault_case_print(stderr, one);
	(void)fprintf(stderr, "\n  %s\n", why);
}

/* End what is left of a case that does not end by itself. */
static void
kill_rest(void)
{
	char path[64], line[4096], *at, *end;
	FILE *file;
	long pid;

	for (int i = 0; i < 100; i++) {
		(void)snprintf(path, sizeof(path),
		    "/proc/self/task/%d/children", (int)getpid());
		file = fopen(path, "r");
		at = file != NULL ? fgets(line, sizeof(line), file) : NULL;
		if (file != NULL)
			(void)fclose(file);
		for (; at != NULL && (pid = strtol(at, &end, 10)) > 0; at = end)
			(void)kill((pid_t)pid, SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		if (waitpid(-1, NULL, WNOHANG) < 0)
			return;
		nap_us(10000);
	}
}

/* False: it did not end in time. */
static bool
await(pid_t pid, int *ret_status)
{
	int64_t end_us = now_us() + (int64_t)CASE_MS * 1000;

	while (waitpid(pid, ret_status, WNOHANG) == 0) {
		if (now_us() > end_us)
			return false;
		nap_us(200);
	}
	return true;
}

static bool
await_rest(void)
{
	int64_t end_us = now_us() + (int64_t)GONE_MS * 1000;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (now_us() > end_us)
			return false;
		if (pid == 0)
			nap_us(200);
	}
	return true;
}

bool
fault_case_run(const struct fault_case *one)
{
	static const struct fault_rest none[FAULT_RESTS_MAX];
	struct fault_rest rests[FAULT_RESTS_MAX];
	const char *why = NULL;
	int status = 0;
	pid_t pid;

	memcpy(rests, one->rests != NULL ? one->rests : none, sizeof(rests));
	memset(fault_region, 0, sizeof(*fault_region));
	memcpy(fault_region->rests, rests, sizeof(rests));
	memcpy(fault_region->faults, one->faults, sizeof(one->faults));
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_case(&scenarios[one->scenario]);
	if (!await(pid, &status))
		why = "it does not end";
	else if (WIFSIGNALED(status))
		why = strsignal(WTERMSIG(status));
	else if (status != 0)
		why = fault_region->text;
	else if (!await_rest())
		why = "a process is left";
	if (why == NULL)
		return true;
	say(one, why);
	kill_rest();
	return false;
}
