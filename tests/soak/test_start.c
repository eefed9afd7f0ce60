/* SPDX-License-Identifier: ISC */

/*
 * What it costs the program to have many workers started: a pass over the slots
 * at each reply once made it grow with the cube of their number.  At 1,600
 * workers the host then took 16 times the CPU time that it took at 400.
 */

#include "support/drain.h"
#include "support/methods.h"
#include "support/support.h"

#include <brood/pool.h>
#include <sys/resource.h>
#include <time.h>

BROOD_SUITE(soak_start);

enum { FEW = 400, MANY = 4 * FEW };

static double
cpu_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The CPU time of this process until n workers are ready. */
static double
start(unsigned n)
{
	double begun_s = cpu_s(), used_s;
	struct brood_pool *pool;

	cr_assert_eq(brood_pool_new(&pool, &(struct brood_pool_options) {
	    .handler = methods_handle, .workers = n, .boot_ms = 120000 }, NULL), 0);
	cr_assert(drain_ready(pool, n));
	used_s = cpu_s() - begun_s;
	cr_assert_null(brood_pool_free(pool));
	return used_s;
}

Test(soak_start, host_takes_no_more_for_each_worker_when_there_are_many,
    .timeout = 120)
{
	double few_s, many_s;
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 2 * MANY + 100)
		cr_skip("the hard limit of descriptors is too low");
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	few_s = start(FEW);
	many_s = start(MANY);
	cr_log_info("%.3f s for %d workers, %.3f s for %d", few_s, FEW,
	    many_s, MANY);
	cr_assert_lt(many_s, 8 * few_s, "%.3f s for %d workers, %.3f s for %d",
	    few_s, FEW, many_s, MANY);
}
