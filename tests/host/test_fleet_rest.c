/* SPDX-License-Identifier: ISC */

/*
 * That a fleet comes to rest, from whatever state its slots are in.
 */

#include "host/scenario.h"

BROOD_SUITE(fleet_rest);

/*
 * Every combination of what three slots may be, for every number of workers and
 * spares, with a reload under way and without: reconciling twice says nothing
 * new, no more than one slot too many is wanted, no more workers than wanted
 * get requests, no process is started that is more than one too many, and the
 * fleet comes to rest with the wanted number of new workers and spares if from
 * now on every start succeeds and everyone told to stop ends.
 */
enum kind {
	KIND_EMPTY,
	KIND_STARTING,
	KIND_IDLE,
	KIND_BUSY,
	KIND_OLD,
	KIND_SERVED,
	KIND_FAULTY,
	KIND_GIVEN_UP,
	KIND_DEAD,			/* ended, and to be filled again */
	N_KINDS,
};

static void
make(struct scenario *s, unsigned slot, enum kind kind)
{
	struct brood__worker *worker;

	switch (kind) {
	case KIND_EMPTY:
	case KIND_STARTING:
		return;
	case KIND_GIVEN_UP:
		given_up(s, slot, s->fleet.slots[slot].told_revision);
		return;
	case KIND_DEAD:
		(void)ready(s, slot);
		ended(s, slot, 0);
		return;
	case KIND_IDLE:
	case KIND_BUSY:
	case KIND_OLD:
	case KIND_SERVED:
	case KIND_FAULTY:
	case N_KINDS:
		break;
	}
	worker = ready(s, slot);
	worker->load = kind == KIND_BUSY;
	worker->fault = kind == KIND_FAULTY ? BROOD__FAULT_BROKEN :
	    BROOD__FAULT_NONE;
	if (kind == KIND_OLD)
		worker->revision = s->fleet.last_revision - 1;
	if (kind == KIND_SERVED)
		worker->served = worker->served_limit = 1;
	if (slot < s->fleet.workers)
		brood__worker_enter(worker, BROOD__WORKER_READY, 0);
}

/* What a supervisor would do with the commands, and workers with requests. */
static void
play_along(struct scenario *s)
{
	for (unsigned i = 0; i < s->fleet.n_slots; i++) {
		struct brood__fleet_slot *slot = &s->fleet.slots[i];

		if (slot->worker != NULL &&
		    slot->worker->state == BROOD__WORKER_STOPPING)
			ended(s, i, slot->told_revision != 0 ? 0 : -1);
		else if (slot->worker != NULL)
			slot->worker->load = 0;
		else if (slot->told_revision == 0 &&
		    slot->seen == BROOD__SEEN_FILLED)
			brood__fleet_emptied(&s->fleet, i);
		else if (slot->seen == BROOD__SEEN_FILLED)
			(void)ready(s, i);
	}
}

static unsigned
n_present(const struct scenario *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->fleet.n_slots; i++)
		n += s->fleet.slots[i].seen == BROOD__SEEN_FILLED;
	return n;
}

/* n_before: how many were present before reconciling. */
static void
check_bounds(const struct scenario *s, unsigned n_before, const char *what)
{
	unsigned target = brood__fleet_target(&s->fleet), n_serving = 0;

	for (unsigned i = 0; i < s->fleet.n_slots; i++) {
		const struct brood__worker *worker = s->fleet.slots[i].worker;

		n_serving += worker != NULL &&
		    worker->state == BROOD__WORKER_READY;
	}
	cr_assert_leq(n_wanted(s), target + 1, "%s", what);
	cr_assert_leq(n_serving, s->fleet.workers, "%s", what);
	if (n_present(s) > n_before)
		cr_assert_leq(n_present(s), target + 1, "%s", what);
}

static void
check_rest(const struct scenario *s, const char *what)
{
	unsigned n_ready = 0, n_spare = 0, n_given_up = 0;

	for (unsigned i = 0; i < s->fleet.n_slots; i++) {
		const struct brood__fleet_slot *slot = &s->fleet.slots[i];

		n_given_up += slot->is_wanted &&
		    slot->seen == BROOD__SEEN_GIVEN_UP;
		if (slot->worker == NULL)
			continue;
		cr_assert(slot->is_wanted, "%s: slot %u is too many", what, i);
		cr_assert_leq(slot->worker->state, BROOD__WORKER_READY);
		cr_assert_geq(slot->worker->revision, s->fleet.floor);
		n_ready += slot->worker->state == BROOD__WORKER_READY;
		n_spare += slot->worker->state == BROOD__WORKER_SPARE;
	}
	cr_assert_eq(n_ready + n_spare + n_given_up,
	    brood__fleet_target(&s->fleet), "%s: %u ready", what, n_ready);
	cr_assert(n_spare == 0 || n_ready == s->fleet.workers,
	    "%s: %u ready, %u spare", what, n_ready, n_spare);
	cr_assert_not(brood__fleet_is_reloading(&s->fleet), "%s", what);
}

static void
run(const enum kind kinds[3], unsigned workers, unsigned spare,
    bool is_reloading)
{
	unsigned n = 0, n_before;
	struct scenario s;
	char what[96], first[512];

	(void)snprintf(what, sizeof(what), "slots %d %d %d, %u + %u, %s",
	    kinds[0], kinds[1], kinds[2], workers, spare,
	    is_reloading ? "reloading" : "not reloading");
	begin_with_spares(&s, 3 - spare, spare);
	(void)reconcile(&s, 0);
	for (unsigned i = 0; i < 3; i++)
		make(&s, i, kinds[i]);
	if (is_reloading)
		brood__fleet_reload(&s.fleet);
	cr_assert_eq(brood__fleet_resize(&s.fleet, workers), 0);
	do {
		n_before = n_present(&s);
		(void)strlcpy(first, reconcile(&s, 0), sizeof(first));
		check_bounds(&s, n_before, what);
		cr_assert_str_eq(reconcile(&s, 0), "", "%s: \"%s\" after "
		    "\"%s\"", what, s.said, first);
		play_along(&s);
	} while (n++ < 40);
	cr_assert_str_eq(first, "", "%s: no rest, but \"%s\"", what, first);
	check_rest(&s, what);
	end(&s);
}

static void
run_all(unsigned spare)
{
	enum kind kinds[3];

	for (int i = 0; i < N_KINDS * N_KINDS * N_KINDS; i++) {
		kinds[0] = (enum kind)(i % N_KINDS);
		kinds[1] = (enum kind)(i / N_KINDS % N_KINDS);
		kinds[2] = (enum kind)(i / N_KINDS / N_KINDS);
		for (unsigned workers = 0; workers <= 4; workers++) {
			run(kinds, workers, spare, false);
			run(kinds, workers, spare, true);
		}
	}
}

Test(fleet_rest, every_combination_comes_to_rest_with_the_target_reached)
{
	run_all(0);
}

Test(fleet_rest, so_does_every_combination_with_a_spare)
{
	run_all(1);
}

Test(fleet_rest, so_does_every_combination_with_two_spares)
{
	run_all(2);
}
