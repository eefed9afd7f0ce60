/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FIXTURE_H
#define BROOD_TESTS_FIXTURE_H

/*
 * What most tests of a pool begin and end with.  These functions assert, so
 * they are for the test's own process only.
 */

#include "support/counters.h"

/* Make counters for 20,000 requests, and a pool of workers that share them. */
struct brood_pool *
	fixture_pool(struct counters **ret_counters,
	    struct brood_pool_options options);

/* Free both. */
void	fixture_end(struct brood_pool *pool, struct counters *counters);

#endif
