/* SPDX-License-Identifier: ISC */

/*
 * This file knows counters and the pool's interface.  See fixture.h.
 */

#include "support/fixture.h"

#include <criterion/criterion.h>

struct brood_pool *
fixture_pool(struct counters **ret_counters, struct brood_pool_options options)
{
	struct brood_pool *pool;

	*ret_counters = counters_new(20000);
	cr_assert(*ret_counters != NULL);
	pool = counters_pool(*ret_counters, options);
	cr_assert(pool != NULL);
	return pool;
}

void
fixture_end(struct brood_pool *pool, struct counters *counters)
{
	cr_assert(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
}
