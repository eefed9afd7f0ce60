/* SPDX-License-Identifier: ISC */

/*
 * What a pool says of itself: counts, its workers one by one, and events.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/owner.h"
#include "host/pool.h"

#include <errno.h>
#include <unistd.h>

static enum brood_worker_state
stats_worker_state(const struct brood__fleet_slot *slot)
{
	if (slot->worker == NULL)
		return slot->seen == BROOD__SEEN_GIVEN_UP ?
		    BROOD_WORKER_GIVEN_UP : BROOD_WORKER_STARTING;
	switch (slot->worker->state) {
	case BROOD__WORKER_SPARE:
		return BROOD_WORKER_SPARE;
	case BROOD__WORKER_READY:
		return slot->worker->load > 0 ? BROOD_WORKER_BUSY :
		    BROOD_WORKER_IDLE;
	case BROOD__WORKER_DRAINING:
	case BROOD__WORKER_STOPPING:
	case BROOD__WORKER_ENDED:
		break;
	}
	return BROOD_WORKER_LEAVING;
}

static void
stats_describe_worker(const struct brood__worker *worker,
    struct brood_worker_info *info)
{
	const struct brood__pending *oldest = brood__worker_oldest(worker);

	info->pid = worker->pid;
	info->served = worker->served;
	if (oldest == NULL)
		return;
	info->id = oldest->id;
	info->age_ms = (int32_t)(brood__now_ms() - oldest->running_since_ms);
}

BROOD_PUBLIC int
brood_pool_worker(const struct brood_pool *pool, unsigned i,
    struct brood_worker_info *ret_info)
{
	if (pool->owner != brood__owner_self())
		return -ECHILD;
	for (unsigned n = 0; n < pool->fleet.n_slots; n++) {
		const struct brood__fleet_slot *slot = &pool->fleet.slots[n];

		if (slot->worker == NULL && !slot->is_wanted)
			continue;
		if (i-- > 0)
			continue;
		*ret_info = (struct brood_worker_info) {
			.slot = n,
			.generation = slot->generation,
			.state = stats_worker_state(slot),
			.failures = slot->n_failures,
		};
		if (slot->worker != NULL)
			stats_describe_worker(slot->worker, ret_info);
		return 1;
	}
	return 0;
}

BROOD_PUBLIC void
brood_pool_stats(const struct brood_pool *pool,
    struct brood_pool_stats *ret_stats)
{
	const struct brood__queue *queue = &pool->queue;

	*ret_stats = (struct brood_pool_stats) {
		.workers = pool->fleet.workers,
		.queued = queue->n_waiting,
		.in_flight = pool->n_in_flight,
		.untaken = queue->n_untaken,
		.submitted = queue->n_submitted,
		.done = queue->n_by_fate[BROOD_DONE],
		.failed = queue->n_by_fate[BROOD_FAILED],
		.crashed = queue->n_by_fate[BROOD_CRASHED],
		.expired = queue->n_by_fate[BROOD_EXPIRED],
		.canceled = queue->n_by_fate[BROOD_CANCELED],
		.refused = queue->n_by_fate[BROOD_REFUSED],
		.resubmitted = queue->n_restored,
		.started = pool->n_started,
		.ended = pool->n_ended,
		.supervisor = brood__control_pid(pool->control),
	};
	for (unsigned i = 0; i < pool->fleet.n_slots; i++) {
		const struct brood__worker *worker =
		    pool->fleet.slots[i].worker;

		if (worker == NULL)
			continue;
		ret_stats->ready += worker->state == BROOD__WORKER_READY ||
		    worker->state == BROOD__WORKER_DRAINING;
		ret_stats->spare += worker->state == BROOD__WORKER_SPARE;
		ret_stats->busy += worker->load > 0;
	}
}

BROOD_PUBLIC int
brood_pool_next_event(struct brood_pool *pool, struct brood_event *ret_event)
{
	if (pool->owner != brood__owner_self())
		return -ECHILD;
	return brood__events_next(&pool->events, ret_event);
}
