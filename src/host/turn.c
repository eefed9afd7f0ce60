/* SPDX-License-Identifier: ISC */

/*
 * The turn of a pool; see turn.h.
 *
 * Notices record what is so.  Decisions are in one place each: which workers
 * are wanted, and when a reload has ended or failed, in reconcile.c; when the
 * pool itself ends in lifecycle.c; what is polled for in turn_events().
 */

#include "host/turn.h"

#include "base/clock.h"
#include "base/fd.h"
#include "host/arrival.h"
#include "host/exchange.h"
#include "host/lifecycle.h"
#include "host/settle.h"
#include "host/view.h"
#include "wire/channel.h"
#include "wire/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TURN_EVENTS = 64,		/* looked at in one turn */
	TURN_NOTICES = 64,		/* read in one turn */
	TURN_RETRY_MS = 10,		/* after a shortage that passes */
};

void
brood__pool_turn_in(struct brood_pool *pool, int in_ms)
{
	int64_t at_ms = in_ms == 0 ? 0 : pool->queue.now_ms + in_ms;

	if (at_ms < pool->wake_ms)
		pool->wake_ms = at_ms;
}

static void
turn_describe(const char *what, const struct brood__notice *notice, char *text,
    size_t size)
{
	(void)snprintf(text, size, "%s: %s%s%s", what, notice->step,
	    notice->step[0] != '\0' ? ": " : "", notice->text);
}

/* 2: notices */

/* Takes fds, on error too. */
static int
turn_adopt(struct brood_pool *pool, const struct brood__notice *notice,
    const int fds[2])
{
	struct brood_channel_options options = {
		.max_payload = pool->max_payload,
		.max_queued = SIZE_MAX / 2,	/* bounded by in_flight */
		.max_fds = pool->fds_from_worker ? BROOD_MAX_FDS : 0,
	};
	struct brood__worker *worker;
	int r;

	if (fds[0] < 0 || fds[1] < 0)
		return -EMFILE;
	r = brood__worker_new(&worker, fds, &options, notice->max_payload);
	if (r < 0)
		return r;
	worker->slot = notice->slot;
	worker->generation = notice->generation;
	worker->revision = notice->revision;
	worker->pid = notice->pid;
	brood__channel_set_peer_features(worker->channel, notice->features);
	worker->takes_rings = notice->features & BROOD__FEATURE_RINGS;
	brood__exchange_offer_rings(pool, worker);
	brood__worker_watch(worker, pool->ready, POLLIN);
	if (worker->events == BROOD__WORKER_UNWATCHED) {
		(void)brood__worker_free(worker);
		return -ENOMEM;
	}
	brood__fleet_adopt(&pool->fleet, worker);
	brood__lists_update(&pool->lists, worker, 0);
	brood__lists_touch(&pool->lists, worker);
	pool->n_started++;
	return 0;
}

/*
 * A worker is ready.  The supervisor keeps its ends until it hears ADOPTED.
 * LATER: this process is short of descriptors or memory, which is nobody's
 * fault, and the supervisor offers the worker again.
 */
static void
turn_on_ready(struct brood_pool *pool, const struct brood__notice *notice,
    const int fds[2])
{
	int r = turn_adopt(pool, notice, fds);
	struct brood__command command = {
		.kind = r < 0 ? BROOD__COMMAND_LATER : BROOD__COMMAND_ADOPTED,
		.slot = notice->slot,
		.generation = notice->generation,
	};

	(void)brood__control_send(pool->control, &command);
	if (r == 0)
		brood__events_push_notice(&pool->events, pool->name, notice);
}

/*
 * A process has ended.  The program was told of no READY if the process was not
 * adopted, because this process was short of descriptors: then it has not
 * started, as far as the program goes.
 */
static void
turn_on_end(struct brood_pool *pool, struct brood__notice *notice)
{
	struct brood__worker *worker = pool->fleet.slots[notice->slot].worker;
	char text[512];

	if (worker == NULL)
		notice->kind = BROOD__NOTICE_NOT_STARTED;
	brood__events_push_notice(&pool->events, pool->name, notice);
	if (notice->kind == BROOD__NOTICE_ENDED) {
		worker->status = notice->status;
		if (worker->fault == BROOD__FAULT_NONE)
			(void)strlcpy(worker->why, notice->text,
			    sizeof(worker->why));
		brood__worker_set_last_byte(worker);
		brood__worker_watch(worker, pool->ready,
		    BROOD__WORKER_UNWATCHED);
		pool->n_ended++;
	}
	brood__fleet_ended(&pool->fleet, notice, pool->queue.now_ms);
	if (worker != NULL)
		brood__lists_update(&pool->lists, worker, 0);
	if (notice->kind != BROOD__NOTICE_NOT_STARTED ||
	    !brood__fleet_fail_reload(&pool->fleet, notice))
		return;
	turn_describe("the new workers cannot start", notice, text,
	    sizeof(text));
	brood__events_tell(&pool->events, pool->name, BROOD_EVENT_NOT_RELOADED,
	    text);
}

static void
turn_on_notice(struct brood_pool *pool, struct brood__notice *notice,
    const int fds[2])
{
	switch (notice->kind) {
	case BROOD__NOTICE_READY:
		turn_on_ready(pool, notice, fds);
		break;
	case BROOD__NOTICE_ENDED:
	case BROOD__NOTICE_NOT_STARTED:
		turn_on_end(pool, notice);
		break;
	case BROOD__NOTICE_GIVEN_UP:
		brood__events_push_notice(&pool->events, pool->name, notice);
		turn_describe("the workers cannot start", notice,
		    pool->failure, sizeof(pool->failure));
		brood__fleet_given_up(&pool->fleet, notice);
		break;
	case BROOD__NOTICE_EMPTIED:
		brood__fleet_emptied(&pool->fleet, notice->slot);
		break;
	case BROOD__NOTICE_STOPPING:	/* children of a supervisor only */
		break;
	}
}

/*
 * Can it be so?  While there is a process in a slot, its end is what comes next
 * of that slot.
 */
static bool
turn_is_possible(const struct brood_pool *pool,
    const struct brood__notice *notice)
{
	const struct brood__worker *worker;

	if (notice->slot >= pool->fleet.n_slots)
		return false;
	worker = pool->fleet.slots[notice->slot].worker;
	return worker == NULL || (notice->kind == BROOD__NOTICE_ENDED &&
	    notice->generation == worker->generation);
}

static void
turn_read_control(struct brood_pool *pool)
{
	struct brood__notice notice;
	int fds[2];

	for (int i = 0; i < TURN_NOTICES; i++) {
		if (brood__control_recv(pool->control, &notice, fds) != 1)
			return;
		if (!turn_is_possible(pool, &notice)) {
			brood__fd_close_all(fds, 2);
			brood__control_lose(pool->control);
			return;
		}
		turn_on_notice(pool, &notice, fds);
	}
}

/* 3: workers */

static void
turn_read_worker(struct brood_pool *pool,
    const struct brood__ready_event *event)
{
	unsigned slot = (unsigned)(event->token & UINT32_MAX);
	struct brood__worker *worker = slot < pool->fleet.n_slots ?
	    pool->fleet.slots[slot].worker : NULL;

	if (worker != NULL && brood__worker_token(worker) == event->token)
		brood__exchange_read(pool, worker);
}

/*
 * What was not read for being more than enough is still ready in the next turn,
 * and in the same order.
 */
static void
turn_read_workers(struct brood_pool *pool,
    const struct brood__ready_event *events, unsigned n_events)
{
	unsigned first = pool->read_first;

	pool->read_first = 0;
	pool->n_read_bytes = 0;
	for (unsigned i = 0; i < n_events; i++) {
		if (brood__exchange_is_enough(pool)) {
			pool->read_first = (first + i) % n_events;
			break;
		}
		turn_read_worker(pool, &events[(first + i) % n_events]);
	}
	brood__arrival_read(pool);
	pool->n_read_bytes = 0;
	brood__settle_ended(pool);
}

/* 5: the fleet */

/*
 * Queue one command: there may be one for each worker, and the flush at the end
 * of the turn sends them together.  GOODBYE goes to the worker itself too, but
 * only after the supervisor can know of it: it would make good an end that it
 * does not expect.
 */
static void
turn_obey(struct brood_pool *pool, const struct brood__command *command)
{
	struct brood__worker *worker = pool->fleet.slots[command->slot].worker;

	if (brood__control_queue(pool->control, command) < 0) {
		brood__fleet_take_back(&pool->fleet, command);
		brood__pool_turn_in(pool, TURN_RETRY_MS);
		return;
	}
	if (command->kind != BROOD__COMMAND_STOP ||
	    command->phase != BROOD__STOP_GOODBYE || worker == NULL)
		return;
	worker->gate = brood__control_queued(pool->control);
	(void)brood__worker_say_goodbye(worker);
	brood__lists_touch(&pool->lists, worker);
}

static void
turn_reconcile(struct brood_pool *pool, int64_t now_ms)
{
	unsigned news;

	if (brood__control_is_lost(pool->control)) {
		brood__lifecycle_lose_supervisor(pool, now_ms);
		return;
	}
	if (!pool->fleet.is_stale && now_ms < pool->fleet.due_ms)
		return;
	news = brood__fleet_reconcile(&pool->fleet, now_ms);
	brood__lists_place_spares(&pool->lists,
	    brood__control_sent(pool->control));
	for (unsigned i = 0; i < pool->fleet.n_commands; i++)
		turn_obey(pool, &pool->fleet.commands[i]);
	if (news & BROOD__FLEET_RELOADED)
		brood__events_tell(&pool->events, pool->name,
		    BROOD_EVENT_RELOADED, "");
	brood__lifecycle_check_broken(pool);
}

/* 7 and 8: flush, and what to wait for */

/*
 * A worker that is still touched owes a flush that an alarm or the control
 * channel wakes; its own socket having room would wake the pool for nothing.
 */
static short
turn_events(const struct brood_pool *pool, const struct brood__worker *worker)
{
	short events = brood_channel_events(worker->channel);

	if (worker->state == BROOD__WORKER_ENDED ||
	    worker->fault == BROOD__FAULT_BROKEN)
		return BROOD__WORKER_UNWATCHED;
	if (!brood__exchange_may_read(pool, worker))
		events &= ~POLLIN;
	if (worker->is_touched || worker->fault != BROOD__FAULT_NONE)
		events &= ~POLLOUT;
	/* With 0, poll(2) would still tell of hang-ups, again and again. */
	return events != 0 ? events : BROOD__WORKER_UNWATCHED;
}

/* 0, or a negative errno if it is to be flushed again in a later turn. */
static int
turn_flush_worker(struct brood_pool *pool, struct brood__worker *worker)
{
	int r;

	if (worker->state == BROOD__WORKER_ENDED ||
	    worker->fault != BROOD__FAULT_NONE)
		return 0;
	if (worker->gate > brood__control_sent(pool->control))
		return -EAGAIN;
	r = brood__channel_flush(worker->channel, 0);
	if (r == 0 || r == -EAGAIN)	/* POLLOUT tells when there is room */
		return 0;
	if (r == -EPROTO) {
		brood__worker_blame(worker, BROOD__FAULT_BROKEN,
		    "what it says of its ring makes no sense");
		brood__lists_update(&pool->lists, worker,
		    brood__control_sent(pool->control));
		pool->fleet.is_stale = true;
		return 0;
	}
	if (r != -EPIPE) {		/* the system is short of something */
		brood__pool_turn_in(pool, TURN_RETRY_MS);
		return r;
	}
	/*
	 * This process holds the worker's end too, so EPIPE cannot mean that
	 * the worker is dead: it has called shutdown(2).
	 */
	brood__worker_blame(worker, BROOD__FAULT_DEAF,
	    "it shut its channel down");
	pool->fleet.is_stale = true;
	return 0;
}

static void
turn_flush(struct brood_pool *pool)
{
	struct brood__worker *worker, *next;

	if (brood__control_flush(pool->control) < 0)
		brood__pool_turn_in(pool, TURN_RETRY_MS);
	if (brood__lists_open_gates(&pool->lists,
	    brood__control_sent(pool->control)) && pool->queue.n_waiting > 0)
		brood__pool_turn_in(pool, 0);
	if (brood__lifecycle_is_losing(pool))
		pool->fleet.is_stale = true;
	TAILQ_FOREACH_SAFE(worker, &pool->lists.touched, in_touched, next) {
		if (turn_flush_worker(pool, worker) == 0)
			brood__lists_untouch(&pool->lists, worker);
		brood__worker_watch(worker, pool->ready,
		    turn_events(pool, worker));
	}
}

static int64_t
turn_next_due(struct brood_pool *pool)
{
	int64_t due_ms = brood__queue_next_due(&pool->queue);

	if (pool->fleet.is_stale)
		return 0;
	if (pool->wake_ms < due_ms)
		due_ms = pool->wake_ms;
	if (pool->fleet.due_ms < due_ms)
		due_ms = pool->fleet.due_ms;
	if (pool->state == BROOD__POOL_DRAINING && pool->drain_ms < due_ms)
		due_ms = pool->drain_ms;
	return due_ms;
}

static int
turn_act(struct brood_pool *pool)
{
	int64_t now_ms = pool->queue.now_ms;

	brood__lifecycle_check_drained(pool, now_ms);
	turn_reconcile(pool, now_ms);
	brood__lifecycle_check_stopped(pool);
	brood__exchange_assign(pool, now_ms);
	turn_flush(pool);
	return brood__ready_alarm_by(pool->ready, turn_next_due(pool));
}

int
brood__turn(struct brood_pool *pool, int timeout_ms)
{
	struct brood__ready_event events[TURN_EVENTS];
	int64_t now_ms;
	int n;

	brood__views_end(pool);
	n = brood__arrival_wait(pool, timeout_ms, events, TURN_EVENTS);
	if (n < 0)
		return n;
	now_ms = brood__pool_set_now(pool);
	if (pool->wake_ms <= now_ms)
		pool->wake_ms = BROOD__NEVER;
	brood__control_resume(pool->control);
	for (int i = 0; i < n; i++)
		if (events[i].token == BROOD__POOL_CONTROL_TOKEN)
			turn_read_control(pool);
		else if (events[i].token == BROOD__POOL_WAKER_TOKEN) {
			brood__waker_drain(&pool->waker);
			pool->is_woken = true;
		}
	turn_read_workers(pool, events, (unsigned)n);
	brood__settle_expire(pool, now_ms);
	return turn_act(pool);
}

int
brood__turn_now(struct brood_pool *pool)
{
	brood__pool_turn_in(pool, 0);
	return brood__ready_alarm_by(pool->ready, 0);
}

int
brood__turn_act(struct brood_pool *pool)
{
	unsigned n = pool->queue.n_untaken + pool->events.n_events;
	int r;

	r = turn_act(pool);
	if (r < 0 || pool->queue.n_untaken + pool->events.n_events <= n)
		return r;
	return brood__turn_now(pool);
}

void
brood__turn_resume(struct brood_pool *pool)
{
	for (unsigned i = 0; i < pool->fleet.n_slots; i++)
		if (pool->fleet.slots[i].worker != NULL)
			brood__lists_touch(&pool->lists,
			    pool->fleet.slots[i].worker);
	brood__pool_turn_in(pool, 0);
}
