/* SPDX-License-Identifier: ISC */

/*
 * Which cases there are.
 *
 * Lanes are processes that run cases at the same time.  What they find is in
 * memory that they share.
 */

#include "faults/driver.h"
#include "support/groups.h"
#include "support/namespaces.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCENARIOS_MAX = 32, SLOW_MS = 900 };

/* Errors that last as long as what they come from. */
#define SHORTAGES	(1u << FAULT_EMFILE | 1u << FAULT_ENFILE |	\
	1u << FAULT_ENOBUFS | 1u << FAULT_ENOMEM | 1u << FAULT_ENOSPC |	\
	1u << FAULT_EPERM | 1u << FAULT_EACCES |			\
	1u << FAULT_ETOOMANYREFS | 1u << FAULT_CTRUNC | FAULT_LASTING)

/* A site, in a process of this role. */
struct place {
	uint32_t n_calls[SCENARIOS_MAX];	/* without a fault */
	uint32_t errors[SCENARIOS_MAX];
	_Atomic bool is_known;		/* some case has come to it */
	_Atomic bool can_fail;
	_Atomic bool has_failed;
};

struct findings {
	struct place places[FAULT_ROLES][FAULT_SITES_MAX];
	struct fault_rest rests[SCENARIOS_MAX][FAULT_RESTS_MAX];
	_Atomic unsigned n_cases, n_failed_cases, n_not_fired;
};

static struct findings *findings;
static const struct fault_options *opts;
static unsigned n_scenarios;
static unsigned lane;		/* of this process */
static unsigned long turn;	/* counts cases; each lane takes its own */

/* What the case has come to.  Gives how many places are new. */
static void
note(const struct fault_case *one)
{
	for (unsigned k = 0; k < 2; k++) {
		const struct fault *fault = &fault_region->faults[k];

		if (fault->n_fired > 0)
			findings->places[fault->role][fault->site].has_failed =
			    true;
		else if (one->faults[k].is_set)
			findings->n_not_fired++;
	}
}

static bool
run(const struct fault_case *asked)
{
	struct fault_case copy = *asked, *one = &copy;
	int64_t began_us = now_us(), ms;
	bool has_passed;

	one->rests = findings->rests[one->scenario];
	has_passed = fault_case_run(one);
	ms = (now_us() - began_us) / 1000;
	if (opts->is_listed && ms > SLOW_MS) {
		fault_case_print(stdout, one);
		(void)printf("\n  took %lld ms\n", (long long)ms);
	}
	findings->n_cases++;
	findings->n_failed_cases += !has_passed;
	note(one);
	return has_passed;
}

static unsigned
pick_error(uint32_t errors)
{
	unsigned error;

	do {
		error = chance(FAULT_ERRORS);
	} while (!(errors & 1u << error));
	return error;
}

/* Can it be so for a while that the call at this site fails so? */
static bool
error_is_shortage(uint32_t site, unsigned error)
{
	/* To the others it means: not now, but an event tells when. */
	if (error == FAULT_EAGAIN)
		return strcmp(fault_get_site(site)->name, "fork") == 0;
	return SHORTAGES & 1u << error;
}

static bool
error_lasts(unsigned error)
{
	return FAULT_LASTING & 1u << error;
}

/* Sites that came to light in this case fail too, after the first failure. */
static void
run_seconds(const struct fault_case *first)
{
	static struct fault_region seen;
	struct fault_case both = *first;

	memcpy((void *)&seen, (const void *)fault_region, sizeof(seen));
	for (uint32_t role = 0; role < FAULT_ROLES; role++)
		for (uint32_t site = 0; site < fault_n_sites(); site++) {
			struct place *place = &findings->places[role][site];

			if (seen.n_calls[role][site] == 0 ||
			    atomic_exchange(&place->is_known, true))
				continue;
			place->can_fail = seen.errors[role][site] != 0;
			for (uint32_t e = 0; e < FAULT_ERRORS; e++) {
				if (!(seen.errors[role][site] & 1u << e))
					continue;
				both.faults[1] = (struct fault){
					.is_set = true, .role = role,
					.site = site, .error = e, .n = 1,
					.is_steady = error_lasts(e),
				};
				(void)run(&both);
			}
		}
}

static void
run_and_look(const struct fault_case *one)
{
	if (turn++ % opts->n_lanes != lane)
		return;
	if (run(one))
		run_seconds(one);
}

static void
run_error(unsigned scenario, uint32_t role, uint32_t site, uint32_t error)
{
	const struct place *place = &findings->places[role][site];
	struct fault_case one = {
		.scenario = scenario,
		.faults[0] = {
			.is_set = true, .role = role, .site = site,
			.error = error, .n = 1,
		},
	};
	struct fault *fault = &one.faults[0];

	if (!error_lasts(error))
		for (; fault->n <= 3 && fault->n <= place->n_calls[scenario];
		    fault->n++)
			run_and_look(&one);
	fault->n = 1;
	fault->is_steady = true;
	if (error_is_shortage(site, error))
		run_and_look(&one);
}

/* Every error, in every scenario; in a slow one only what no other has. */
static void
run_whole(uint32_t role, uint32_t site)
{
	struct place *place = &findings->places[role][site];
	unsigned n = 0;

	for (unsigned i = 0; i < n_scenarios; i++)
		n += !scenarios[i].is_slow && place->errors[i] != 0;
	for (unsigned i = 0; i < n_scenarios; i++)
		for (uint32_t error = 0; error < FAULT_ERRORS; error++)
			if ((place->errors[i] & 1u << error) &&
			    (!scenarios[i].is_slow || n == 0))
				run_error(i, role, site, error);
}

/* A scenario that comes to this place, and could fail so there. */
static unsigned
pick_scenario(const struct place *place, uint32_t errors)
{
	unsigned n = 0, scenario = n_scenarios;

	for (unsigned i = 0; i < n_scenarios; i++)
		if ((place->errors[i] & errors) && (!scenarios[i].is_slow ||
		    n == 0) && chance(++n) == 0)
			scenario = i;
	return scenario;
}

static void
run_one_error(uint32_t role, uint32_t site, uint32_t errors)
{
	struct place *place = &findings->places[role][site];
	unsigned scenario = pick_scenario(place, errors);
	struct fault_case one = { .scenario = scenario };
	struct fault *fault = &one.faults[0];

	if (scenario == n_scenarios)
		return;
	*fault = (struct fault){ .is_set = true, .role = role, .site = site,
	    .n = 1 };
	fault->error = pick_error(place->errors[scenario] & errors);
	fault->is_steady = error_lasts(fault->error) ||
	    fault->error == FAULT_CTRUNC ||
	    (error_is_shortage(site, fault->error) && chance(8) == 0);
	if (!fault->is_steady && place->n_calls[scenario] > 1)
		fault->n = 1 + chance(place->n_calls[scenario] < 3 ? 2 : 3);
	run_and_look(&one);
}

/*
 * One error, in one scenario; and those that make the library take another way
 * than usual, which may have sites of its own.
 */
static void
run_sample(uint32_t role, uint32_t site)
{
	run_one_error(role, site, UINT32_MAX & ~FAULT_LASTING);
	for (uint32_t error = 0; error < FAULT_ERRORS; error++)
		if (error_lasts(error) || error == FAULT_CTRUNC)
			run_one_error(role, site, 1u << error);
}

/* What each scenario comes to without a fault. */
static bool
observe(void)
{
	bool has_passed = true;

	for (unsigned i = 0; i < n_scenarios; i++) {
		int64_t began_us = now_us();
		struct fault_case one = { .scenario = i };

		if (!fault_case_run(&one)) {
			has_passed = false;
			continue;
		}
		memcpy(findings->rests[i], fault_region->rests,
		    sizeof(fault_region->rests));
		for (int role = 0; role < FAULT_ROLES; role++)
			for (unsigned s = 0; s < fault_n_sites(); s++) {
				struct place *place =
				    &findings->places[role][s];
				uint32_t n = fault_region->n_calls[role][s];

				place->n_calls[i] = n;
				place->errors[i] =
				    fault_region->errors[role][s];
				if (n > 0)
					place->is_known = true;
				if (place->errors[i] != 0)
					place->can_fail = true;
			}
		(void)printf("faults: scenario %s: %lld ms\n",
		    scenarios[i].name,
		    (long long)((now_us() - began_us) / 1000));
	}
	(void)fflush(stdout);
	return has_passed;
}

/* A lane */

static _Noreturn void
be_lane(unsigned number)
{
	lane = number;
	if (!adopt_orphans() || !fault_open_region())
		_exit(1);
	for (uint32_t role = 0; role < FAULT_ROLES; role++)
		for (uint32_t site = 0; site < fault_n_sites(); site++) {
			if (opts->is_whole)
				run_whole(role, site);
			else
				run_sample(role, site);
		}
	_exit(0);
}

static bool
run_lanes(void)
{
	bool has_passed = true;
	int status;

	for (unsigned i = 0; i < opts->n_lanes; i++) {
		pid_t pid = fork();

		if (pid == 0)
			be_lane(i);
		has_passed = has_passed && pid > 0;
	}
	while (waitpid(-1, &status, 0) > 0)
		has_passed = has_passed && status == 0;
	return has_passed;
}

/* The figures */

static bool
is_visited(unsigned site)
{
	for (int role = 0; role < FAULT_ROLES; role++)
		if (findings->places[role][site].is_known)
			return true;
	return false;
}

/*
 * Sites that no case comes to, and those that only the whole run is sure to
 * come to.  A function of a header is named with the file that includes it.
 */
static const struct {
	const char *source, *function;
	bool is_rare;
} expected[] = {
	/* A notice of a slot that is not there: no supervisor sends it. */
	{ "host/turn.c", "brood__fd_close", false },
	/* A notice that is impossible: tests/fuzz has some. */
	{ "host/control.c", "brood__control_lose", false },
	/* The supervisor of children is killed: tests/host does that. */
	{ "host/children.c", "children_wait_gone", false },
	/* A worker that a signal ends: tests/host does that. */
	{ "process/last_words.c", "last_words_write", false },
	/* A worker does what only an attack does: tests/attack. */
	{ "process/seccomp.c", "seccomp_end", false },
	/* What was killed is gone as it is looked for. */
	{ "process/cgroup.c", "cgroup_await_change", true },
	/* One of two regions of memory cannot be made. */
	{ "wire/rings.c", "brood__fd_close", true },
	/* A thread that learns of calls has no memory for the next one. */
	{ "process/seccomp_learn.c", "learn_serve", true },
	/* No memory to say that there was none. */
	{ "worker/serve.c", "worker_confine", true },
	/* No memory for a reply that has descriptors. */
	{ "host/queue.c", "brood__fd_close", true },
	/* One of two descriptors has no place in this process. */
	{ "wire/fdpass.c", "brood__fd_close", true },
#ifndef HAVE_SCHED_GETAFFINITY
	/* Then only the command asks for the group of its process. */
	{ "base/own_cgroup.c", "brood__own_cgroup", false },
#endif
#ifndef HAVE_SEALED_MEMORY
	{ "wire/channel_rings.c", "brood__fd_close", false },
	{ "wire/channel_rings.c", "rings_wake", false },
	{ "wire/ring.c", "brood__ring_new", false },
	{ "wire/rings.c", "brood__fd_close", false },
#endif
};

/* Where no control groups can be made, nothing comes to these. */
static bool
is_of_groups(const struct fault_site *site)
{
	static char directory[PATH_MAX];
	static int can_be_made = -1;

	if (strstr(site->source, "process/cgroup.c") == NULL &&
	    strstr(site->source, "supervisor/groups.c") == NULL &&
	    strcmp(site->function, "child_init") != 0)
		return false;
	if (can_be_made < 0)
		can_be_made = groups_find(directory, sizeof(directory));
	return !can_be_made;
}

/* Who is not root, or may not leave namespaces, does not come to these. */
static bool
is_forbidden(const struct fault_site *site)
{
	static int is_allowed = -1;

	if (is_of_groups(site))
		return true;
	if (strstr(site->source, "process/identity.c") == NULL &&
	    strstr(site->source, "process/confine.c") == NULL)
		return false;
	if (is_allowed < 0)
		is_allowed = geteuid() == 0 && namespaces_can_be_left();
	return !is_allowed;
}

static bool
is_expected(const struct fault_site *site)
{
	if (is_forbidden(site))
		return true;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (strstr(site->source, expected[i].source) != NULL &&
		    strcmp(site->function, expected[i].function) == 0)
			return !expected[i].is_rare || !opts->is_whole;
	return false;
}

static bool
report_site(unsigned s)
{
	const struct fault_site *site = fault_get_site(s);
	bool is_well = is_visited(s) || is_expected(site);

	if (!is_visited(s) && (opts->is_listed || !is_well))
		(void)printf("faults: %snot visited: %s() in %s(), "
		    "%s:%d of %s\n", is_well ? "" : "FAILED: ", site->name,
		    site->function, site->file, site->line, site->source);
	return is_well;
}

/* False: a site was not visited that should be. */
static bool
report(int64_t began_us)
{
	unsigned n_visited = 0, n_places = 0, n_failed = 0;
	bool is_well = true;

	for (unsigned s = 0; s < fault_n_sites(); s++) {
		n_visited += is_visited(s);
		for (int role = 0; role < FAULT_ROLES; role++) {
			const struct place *place = &findings->places[role][s];

			n_places += place->can_fail;
			n_failed += place->has_failed;
		}
		is_well = report_site(s) && is_well;
	}
	(void)printf("faults: %u sites visited of %u found; each in up to "
	    "three kinds of process: %u of %u have failed there\n", n_visited,
	    fault_n_sites(), n_failed, n_places);
	(void)printf("faults: %u cases, %u failed; %u faults did not come "
	    "about; %lld s\n", findings->n_cases, findings->n_failed_cases,
	    findings->n_not_fired,
	    (long long)((now_us() - began_us) / 1000000));
	return is_well;
}

int
fault_run_all(const struct fault_options *options)
{
	int64_t began_us = now_us();
	bool has_passed;

	opts = options;
	soak_state = options->seed | 1;
	while (scenarios[n_scenarios].name != NULL)
		n_scenarios++;
	(void)printf("faults: seed %llu\n", (unsigned long long)options->seed);
	findings = mmap(NULL, sizeof(*findings), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (findings == MAP_FAILED)
		return 1;
	has_passed = observe();
	has_passed = run_lanes() && has_passed && findings->n_failed_cases == 0;
	return report(began_us) && has_passed ? 0 : 1;
}
