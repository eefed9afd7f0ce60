/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_SCENE_H
#define BROOD_TESTS_SCENE_H

/*
 * Where most tests of a pool begin and end: a board for 20,000 requests, and a
 * pool whose workers have it.  These assert, and so are for tests alone.
 */

#include "board.h"

struct brood_pool *
	scene_pool(struct board **ret_board, struct brood_pool_options options);
void	scene_end(struct brood_pool *pool, struct board *board);

#endif
