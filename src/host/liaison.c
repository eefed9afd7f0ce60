/* SPDX-License-Identifier: ISC */

/*
 * What passes between a pool and its supervisor process: commands down, notices
 * up, and what a notice makes of the host's picture of a worker.
 *
 * A worker is in that picture from READY to ENDED.  Its death is what the
 * supervisor says after reaping it; end of file on its socket would prove
 * nothing.
 */

#include "base/fd.h"
#include "host/pool.h"
#include "wire/channel.h"

#include <sys/socket.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { LIAISON_READ = 64 };		/* notices in one turn */

/* The end of the supervisor */

static void
liaison_break(struct brood_pool *pool, const char *text)
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

/*
 * The kernel kills the workers.  Their sockets are kept until the pool is
 * freed, which waits for their end.
 */
static void
liaison_lose_supervisor(struct brood_pool *pool)
{
	if (pool->is_lost)
		return;
	pool->is_lost = true;
	brood__ready_remove(pool->ready,
	    brood__supervision_fd(pool->supervision));
	liaison_break(pool, "the supervisor process has ended");
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

/* Commands */

void
brood__liaison_command(struct brood_pool *pool,
    const struct brood__command *command)
{
	if (!pool->is_lost &&
	    brood__supervision_command(pool->supervision, command) < 0)
		liaison_lose_supervisor(pool);
}

void
brood__liaison_stop(struct brood_pool *pool, unsigned slot,
    uint32_t generation, enum brood__stop_phase phase, bool is_refill)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_STOP,
		.slot = slot,
		.generation = generation,
		.phase = phase,
		.is_refill = is_refill,
	};

	brood__liaison_command(pool, &command);
}

/* Coming */

/*
 * Its replacement is asked for a little before its last request, at a point
 * that differs between workers that started together; so there is time for the
 * one to be ready when the other stops.
 */
static void
liaison_set_limits(const struct brood_pool *pool, struct brood__peer *peer)
{
	unsigned max = pool->max_requests, tenth = max / 10;

	if (max == 0)
		return;
	peer->max_served = max - tenth + arc4random_uniform(tenth + 1);
	peer->last_served = max + tenth;
}

static int
liaison_adopt(struct brood_pool *pool, const struct brood__notice *notice,
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
	liaison_set_limits(pool, peer);
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
liaison_answer(struct brood_pool *pool, const struct brood__notice *notice,
    enum brood__command_kind kind)
{
	struct brood__command command = {
		.kind = kind,
		.slot = notice->slot,
		.generation = notice->generation,
	};

	brood__liaison_command(pool, &command);
}

/*
 * If this process has no descriptor or memory left for the worker, the
 * supervisor offers it again: the worker has done nothing wrong.
 */
static void
liaison_on_ready(struct brood_pool *pool, const struct brood__notice *notice,
    const int fds[2])
{
	struct brood__post *post = &pool->posts[notice->slot];

	if (fds[0] < 0 || liaison_adopt(pool, notice, fds) < 0) {
		liaison_answer(pool, notice, BROOD__COMMAND_LATER);
		return;
	}
	liaison_answer(pool, notice, BROOD__COMMAND_ADOPTED);
	brood__events_push_notice(&pool->events, pool->name, notice);
	if (!post->is_wanted || pool->is_drained)
		brood__crew_say_goodbye(pool, post->peer);
	brood__crew_complete_replacement(pool, notice->slot);
	brood__crew_replace_next(pool);
	brood__crew_check_reload(pool);
}

/* Ended */

static void
liaison_remove(struct brood_pool *pool, struct brood__peer *peer)
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

static void
liaison_on_end(struct brood_pool *pool, const struct brood__notice *notice)
{
	struct brood__post *post = &pool->posts[notice->slot];
	struct brood__peer *peer = post->peer;

	if (peer != NULL && peer->generation == notice->generation) {
		liaison_remove(pool, peer);
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
		brood__liaison_stop(pool, notice->slot, notice->generation,
		    BROOD__STOP_TERM, false);
	brood__crew_balance(pool);
	if (notice->kind == BROOD__NOTICE_NOT_STARTED)
		brood__crew_check_canary(pool, notice);
	brood__crew_replace_next(pool);
	brood__crew_check_reload(pool);
}

/*
 * The program is told of a worker that ended before it was adopted that it did
 * not start: no READY was told of it.
 */
static void
liaison_push_end(struct brood_pool *pool, const struct brood__notice *notice)
{
	const struct brood__peer *peer = pool->posts[notice->slot].peer;
	struct brood__notice told = *notice;

	if (peer == NULL || peer->generation != notice->generation)
		told.kind = BROOD__NOTICE_NOT_STARTED;
	brood__events_push_notice(&pool->events, pool->name, &told);
}

/* The slot has been emptied, as was asked, while it waited for a start. */
static void
liaison_on_emptied(struct brood_pool *pool, unsigned slot)
{
	pool->posts[slot].is_live = false;
	pool->posts[slot].is_old = false;
	brood__crew_balance(pool);
	brood__crew_replace_next(pool);
	brood__crew_check_reload(pool);
}

static void
liaison_on_given_up(struct brood_pool *pool,
    const struct brood__notice *notice)
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
		brood__crew_replace_next(pool);
	}
	if (pool->is_drained)
		return;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].is_wanted && !pool->posts[i].is_given_up)
			return;
	brood__crew_describe("the workers cannot start", notice, text,
	    sizeof(text));
	liaison_break(pool, text);
}

static void
liaison_on_notice(struct brood_pool *pool,
    const struct brood__notice *notice, const int fds[2])
{
	switch (notice->kind) {
	case BROOD__NOTICE_READY:
		liaison_on_ready(pool, notice, fds);
		break;
	case BROOD__NOTICE_ENDED:
	case BROOD__NOTICE_NOT_STARTED:
		liaison_push_end(pool, notice);
		liaison_on_end(pool, notice);
		break;
	case BROOD__NOTICE_EMPTIED:
		liaison_on_emptied(pool, notice->slot);
		break;
	case BROOD__NOTICE_GIVEN_UP:
		brood__events_push_notice(&pool->events, pool->name, notice);
		liaison_on_given_up(pool, notice);
		break;
	case BROOD__NOTICE_STOPPING:	/* of a supervisor's children only */
		break;
	}
}

void
brood__liaison_read(struct brood_pool *pool)
{
	struct brood__notice notice;
	int fds[2], r = 1;

	for (int i = 0; i < LIAISON_READ && r == 1 && !pool->is_lost; i++) {
		r = brood__supervision_recv(pool->supervision, &notice, fds);
		if (r == 1 && notice.slot < pool->n_posts)
			liaison_on_notice(pool, &notice, fds);
		else if (r == 1)
			brood__fd_close_all(fds, 2);
	}
	if (r < 0)
		liaison_lose_supervisor(pool);
}

void
brood__liaison_flush(struct brood_pool *pool)
{
	short events;

	if (pool->is_lost)
		return;
	if (brood__supervision_flush(pool->supervision) < 0) {
		liaison_lose_supervisor(pool);
		return;
	}
	events = brood__supervision_events(pool->supervision);
	if (events != pool->control_events && brood__ready_change(pool->ready,
	    brood__supervision_fd(pool->supervision), events,
	    BROOD__CONTROL_TOKEN) == 0)
		pool->control_events = events;
}
