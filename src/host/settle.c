/* SPDX-License-Identifier: ISC */

/*
 * How requests complete that no answer completes: deadlines, cancellation, and
 * the end of their worker.
 *
 * Owns nothing.  Must not decide which workers are stopped for it: a request
 * of which a limit has passed is marked, and the fleet acts on the mark.
 */

#include "host/settle.h"

#include "base/clock.h"
#include "host/exchange.h"
#include "wire/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	SETTLE_TRIES = 5,		/* workers that die before they begin a
					   request that is next for them */
};

/* Deadlines and cancellation */

/* Why a request has expired. */
static const char *
settle_words(const struct brood__pending *pending)
{
	return brood__pending_passed(pending) == BROOD_LIMIT_RUN ?
	    "it ran for too long" : "its deadline passed";
}

void
brood__settle_expire(struct brood_pool *pool, int64_t now_ms)
{
	struct brood__pending *pending;

	while ((pending = brood__queue_due(&pool->queue, now_ms)) != NULL) {
		if (pending->state == BROOD__PENDING_QUEUED) {
			brood__queue_remove(&pool->queue, pending);
			brood__queue_end(&pool->queue, pending, BROOD_EXPIRED,
			    settle_words(pending));
			continue;
		}
		if (pending->state == BROOD__PENDING_SENT)
			brood__exchange_complete(pool, pending->worker, pending,
			    BROOD_EXPIRED, settle_words(pending));
		pending->state = BROOD__PENDING_OVERDUE;
		pool->fleet.is_stale = true;
	}
}

/* Complete it now, and tell the worker, which may go on none the less. */
static void
settle_cancel_sent(struct brood_pool *pool, struct brood__worker *worker,
    struct brood__pending *pending, const char *text)
{
	brood__exchange_complete(pool, worker, pending, BROOD_CANCELED, text);
	pending->canceled_at_ms = pool->queue.now_ms;
	brood__queue_reschedule(&pool->queue, pending);
	/* Without memory for CANCEL the worker works on, for nothing. */
	(void)brood__worker_cancel(worker, pending);
	brood__lists_touch(&pool->lists, worker);
}

/* The worker that has this request, or NULL. */
static struct brood__worker *
settle_find(const struct brood_pool *pool, uint64_t id,
    struct brood__pending **ret_pending)
{
	struct brood__worker *worker;

	for (unsigned i = 0; i < pool->fleet.n_slots; i++) {
		worker = pool->fleet.slots[i].worker;
		if (worker == NULL)
			continue;
		*ret_pending = brood__worker_find(worker, id);
		if (*ret_pending != NULL)
			return worker;
	}
	TAILQ_FOREACH(worker, &pool->lists.ended, in_list) {
		*ret_pending = brood__worker_find(worker, id);
		if (*ret_pending != NULL)
			return worker;
	}
	return NULL;
}

int
brood__settle_cancel(struct brood_pool *pool, uint64_t id, const char *text)
{
	struct brood__pending *pending = brood__queue_find(&pool->queue, id);
	struct brood__worker *worker;

	if (pending != NULL) {
		brood__queue_remove(&pool->queue, pending);
		brood__queue_end(&pool->queue, pending, BROOD_CANCELED, text);
		return 0;
	}
	worker = settle_find(pool, id, &pending);
	if (worker == NULL || pending->state != BROOD__PENDING_SENT)
		return -ENOENT;
	settle_cancel_sent(pool, worker, pending, text);
	return 0;
}

static void
settle_cancel_worker(struct brood_pool *pool, struct brood__worker *worker,
    const char *text)
{
	struct brood__pending *pending;

	TAILQ_FOREACH(pending, &worker->requests, next)
		if (pending->state == BROOD__PENDING_SENT)
			settle_cancel_sent(pool, worker, pending, text);
}

void
brood__settle_cancel_all(struct brood_pool *pool, const char *text)
{
	struct brood__worker *worker;

	for (unsigned i = 0; i < pool->fleet.n_slots; i++)
		if (pool->fleet.slots[i].worker != NULL)
			settle_cancel_worker(pool,
			    pool->fleet.slots[i].worker, text);
	TAILQ_FOREACH(worker, &pool->lists.ended, in_list)
		settle_cancel_worker(pool, worker, text);
}

void
brood__settle_unblock(struct brood_pool *pool)
{
	struct brood__pending *pending;
	struct brood__worker *worker;

	if (!pool->queue.is_paused || pool->called == 0)
		return;
	worker = settle_find(pool, pool->called, &pending);
	if (worker == NULL || !brood__exchange_may_read(pool, worker))
		(void)brood__settle_cancel(pool, pool->called,
		    "too many parts of other replies wait to be taken");
}

/* A worker's end */

static void
settle_crashed(struct brood_pool *pool, const struct brood__worker *worker,
    struct brood__pending *pending, enum brood_ran ran)
{
	char both[2 * sizeof(worker->why) + 64];
	struct brood_completion done = {
		.fate = BROOD_CRASHED,
		.ran = ran,
		.status = worker->status,
		.pid = worker->pid,
		.text = worker->why,
	};

	if (pending->first_end != NULL) {
		(void)snprintf(both, sizeof(both), "%s; the worker before it: "
		    "%s", worker->why, pending->first_end);
		done.text = both;
	}
	brood__queue_complete(&pool->queue, pending, &done, NULL, NULL, 0);
	brood__queue_forget(&pool->queue, pending);
}

/*
 * A request that the worker never began goes to another one.  But if it was the
 * next one to begin, it may be what workers die of (its payload may be too long
 * for their memory), or they die whatever they are given: not for ever, then.
 */
static void
settle_pass_on(struct brood_pool *pool, const struct brood__worker *worker,
    struct brood__pending *pending, bool was_next)
{
	if (!was_next || ++pending->n_passed < SETTLE_TRIES)
		brood__queue_restore(&pool->queue, pending);
	else
		settle_crashed(pool, worker, pending,
		    pending->n_retries > 0 ? BROOD_MAY_HAVE_RUN :
		    BROOD_NOT_RUN);
}

/*
 * One request of a worker that has ended:
 *
 *	1. Its completion was given before: nothing is left to do.
 *	2. It ends beyond what the worker has read: it was not begun.
 *	3. It may have run, and may run twice: once more.
 *	4. It may have run.
 */
static void
settle_one(struct brood_pool *pool, struct brood__worker *worker,
    struct brood__pending *pending, uint64_t consumed, bool was_next)
{
	if (pending->state != BROOD__PENDING_SENT)
		brood__queue_forget(&pool->queue, pending);
	else if (pending->end > consumed)
		settle_pass_on(pool, worker, pending, was_next);
	else if ((pending->flags & BROOD_IDEMPOTENT) &&
	    pending->n_retries == 0 && pending->n_streamed == 0) {
		pending->n_retries++;
		pending->first_end = strdup(worker->why);
		brood__queue_restore(&pool->queue, pending);
	} else
		settle_crashed(pool, worker, pending, BROOD_MAY_HAVE_RUN);
}

static void
settle_all(struct brood_pool *pool, struct brood__worker *worker,
    uint64_t consumed)
{
	struct brood__pending *pending;
	bool was_next = true;

	while ((pending = TAILQ_FIRST(&worker->requests)) != NULL) {
		brood__worker_remove(worker, pending);
		pool->n_in_flight--;
		settle_one(pool, worker, pending, consumed, was_next);
		was_next = false;
	}
}

static void
settle_worker(struct brood_pool *pool, struct brood__worker *worker)
{
	bool is_lost = brood__control_is_lost(pool->control);

	brood__exchange_read(pool, worker);
	if (worker->is_viewed) {
		brood__pool_turn_in(pool, 0);
		return;
	}
	if (!brood__worker_is_finished(worker)) {
		/* Else brood_pool_take() wakes the pool when it may go on. */
		if (brood__exchange_may_read(pool, worker))
			brood__pool_turn_in(pool, 0);
		return;
	}
	/* The channel may be sending from the memory of a request. */
	brood__channel_stop_sending(worker->channel);
	settle_all(pool, worker, is_lost ?
	    brood__channel_sent(worker->channel) :
	    brood__worker_consumed(worker));
	if (is_lost) {
		/* Or the worker waits for ever to send what nobody reads. */
		(void)shutdown(brood_channel_fd(worker->channel), SHUT_RDWR);
		brood__lists_set_lost(&pool->lists, worker);
	} else {
		brood__lists_remove(&pool->lists, worker);
		(void)brood__worker_free(worker);
	}
}

void
brood__settle_ended(struct brood_pool *pool)
{
	struct brood__worker *worker, *next;

	TAILQ_FOREACH_SAFE(worker, &pool->lists.ended, in_list, next) {
		if (brood__exchange_is_enough(pool)) {
			brood__pool_turn_in(pool, 0);
			return;
		}
		settle_worker(pool, worker);
	}
}
