/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FUZZ_WORLD_H
#define BROOD_TESTS_FUZZ_WORLD_H

/*
 * Time and sleep are played: time goes on by a microsecond for each look at it,
 * and by what the script says.  When the library would sleep, the script goes
 * on instead; when that is over, time does.  So thousands of inputs run in a
 * second, whatever their timeouts, and each runs the same way again.
 *
 * The linker has the library call this: --wrap of ld(1).
 */

#include "fuzz.h"

struct world {
	struct fuzz *fuzz;
	int64_t now_ns;
	unsigned n_idle;		/* waits since the script was over */
	void (*act)(void *arg);		/* the others do something */
	void (*die)(void *arg);		/* the others are gone, for good */
	void *arg;
};

/* Play from now on; NULL: no more. */
void	world_set(struct world *world);

/* Is it played? */
struct world *
	world_get(void);

void	world_pass_time(struct world *world, int64_t ms);

#endif
