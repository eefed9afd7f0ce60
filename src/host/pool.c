/* SPDX-License-Identifier: ISC */

/*
 * The interface of a pool: making it, submitting, waiting, taking, stopping.
 *
 * Owns the pool object and the bounds that the program sees.  What the pool
 * does on its own is in turn.c: these functions change something, and have the
 * turn act on it.
 */

#include "host/pool.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/export.h"
#include "base/owner.h"
#include "host/arrival.h"
#include "host/config.h"
#include "host/pool_options.h"
#include "host/request.h"
#include "host/settle.h"
#include "host/turn.h"
#include "host/view.h"
#include "supervisor/setup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	POOL_MIN_QUEUE = 64,
	POOL_RETIRE_MS = 600000,
	POOL_GONE_MS = 5000,
	POOL_RETRY_MS = 10,		/* of a call, for want of memory */
	POOL_RING_BYTES = 1 << 20,
	POOL_RING_AFTER = 16,		/* a worker that has less to do gets no
					   memory for rings */
};

/* Making */

/* Runs in a worker after setup and HELLO. */
static int
pool_worker(struct brood_channel *channel, void *arg)
{
	const struct brood_pool_options *options = arg;

	return brood_worker_run(channel, options->handler,
	    options->arg) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Do the descriptors of this process and of the supervisor process suffice for
 * so many workers, of which n_there are there?  One more may be there while it
 * replaces another.
 */
static int
pool_has_room(const struct brood_pool *pool, unsigned n_workers,
    unsigned n_there)
{
	int r;

	r = brood__control_has_room(2 * (size_t)(n_workers - n_there) +
	    BROOD__CONFIG_SPARE_FDS);
	return r < 0 ? r : brood__setup_can_hold((size_t)n_workers + 1,
	    pool->n_keep_fds);
}

static int
pool_fork(struct brood_pool *pool, const struct brood_pool_options *options,
    char *text)
{
	struct brood_pool_options own = *options;
	struct brood_child_options child_options = {
		.channel.max_payload = pool->max_payload,
		.channel.max_fds = BROOD_MAX_FDS,
		.keep_fds = options->keep_fds,
		.n_keep_fds = options->n_keep_fds,
		.env = options->env,
		.chdir = options->chdir,
		.confine = options->confine,
	};
	struct brood__config_child child = {
		.name = pool->name,
		.fn = options->handler != NULL ? pool_worker : NULL,
		.setup = options->setup,
		.setup_arg = options->arg,
		.fn_arg = &own,
		.argv = options->argv,
		.options = &child_options,
		.takes_fds = pool->fds_from_worker,
		.has_last_words = options->last_words != 0,
		.boot_ms = options->boot_ms,
		.shutdown_ms = options->shutdown_ms,
	};
	struct brood__slot_spec spec;
	struct brood__supervisor_config config = {
		.specs = &spec,
		.n_specs = 1,
		.keep_fds = options->keep_fds,
		.n_keep_fds = options->n_keep_fds,
	};
	int r;

	r = brood__config_check_child(&child, text);
	if (r == 0)
		r = brood__config_set_limits(&config, options->intensity,
		    options->period_ms, text);
	if (r == 0)
		r = brood__config_set_sink(&config, options->stderr_fd,
		    options->prefix_stderr, text);
	if (r == 0)
		r = pool_has_room(pool, brood__fleet_target(&pool->fleet), 0);
	if (r < 0)
		return r;
	brood__config_set_spec(&spec, &child);
	pool->usual = (struct brood_request_options) {
		.expire_ms = options->expire_ms,
		.run_ms = options->run_ms,
		.cancel_ms = options->cancel_ms != 0 ? options->cancel_ms :
		    spec.shutdown_ms,
	};
	return brood__control_new(&pool->control, &config);
}

static int
pool_start(struct brood_pool *pool, const struct brood_pool_options *options,
    char *text)
{
	int r;

	r = brood__fleet_init(&pool->fleet, options->workers != 0 ?
	    options->workers : brood__cpus(), options->spare);
	pool->fleet.max_requests = options->max_requests;
	pool->fleet.max_rss = options->max_rss;
	pool->fleet.retire_ms = options->retire_ms != 0 ?
	    options->retire_ms : POOL_RETIRE_MS;
	pool->name = strdup(options->name != NULL ? options->name : "worker");
	if (r == 0 && pool->name == NULL)
		r = -ENOMEM;
	if (r == 0)
		r = pool_fork(pool, options, text);
	if (r == 0)
		r = brood__ready_new(&pool->ready);
	if (r == 0)
		r = brood__control_watch(pool->control, pool->ready,
		    BROOD__POOL_CONTROL_TOKEN);
	if (r == 0)
		r = brood__waker_open(&pool->waker);
	if (r == 0)
		r = brood__ready_add(pool->ready, pool->waker.fds[0], POLLIN,
		    BROOD__POOL_WAKER_TOKEN);
	if (r < 0)
		return r;
	(void)brood__pool_set_now(pool);
	return brood__turn_act(pool);
}

static unsigned
pool_queue_size(unsigned asked, unsigned n_workers)
{
	if (asked > 0)
		return asked;
	return 2 * n_workers < POOL_MIN_QUEUE ? POOL_MIN_QUEUE :
	    2 * n_workers;
}

BROOD_PUBLIC int
brood_pool_new(struct brood_pool **ret_pool,
    const struct brood_pool_options *options, char *text)
{
	struct brood_pool *pool;
	int r;

	if (text != NULL)
		text[0] = '\0';
	r = brood__pool_options_check(options, text);
	if (r < 0)
		return r;
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL) {
		brood__config_explain(text, -ENOMEM);
		return -ENOMEM;
	}
	pool->owner = brood__owner_self();
	pool->max_payload = options->max_payload != 0 ?
	    options->max_payload : BROOD_MAX_PAYLOAD;
	pool->fds_from_worker = options->fds_from_worker != 0;
	pool->n_cpus = brood__cpus();
	if (options->transport != BROOD_SOCKET)
		pool->ring_bytes = options->ring_bytes != 0 ?
		    options->ring_bytes : POOL_RING_BYTES;
	pool->ring_after = options->transport == BROOD_RINGS ? 0 :
	    POOL_RING_AFTER;
	pool->n_keep_fds = options->n_keep_fds;
	pool->wake_ms = BROOD__NEVER;
	pool->waker = BROOD__WAKER_NONE;
	brood__queue_init(&pool->queue);
	brood__lists_init(&pool->lists, options->in_flight != 0 ?
	    options->in_flight : 1);
	brood__events_init(&pool->events);
	r = pool_start(pool, options, text);
	if (r < 0) {
		brood__config_explain(text, r);
		(void)brood_pool_free(pool);
		return r;
	}
	pool->max_queued = pool_queue_size(options->queue,
	    pool->fleet.workers);
	*ret_pool = pool;
	return 0;
}

/* Freeing */

/* After a supervisor that was killed: wait until the workers are gone too. */
static void
pool_wait_gone(struct brood_pool *pool)
{
	int64_t deadline_ms = brood__deadline(brood__now_ms(), POOL_GONE_MS);
	struct brood__worker *worker;

	for (unsigned i = 0; i < pool->fleet.n_slots; i++)
		if (pool->fleet.slots[i].worker != NULL)
			brood__worker_wait_gone(pool->fleet.slots[i].worker,
			    deadline_ms);
	TAILQ_FOREACH(worker, &pool->lists.ended, in_list)
		brood__worker_wait_gone(worker, deadline_ms);
	TAILQ_FOREACH(worker, &pool->lists.lost, in_list)
		brood__worker_wait_gone(worker, deadline_ms);
}

BROOD_PUBLIC struct brood_pool *
brood_pool_free(struct brood_pool *pool)
{
	bool is_orderly;

	if (pool == NULL)
		return NULL;
	/* The readiness set first: what it polls is closed below. */
	pool->ready = brood__ready_free(pool->ready);
	brood__waker_close(&pool->waker);
	pool->control = brood__control_free(pool->control, &is_orderly);
	if (!is_orderly)
		pool_wait_gone(pool);
	brood__views_forget(pool);
	for (unsigned i = 0; i < pool->fleet.n_slots; i++)
		if (pool->fleet.slots[i].worker != NULL)
			(void)brood__worker_free(pool->fleet.slots[i].worker);
	brood__lists_fini(&pool->lists);
	brood__queue_fini(&pool->queue);
	brood__events_fini(&pool->events);
	brood__fleet_fini(&pool->fleet);
	free(pool->name);
	free(pool);
	return NULL;
}

/* The loop */

static bool
pool_is_mine(const struct brood_pool *pool)
{
	return pool->owner == brood__owner_self();
}

/* Return r to the program, which may poll(2) next. */
static int
pool_leave(struct brood_pool *pool, int r)
{
	int left = brood__arrival_leave(pool);

	return r < 0 || left == 0 ? r : left;
}

BROOD_PUBLIC int
brood_pool_fd(struct brood_pool *pool)
{
	int fd = pool_is_mine(pool) ? brood__ready_fd(pool->ready) : -ECHILD;

	return fd < 0 ? fd : pool_leave(pool, fd);
}

/* Is there something that the program does not know of? */
static bool
pool_has_untold(const struct brood_pool *pool)
{
	return !STAILQ_EMPTY(&pool->queue.results) || pool->events.is_new ||
	    pool->is_woken;
}

/*
 * Act on what was changed, and if there is something to take now make the
 * pool's descriptor readable: the program may poll(2) next.
 */
static int
pool_act(struct brood_pool *pool)
{
	if (pool_has_untold(pool))
		brood__pool_turn_in(pool, 0);
	(void)brood__pool_set_now(pool);
	return pool_leave(pool, brood__turn_act(pool));
}

BROOD_PUBLIC int
brood_pool_dispatch(struct brood_pool *pool)
{
	int r;

	if (!pool_is_mine(pool))
		return -ECHILD;
	r = brood__turn(pool, 0);
	/* The descriptor has told the program, which is here. */
	pool->is_woken = false;
	return pool_leave(pool, r);
}

/* Is there something to tell the program? */
static bool
pool_has_news(struct brood_pool *pool)
{
	bool is_woken = pool->is_woken;

	pool->is_woken = false;
	return is_woken || !STAILQ_EMPTY(&pool->queue.results) ||
	    brood__events_have_news(&pool->events);
}

BROOD_PUBLIC void
brood_pool_wake(struct brood_pool *pool)
{
	if (pool_is_mine(pool))
		brood__waker_wake(&pool->waker);
}

/*
 * Can nothing come any more?  A pool that is stopped, or one without workers
 * for good, which has completed all requests: only the program could change
 * that, and it is waiting.
 */
static bool
pool_is_over(const struct brood_pool *pool)
{
	return pool->state == BROOD__POOL_STOPPED ||
	    (pool->state == BROOD__POOL_RUNNING &&
	    brood__queue_is_closed(&pool->queue) &&
	    pool->queue.n_outstanding == 0);
}

static int
pool_wait(struct brood_pool *pool, int timeout_ms)
{
	int64_t deadline_ms;
	int left_ms, r;

	deadline_ms = brood__deadline_from_now(timeout_ms);
	for (;;) {
		if (pool_has_news(pool))
			return 1;
		if (pool_is_over(pool))
			return -ESHUTDOWN;
		left_ms = timeout_ms == 0 ? 0 :
		    brood__time_left_from_now(deadline_ms);
		r = brood__turn(pool, left_ms);
		if (r < 0)
			return r;
		if (left_ms == 0)
			return pool_has_news(pool) ? 1 :
			    pool_is_over(pool) ? -ESHUTDOWN : 0;
	}
}

BROOD_PUBLIC int
brood_pool_wait(struct brood_pool *pool, int timeout_ms)
{
	if (!pool_is_mine(pool))
		return -ECHILD;
	return pool_leave(pool, pool_wait(pool, timeout_ms));
}

/* Requests */

static int
pool_check_msg(const struct brood_pool *pool, const struct brood_message *msg)
{
	if (!brood__request_is_valid(msg))
		return -EINVAL;
	if (msg->len > pool->max_payload)
		return -EMSGSIZE;
	return pool->state == BROOD__POOL_RUNNING ? 0 : -ESHUTDOWN;
}

/*
 * Completions that are not taken count: a program that only ever submits finds
 * the queue full, whatever the workers do.
 */
static bool
pool_is_full(const struct brood_pool *pool)
{
	return pool->queue.n_outstanding >= pool->max_queued +
	    pool->fleet.workers * pool->lists.in_flight;
}

static int
pool_submit(struct brood_pool *pool, const struct brood_message *msg,
    const struct brood_request_options *options, uint64_t *ret_id)
{
	static const struct brood_request_options defaults;
	unsigned n_untaken = pool->queue.n_untaken;
	struct brood__pending *pending;
	int r;

	if (!pool_is_mine(pool))
		return -ECHILD;
	if (options == NULL)
		options = &defaults;
	r = brood__request_check_options(options,
	    BROOD_IDEMPOTENT | BROOD_STREAM | BROOD_VIEW);
	if (r == 0)
		r = pool_check_msg(pool, msg);
	if (r < 0)
		return r;
	if (pool_is_full(pool))
		return -EAGAIN;
	r = brood__queue_make(&pool->queue, msg, &pending);
	if (r < 0)
		return r;
	brood__pending_set_options(pending, options, &pool->usual,
	    brood__pool_set_now(pool));
	brood__queue_add(&pool->queue, pending);
	if (ret_id != NULL)
		*ret_id = pool->queue.last_id;
	if (pool->queue.n_untaken > n_untaken)
		brood__pool_turn_in(pool, 0);
	(void)brood__turn_act(pool);
	return 0;
}

BROOD_PUBLIC int
brood_request_alloc(struct brood_pool *pool, size_t len, void **ret_data)
{
	if (!pool_is_mine(pool))
		return -ECHILD;
	return len > pool->max_payload ? -EMSGSIZE :
	    brood__queue_prepare(&pool->queue, len, ret_data);
}

BROOD_PUBLIC int
brood_request_free(struct brood_pool *pool, void *data)
{
	return pool_is_mine(pool) ?
	    brood__queue_unprepare(&pool->queue, data) : -ECHILD;
}

BROOD_PUBLIC int
brood_pool_submit(struct brood_pool *pool, const struct brood_message *msg,
    const struct brood_request_options *options, uint64_t *ret_id)
{
	int r = pool_submit(pool, msg, options, ret_id);

	if (r == 0)
		(void)brood__arrival_leave(pool);
	return r;
}

BROOD_PUBLIC int
brood_pool_cancel(struct brood_pool *pool, uint64_t id)
{
	int r;

	if (!pool_is_mine(pool))
		return -ECHILD;
	(void)brood__pool_set_now(pool);
	r = brood__settle_cancel(pool, id, "canceled");
	return r < 0 ? r : pool_act(pool);
}

/* Give a result; if that lets workers go on that had to wait, say so. */
static int
pool_take(struct brood_pool *pool, struct brood__result *result,
    struct brood_completion *ret_done)
{
	bool was_paused = pool->queue.is_paused;
	int r;

	r = brood__queue_take(&pool->queue, result, ret_done);
	/* A turn lets workers go on of which there is a view. */
	if (!TAILQ_EMPTY(&pool->lists.viewed))
		(void)brood__turn_now(pool);
	if (was_paused && !pool->queue.is_paused) {
		brood__turn_resume(pool);
		(void)brood__pool_set_now(pool);
		(void)pool_leave(pool, brood__turn_act(pool));
	}
	return r;
}

BROOD_PUBLIC int
brood_pool_take(struct brood_pool *pool, struct brood_completion *ret_done)
{
	return pool_is_mine(pool) ? pool_take(pool, NULL, ret_done) : -ECHILD;
}

BROOD_PUBLIC int
brood_pool_call(struct brood_pool *pool, const struct brood_message *msg,
    const struct brood_request_options *options,
    struct brood_completion *ret_done)
{
	static const struct timespec pause = { 0, POOL_RETRY_MS * 1000000 };
	struct brood__result *result = NULL;
	int r;

	if (!pool_is_mine(pool))
		return -ECHILD;
	if (options != NULL && (options->flags & BROOD_STREAM) != 0)
		return -EINVAL;
	pool->called = pool->queue.last_id + 1;
	r = pool_submit(pool, msg, options, NULL);
	while (r == 0) {
		brood__settle_unblock(pool);
		result = brood__queue_find_result(&pool->queue, pool->called);
		if (result != NULL)
			break;
		r = brood__turn(pool, -1);
		/*
		 * Not even for want of memory may the call end without what
		 * became of the request, which was accepted.
		 */
		if (r == -ENOMEM) {
			(void)nanosleep(&pause, NULL);
			r = 0;
		}
	}
	pool->called = 0;
	if (r < 0)
		return pool_leave(pool, r);
	(void)pool_take(pool, result, ret_done);
	/* What else came during the call is told now. */
	if (pool_has_untold(pool))
		(void)brood__turn_now(pool);
	(void)pool_leave(pool, 0);
	return 0;
}

/* The pool as a whole */

BROOD_PUBLIC int
brood_pool_resize(struct brood_pool *pool, unsigned workers)
{
	unsigned target = brood__fleet_target(&pool->fleet);
	int r = 0;

	if (!pool_is_mine(pool))
		return -ECHILD;
	if (workers == 0 || workers > BROOD__POOL_WORKERS_MAX)
		return -EINVAL;
	if (pool->state != BROOD__POOL_RUNNING ||
	    brood__queue_is_closed(&pool->queue))
		return -ESHUTDOWN;
	if (workers > pool->fleet.workers)
		r = pool_has_room(pool, workers + pool->fleet.spare, target);
	if (r == 0)
		r = brood__fleet_resize(&pool->fleet, workers);
	return r < 0 ? r : pool_act(pool);
}

BROOD_PUBLIC int
brood_pool_reload(struct brood_pool *pool)
{
	if (!pool_is_mine(pool))
		return -ECHILD;
	if (pool->state != BROOD__POOL_RUNNING ||
	    brood__control_is_lost(pool->control))
		return -ESHUTDOWN;
	if (brood__fleet_is_reloading(&pool->fleet))
		return -EALREADY;
	brood__fleet_reload(&pool->fleet);
	return pool_act(pool);
}

BROOD_PUBLIC int
brood_pool_stop(struct brood_pool *pool, int timeout_ms)
{
	int64_t end_ms;

	if (!pool_is_mine(pool))
		return -ECHILD;
	end_ms = brood__deadline(brood__now_ms(), timeout_ms);
	if (pool->state == BROOD__POOL_RUNNING || end_ms < pool->drain_ms)
		pool->drain_ms = end_ms;
	if (pool->state == BROOD__POOL_RUNNING)
		pool->state = BROOD__POOL_DRAINING;
	return pool_act(pool);
}
