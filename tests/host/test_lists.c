/* SPDX-License-Identifier: ISC */

/*
 * Claims about the choice of a worker.  The workers are structs without a
 * process and without a channel.
 */

#include "host/lists.h"
#include "support/support.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

BROOD_SUITE(lists);

enum { N_WORKERS = 8, N_STEPS = 20000 };

struct world {
	struct brood__lists lists;
	struct brood__worker workers[N_WORKERS];
};

static void
world_begin(struct world *world, unsigned in_flight)
{
	memset(world, 0, sizeof(*world));
	brood__lists_init(&world->lists, in_flight);
	for (unsigned i = 0; i < N_WORKERS; i++) {
		world->workers[i].state = BROOD__WORKER_READY;
		brood__lists_update(&world->lists, &world->workers[i], 0);
	}
}

static void
world_set_load(struct world *world, unsigned i, unsigned load)
{
	world->workers[i].load = load;
	brood__lists_update(&world->lists, &world->workers[i], 0);
}

/* The smallest load of those that may be given a request, or UINT_MAX. */
static unsigned
world_least(const struct world *world)
{
	const struct brood__worker *worker;
	unsigned least = UINT_MAX;

	for (unsigned i = 0; i < N_WORKERS; i++) {
		worker = &world->workers[i];
		if (worker->state == BROOD__WORKER_READY &&
		    worker->gate == 0 &&
		    worker->load < world->lists.in_flight &&
		    worker->load < least)
			least = worker->load;
	}
	return least;
}

Test(lists, the_least_loaded_worker_is_picked)
{
	struct world world;

	world_begin(&world, 64);
	for (unsigned i = 0; i < N_WORKERS; i++)
		world_set_load(&world, i, 63 - i);
	for (unsigned i = N_WORKERS; i-- > 0;) {
		cr_assert_eq(brood__lists_pick(&world.lists, 0),
		    &world.workers[i]);
		world_set_load(&world, i, 64);
	}
	cr_assert_null(brood__lists_pick(&world.lists, 0));
}

Test(lists, of_equal_ones_the_last_that_became_so_is_picked)
{
	struct world world;

	world_begin(&world, 1);
	world_set_load(&world, 3, 1);
	world_set_load(&world, 3, 0);
	cr_assert_eq(brood__lists_pick(&world.lists, 0), &world.workers[3]);
}

Test(lists, a_worker_that_was_stopped_since_is_not_picked)
{
	struct world world;

	world_begin(&world, 2);
	for (unsigned i = 1; i < N_WORKERS; i++)
		world.workers[i].state = BROOD__WORKER_STOPPING;
	cr_assert_eq(brood__lists_pick(&world.lists, 0), &world.workers[0]);
	world.workers[0].state = BROOD__WORKER_DRAINING;
	cr_assert_null(brood__lists_pick(&world.lists, 0));
}

Test(lists, a_worker_behind_its_gate_is_picked_when_that_is_passed)
{
	struct world world;

	world_begin(&world, 1);
	for (unsigned i = 0; i < N_WORKERS; i++)
		world.workers[i].gate = 10 + i;
	cr_assert_null(brood__lists_pick(&world.lists, 9));
	cr_assert_not(brood__lists_open_gates(&world.lists, 9));
	cr_assert(brood__lists_open_gates(&world.lists, 10));
	cr_assert_eq(brood__lists_pick(&world.lists, 10), &world.workers[0]);
	brood__lists_remove(&world.lists, &world.workers[0]);
	cr_assert_null(brood__lists_pick(&world.lists, 10));
}

Test(lists, a_spare_is_picked_when_it_has_a_place)
{
	struct world world;

	world_begin(&world, 2);
	for (unsigned i = 0; i < N_WORKERS; i++) {
		brood__lists_remove(&world.lists, &world.workers[i]);
		world.workers[i].state = BROOD__WORKER_SPARE;
		brood__lists_update(&world.lists, &world.workers[i], 0);
	}
	cr_assert_null(brood__lists_pick(&world.lists, 0));
	world.workers[3].state = BROOD__WORKER_READY;
	brood__lists_place_spares(&world.lists, 0);
	cr_assert_eq(brood__lists_pick(&world.lists, 0), &world.workers[3]);
	world_set_load(&world, 3, 2);
	cr_assert_null(brood__lists_pick(&world.lists, 0));
}

/* One step of many: a load, a stop, or a new worker in an old one's place. */
static void
world_step(struct world *world)
{
	unsigned i = (unsigned)rand() % N_WORKERS;
	struct brood__worker *worker = &world->workers[i];

	switch (rand() % 8) {
	case 0:
		worker->state = BROOD__WORKER_STOPPING;
		break;
	case 1:
		brood__lists_remove(&world->lists, worker);
		memset(worker, 0, sizeof(*worker));
		worker->state = BROOD__WORKER_READY;
		brood__lists_update(&world->lists, worker, 0);
		break;
	default:
		world_set_load(world, i,
		    (unsigned)rand() % (world->lists.in_flight + 1));
	}
}

Test(lists, after_any_steps_the_pick_is_one_with_the_least_load)
{
	struct brood__worker *picked;
	struct world world;
	unsigned least;

	srand(1);
	world_begin(&world, 64);
	for (int i = 0; i < N_STEPS; i++) {
		world_step(&world);
		least = world_least(&world);
		picked = brood__lists_pick(&world.lists, 0);
		cr_assert_eq(picked == NULL, least == UINT_MAX);
		if (picked != NULL) {
			cr_assert_eq(picked->state, BROOD__WORKER_READY);
			cr_assert_eq(picked->load, least);
		}
	}
}
