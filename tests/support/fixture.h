/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FIXTURE_H
#define BROOD_TESTS_FIXTURE_H

/*
 * Where most tests of a pool begin and end: a counters for 20,000 requests, and a
 * pool whose workers have it.  These assert, and so are for tests alone.
 */

#include "support/counters.h"

struct brood_pool *
	fixture_pool(struct counters **ret_board, struct brood_pool_options options);
void	fixture_end(struct brood_pool *pool, struct counters *counters);

#endif
