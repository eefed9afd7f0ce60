/* SPDX-License-Identifier: ISC */

/*
 * When a pool changes its state, and what becomes of what it has then; see
 * lifecycle.h.
 */

#include "host/lifecycle.h"

#include "base/clock.h"
#include "host/settle.h"
#include "wire/channel.h"

#include <sys/socket.h>

#include <string.h>

static const char lifecycle_stopping[] = "the pool is stopping";
static const char lifecycle_lost[] = "the supervisor process has ended";

/* The end that the program asked for */

static void
lifecycle_begin_stopping(struct brood_pool *pool)
{
	pool->state = BROOD__POOL_STOPPING;
	brood__queue_close(&pool->queue, BROOD_CANCELED, lifecycle_stopping);
	brood__settle_cancel_all(pool, lifecycle_stopping);
	if (brood__fleet_is_reloading(&pool->fleet)) {
		brood__fleet_keep_old(&pool->fleet);
		brood__events_tell(&pool->events, pool->name,
		    BROOD_EVENT_NOT_RELOADED, lifecycle_stopping);
	}
	pool->fleet.retire_ms = 0;
	(void)brood__fleet_resize(&pool->fleet, 0);
}

void
brood__lifecycle_check_drained(struct brood_pool *pool, int64_t now_ms)
{
	bool is_idle = pool->queue.n_waiting == 0 && pool->n_in_flight == 0;

	if (pool->state == BROOD__POOL_DRAINING &&
	    (is_idle || now_ms >= pool->drain_ms))
		lifecycle_begin_stopping(pool);
}

void
brood__lifecycle_check_stopped(struct brood_pool *pool)
{
	if (pool->state != BROOD__POOL_STOPPING ||
	    !brood__fleet_is_empty(&pool->fleet))
		return;
	pool->state = BROOD__POOL_STOPPED;
	brood__events_tell(&pool->events, pool->name, BROOD_EVENT_STOPPED, "");
}

/* The end that nobody asked for */

/* A pool without any worker, for good, says so on every request. */
static void
lifecycle_break(struct brood_pool *pool, const char *text)
{
	if (brood__queue_is_closed(&pool->queue))
		return;
	brood__queue_close(&pool->queue, BROOD_CRASHED, text);
	brood__events_tell(&pool->events, pool->name, BROOD_EVENT_BROKEN, text);
}

/*
 * The supervisor process is gone.  The kernel kills the workers where it can;
 * elsewhere the end of their channels ends them, now, because the program may
 * have nothing more to call the pool for.  What they had answered is read in
 * the next turn.
 */
void
brood__lifecycle_lose_supervisor(struct brood_pool *pool, int64_t now_ms)
{
	lifecycle_break(pool, lifecycle_lost);
	for (unsigned i = 0; i < pool->fleet.n_slots; i++) {
		struct brood__worker *worker = pool->fleet.slots[i].worker;

		if (worker == NULL)
			continue;
		(void)shutdown(brood_channel_fd(worker->channel), SHUT_WR);
		(void)strlcpy(worker->why, lifecycle_lost, sizeof(worker->why));
		brood__worker_set_last_byte(worker);
		brood__worker_watch(worker, pool->ready,
		    BROOD__WORKER_UNWATCHED);
		pool->n_ended++;
		brood__worker_enter(worker, BROOD__WORKER_ENDED, now_ms);
		brood__lists_update(&pool->lists, worker, 0);
		brood__pool_turn_in(pool, 0);
	}
	brood__fleet_lost(&pool->fleet);
	pool->fleet.is_stale = false;
}

bool
brood__lifecycle_is_losing(const struct brood_pool *pool)
{
	return brood__control_is_lost(pool->control) &&
	    (!brood__queue_is_closed(&pool->queue) ||
	    !brood__fleet_is_empty(&pool->fleet));
}

void
brood__lifecycle_check_broken(struct brood_pool *pool)
{
	if (pool->state >= BROOD__POOL_STOPPING)
		return;
	if (brood__fleet_is_broken(&pool->fleet))
		lifecycle_break(pool, pool->failure);
	else
		brood__queue_open(&pool->queue);
}
