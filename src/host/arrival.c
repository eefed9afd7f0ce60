/* SPDX-License-Identifier: ISC */

/*
 * How a pool learns that answers have come; see arrival.h.
 *
 * Owns nothing.  Must not know what an answer is.
 */

#include "host/arrival.h"

#include "host/exchange.h"
#include "wire/channel.h"

enum {
	ARRIVAL_LOOKS = 32,		/* workers whose rings are looked at
					   without being told to */
};

static bool
arrival_may_read(const struct brood_pool *pool,
    const struct brood__worker *worker)
{
	return brood__channel_has_more(worker->channel) &&
	    !worker->is_viewed && brood__exchange_may_read(pool, worker);
}

static void
arrival_read_one(struct brood_pool *pool, struct brood__worker *worker)
{
	if (arrival_may_read(pool, worker) && !brood__exchange_is_enough(pool))
		brood__exchange_read_ring(pool, worker);
}

/* Is there an answer that may be read? */
static bool
arrival_is_there(const void *arg)
{
	const struct brood_pool *pool = arg;
	const struct brood__worker *worker;

	TAILQ_FOREACH(worker, &pool->lists.ringed, in_ringed)
		if (arrival_may_read(pool, worker))
			return true;
	return false;
}

/* For how long may it pay to look for an answer? */
static int64_t
arrival_spin_ns(const struct brood_pool *pool)
{
	const struct brood__worker *worker;

	TAILQ_FOREACH(worker, &pool->lists.ringed, in_ringed)
		if (brood__channel_is_peer_asleep(worker->channel))
			return BROOD__SPIN_WAKING_NS;
	return BROOD__SPIN_NS;
}

/*
 * Look at each worker's ring, if they are few.  If they are many, only at those
 * of which readiness will not tell.
 */
void
brood__arrival_read(struct brood_pool *pool)
{
	struct brood__worker *worker, *next;

	if (pool->lists.n_ringed <= ARRIVAL_LOOKS) {
		TAILQ_FOREACH_SAFE(worker, &pool->lists.ringed, in_ringed, next)
			arrival_read_one(pool, worker);
		return;
	}
	TAILQ_FOREACH_SAFE(worker, &pool->lists.awake, in_awake, next)
		arrival_read_one(pool, worker);
}

/*
 * Have the workers wake this process when they answer.  False: one has answered
 * already.  A worker that may not be read now is not looked at: the one who
 * lets it be read again makes a turn due.
 */
static bool
arrival_fall_asleep(struct brood_pool *pool)
{
	struct brood__worker *worker, *next;

	TAILQ_FOREACH_SAFE(worker, &pool->lists.awake, in_awake, next) {
		if (worker->is_viewed ||
		    !brood__exchange_may_read(pool, worker))
			continue;
		if (!brood__channel_fall_asleep(worker->channel))
			return false;
		brood__lists_update(&pool->lists, worker,
		    brood__control_sent(pool->control));
	}
	return true;
}

int
brood__arrival_leave(struct brood_pool *pool)
{
	return !brood__ready_is_shared(pool->ready) ||
	    arrival_fall_asleep(pool) ? 0 :
	    brood__ready_alarm_by(pool->ready, 0);
}

int
brood__arrival_wait(struct brood_pool *pool, int timeout_ms,
    struct brood__ready_event *ret_events, size_t max)
{
	int64_t now_ms = pool->queue.now_ms;	/* of the turn before */

	if (TAILQ_EMPTY(&pool->lists.ringed))
		return brood__ready_wait(pool->ready, timeout_ms, ret_events,
		    max);
	if (pool->lists.n_ringed <= ARRIVAL_LOOKS && (arrival_is_there(pool) ||
	    (timeout_ms != 0 && brood__spin(&pool->spin, pool->n_cpus,
	    arrival_spin_ns(pool), arrival_is_there, pool)))) {
		if (now_ms == pool->polled_ms)
			return 0;
		timeout_ms = 0;
	} else if (timeout_ms != 0 && !arrival_fall_asleep(pool))
		timeout_ms = 0;
	pool->polled_ms = now_ms;
	return brood__ready_wait(pool->ready, timeout_ms, ret_events, max);
}
