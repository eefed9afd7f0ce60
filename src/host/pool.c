/* SPDX-License-Identifier: ISC */

/*
 * The interface of a pool: making it, submitting, waiting, taking, stopping.
 *
 * Owns what the program sees: the queue's bounds, the results and events that
 * wait, and the one descriptor, which the readiness set gives.
 */

#include "base/clock.h"
#include "base/cpus.h"
#include "base/export.h"
#include "base/fd.h"
#include "host/pool.h"
#include "worker/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	POOL_EVENTS = 64,		/* looked at in one turn */
	POOL_MAX_WORKERS = 1 << 18,
	POOL_MIN_QUEUE = 64,
	POOL_BOOT_MS = 60000,
	POOL_SHUTDOWN_MS = 5000,
	POOL_DRAIN_MS = 30000,
	POOL_INTENSITY = 5,
	POOL_PERIOD_MS = 30000,
	POOL_GONE_MS = 5000,
	POOL_FDS = 8,			/* besides two per worker */
};

/* Making */

static int
pool_check_options(const struct brood_pool_options *options)
{
	bool has_argv;

	if (options == NULL)
		return -EINVAL;
	has_argv = options->argv != NULL;
	if (has_argv == (options->handler != NULL) ||
	    (has_argv &&
	    (options->argv[0] == NULL || options->setup != NULL)) ||
	    (!has_argv && (options->env != NULL || options->chdir != NULL)))
		return -EINVAL;
	if (options->workers > POOL_MAX_WORKERS ||
	    options->in_flight > BROOD__POOL_MAX_IN_FLIGHT ||
	    options->queue > INT_MAX || options->max_requests > INT_MAX ||
	    options->max_payload > INT_MAX ||
	    options->intensity > BROOD__RESTART_INTENSITY_MAX)
		return -EINVAL;
	if (options->boot_ms < 0 || options->shutdown_ms < 0 ||
	    options->period_ms < 0 || options->stderr_fd < -1)
		return -EINVAL;
	return 0;
}

/* In the worker, after setup and HELLO. */
static int
pool_worker(struct brood_channel *channel, void *arg)
{
	const struct brood_pool_options *options = arg;

	return brood__worker_run(channel, options->handler,
	    options->arg) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
pool_fork(struct brood_pool *pool, const struct brood_pool_options *options)
{
	struct brood_pool_options own = *options;
	struct brood_child_options child = {
		.channel.max_payload = pool->max_payload,
		.channel.max_fds = BROOD_MAX_FDS,
		.keep_fds = options->keep_fds,
		.n_keep_fds = options->n_keep_fds,
		.env = options->env,
		.chdir = options->chdir,
	};
	struct brood__kind kind = {
		.spawn.name = pool->name,
		.spawn.fn = options->handler != NULL ? pool_worker : NULL,
		.spawn.setup = options->setup,
		.spawn.setup_arg = options->arg,
		.spawn.arg = &own,
		.spawn.is_greeting = true,
		.spawn.argv = options->argv,
		.spawn.options = &child,
		.boot_ms = options->boot_ms != 0 ? options->boot_ms :
		    POOL_BOOT_MS,
		.shutdown_ms = options->shutdown_ms != 0 ?
		    options->shutdown_ms : POOL_SHUTDOWN_MS,
	};
	struct brood__supervisor_config config = {
		.kinds = &kind,
		.n_kinds = 1,
		.intensity = options->intensity != 0 ? options->intensity :
		    POOL_INTENSITY,
		.period_ms = options->period_ms != 0 ? options->period_ms :
		    POOL_PERIOD_MS,
		.sink_fd = options->stderr_fd,
		.has_prefix = options->prefix_stderr,
		.keep_fds = options->keep_fds,
		.n_keep_fds = options->n_keep_fds,
	};

	return brood__supervision_new(&pool->supervision, &config);
}

static int
pool_start(struct brood_pool *pool, const struct brood_pool_options *options)
{
	int r;

	r = brood__supervision_has_room(2 * (size_t)pool->n_workers +
	    POOL_FDS);
	if (r < 0)
		return r;
	r = pool_fork(pool, options);
	if (r < 0)
		return r;
	r = brood__ready_new(&pool->ready);
	if (r < 0)
		return r;
	pool->control_events = POLLIN;
	r = brood__ready_add(pool->ready,
	    brood__supervision_fd(pool->supervision), POLLIN,
	    BROOD__CONTROL_TOKEN);
	if (r < 0)
		return r;
	return brood__crew_start(pool, pool->n_workers);
}

static unsigned
pool_queue_size(const struct brood_pool *pool, unsigned asked)
{
	unsigned size = 2 * pool->n_workers;

	if (asked > 0)
		return asked;
	return size < POOL_MIN_QUEUE ? POOL_MIN_QUEUE : size;
}

BROOD_PUBLIC int
brood_pool_new(struct brood_pool **ret_pool,
    const struct brood_pool_options *options)
{
	struct brood_pool *pool;
	int r;

	r = pool_check_options(options);
	if (r < 0)
		return r;
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return -ENOMEM;
	pool->owner = getpid();
	pool->n_workers = options->workers != 0 ? options->workers :
	    brood__cpus();
	pool->in_flight = options->in_flight != 0 ? options->in_flight : 1;
	pool->max_queued = pool_queue_size(pool, options->queue);
	pool->max_requests = options->max_requests;
	pool->max_payload = options->max_payload != 0 ?
	    options->max_payload : BROOD_MAX_PAYLOAD;
	pool->fds_from_worker = options->fds_from_worker;
	pool->retry_ms = BROOD__NEVER;
	for (unsigned i = 0; i < BROOD__POOL_MAX_IN_FLIGHT; i++)
		TAILQ_INIT(&pool->by_load[i]);
	TAILQ_INIT(&pool->queue);
	RB_INIT(&pool->deadlines);
	STAILQ_INIT(&pool->results);
	brood__events_init(&pool->events);
	pool->name = strdup(options->name != NULL ? options->name : "worker");
	r = pool->name == NULL ? -ENOMEM : pool_start(pool, options);
	if (r < 0) {
		(void)brood_pool_free(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

static void
pool_free_queue(struct brood_pool *pool)
{
	struct brood_completion done;
	struct brood__request *req;
	struct brood__result *result;

	while ((req = TAILQ_FIRST(&pool->queue)) != NULL) {
		TAILQ_REMOVE(&pool->queue, req, next);
		(void)brood__request_free(req);
	}
	while ((result = STAILQ_FIRST(&pool->results)) != NULL) {
		STAILQ_REMOVE_HEAD(&pool->results, next);
		/* It is in the very memory that it owns. */
		done = result->done;
		brood_completion_fini(&done);
	}
}

BROOD_PUBLIC struct brood_pool *
brood_pool_free(struct brood_pool *pool)
{
	int64_t deadline_ms;
	bool is_orderly;

	if (pool == NULL)
		return NULL;
	/* Before what it watches is closed. */
	pool->ready = brood__ready_free(pool->ready);
	pool->supervision = brood__supervision_free(pool->supervision,
	    &is_orderly);
	deadline_ms = brood__deadline(brood__now_ms(), POOL_GONE_MS);
	for (unsigned i = 0; i < pool->n_posts; i++) {
		struct brood__peer *peer = pool->posts[i].peer;

		if (peer == NULL)
			continue;
		if (!is_orderly)
			brood__peer_wait_gone(peer, deadline_ms);
		(void)brood__peer_free(peer);
	}
	pool_free_queue(pool);
	brood__events_fini(&pool->events);
	free(pool->posts);
	if (pool->broken != pool->name)
		free(pool->broken);
	free(pool->name);
	free(pool);
	return NULL;
}

/* The loop */

static bool
pool_is_mine(const struct brood_pool *pool)
{
	return pool->owner == getpid();
}

static int64_t
pool_next_due(struct brood_pool *pool)
{
	const struct brood__request *req =
	    RB_MIN(brood__deadlines, &pool->deadlines);
	int64_t due_ms = req != NULL ? req->deadline_ms : BROOD__NEVER;

	if (pool->has_news)
		return 0;
	if (pool->retry_ms < due_ms)
		due_ms = pool->retry_ms;
	if (pool->is_stopping && !pool->is_drained && pool->drain_ms < due_ms)
		due_ms = pool->drain_ms;
	return due_ms;
}

static int
pool_set_alarm(struct brood_pool *pool)
{
	return brood__ready_alarm_by(pool->ready, pool_next_due(pool));
}

static void
pool_look(struct brood_pool *pool, const struct brood__ready_event *event)
{
	unsigned slot = (unsigned)(event->token & UINT32_MAX);
	struct brood__peer *peer;

	if (event->token == BROOD__CONTROL_TOKEN) {
		brood__liaison_read(pool);
		return;
	}
	peer = slot < pool->n_posts ? pool->posts[slot].peer : NULL;
	if (peer != NULL && brood__peer_token(peer) == event->token)
		brood__traffic_read(pool, peer, event->events);
}

/* What could not be sent for want of descriptors under way. */
static void
pool_retry(struct brood_pool *pool, int64_t now_ms)
{
	if (now_ms < pool->retry_ms)
		return;
	pool->retry_ms = BROOD__NEVER;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].peer != NULL)
			brood__traffic_flush(pool, pool->posts[i].peer);
}

/* Wait for something to do, and do it. */
static int
pool_turn(struct brood_pool *pool, int timeout_ms)
{
	struct brood__ready_event events[POOL_EVENTS];
	int64_t now_ms;
	int n;

	n = brood__ready_wait(pool->ready, timeout_ms, events, POOL_EVENTS);
	if (n < 0)
		return n;
	pool->has_news = false;
	for (int i = 0; i < n; i++)
		pool_look(pool, &events[i]);
	if (pool_next_due(pool) != BROOD__NEVER) {
		now_ms = brood__now_ms();
		brood__traffic_expire(pool, now_ms);
		pool_retry(pool, now_ms);
	}
	brood__traffic_assign(pool);
	if (pool->is_stopping)
		brood__crew_drain(pool, brood__now_ms());
	brood__liaison_flush(pool);
	return pool_set_alarm(pool);
}

BROOD_PUBLIC int
brood_pool_fd(const struct brood_pool *pool)
{
	return pool->owner == getpid() ? brood__ready_fd(pool->ready) : -ECHILD;
}

BROOD_PUBLIC int
brood_pool_dispatch(struct brood_pool *pool)
{
	return pool_is_mine(pool) ? pool_turn(pool, 0) : -ECHILD;
}

BROOD_PUBLIC int
brood_pool_wait(struct brood_pool *pool, int timeout_ms)
{
	int64_t deadline;
	int left = timeout_ms, r;

	if (!pool_is_mine(pool))
		return -ECHILD;
	deadline = timeout_ms <= 0 ? 0 :
	    brood__deadline(brood__now_ms(), timeout_ms);
	for (;;) {
		if (!STAILQ_EMPTY(&pool->results))
			return 1;
		if (pool->events.is_new) {
			pool->events.is_new = false;
			return 1;
		}
		if (pool->is_stopped)
			return -ESHUTDOWN;
		if (timeout_ms > 0)
			left = brood__time_left(deadline, brood__now_ms());
		r = pool_turn(pool, left);
		if (r < 0)
			return r;
		if (left == 0 && STAILQ_EMPTY(&pool->results) &&
		    !pool->events.is_new)
			return pool->is_stopped ? -ESHUTDOWN : 0;
	}
}

/* Requests */

static int
pool_check_msg(const struct brood_pool *pool, const struct brood_message *msg,
    unsigned flags)
{
	if (msg == NULL || msg->kind != 0 || msg->id != 0 || msg->more ||
	    msg->timeout_ms != 0 || msg->n_fds > BROOD_MAX_FDS ||
	    (msg->len > 0 && msg->data == NULL) ||
	    (msg->n_fds > 0 && msg->fds == NULL) ||
	    (flags & ~(unsigned)(BROOD_IDEMPOTENT | BROOD_STREAM)))
		return -EINVAL;
	if (msg->len > pool->max_payload)
		return -EMSGSIZE;
	return pool->is_stopping ? -ESHUTDOWN : 0;
}

/*
 * Completions that are not taken count: a program that only ever submits finds
 * the queue full, whatever the workers do.
 */
static bool
pool_is_full(const struct brood_pool *pool)
{
	return pool->n_outstanding >= pool->max_queued +
	    pool->n_workers * pool->in_flight;
}

/*
 * Outside of a turn: wake up in time for what is due now, and make the
 * descriptor readable for what there is to take or to do.
 */
static int
pool_announce(struct brood_pool *pool, bool has_news)
{
	pool->has_news |= has_news;
	return pool_set_alarm(pool);
}

BROOD_PUBLIC int
brood_pool_submit(struct brood_pool *pool, const struct brood_message *msg,
    unsigned flags, int timeout_ms, void *tag, uint64_t *ret_id)
{
	unsigned n_untaken = pool->n_untaken;
	struct brood__request *req;
	int64_t deadline_ms;
	int r;

	if (!pool_is_mine(pool))
		return -ECHILD;
	r = pool_check_msg(pool, msg, flags);
	if (r < 0)
		return r;
	if (pool_is_full(pool))
		return -EAGAIN;
	r = brood__request_new(&req, msg);
	if (r < 0)
		return r;
	req->id = ++pool->last_id;
	req->tag = tag;
	req->flags = flags;
	deadline_ms = timeout_ms < 0 ? BROOD__NEVER :
	    brood__deadline(brood__now_ms(), timeout_ms);
	req->deadline_ms = deadline_ms;
	pool->n_submitted++;
	pool->n_outstanding++;
	if (ret_id != NULL)
		*ret_id = req->id;
	brood__queue_add(pool, req);
	if (timeout_ms == 0)		/* no worker is to die for it */
		brood__traffic_expire(pool, deadline_ms);
	brood__traffic_assign(pool);
	brood__liaison_flush(pool);
	(void)pool_announce(pool, pool->n_untaken > n_untaken);
	return 0;
}

BROOD_PUBLIC int
brood_pool_cancel(struct brood_pool *pool, uint64_t id)
{
	int r;

	if (!pool_is_mine(pool))
		return -ECHILD;
	r = brood__traffic_cancel(pool, id);
	(void)pool_announce(pool, r == 0);
	return r;
}

static void
pool_give(struct brood_pool *pool, struct brood__result *result,
    struct brood_completion *ret_done)
{
	STAILQ_REMOVE(&pool->results, result, brood__result, next);
	pool->n_untaken--;
	*ret_done = result->done;
	if (result->done.fate != BROOD_PART &&
	    result->done.fate != BROOD_PROGRESS) {
		pool->n_outstanding--;
		return;
	}
	brood__traffic_unchoke(pool, ret_done->reply.len);
}

BROOD_PUBLIC int
brood_pool_take(struct brood_pool *pool, struct brood_completion *ret_done)
{
	struct brood__result *result;

	if (!pool_is_mine(pool))
		return -ECHILD;
	result = STAILQ_FIRST(&pool->results);
	if (result == NULL)
		return 0;
	pool_give(pool, result, ret_done);
	return 1;
}

static struct brood__result *
pool_find_result(const struct brood_pool *pool, uint64_t id)
{
	struct brood__result *result;

	STAILQ_FOREACH(result, &pool->results, next)
		if (result->done.id == id)
			return result;
	return NULL;
}

BROOD_PUBLIC int
brood_pool_call(struct brood_pool *pool, const struct brood_message *msg,
    int timeout_ms, struct brood_completion *ret_done)
{
	struct brood__result *result = NULL;
	int r;

	pool->called = pool->last_id + 1;
	r = brood_pool_submit(pool, msg, 0, timeout_ms, NULL, NULL);
	while (r == 0) {
		/* No one takes parts meanwhile. */
		brood__traffic_unblock(pool);
		result = pool_find_result(pool, pool->called);
		if (result != NULL)
			break;
		r = pool_turn(pool, -1);
	}
	pool->called = 0;
	if (r < 0)
		return r;
	pool_give(pool, result, ret_done);
	/* Others came meanwhile, and no one was told. */
	if (!STAILQ_EMPTY(&pool->results))
		(void)pool_announce(pool, true);
	return 0;
}

/* The pool as a whole */

BROOD_PUBLIC int
brood_pool_resize(struct brood_pool *pool, unsigned workers)
{
	int r = 0;

	if (!pool_is_mine(pool))
		return -ECHILD;
	if (workers == 0 || workers > POOL_MAX_WORKERS)
		return -EINVAL;
	if (pool->is_stopping || pool->broken != NULL)
		return -ESHUTDOWN;
	if (workers > pool->n_workers) {
		r = brood__supervision_has_room(2 *
		    (size_t)(workers - pool->n_workers) + POOL_FDS);
		if (r == 0)
			r = brood__crew_start(pool, workers);
	}
	if (r < 0)
		return r;
	pool->n_workers = workers;
	brood__crew_shrink(pool, workers);
	brood__liaison_flush(pool);
	/* It may have found out that the supervisor is gone. */
	(void)pool_announce(pool, true);
	return 0;
}

BROOD_PUBLIC int
brood_pool_reload(struct brood_pool *pool)
{
	if (!pool_is_mine(pool))
		return -ECHILD;
	if (pool->is_stopping || pool->is_lost)
		return -ESHUTDOWN;
	if (pool->is_reloading)
		return -EALREADY;
	brood__crew_reload(pool);
	brood__liaison_flush(pool);
	return pool_announce(pool, true);
}

static enum brood_worker_state
pool_worker_state(const struct brood__post *post)
{
	if (post->peer == NULL)
		return post->is_given_up ? BROOD_WORKER_GIVEN_UP :
		    BROOD_WORKER_STARTING;
	if (post->peer->is_leaving || post->peer->is_stopping)
		return BROOD_WORKER_LEAVING;
	return post->peer->load > 0 ? BROOD_WORKER_BUSY : BROOD_WORKER_IDLE;
}

static void
pool_describe_worker(const struct brood__post *post,
    struct brood_worker_info *info)
{
	const struct brood__peer *peer = post->peer;
	const struct brood__request *req;

	info->state = pool_worker_state(post);
	info->generation = post->generation;
	info->failures = post->n_failures;
	if (peer == NULL)
		return;
	info->pid = peer->pid;
	info->served = peer->n_served;
	req = TAILQ_FIRST(&peer->requests);
	if (req == NULL)
		return;
	info->id = req->id;
	info->age_ms = (int)(brood__now_ms() - req->sent_ms);
}

BROOD_PUBLIC int
brood_pool_worker(const struct brood_pool *pool, unsigned i,
    struct brood_worker_info *ret_info)
{
	if (!pool_is_mine(pool))
		return -ECHILD;
	for (unsigned slot = 0; slot < pool->n_posts; slot++) {
		const struct brood__post *post = &pool->posts[slot];

		if (post->peer == NULL && !post->is_wanted)
			continue;
		if (i-- > 0)
			continue;
		*ret_info = (struct brood_worker_info) { .slot = slot };
		pool_describe_worker(post, ret_info);
		return 1;
	}
	return 0;
}

BROOD_PUBLIC int
brood_pool_stop(struct brood_pool *pool, int drain_ms)
{
	int64_t end_ms;

	if (!pool_is_mine(pool))
		return -ECHILD;
	end_ms = brood__deadline(brood__now_ms(), drain_ms < 0 ?
	    POOL_DRAIN_MS : drain_ms);
	if (!pool->is_stopping || end_ms < pool->drain_ms)
		pool->drain_ms = end_ms;
	pool->is_stopping = true;
	brood__crew_drain(pool, brood__now_ms());
	brood__liaison_flush(pool);
	/* Whatever is left to do or to tell, a turn finds it. */
	return pool_announce(pool, true);
}

BROOD_PUBLIC void
brood_pool_stats(const struct brood_pool *pool,
    struct brood_pool_stats *ret_stats)
{
	*ret_stats = (struct brood_pool_stats) {
		.workers = pool->n_workers,
		.queued = pool->n_queued,
		.in_flight = pool->n_in_flight,
		.untaken = pool->n_untaken,
		.submitted = pool->n_submitted,
		.done = pool->n_by_fate[BROOD_DONE],
		.failed = pool->n_by_fate[BROOD_FAILED],
		.crashed = pool->n_by_fate[BROOD_CRASHED],
		.expired = pool->n_by_fate[BROOD_EXPIRED],
		.canceled = pool->n_by_fate[BROOD_CANCELED],
		.refused = pool->n_by_fate[BROOD_REFUSED],
		.resubmitted = pool->n_resubmitted,
		.started = pool->n_started,
		.ended = pool->n_ended,
		.supervisor = brood__supervision_pid(pool->supervision),
	};
	for (unsigned i = 0; i < pool->n_posts; i++) {
		const struct brood__peer *peer = pool->posts[i].peer;

		ret_stats->ready += peer != NULL && !peer->is_stopping;
		ret_stats->busy += peer != NULL && peer->load > 0;
	}
}

BROOD_PUBLIC int
brood_pool_next_event(struct brood_pool *pool, struct brood_event *ret_event)
{
	if (!pool_is_mine(pool))
		return -ECHILD;
	return brood__events_next(&pool->events, ret_event);
}
