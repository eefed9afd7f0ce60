/* SPDX-License-Identifier: ISC */

/*
 * Every call of the library that can fail does so, in every process.
 *
 *	faults [-a] [-j JOBS] [-l] [-s SEED]
 *	faults -c SCENARIO:ROLE:SITE:ERROR:N[:steady][,ROLE:SITE:ERROR:N]
 *
 * First each scenario runs without a fault, which shows which processes come to
 * which sites.  Then it runs again with one call that fails, or all from one
 * on, and must end as scenario.h says: with nothing left over, and in time.
 * Sites that only the handling of a failure comes to fail next, with the first
 * failure before them.
 *
 * Without -a each site fails once in each kind of process, with an error that
 * the seed chooses.  -a: with each error, at its first calls, once and for
 * good, in each scenario.  -l lists the sites that nothing came to.  -c runs
 * one case, as it was printed.
 */

#include "faults/driver.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const roles[FAULT_ROLES] = {
	"host", "supervisor", "worker",
};

/*
 * A program that a scenario starts.  It does not return from main(): then
 * LeakSanitizer would look at it, which a confined process does not let it do.
 */
static _Noreturn void
be_worker(void)
{
	if (!fault_find_region(FAULT_REGION_FD))
		_exit(1);
	fault_role = FAULT_WORKER;
	_exit(brood_worker_main(scenario_handle, NULL, NULL) < 0 ? 1 : 0);
}

static unsigned
index_of(const char *name, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	(void)fprintf(stderr, "faults: what is %s?\n", name);
	exit(2);
}

static struct fault
parse_fault(char **text)
{
	const char *names[FAULT_ERRORS], *word;
	struct fault fault = { .is_set = true };

	for (unsigned i = 0; i < FAULT_ERRORS; i++)
		names[i] = fault_error_name(i);
	word = strsep(text, ":");
	fault.role = index_of(word, roles, FAULT_ROLES);
	word = strsep(text, ":");
	fault.site = (uint32_t)option_number("faults", word != NULL ? word :
	    "");
	word = strsep(text, ":");
	fault.error = index_of(word != NULL ? word : "", names, FAULT_ERRORS);
	word = strsep(text, ":");
	fault.n = (uint32_t)option_number("faults", word != NULL ? word : "");
	fault.is_steady = *text != NULL && strcmp(*text, "steady") == 0;
	return fault;
}

static int
run_one(char *text)
{
	static struct fault_rest rests[FAULT_RESTS_MAX];
	struct fault_case one = { .scenario = 0 }, usual = { .scenario = 0 };
	char *second = strchr(text, ','), *name = strsep(&text, ":");

	if (second != NULL)
		*second++ = '\0';
	while (scenarios[one.scenario].name != NULL &&
	    strcmp(scenarios[one.scenario].name, name) != 0)
		one.scenario++;
	if (scenarios[one.scenario].name == NULL)
		return 2;
	if (text != NULL && *text != '\0')
		one.faults[0] = parse_fault(&text);
	if (second != NULL)
		one.faults[1] = parse_fault(&second);
	/* First without a fault: that shows what the pool holds usually. */
	usual.scenario = one.scenario;
	if (!fault_case_run(&usual))
		return 1;
	memcpy(rests, fault_region->rests, sizeof(rests));
	one.rests = rests;
	if (!fault_case_run(&one))
		return 1;
	(void)printf("faults: passed, failed calls: %u and %u\n",
	    fault_region->faults[0].n_fired, fault_region->faults[1].n_fired);
	return 0;
}

int
main(int argc, char **argv)
{
	struct fault_options options = {
		.seed = (uint64_t)now_us(),
		.n_lanes = 2,
	};
	char *one = NULL;
	int option;

	if (argc > 1 && strcmp(argv[1], "--worker") == 0)
		be_worker();
	while ((option = getopt(argc, argv, "ac:j:ls:")) != -1)
		switch (option) {
		case 'a':
			options.is_whole = true;
			break;
		case 'c':
			one = optarg;
			break;
		case 'j':
			options.n_lanes = (unsigned)option_number(argv[0],
			    optarg);
			break;
		case 'l':
			options.is_listed = true;
			break;
		case 's':
			options.seed = option_number(argv[0], optarg);
			break;
		default:
			return 2;
		}
	scenario_program = realpath(argv[0], NULL);
	if (scenario_program == NULL || !adopt_orphans() ||
	    fault_n_sites() > FAULT_SITES_MAX || !fault_open_region()) {
		perror("faults");
		return 1;
	}
	return one != NULL ? run_one(one) : fault_run_all(&options);
}
