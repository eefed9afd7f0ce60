/* SPDX-License-Identifier: ISC */

/*
 * The workers of a pool, as the host sees them.
 *
 * Owns the posts, which mirror the supervisor's slots: it starts and fills
 * them, the host says which it wants and which worker is to go.
 *
 * A worker that has served max_requests is replaced by one in another slot,
 * which is ready before the old one is told to go; one at a time.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "host/pool.h"
#include "wire/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
		.kind = BROOD__COMMAND_FILL,
		.slot = slot,
		.revision = 1,
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
	brood__liaison_command(pool, &command);
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

void
brood__crew_say_goodbye(struct brood_pool *pool, struct brood__peer *peer)
{
	if (peer->is_stopping)
		return;
	peer->is_stopping = true;
	brood__crew_list(pool, peer);
	/* First, or its end might come unexpected, and be made good. */
	brood__liaison_stop(pool, peer->slot, peer->generation,
	    BROOD__STOP_GOODBYE, false);
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
		brood__crew_say_goodbye(pool, peer);
}

void
brood__crew_stop(struct brood_pool *pool, struct brood__peer *peer,
    enum brood__stop_phase phase)
{
	peer->is_stopping = true;
	brood__crew_list(pool, peer);
	brood__crew_watch(pool, peer);
	brood__liaison_stop(pool, peer->slot, peer->generation, phase,
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

	if (!crew_is_outdated(pool, peer) ||
	    peer->is_leaving || peer->is_stopping ||
	    pool->outgoing != NULL || pool->is_stopping ||
	    crew_open(pool, slot) < 0)
		return;
	pool->outgoing = peer;
	pool->replacement = slot;
}

void
brood__crew_replace_next(struct brood_pool *pool)
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
		brood__crew_say_goodbye(pool, peer);
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
		brood__liaison_stop(pool, slot, 0, BROOD__STOP_TERM, false);
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
	brood__crew_replace_next(pool);
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
		brood__liaison_command(pool, &command);
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

void
brood__crew_check_reload(struct brood_pool *pool)
{
	if (!pool->is_reloading)
		return;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].is_old)
			return;
	crew_end_reload(pool, BROOD_EVENT_RELOADED, "");
}

/* The reason in full: the step that failed and how. */
void
brood__crew_describe(const char *what, const struct brood__notice *notice,
    char *text, size_t size)
{
	(void)snprintf(text, size, "%s: %s%s%s", what, notice->step,
	    notice->step[0] != '\0' ? ": " : "", notice->text);
}

/* The replacement failed: what is old stays, rather than try and try. */
void
brood__crew_check_canary(struct brood_pool *pool,
    const struct brood__notice *notice)
{
	char text[512];

	if (!pool->is_reloading || pool->outgoing == NULL ||
	    pool->replacement != notice->slot)
		return;
	pool->outgoing = NULL;
	crew_abolish(pool, notice->slot);
	brood__crew_describe("the new workers cannot start", notice, text,
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
	brood__crew_replace_next(pool);
	brood__crew_check_reload(pool);
}

/* The replacement is there: the one that it replaces may go. */
void
brood__crew_complete_replacement(struct brood_pool *pool, unsigned slot)
{
	struct brood__peer *old = pool->outgoing;

	if (old == NULL || pool->replacement != slot)
		return;
	pool->outgoing = NULL;
	crew_dismiss(pool, old);
	brood__crew_replace_next(pool);
}

/*
 * A worker being replaced has died, and was refilled: now there are two for one
 * place, and the newcomer is not needed.  The counts decide.
 */
void
brood__crew_balance(struct brood_pool *pool)
{
	if (!pool->is_stopping && pool->outgoing == NULL)
		brood__crew_shrink(pool, pool->n_workers);
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
			brood__crew_say_goodbye(pool, post->peer);
		else if (post->is_live)
			brood__liaison_stop(pool, i, 0, BROOD__STOP_TERM,
			    false);
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
