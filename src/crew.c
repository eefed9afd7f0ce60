/* SPDX-License-Identifier: ISC */

/*
 * The workers of a pool, as the host sees them.
 *
 * Owns the posts, which mirror the supervisor's slots: it starts and fills
 * them, the host says which it wants and which worker is to go.  A worker is
 * here from READY to ENDED.  Its death is what the supervisor says after
 * reaping it; end of file on its socket would prove nothing.
 *
 * A worker that has served max_requests is replaced by one in another slot,
 * which is ready before the old one is told to go; one at a time.
 */

#include "channel.h"
#include "clock.h"
#include "fd.h"
#include "pool.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CREW_NOTICES = 64 };		/* read in one turn */

static void crew_lose_supervisor(struct brood_pool *pool);

static void
crew_command(struct brood_pool *pool, const struct brood__command *command)
{
	if (!pool->is_lost &&
	    brood__supervision_command(pool->supervision, command) < 0)
		crew_lose_supervisor(pool);
}

static void
crew_command_stop(struct brood_pool *pool, unsigned slot, uint32_t generation,
    enum brood__rung rung, bool is_refill)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_STOP,
		.slot = slot,
		.generation = generation,
		.rung = rung,
		.is_refill = is_refill,
	};

	crew_command(pool, &command);
}

/* Posts */

static int
crew_grow(struct brood_pool *pool, unsigned n_posts)
{
	struct brood__post *posts;

	if (n_posts <= pool->n_posts)
		return 0;
	posts = recallocarray(pool->posts, pool->n_posts, n_posts,
	    sizeof(*posts));
	if (posts == NULL)
		return -ENOMEM;
	pool->posts = posts;
	pool->n_posts = n_posts;
	return 0;
}

/* A post that nobody holds or is about to. */
static unsigned
crew_find_free(const struct brood_pool *pool)
{
	unsigned i = 0;

	while (i < pool->n_posts &&
	    (pool->posts[i].is_live || pool->posts[i].is_wanted))
		i++;
	return i;
}

/* How many are wanted, one and its replacement being one. */
static unsigned
crew_n_wanted(const struct brood_pool *pool)
{
	unsigned n_wanted = 0;

	for (unsigned i = 0; i < pool->n_posts; i++)
		n_wanted += pool->posts[i].is_wanted;
	return n_wanted - (pool->outgoing != NULL);
}

static int
crew_open(struct brood_pool *pool, unsigned slot)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_START,
		.slot = slot,
	};
	int r;

	r = crew_grow(pool, slot + 1);
	if (r < 0)
		return r;
	pool->posts[slot] = (struct brood__post) {
		.is_wanted = true,
		.is_live = !pool->is_lost,
		.generation = pool->posts[slot].generation,
		.n_failures = pool->posts[slot].n_failures,
	};
	crew_command(pool, &command);
	return 0;
}

int
brood__crew_start(struct brood_pool *pool, unsigned n_workers)
{
	unsigned n_wanted = crew_n_wanted(pool);
	int r;

	r = crew_grow(pool, n_workers);
	if (r < 0)
		return r;
	for (; n_wanted < n_workers; n_wanted++) {
		r = crew_open(pool, crew_find_free(pool));
		if (r < 0)
			return r;
	}
	return 0;
}

/* Workers by load */

static void
crew_unlist(struct brood_pool *pool, struct brood__peer *peer)
{
	if (peer->is_listed)
		TAILQ_REMOVE(&pool->by_load[peer->listed_load], peer, next);
	peer->is_listed = false;
}

void
brood__crew_list(struct brood_pool *pool, struct brood__peer *peer)
{
	crew_unlist(pool, peer);
	if (peer->is_leaving || peer->is_stopping ||
	    peer->load >= pool->in_flight || (peer->last_served > 0 &&
	    peer->n_served + peer->load >= peer->last_served))
		return;
	/* The one that worked last has the warmest caches. */
	peer->listed_load = peer->load;
	TAILQ_INSERT_HEAD(&pool->by_load[peer->load], peer, next);
	peer->is_listed = true;
}

void
brood__crew_watch(struct brood_pool *pool, struct brood__peer *peer)
{
	short events = brood_channel_events(peer->channel);

	if (!peer->is_watched)
		return;
	if (peer->is_broken) {
		/* Hang-ups and errors would be told without being asked for. */
		brood__ready_remove(pool->ready,
		    brood_channel_fd(peer->channel));
		peer->is_watched = false;
		return;
	}
	if (pool->is_choked && !brood__peer_runs(peer, pool->called))
		events &= ~POLLIN;
	if (pool->retry_ms != BROOD__NEVER || peer->is_shut)
		events &= ~POLLOUT;	/* there is room, but for no fds */
	if (events == peer->events)
		return;
	if (brood__ready_change(pool->ready, brood_channel_fd(peer->channel),
	    events, brood__peer_token(peer)) == 0)
		peer->events = events;
}

/* Going */

static void
crew_say_goodbye(struct brood_pool *pool, struct brood__peer *peer)
{
	if (peer->is_stopping)
		return;
	peer->is_stopping = true;
	brood__crew_list(pool, peer);
	/* First, or its end might come unexpected, and be made good. */
	crew_command_stop(pool, peer->slot, peer->generation,
	    BROOD__RUNG_GOODBYE, false);
	if (brood__peer_send_kind(peer, BROOD_KIND_GOODBYE, 0) == 0)
		brood__traffic_flush(pool, peer);
}

static void
crew_dismiss(struct brood_pool *pool, struct brood__peer *peer)
{
	if (pool->outgoing == peer)
		pool->outgoing = NULL;
	pool->posts[peer->slot].is_wanted = false;
	pool->posts[peer->slot].is_old = false;
	peer->is_leaving = true;
	brood__crew_list(pool, peer);
	if (peer->load == 0)
		crew_say_goodbye(pool, peer);
}

void
brood__crew_stop(struct brood_pool *pool, struct brood__peer *peer,
    enum brood__rung rung)
{
	peer->is_stopping = true;
	brood__crew_list(pool, peer);
	brood__crew_watch(pool, peer);
	crew_command_stop(pool, peer->slot, peer->generation, rung,
	    pool->posts[peer->slot].is_wanted);
}

static bool
crew_is_outdated(const struct brood_pool *pool,
    const struct brood__peer *peer)
{
	return pool->posts[peer->slot].is_old ||
	    (peer->max_served > 0 && peer->n_served >= peer->max_served);
}

/*
 * Replace it if it has served its time and no other is being replaced.  It may
 * be idle by then, and would never ask again: whenever outgoing becomes NULL,
 * all are asked.
 */
static void
crew_replace(struct brood_pool *pool, struct brood__peer *peer)
{
	unsigned slot = crew_find_free(pool);

	if (!crew_is_outdated(pool, peer) || peer->is_leaving || peer->is_stopping ||
	    pool->outgoing != NULL || pool->is_stopping ||
	    crew_open(pool, slot) < 0)
		return;
	pool->outgoing = peer;
	pool->replacement = slot;
}

static void
crew_replace_next(struct brood_pool *pool)
{
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].peer != NULL)
			crew_replace(pool, pool->posts[i].peer);
}

void
brood__crew_is_idle(struct brood_pool *pool, struct brood__peer *peer)
{
	brood__crew_list(pool, peer);
	if (peer->is_leaving && peer->load == 0)
		crew_say_goodbye(pool, peer);
	else
		crew_replace(pool, peer);
}

/* A post whose worker is not there is not wanted any more. */
static void
crew_abolish(struct brood_pool *pool, unsigned slot)
{
	struct brood__post *post = &pool->posts[slot];

	post->is_wanted = post->is_old = false;
	if (post->is_live)
		crew_command_stop(pool, slot, 0, BROOD__RUNG_TERM, false);
}

/* Given up, not there, then by load. */
static unsigned
crew_worth(const struct brood__post *post)
{
	if (post->is_given_up)
		return 0;
	return post->peer == NULL ? 1 : 2 + post->peer->load;
}

/* Those given up go first, then the absent, then the idle, then the busy. */
static void
crew_dismiss_one(struct brood_pool *pool)
{
	struct brood__post *post, *best = NULL;

	for (unsigned i = 0; i < pool->n_posts; i++) {
		post = &pool->posts[i];
		if (post->is_wanted && (best == NULL ||
		    crew_worth(post) < crew_worth(best)))
			best = post;
	}
	if (best->peer != NULL) {
		crew_dismiss(pool, best->peer);
		return;
	}
	if (pool->replacement == (unsigned)(best - pool->posts))
		pool->outgoing = NULL;
	crew_abolish(pool, (unsigned)(best - pool->posts));
}

void
brood__crew_shrink(struct brood_pool *pool, unsigned n_workers)
{
	while (crew_n_wanted(pool) > n_workers)
		crew_dismiss_one(pool);
	crew_replace_next(pool);
}

int
brood__crew_use(struct brood_pool *pool, struct brood__peer *peer)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_USED,
		.slot = peer->slot,
		.generation = peer->generation,
	};

	if (!peer->is_used) {
		crew_command(pool, &command);
		if (pool->is_lost)
			return -EAGAIN;
		peer->is_used = true;
	}
	/* The request must not overtake it. */
	return brood__supervision_is_flushed(pool->supervision) ? 0 : -EAGAIN;
}

/* Reloading */

static void
crew_end_reload(struct brood_pool *pool, enum brood_event_kind kind,
    const char *text)
{
	struct brood_event event = {
		.kind = kind,
		.name = pool->name,
		.delay_ms = -1,
		.text = text,
	};

	pool->is_reloading = false;
	for (unsigned i = 0; i < pool->n_posts; i++)
		pool->posts[i].is_old = false;
	brood__events_push(&pool->events, &event);
}

static void
crew_check_reload(struct brood_pool *pool)
{
	if (!pool->is_reloading)
		return;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].is_old)
			return;
	crew_end_reload(pool, BROOD_EVENT_RELOADED, "");
}

/* The reason in full: the step that failed and how. */
static void
crew_describe(const char *what, const struct brood__notice *notice,
    char *text, size_t size)
{
	(void)snprintf(text, size, "%s: %s%s%s", what, notice->step,
	    notice->step[0] != '\0' ? ": " : "", notice->text);
}

/* The replacement failed: what is old stays, rather than try and try. */
static void
crew_check_canary(struct brood_pool *pool, const struct brood__notice *notice)
{
	char text[512];

	if (!pool->is_reloading || pool->outgoing == NULL ||
	    pool->replacement != notice->slot)
		return;
	pool->outgoing = NULL;
	crew_abolish(pool, notice->slot);
	crew_describe("the new workers cannot start", notice, text,
	    sizeof(text));
	crew_end_reload(pool, BROOD_EVENT_NOT_RELOADED, text);
}

/* Workers that are starting may be of the old program too. */
void
brood__crew_reload(struct brood_pool *pool)
{
	pool->is_reloading = true;
	for (unsigned i = 0; i < pool->n_posts; i++) {
		struct brood__post *post = &pool->posts[i];

		post->is_old = post->is_wanted && post->is_live;
		if (post->is_wanted && post->is_given_up)
			(void)crew_open(pool, i);
	}
	if (pool->broken != pool->name)
		free(pool->broken);
	pool->broken = NULL;
	crew_replace_next(pool);
	crew_check_reload(pool);
}

/* Coming */

/*
 * Its replacement is asked for a little before its last request, at a point
 * that differs between workers that started together; so there is time for the
 * one to be ready when the other stops.
 */
static void
crew_set_limits(const struct brood_pool *pool, struct brood__peer *peer)
{
	unsigned max = pool->max_requests, tenth = max / 10;

	if (max == 0)
		return;
	peer->max_served = max - tenth + arc4random_uniform(tenth + 1);
	peer->last_served = max + tenth;
}

/* The replacement is there: the one that it replaces may go. */
static void
crew_complete_replacement(struct brood_pool *pool, unsigned slot)
{
	struct brood__peer *old = pool->outgoing;

	if (old == NULL || pool->replacement != slot)
		return;
	pool->outgoing = NULL;
	crew_dismiss(pool, old);
	crew_replace_next(pool);
}

static int
crew_adopt(struct brood_pool *pool, const struct brood__notice *notice,
    const int fds[2])
{
	struct brood_channel_options options = {
		.max_payload = pool->max_payload,
		.max_queued = SIZE_MAX / 2,	/* bounded by in_flight */
		.max_fds = pool->fds_from_worker ? BROOD_MAX_FDS : 0,
	};
	struct brood__peer *peer;
	int r;

	r = brood__peer_new(&peer, fds, &options, notice->max_payload);
	if (r < 0)
		return r;
	peer->slot = notice->slot;
	peer->generation = notice->generation;
	peer->pid = notice->pid;
	crew_set_limits(pool, peer);
	peer->events = POLLIN;
	r = brood__ready_add(pool->ready, brood_channel_fd(peer->channel),
	    peer->events, brood__peer_token(peer));
	if (r < 0) {
		(void)brood__peer_free(peer);
		return r;
	}
	peer->is_watched = true;
	pool->posts[notice->slot].peer = peer;
	pool->posts[notice->slot].generation = notice->generation;
	pool->n_started++;
	brood__crew_list(pool, peer);
	brood__traffic_flush(pool, peer);
	return 0;
}

static void
crew_on_ready(struct brood_pool *pool, const struct brood__notice *notice,
    const int fds[2])
{
	struct brood__post *post = &pool->posts[notice->slot];

	if (fds[0] < 0 || crew_adopt(pool, notice, fds) < 0) {
		/* No descriptor or memory for it here: it counts as failed. */
		crew_command_stop(pool, notice->slot, notice->generation,
		    BROOD__RUNG_KILL, post->is_wanted);
		return;
	}
	if (!post->is_wanted || pool->is_drained)
		crew_say_goodbye(pool, post->peer);
	crew_complete_replacement(pool, notice->slot);
	crew_replace_next(pool);
	crew_check_reload(pool);
}

/* Ended */

static void
crew_remove(struct brood_pool *pool, struct brood__peer *peer)
{
	if (pool->outgoing == peer)
		pool->outgoing = NULL;
	peer->is_stopping = true;
	brood__crew_list(pool, peer);
	if (peer->is_watched)
		brood__ready_remove(pool->ready,
		    brood_channel_fd(peer->channel));
	peer->is_watched = false;
	pool->posts[peer->slot].peer = NULL;
	pool->n_ended++;
}

/*
 * A worker being replaced has died, and was refilled: now there are two for one
 * place, and the newcomer is not needed.  The counts decide.
 */
static void
crew_balance(struct brood_pool *pool)
{
	if (!pool->is_stopping && pool->outgoing == NULL)
		brood__crew_shrink(pool, pool->n_workers);
}

static void
crew_on_end(struct brood_pool *pool, const struct brood__notice *notice)
{
	struct brood__post *post = &pool->posts[notice->slot];
	struct brood__peer *peer = post->peer;

	if (peer != NULL && peer->generation == notice->generation) {
		crew_remove(pool, peer);
		brood__traffic_settle(pool, peer, notice->status,
		    notice->text);
		(void)brood__peer_free(peer);
		post = &pool->posts[notice->slot];
	}
	post->n_failures += !notice->is_asked;
	/* What fills it next is new. */
	post->is_old = false;
	if (notice->delay_ms < 0)
		post->is_live = false;
	else if (!post->is_wanted)
		crew_command_stop(pool, notice->slot, notice->generation,
		    BROOD__RUNG_TERM, false);
	crew_balance(pool);
	if (notice->kind == BROOD__NOTICE_NOT_STARTED)
		crew_check_canary(pool, notice);
	crew_replace_next(pool);
	crew_check_reload(pool);
}

static void
crew_break(struct brood_pool *pool, const char *text)
{
	struct brood_event event = {
		.kind = BROOD_EVENT_BROKEN,
		.name = pool->name,
		.delay_ms = -1,
		.text = text,
	};

	if (pool->broken != NULL)
		return;
	pool->broken = strdup(text);
	if (pool->broken == NULL)
		pool->broken = pool->name;	/* freed as one, below */
	brood__events_push(&pool->events, &event);
	brood__queue_refuse(pool, pool->broken);
}

static void
crew_on_given_up(struct brood_pool *pool, const struct brood__notice *notice)
{
	char text[512];

	pool->posts[notice->slot].is_given_up = true;
	pool->posts[notice->slot].is_live = false;
	if (pool->outgoing != NULL && pool->replacement == notice->slot) {
		pool->posts[notice->slot].is_wanted = false;
		/* It stays, rather than none. */
		pool->outgoing->max_served = pool->outgoing->last_served = 0;
		brood__crew_list(pool, pool->outgoing);
		pool->outgoing = NULL;
		crew_replace_next(pool);
	}
	if (pool->is_drained)
		return;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].is_wanted && !pool->posts[i].is_given_up)
			return;
	crew_describe("the workers cannot start", notice, text,
	    sizeof(text));
	crew_break(pool, text);
}

static void
crew_on_notice(struct brood_pool *pool, const struct brood__notice *notice,
    const int fds[2])
{
	brood__events_push_notice(&pool->events, pool->name, notice);
	switch (notice->kind) {
	case BROOD__NOTICE_READY:
		crew_on_ready(pool, notice, fds);
		break;
	case BROOD__NOTICE_ENDED:
	case BROOD__NOTICE_NOT_STARTED:
		crew_on_end(pool, notice);
		break;
	case BROOD__NOTICE_GIVEN_UP:
		crew_on_given_up(pool, notice);
		break;
	case BROOD__NOTICE_STOPPING:	/* of a supervisor's children only */
		break;
	}
}

/*
 * The kernel kills the workers.  Their sockets are kept until the pool is
 * freed, which waits for their end.
 */
static void
crew_lose_supervisor(struct brood_pool *pool)
{
	if (pool->is_lost)
		return;
	pool->is_lost = true;
	brood__ready_remove(pool->ready,
	    brood__supervision_fd(pool->supervision));
	crew_break(pool, "the supervisor process has ended");
	for (unsigned i = 0; i < pool->n_posts; i++) {
		struct brood__post *post = &pool->posts[i];

		post->is_live = false;
		if (post->peer == NULL)
			continue;
		post->peer->is_stopping = true;
		brood__crew_list(pool, post->peer);
		brood__traffic_abandon(pool, post->peer);
		/* Where no signal tells it of its parent's death, this does. */
		(void)shutdown(brood_channel_fd(post->peer->channel),
		    SHUT_RDWR);
		post->peer->is_broken = true;
		brood__crew_watch(pool, post->peer);
		pool->n_ended++;
	}
}

void
brood__crew_read(struct brood_pool *pool)
{
	struct brood__notice notice;
	int fds[2], r = 1;

	for (int i = 0; i < CREW_NOTICES && r == 1 && !pool->is_lost; i++) {
		r = brood__supervision_recv(pool->supervision, &notice, fds);
		if (r == 1 && notice.slot < pool->n_posts)
			crew_on_notice(pool, &notice, fds);
		else if (r == 1)
			brood__fd_close_all(fds, 2);
	}
	if (r < 0)
		crew_lose_supervisor(pool);
}

void
brood__crew_flush(struct brood_pool *pool)
{
	short events;

	if (pool->is_lost)
		return;
	if (brood__supervision_flush(pool->supervision) < 0) {
		crew_lose_supervisor(pool);
		return;
	}
	events = brood__supervision_events(pool->supervision);
	if (events != pool->control_events && brood__ready_change(pool->ready,
	    brood__supervision_fd(pool->supervision), events,
	    BROOD__CONTROL_TOKEN) == 0)
		pool->control_events = events;
}

/* Stopping all */

static void
crew_dismiss_all(struct brood_pool *pool)
{
	static const char text[] = "the pool is stopping";

	pool->is_drained = true;
	brood__queue_refuse(pool, text);
	brood__traffic_cancel_all(pool, text);
	for (unsigned i = 0; i < pool->n_posts; i++) {
		struct brood__post *post = &pool->posts[i];

		post->is_wanted = false;
		if (post->peer != NULL && post->peer->load == 0)
			crew_say_goodbye(pool, post->peer);
		else if (post->is_live)
			crew_command_stop(pool, i, 0, BROOD__RUNG_TERM, false);
	}
}

static bool
crew_is_gone(const struct brood_pool *pool)
{
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].is_live)
			return false;
	return true;
}

void
brood__crew_drain(struct brood_pool *pool, int64_t now_ms)
{
	struct brood_event event = {
		.kind = BROOD_EVENT_STOPPED,
		.name = pool->name,
		.delay_ms = -1,
	};

	if (!pool->is_stopping || pool->is_stopped)
		return;
	if (!pool->is_drained && (now_ms >= pool->drain_ms ||
	    (pool->n_queued == 0 && pool->n_in_flight == 0)))
		crew_dismiss_all(pool);
	if (!pool->is_drained || !crew_is_gone(pool))
		return;
	pool->is_stopped = true;
	brood__events_push(&pool->events, &event);
}
