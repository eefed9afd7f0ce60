/* SPDX-License-Identifier: ISC */

/*
 * Where most tests of a pool begin and end.
 */

#include "scene.h"

#include <criterion/criterion.h>

struct brood_pool *
scene_pool(struct board **ret_board, struct brood_pool_options options)
{
	struct brood_pool *pool;

	*ret_board = board_new(20000);
	cr_assert(*ret_board != NULL);
	pool = board_pool(*ret_board, options);
	cr_assert(pool != NULL);
	return pool;
}

void
scene_end(struct brood_pool *pool, struct board *board)
{
	cr_assert(brood_pool_free(pool) == NULL);
	(void)board_free(board);
}
