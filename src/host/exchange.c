/* SPDX-License-Identifier: ISC */

/*
 * Requests on their way to workers, and answers on their way back.
 *
 * Owns no request: one is in the queue or in a worker's list, and queue.c
 * completes it.  Must not decide which workers are wanted: a fault is recorded
 * at the worker, that a request is overdue is the state of the request, and the
 * fleet acts on both.
 */

#include "host/exchange.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/rss.h"
#include "host/answer.h"
#include "host/reply.h"
#include "host/view.h"
#include "wire/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXCHANGE_READS = 16,		/* of one worker in one turn */
	EXCHANGE_BYTES = 256 << 10,	/* the same: then no further read */
	EXCHANGE_ENOUGH = 1 << 20,	/* the same, of all workers */
	EXCHANGE_RETRY_MS = 10,		/* after a shortage that passes */
	EXCHANGE_FRAMES = 256,		/* the same, from a ring */
	EXCHANGE_RSS_MS = 10,		/* from one look at a worker's memory to
					   the next */
	EXCHANGE_BATCH = 16 << 10,	/* bytes that are sent without waiting
					   for a busy worker to answer */
};

bool
brood__exchange_may_read(const struct brood_pool *pool,
    const struct brood__worker *worker)
{
	const struct brood__pending *oldest = brood__worker_oldest(worker);

	return !pool->queue.is_paused || (oldest != NULL &&
	    pool->called != 0 && oldest->id == pool->called);
}

bool
brood__exchange_is_enough(const struct brood_pool *pool)
{
	return pool->n_read_bytes >= EXCHANGE_ENOUGH;
}

/* Record a fault.  The fleet stops the worker in this turn or the next. */
static void
exchange_blame(struct brood_pool *pool, struct brood__worker *worker,
    enum brood__worker_fault fault, const char *text)
{
	brood__worker_blame(worker, fault, text);
	brood__lists_update(&pool->lists, worker, 0);
	brood__lists_touch(&pool->lists, worker);
	pool->fleet.is_stale = true;
}

/* Sending */

/*
 * The supervisor must know that a worker is given a request before the worker
 * can die of it: say USED before the first one.  True if the worker may be sent
 * something now; otherwise it waits in the list `gated` until the
 * control channel has been sent so far.
 */
static bool
exchange_use(struct brood_pool *pool, struct brood__worker *worker)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_USED,
		.slot = worker->slot,
		.generation = worker->generation,
	};
	uint64_t sent;

	if (worker->gate == 0) {
		if (brood__control_send(pool->control, &command) < 0)
			return false;
		worker->gate = brood__control_queued(pool->control);
	}
	sent = brood__control_sent(pool->control);
	if (worker->gate <= sent)
		return true;
	brood__lists_update(&pool->lists, worker, sent);
	return false;
}

/*
 * A worker runs the oldest request that it has: from now on, if it did not
 * before.
 */
static void
exchange_run_oldest(struct brood_pool *pool, struct brood__worker *worker,
    int64_t now_ms)
{
	struct brood__pending *oldest = brood__worker_oldest(worker);

	if (oldest == NULL || oldest->running_since_ms != BROOD__NEVER)
		return;
	oldest->running_since_ms = now_ms;
	if (brood__pending_has_run_limit(oldest))
		brood__queue_reschedule(&pool->queue, oldest);
}

/*
 * Send one request.  0 if it is at the worker or has ended; -EAGAIN if it must
 * wait, and with it those behind it.
 */
static int
exchange_send(struct brood_pool *pool, struct brood__worker *worker,
    struct brood__pending *pending, int64_t now_ms)
{
	int r;

	brood__queue_remove(&pool->queue, pending);
	r = brood__worker_send(worker, pending, now_ms);
	if (r == 0) {
		pool->n_in_flight++;
		exchange_run_oldest(pool, worker, now_ms);
		brood__lists_update(&pool->lists, worker,
		    brood__control_sent(pool->control));
		return 0;
	}
	if (r == -EMSGSIZE) {
		brood__queue_end(&pool->queue, pending, BROOD_FAILED,
		    "longer than the worker accepts");
		return 0;
	}
	if (r == -EPERM) {
		brood__queue_end(&pool->queue, pending, BROOD_FAILED,
		    "the worker takes no descriptors");
		return 0;
	}
	brood__queue_put_back(&pool->queue, pending);
	if (r == -EPIPE) {
		exchange_blame(pool, worker, BROOD__FAULT_DEAF,
		    "it shut its channel down");
		return 0;
	}
	brood__pool_turn_in(pool, EXCHANGE_RETRY_MS);
	return -EAGAIN;
}

/*
 * A worker with little to do gets its requests in this turn.  For a busy one
 * they can wait: when it answers, all that has gathered leaves in one
 * sendmsg(2).
 */
static bool
exchange_is_urgent(const struct brood__worker *worker)
{
	return worker->load <= 2 ||
	    brood__channel_is_reading_ring(worker->channel) ||
	    brood__channel_queued(worker->channel) -
	    brood__channel_sent(worker->channel) >= EXCHANGE_BATCH;
}

/*
 * What wakes a request that has to wait: an answer of a worker (room), a notice
 * of a new worker, the control channel having room (a gate), or the alarm that
 * exchange_send() sets.
 */
void
brood__exchange_assign(struct brood_pool *pool, int64_t now_ms)
{
	struct brood__pending *pending;
	struct brood__worker *worker;

	while ((pending = brood__queue_next(&pool->queue)) != NULL &&
	    (worker = brood__lists_pick(&pool->lists,
	    brood__control_sent(pool->control))) != NULL) {
		if (!brood__worker_has_room(worker, pending))
			return;
		if (!exchange_use(pool, worker)) {
			if (worker->gate == 0) {
				brood__pool_turn_in(pool, EXCHANGE_RETRY_MS);
				return;
			}
			continue;
		}
		if (exchange_send(pool, worker, pending, now_ms) < 0)
			return;
		if (exchange_is_urgent(worker))
			brood__lists_touch(&pool->lists, worker);
	}
}

/* Completing */

void
brood__exchange_complete(struct brood_pool *pool, struct brood__worker *worker,
    struct brood__pending *pending, enum brood_fate fate, const char *text)
{
	struct brood_completion done = {
		.fate = fate,
		.limit = fate == BROOD_EXPIRED ?
		    brood__pending_passed(pending) : 0,
		.ran = BROOD_MAY_HAVE_RUN,
		.pid = worker->pid,
		.text = text,
	};

	brood__queue_complete(&pool->queue, pending, &done, NULL, NULL, 0);
	pending->state = BROOD__PENDING_COMPLETED;
}

/*
 * How much memory has the worker?  A worker that ended meanwhile has what it
 * had.  True: too much, which the fleet acts on.
 */
static bool
exchange_outgrows(const struct brood_pool *pool, struct brood__worker *worker,
    int64_t now_ms)
{
	uint64_t max = pool->fleet.max_rss;

	if (max == 0 || worker->rss > max ||
	    now_ms < worker->rss_ms + EXCHANGE_RSS_MS)
		return false;
	worker->rss_ms = now_ms;
	(void)brood__rss_read(worker->pid, &worker->rss);
	return worker->rss > max;
}

/*
 * The worker has answered this request for the last time.  That it has room now
 * is noted when all its answers were read, exchange_end_reading().
 */
static void
exchange_answered(struct brood_pool *pool, struct brood__worker *worker,
    struct brood__pending *pending)
{
	const struct brood__pending *next;

	brood__worker_remove(worker, pending);
	pool->n_in_flight--;
	worker->served++;
	brood__exchange_offer_rings(pool, worker);
	brood__queue_forget(&pool->queue, pending);
	exchange_run_oldest(pool, worker, pool->queue.now_ms);

	/* What the fleet acts on: overdue, idle and unwanted, outdated. */
	next = brood__worker_oldest(worker);
	if (exchange_outgrows(pool, worker, pool->queue.now_ms) ||
	    (next != NULL && next->state == BROOD__PENDING_OVERDUE) ||
	    (next == NULL && worker->state == BROOD__WORKER_DRAINING) ||
	    (worker->served_limit > 0 &&
	    worker->served == worker->served_limit))
		pool->fleet.is_stale = true;
}

void
brood__exchange_offer_rings(const struct brood_pool *pool,
    struct brood__worker *worker)
{
	if (worker->served == pool->ring_after && worker->takes_rings &&
	    pool->ring_bytes > 0)
		brood__channel_offer_rings(worker->channel, pool->ring_bytes);
}

/* A part of a reply, or progress. */
static void
exchange_part(struct brood_pool *pool, struct brood__worker *worker,
    struct brood__pending *pending, const struct brood_message *msg)
{
	if (pending->state == BROOD__PENDING_SENT &&
	    brood__answer_part(&pool->queue, pending, msg, worker->pid) < 0)
		brood__exchange_complete(pool, worker, pending, BROOD_FAILED,
		    "no memory for a part of the reply");
}

static void
exchange_violation(struct brood_pool *pool, struct brood__worker *worker,
    const struct brood_message *msg, const char *why)
{
	char *text = why != NULL ? NULL : brood__answer_text(msg);

	exchange_blame(pool, worker, BROOD__FAULT_BROKEN, why != NULL ? why :
	    text != NULL ? text : "it said why, but memory is short");
	free(text);
}

static void
exchange_handle(struct brood_pool *pool, struct brood__worker *worker,
    const struct brood_message *msg)
{
	struct brood__pending *pending = brood__worker_find(worker, msg->id);
	const char *why;

	switch (brood__reply_classify(pending, msg,
	    brood__channel_sent(worker->channel), pool->max_payload, &why)) {
	case BROOD__REPLY_VIOLATION:
		exchange_violation(pool, worker, msg, why);
		return;
	case BROOD__REPLY_PART:
		exchange_part(pool, worker, pending, msg);
		break;
	case BROOD__REPLY_DONE:
		if (pending->state == BROOD__PENDING_SENT &&
		    !brood__view_answer(pool, worker, pending, msg))
			brood__answer_done(&pool->queue, pending,
			    worker->channel, msg, worker->pid);
		break;
	case BROOD__REPLY_FAILED:
		if (pending->state != BROOD__PENDING_SENT)
			break;
		if (why != NULL)
			brood__exchange_complete(pool, worker, pending,
			    BROOD_FAILED, why);
		else
			brood__answer_failed(&pool->queue, pending, msg,
			    BROOD_FAILED, BROOD_RAN, worker->pid);
		break;
	}
	if (brood__reply_is_last(msg))
		exchange_answered(pool, worker, pending);
}

/* Reading */

/*
 * Nothing that was read from a socket stays unhandled, for poll(2) would not
 * tell of it.  What is in a ring can be left there: a turn looks.  But if
 * nothing is left, look once more: only that gives back the room of the last
 * frame, and the worker may be waiting for it.
 */
static int
exchange_handle_all(struct brood_pool *pool, struct brood__worker *worker)
{
	struct brood_message msg;
	int n_left = EXCHANGE_FRAMES, r = 0;

	while (worker->fault != BROOD__FAULT_BROKEN && !worker->is_viewed &&
	    (r = brood__channel_next(worker->channel, &msg)) == 1) {
		pool->n_read_bytes += msg.len;
		exchange_handle(pool, worker, &msg);
		if (brood__channel_is_reading_ring(worker->channel) &&
		    worker->state != BROOD__WORKER_ENDED &&
		    (--n_left <= 0 ||
		    !brood__exchange_may_read(pool, worker)) &&
		    brood__channel_has_more(worker->channel))
			break;
	}
	return r < 0 ? r : 0;
}

/* From the socket. */
static int
exchange_receive(struct brood_pool *pool, struct brood__worker *worker)
{
	uint64_t from = brood__channel_received(worker->channel);
	int r = 0, n_reads = 0;

	while (n_reads++ < EXCHANGE_READS &&
	    brood__channel_received(worker->channel) - from < EXCHANGE_BYTES &&
	    !brood__worker_is_finished(worker) && !worker->is_viewed &&
	    brood__exchange_may_read(pool, worker)) {
		r = brood__channel_fill(worker->channel);
		if (r <= 0)
			break;
		r = exchange_handle_all(pool, worker);
		if (r < 0 || (worker->state != BROOD__WORKER_ENDED &&
		    brood__channel_is_drained(worker->channel)))
			break;
	}
	pool->n_read_bytes += brood__channel_received(worker->channel) - from;
	return r;
}

static void
exchange_end_reading(struct brood_pool *pool, struct brood__worker *worker,
    int r)
{
	if (r < 0)
		exchange_blame(pool, worker, BROOD__FAULT_BROKEN,
		    brood__answer_describe(r));
	brood__lists_update(&pool->lists, worker,
	    brood__control_sent(pool->control));
	brood__lists_touch(&pool->lists, worker);
}

void
brood__exchange_read(struct brood_pool *pool, struct brood__worker *worker)
{
	int r = 0;

	if (brood__channel_is_reading_ring(worker->channel) &&
	    brood__exchange_may_read(pool, worker))
		r = exchange_handle_all(pool, worker);
	if (r == 0)
		r = exchange_receive(pool, worker);
	/* What came by the ring before the end of the socket counts. */
	if (r == -EPIPE && brood__channel_is_reading_ring(worker->channel))
		r = exchange_handle_all(pool, worker);
	exchange_end_reading(pool, worker, r);
}

void
brood__exchange_read_ring(struct brood_pool *pool,
    struct brood__worker *worker)
{
	exchange_end_reading(pool, worker, exchange_handle_all(pool, worker));
}
