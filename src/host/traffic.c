/* SPDX-License-Identifier: ISC */

/*
 * Requests on their way to workers, and answers on their way back.
 *
 * Owns no request for long: one is in the queue or in a worker's list, and what
 * ends it is queue.c's to tell.
 *
 * Nothing from a worker is believed: an answer to what it was not asked, or a
 * frame that only a host may send, ends its channel and its life.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "host/pool.h"
#include "wire/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRAFFIC_READS = 16,		/* of one worker in one turn */
	TRAFFIC_LAST_READS = 16384,	/* after its death: a full socket */
	TRAFFIC_TRIES = 5,		/* workers that die before they read */
	TRAFFIC_PARTS = 1 << 20,	/* bytes of parts untaken */
	TRAFFIC_PART_COST = 256,	/* what one counts beyond its payload */
	TRAFFIC_RETRY_MS = 10,
	TRAFFIC_BATCH = 16 << 10,	/* bytes not worth waiting to send */
};

/* Sending */

/*
 * It will not receive: it shut its end, which the dead cannot, the host having
 * that end too.  What it has sent may still be read; that it lives on must not
 * be, or its requests would wait for ever.
 */
static void
traffic_shut(struct brood_pool *pool, struct brood__peer *peer)
{
	if (peer->is_shut)
		return;
	peer->is_shut = true;
	(void)strlcpy(peer->text, "the worker broke the protocol: "
	    "it shut its channel down", sizeof(peer->text));
	brood__crew_stop(pool, peer, BROOD__STOP_KILL);
}

void
brood__traffic_flush(struct brood_pool *pool, struct brood__peer *peer)
{
	int r;

	if (peer->is_broken)
		return;
	r = brood__channel_flush(peer->channel, 0);
	if (r == -ETOOMANYREFS)
		pool->retry_ms = brood__now_ms() + TRAFFIC_RETRY_MS;
	if (r == -EPIPE)
		traffic_shut(pool, peer);
	brood__crew_watch(pool, peer);
}

/* A worker with room, the least loaded first; NULL if there is none. */
static struct brood__peer *
traffic_pick(struct brood_pool *pool)
{
	struct brood__peer *peer;

	for (unsigned load = 0; load < pool->in_flight; load++) {
		peer = TAILQ_FIRST(&pool->by_load[load]);
		if (peer != NULL)
			return peer;
	}
	return NULL;
}

/*
 * Send one.  0 if it is at the worker or has ended; -EAGAIN if it must wait,
 * and with it those behind it.
 */
static int
traffic_send(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, int64_t now_ms)
{
	int r;

	r = brood__crew_use(pool, peer);
	if (r < 0)
		return r;
	brood__queue_remove(pool, req);
	r = brood__peer_send(peer, req, now_ms);
	if (r == 0) {
		pool->n_in_flight++;
		brood__crew_list(pool, peer);
		return 0;
	}
	if (r == -EMSGSIZE) {
		brood__queue_end(pool, req, BROOD_FAILED,
		    "longer than the worker accepts");
		return 0;
	}
	TAILQ_INSERT_HEAD(&pool->queue, req, next);
	pool->n_queued++;
	if (r == -EPIPE) {
		traffic_shut(pool, peer);
		return 0;
	}
	pool->retry_ms = now_ms + TRAFFIC_RETRY_MS;
	return -EAGAIN;
}

/*
 * A request leaves at once for a worker that has nothing, or little, to do.
 * For one that is busy it can wait: when the worker answers, all that has
 * gathered leaves in one sendmsg(2).
 */
void
brood__traffic_assign(struct brood_pool *pool)
{
	struct brood__request *req;
	struct brood__peer *peer;
	int64_t now_ms = 0;

	while ((req = TAILQ_FIRST(&pool->queue)) != NULL &&
	    (peer = traffic_pick(pool)) != NULL) {
		if (now_ms == 0)
			now_ms = brood__now_ms();
		if (traffic_send(pool, peer, req, now_ms) < 0)
			break;
		if (peer->load <= 2 || brood__channel_queued(peer->channel) -
		    brood__channel_sent(peer->channel) >= TRAFFIC_BATCH)
			brood__traffic_flush(pool, peer);
	}
}

/* Of one that a worker has: complete now; the answer will be dropped. */
static void
traffic_leave(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, enum brood_fate fate, const char *text)
{
	struct brood_completion done = {
		.fate = fate,
		.ran = BROOD_MAY_HAVE_RUN,
		.pid = peer->pid,
		.text = text,
	};

	brood__queue_complete(pool, req, &done, NULL, NULL, 0);
	req->is_abandoned = true;
}

/* Receiving */

static void
traffic_break(struct brood_pool *pool, struct brood__peer *peer,
    const char *text)
{
	if (peer->is_broken)
		return;
	peer->is_broken = true;
	(void)snprintf(peer->text, sizeof(peer->text),
	    "the worker broke the protocol: %s", text);
	brood__crew_stop(pool, peer, BROOD__STOP_KILL);
}

/* The worker has answered this request for the last time. */
static void
traffic_answered(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req)
{
	struct brood__request *next;

	brood__peer_remove(peer, req);
	pool->n_in_flight--;
	peer->n_served++;
	brood__queue_forget(pool, req);
	next = TAILQ_FIRST(&peer->requests);
	/* It now runs what nobody waits for any more. */
	if (next != NULL && next->is_expired)
		brood__crew_stop(pool, peer, BROOD__STOP_TERM);
	brood__crew_is_idle(pool, peer);
}

/* Take over the descriptors of the message that the channel gave last. */
static size_t
traffic_take_fds(struct brood__peer *peer, const struct brood_message *msg,
    int *fds)
{
	size_t n_fds = 0;

	for (size_t i = 0; i < msg->n_fds; i++) {
		int fd = brood_channel_take_fd(peer->channel, i);

		if (fd >= 0)
			fds[n_fds++] = fd;
	}
	return n_fds;
}

static void
traffic_reply(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, const struct brood_message *msg)
{
	struct brood_completion done = {
		.fate = BROOD_DONE,
		.ran = BROOD_RAN,
		.pid = peer->pid,
	};
	int fds[BROOD_MAX_FDS];
	size_t n_fds;

	if (!req->is_abandoned) {
		n_fds = traffic_take_fds(peer, msg, fds);
		brood__queue_complete(pool, req, &done, msg, fds, n_fds);
	}
	traffic_answered(pool, peer, req);
}

/* Text from a worker, for people to read. */
static char *
traffic_text(const struct brood_message *msg)
{
	char *text = malloc(msg->len + 1);

	if (text != NULL)
		(void)brood__text_copy(text, msg->len + 1, msg->data,
		    msg->len);
	return text;
}

static void
traffic_error(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, const struct brood_message *msg)
{
	struct brood_message reply = { .kind = msg->kind, .code = msg->code };
	char *text = traffic_text(msg);
	struct brood_completion done = {
		.fate = BROOD_FAILED,
		.ran = BROOD_RAN,
		.pid = peer->pid,
		.text = text,
	};

	if (!req->is_abandoned)
		brood__queue_complete(pool, req, &done, &reply, NULL, 0);
	free(text);
	traffic_answered(pool, peer, req);
}

static void
traffic_choke(struct brood_pool *pool, size_t len)
{
	pool->parts_size += len + TRAFFIC_PART_COST;
	if (pool->is_choked || pool->parts_size < TRAFFIC_PARTS)
		return;
	pool->is_choked = true;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].peer != NULL)
			brood__crew_watch(pool, pool->posts[i].peer);
}

void
brood__traffic_unchoke(struct brood_pool *pool, size_t len)
{
	pool->parts_size -= len + TRAFFIC_PART_COST;
	if (!pool->is_choked || pool->parts_size > TRAFFIC_PARTS / 2)
		return;
	pool->is_choked = false;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].peer != NULL)
			brood__crew_watch(pool, pool->posts[i].peer);
}

/* REPLY with MORE, or PROGRESS. */
static void
traffic_part(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, const struct brood_message *msg)
{
	bool is_part = msg->kind == BROOD_KIND_REPLY;
	struct brood_completion part = {
		.id = req->id,
		.tag = req->tag,
		.fate = is_part ? BROOD_PART : BROOD_PROGRESS,
		.ran = BROOD_RAN,
		.pid = peer->pid,
		.text = "",
	};

	if (req->is_abandoned)
		return;
	if (req->flags & BROOD_STREAM) {
		if (brood__queue_put_part(pool, &part, msg) < 0)
			traffic_leave(pool, peer, req, BROOD_FAILED,
			    "no memory for a part of the reply");
		else
			traffic_choke(pool, msg->len);
		req->has_parts = true;
	} else if (is_part && brood__request_keep_part(req, msg->data,
	    msg->len, pool->max_payload) < 0)
		traffic_leave(pool, peer, req, BROOD_FAILED,
		    "the parts of the reply are over the limit together");
}

static void
traffic_answer(struct brood_pool *pool, struct brood__peer *peer,
    const struct brood_message *msg)
{
	struct brood__request *req = brood__peer_find(peer, msg->id);

	if (req == NULL)
		traffic_break(pool, peer, "it answered what it was not asked");
	else if (req->end > brood__channel_sent(peer->channel))
		/* Or what is queued for it would grow with every answer. */
		traffic_break(pool, peer, "it answered before it was asked");
	else if (msg->kind == BROOD_KIND_PROGRESS || msg->more)
		traffic_part(pool, peer, req, msg);
	else if (msg->kind == BROOD_KIND_ERROR)
		traffic_error(pool, peer, req, msg);
	else if (req->parts_len > 0 && !req->is_abandoned &&
	    msg->len > pool->max_payload - req->parts_len) {
		traffic_leave(pool, peer, req, BROOD_FAILED,
		    "the parts of the reply are over the limit together");
		traffic_answered(pool, peer, req);
	} else
		traffic_reply(pool, peer, req, msg);
}

static void
traffic_complaint(struct brood_pool *pool, struct brood__peer *peer,
    const struct brood_message *msg)
{
	char *text = traffic_text(msg);

	traffic_break(pool, peer, text != NULL && text[0] != '\0' ? text :
	    "it sent an error for no request");
	free(text);
}

static void
traffic_handle(struct brood_pool *pool, struct brood__peer *peer,
    const struct brood_message *msg)
{
	switch (msg->kind) {
	case BROOD_KIND_REPLY:
	case BROOD_KIND_PROGRESS:
		traffic_answer(pool, peer, msg);
		break;
	case BROOD_KIND_ERROR:
		if (msg->id == 0)
			traffic_complaint(pool, peer, msg);
		else
			traffic_answer(pool, peer, msg);
		break;
	case BROOD_KIND_HELLO:
	case BROOD_KIND_REQUEST:
	case BROOD_KIND_CANCEL:
	case BROOD_KIND_GOODBYE:
	case BROOD_KIND_PING:
	case BROOD_KIND_PONG:
	case BROOD_KIND_LINK:
		traffic_break(pool, peer,
		    "it sent what only a host sends, or an answer to no PING");
		break;
	}
}

static const char *
traffic_describe(int error)
{
	switch (error) {
	case -EPIPE:
		return "it shut its channel down";
	case -EMSGSIZE:
		return "a payload over the limit";
	case -EBADMSG:
		return "descriptors that were not asked for, or missing ones";
	case -EPROTO:
		return "not a frame";
	default:
		return strerror(-error);
	}
}

static int
traffic_handle_all(struct brood_pool *pool, struct brood__peer *peer)
{
	struct brood_message msg;
	int r = 0;

	while (!peer->is_broken &&
	    (r = brood__channel_next(peer->channel, &msg)) == 1)
		traffic_handle(pool, peer, &msg);
	return r < 0 ? r : 0;
}

/*
 * Read up to n_reads times, as long as something comes, or, of a worker that
 * lives, is likely to.  Nothing that was read is left unhandled: poll(2) would
 * not tell of it.
 */
static void
traffic_drain(struct brood_pool *pool, struct brood__peer *peer, int n_reads,
    bool is_last)
{
	int r = 0;

	while (n_reads-- > 0 && !peer->is_broken) {
		r = brood__channel_fill(peer->channel);
		if (r <= 0)
			break;
		r = traffic_handle_all(pool, peer);
		if (r < 0 || (!is_last &&
		    brood__channel_is_drained(peer->channel)))
			break;
	}
	if (r < 0)
		traffic_break(pool, peer, traffic_describe(r));
}

void
brood__traffic_read(struct brood_pool *pool, struct brood__peer *peer,
    short events)
{
	if (events & (POLLIN | POLLHUP | POLLERR))
		traffic_drain(pool, peer, TRAFFIC_READS, false);
	brood__traffic_flush(pool, peer);
}

/* Ends that come from this side */

void
brood__traffic_expire(struct brood_pool *pool, int64_t now_ms)
{
	static const char text[] = "its deadline passed";
	struct brood__request *req;
	struct brood__peer *peer;

	while ((req = RB_MIN(brood__deadlines, &pool->deadlines)) != NULL &&
	    req->deadline_ms <= now_ms) {
		peer = req->peer;
		if (peer == NULL) {
			brood__queue_remove(pool, req);
			brood__queue_end(pool, req, BROOD_EXPIRED, text);
			continue;
		}
		brood__queue_forget_deadline(pool, req);
		if (!req->is_abandoned)
			traffic_leave(pool, peer, req, BROOD_EXPIRED, text);
		req->is_expired = true;
		if (req == TAILQ_FIRST(&peer->requests))
			brood__crew_stop(pool, peer, BROOD__STOP_TERM);
	}
}

static void
traffic_cancel_sent(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, const char *text)
{
	traffic_leave(pool, peer, req, BROOD_CANCELED, text);
	/* Full: then it is not told, and works for nothing. */
	(void)brood__peer_send_kind(peer, BROOD_KIND_CANCEL, req->id);
}

static int
traffic_cancel(struct brood_pool *pool, uint64_t id, const char *text)
{
	struct brood__request *req;

	TAILQ_FOREACH(req, &pool->queue, next)
		if (req->id == id) {
			brood__queue_remove(pool, req);
			brood__queue_end(pool, req, BROOD_CANCELED, text);
			return 0;
		}
	for (unsigned i = 0; i < pool->n_posts; i++) {
		struct brood__peer *peer = pool->posts[i].peer;

		req = peer != NULL ? brood__peer_find(peer, id) : NULL;
		if (req == NULL || req->is_abandoned)
			continue;
		traffic_cancel_sent(pool, peer, req, text);
		brood__traffic_flush(pool, peer);
		return 0;
	}
	return -ENOENT;
}

int
brood__traffic_cancel(struct brood_pool *pool, uint64_t id)
{
	return traffic_cancel(pool, id, "canceled");
}

void
brood__traffic_unblock(struct brood_pool *pool)
{
	if (!pool->is_choked)
		return;
	for (unsigned i = 0; i < pool->n_posts; i++)
		if (pool->posts[i].peer != NULL &&
		    brood__peer_runs(pool->posts[i].peer, pool->called))
			return;
	(void)traffic_cancel(pool, pool->called,
	    "too many parts of other replies wait to be taken");
}

void
brood__traffic_cancel_all(struct brood_pool *pool, const char *text)
{
	struct brood__request *req;

	for (unsigned i = 0; i < pool->n_posts; i++) {
		struct brood__peer *peer = pool->posts[i].peer;

		if (peer == NULL)
			continue;
		TAILQ_FOREACH(req, &peer->requests, next)
			if (!req->is_abandoned)
				traffic_cancel_sent(pool, peer, req, text);
		/* Not before: it may find the supervisor gone, and all end. */
		brood__traffic_flush(pool, peer);
	}
}

/* A worker's end */

static void
traffic_crashed(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, enum brood_ran ran, int status,
    const char *text)
{
	struct brood_completion done = {
		.fate = BROOD_CRASHED,
		.ran = ran,
		.status = status,
		.pid = peer->pid,
		.text = text,
	};

	brood__queue_complete(pool, req, &done, NULL, NULL, 0);
	brood__queue_forget(pool, req);
}

/*
 * One that the worker never started goes to another.  But if it was the next to
 * be started, it may be what workers die of, having a payload too long for
 * their memory perhaps, or they die of themselves: not for ever.
 */
static void
traffic_pass_on(struct brood_pool *pool, struct brood__peer *peer,
    struct brood__request *req, int status, const char *text)
{
	bool was_next = TAILQ_EMPTY(&peer->requests);

	if (!was_next || ++req->n_passed < TRAFFIC_TRIES)
		brood__queue_restore(pool, req);
	else
		traffic_crashed(pool, peer, req, req->is_retried ?
		    BROOD_MAY_HAVE_RUN : BROOD_NOT_RUN, status, text);
}

/*
 * In the order they were sent, from the last, so that those that go back to the
 * queue's head keep it.
 *
 *   1. Its completion was given before: nothing is left to do.
 *   2. It ends beyond what the worker read: it was not started.
 *   3. It may have run, and may run twice, once.
 *   4. It may have run.
 */
void
brood__traffic_settle(struct brood_pool *pool, struct brood__peer *peer,
    int status, const char *text)
{
	struct brood__request *req;
	uint64_t consumed;

	traffic_drain(pool, peer, TRAFFIC_LAST_READS, true);
	consumed = brood__peer_consumed(peer);
	if (peer->is_broken || peer->is_shut)
		text = peer->text;
	while ((req = TAILQ_LAST(&peer->requests, brood__requests)) != NULL) {
		brood__peer_remove(peer, req);
		pool->n_in_flight--;
		if (req->is_abandoned)
			brood__queue_forget(pool, req);
		else if (req->end > consumed)
			traffic_pass_on(pool, peer, req, status, text);
		else if ((req->flags & BROOD_IDEMPOTENT) &&
		    !req->is_retried && !req->has_parts) {
			req->is_retried = true;
			brood__queue_restore(pool, req);
		} else
			traffic_crashed(pool, peer, req, BROOD_MAY_HAVE_RUN,
			    status, text);
	}
}

void
brood__traffic_abandon(struct brood_pool *pool, struct brood__peer *peer)
{
	uint64_t sent = brood__channel_sent(peer->channel);
	struct brood__request *req;

	traffic_drain(pool, peer, TRAFFIC_LAST_READS, true);
	while ((req = TAILQ_FIRST(&peer->requests)) != NULL) {
		brood__peer_remove(peer, req);
		pool->n_in_flight--;
		if (req->is_abandoned)
			brood__queue_forget(pool, req);
		else if (req->end > sent)
			brood__queue_restore(pool, req);
		else
			traffic_crashed(pool, peer, req, BROOD_MAY_HAVE_RUN,
			    0, pool->broken);
	}
}
