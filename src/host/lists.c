/* SPDX-License-Identifier: ISC */

/*
 * The lists that workers are in; see lists.h.
 */

#include "host/lists.h"
#include "wire/channel.h"

#include <assert.h>

static_assert(BROOD__IN_FLIGHT_MAX == 64, "lists.loads has a bit for each");

void
brood__lists_init(struct brood__lists *lists, unsigned in_flight)
{
	lists->in_flight = in_flight;
	for (unsigned i = 0; i < BROOD__IN_FLIGHT_MAX; i++)
		TAILQ_INIT(&lists->by_load[i]);
	TAILQ_INIT(&lists->spares);
	TAILQ_INIT(&lists->gated);
	TAILQ_INIT(&lists->ended);
	TAILQ_INIT(&lists->lost);
	TAILQ_INIT(&lists->touched);
	TAILQ_INIT(&lists->ringed);
	TAILQ_INIT(&lists->awake);
	TAILQ_INIT(&lists->viewed);
}

static void
lists_free(struct brood__workers *list)
{
	struct brood__worker *worker;

	while ((worker = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, worker, in_list);
		(void)brood__worker_free(worker);
	}
}

void
brood__lists_fini(struct brood__lists *lists)
{
	lists_free(&lists->ended);
	lists_free(&lists->lost);
}

/* Where does this worker belong? */
static struct brood__workers *
lists_find(struct brood__lists *lists, const struct brood__worker *worker,
    uint64_t sent)
{
	switch (worker->state) {
	case BROOD__WORKER_SPARE:
		return &lists->spares;
	case BROOD__WORKER_DRAINING:
	case BROOD__WORKER_STOPPING:
		return NULL;
	case BROOD__WORKER_ENDED:
		return &lists->ended;
	case BROOD__WORKER_READY:
		break;
	}
	if (worker->fault != BROOD__FAULT_NONE ||
	    worker->load >= lists->in_flight || (worker->served_max > 0 &&
	    worker->served + worker->load >= worker->served_max))
		return NULL;
	return worker->gate > sent ? &lists->gated :
	    &lists->by_load[worker->load];
}

/* A list has become empty or not: note that, if it is one of by_load. */
static void
lists_note(struct brood__lists *lists, const struct brood__workers *list)
{
	const struct brood__workers *first = &lists->by_load[0];
	uint64_t bit;

	if (list < first || list >= first + BROOD__IN_FLIGHT_MAX)
		return;
	bit = UINT64_C(1) << (list - first);
	if (TAILQ_EMPTY(list))
		lists->loads &= ~bit;
	else
		lists->loads |= bit;
}

/* At the head: the worker that was busy last has the warmest caches. */
static void
lists_move(struct brood__lists *lists, struct brood__workers *list,
    struct brood__worker *worker)
{
	struct brood__workers *before = worker->list;

	if (before == list)
		return;
	if (before != NULL) {
		TAILQ_REMOVE(before, worker, in_list);
		lists_note(lists, before);
	}
	if (list != NULL) {
		TAILQ_INSERT_HEAD(list, worker, in_list);
		lists_note(lists, list);
	}
	worker->list = list;
}

static void
lists_set_ringed(struct brood__lists *lists, struct brood__worker *worker,
    bool is_ringed)
{
	bool is_awake = is_ringed &&
	    !brood__channel_is_asleep(worker->channel);

	if (is_ringed != worker->is_ringed) {
		if (is_ringed)
			TAILQ_INSERT_TAIL(&lists->ringed, worker, in_ringed);
		else
			TAILQ_REMOVE(&lists->ringed, worker, in_ringed);
		lists->n_ringed += is_ringed ? 1 : -1U;
		worker->is_ringed = is_ringed;
	}
	if (is_awake != worker->is_awake) {
		if (is_awake)
			TAILQ_INSERT_TAIL(&lists->awake, worker, in_awake);
		else
			TAILQ_REMOVE(&lists->awake, worker, in_awake);
		worker->is_awake = is_awake;
	}
}

void
brood__lists_update(struct brood__lists *lists, struct brood__worker *worker,
    uint64_t sent)
{
	lists_move(lists, lists_find(lists, worker, sent), worker);
	lists_set_ringed(lists, worker, worker->takes_rings &&
	    worker->load > 0 &&
	    worker->state != BROOD__WORKER_ENDED &&
	    worker->fault != BROOD__FAULT_BROKEN &&
	    brood__channel_is_reading_ring(worker->channel));
}

void
brood__lists_place_spares(struct brood__lists *lists, uint64_t sent)
{
	struct brood__worker *worker, *next;

	TAILQ_FOREACH_SAFE(worker, &lists->spares, in_list, next)
		if (worker->state != BROOD__WORKER_SPARE)
			brood__lists_update(lists, worker, sent);
}

bool
brood__lists_open_gates(struct brood__lists *lists, uint64_t sent)
{
	struct brood__worker *worker, *next;
	bool is_any = false;

	TAILQ_FOREACH_SAFE(worker, &lists->gated, in_list, next)
		if (worker->gate <= sent) {
			brood__lists_update(lists, worker, sent);
			is_any = true;
		}
	return is_any;
}

void
brood__lists_remove(struct brood__lists *lists, struct brood__worker *worker)
{
	lists_move(lists, NULL, worker);
	lists_set_ringed(lists, worker, false);
	brood__lists_untouch(lists, worker);
}

void
brood__lists_set_lost(struct brood__lists *lists, struct brood__worker *worker)
{
	brood__lists_untouch(lists, worker);
	lists_set_ringed(lists, worker, false);
	lists_move(lists, &lists->lost, worker);
}

void
brood__lists_touch(struct brood__lists *lists, struct brood__worker *worker)
{
	if (!worker->is_touched)
		TAILQ_INSERT_TAIL(&lists->touched, worker, in_touched);
	worker->is_touched = true;
}

void
brood__lists_untouch(struct brood__lists *lists, struct brood__worker *worker)
{
	if (worker->is_touched)
		TAILQ_REMOVE(&lists->touched, worker, in_touched);
	worker->is_touched = false;
}

/* A worker that the fleet has stopped since is moved away when it is met. */
struct brood__worker *
brood__lists_pick(struct brood__lists *lists, uint64_t sent)
{
	struct brood__workers *list;
	struct brood__worker *worker;

	while (lists->loads != 0) {
		list = &lists->by_load[__builtin_ctzll(lists->loads)];
		worker = TAILQ_FIRST(list);
		if (lists_find(lists, worker, sent) == list)
			return worker;
		brood__lists_update(lists, worker, sent);
	}
	return NULL;
}
