/* SPDX-License-Identifier: ISC */

/*
 * Where most tests of a pool begin and end.
 */

#include "support/fixture.h"

#include <criterion/criterion.h>

struct brood_pool *
fixture_pool(struct counters **ret_board, struct brood_pool_options options)
{
	struct brood_pool *pool;

	*ret_board = counters_new(20000);
	cr_assert(*ret_board != NULL);
	pool = counters_pool(*ret_board, options);
	cr_assert(pool != NULL);
	return pool;
}

void
fixture_end(struct brood_pool *pool, struct counters *counters)
{
	cr_assert(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
}
