/* SPDX-License-Identifier: ISC */

/*
 * The turn of a client; see client.h.
 *
 * Must not believe the server: reply.c judges each message, and what breaks the
 * protocol ends the connection.  What a server can make this process keep is
 * bounded: one reply for each request, of max_payload at most, and parts until
 * the queue says that it is paused.
 */

#include "host/client.h"

#include "base/clock.h"
#include "host/answer.h"
#include "host/in_flight.h"
#include "host/reply.h"
#include "wire/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CLIENT_READS = 32,		/* in one turn */
	CLIENT_AHEAD = 64 << 10,	/* bytes in the channel from which on
					   requests wait in the queue, where
					   they can be expired and canceled
					   without having been sent */
	CLIENT_BUSY = 16,		/* unanswered requests from which on
					   further ones are gathered */
	CLIENT_IN_A_ROW = 4,		/* requests that leave one by one even
					   then: to gather costs something */
	CLIENT_GATHER = 32,		/* requests that leave together */
	CLIENT_GATHER_LEN = 1 << 10,	/* the longest that is gathered */
	CLIENT_RETRY_MS = 10,		/* after a shortage that passes */
};

static void
client_wake(struct brood_client *client, int in_ms)
{
	int64_t at_ms = in_ms == 0 ? 0 : client->queue.now_ms + in_ms;

	client->wake_ms = brood__earlier(client->wake_ms, at_ms);
}

static void
client_watch(struct brood_client *client, short events)
{
	int fd = brood_channel_fd(client->channel), r = 0;

	if (events == client->events)
		return;
	if (events == BROOD__CLIENT_UNWATCHED)
		brood__ready_remove(client->ready, fd);
	else if (client->events == BROOD__CLIENT_UNWATCHED)
		r = brood__ready_add(client->ready, fd, events, 0);
	else
		r = brood__ready_change(client->ready, fd, events, 0);
	if (r == 0)
		client->events = events;
	else
		client_wake(client, CLIENT_RETRY_MS);
}

/* Completing */

/* Has the kernel taken the last byte of the request? */
static enum brood_ran
client_ran(const struct brood_client *client,
    const struct brood__pending *pending)
{
	return pending->end > brood__channel_sent(client->channel) ?
	    BROOD_NOT_RUN : BROOD_MAY_HAVE_RUN;
}

/*
 * Complete a request that was handed to the channel.  It stays in the list of
 * those that were sent; its limit has done its work.
 */
static void
client_complete(struct brood_client *client, struct brood__pending *pending,
    enum brood_fate fate, enum brood_ran ran, const char *text)
{
	struct brood_completion done = {
		.fate = fate,
		.limit = fate == BROOD_EXPIRED ? BROOD_LIMIT_EXPIRE : 0,
		.ran = ran,
		.text = text,
	};

	brood__queue_complete(&client->queue, pending, &done, NULL, NULL, 0);
	pending->state = BROOD__PENDING_COMPLETED;
	pending->expire_at_ms = BROOD__NEVER;
	brood__queue_reschedule(&client->queue, pending);
}

/*
 * What is in the channel will be sent, whatever is told to the program: so a
 * request that was handed to the channel may still run.  Without memory for
 * CANCEL the server works on, for nothing.
 */
void
brood__client_cancel(struct brood_client *client,
    struct brood__pending *pending, enum brood_fate fate, const char *text)
{
	if (pending->state == BROOD__PENDING_QUEUED) {
		brood__queue_remove(&client->queue, pending);
		brood__queue_end(&client->queue, pending, fate, text);
		return;
	}
	client_complete(client, pending, fate, BROOD_MAY_HAVE_RUN, text);
	(void)brood__in_flight_cancel(&client->sent, client->channel, pending);
}

static void
client_forget(struct brood_client *client, struct brood__pending *pending)
{
	TAILQ_REMOVE(&client->sent, pending, next);
	client->n_sent--;
	brood__queue_forget(&client->queue, pending);
}

/* The connection is of no use any more: all that is open completes. */
static void
client_lose(struct brood_client *client, const char *text)
{
	struct brood__pending *pending;

	while ((pending = TAILQ_FIRST(&client->sent)) != NULL) {
		if (pending->state == BROOD__PENDING_SENT)
			client_complete(client, pending, BROOD_FAILED,
			    client_ran(client, pending), text);
		client_forget(client, pending);
	}
	while ((pending = brood__queue_next(&client->queue)) != NULL) {
		brood__queue_remove(&client->queue, pending);
		brood__queue_end(&client->queue, pending, BROOD_FAILED, text);
	}
	client_watch(client, BROOD__CLIENT_UNWATCHED);
	client->channel = brood_channel_free(client->channel);
	client->state = BROOD__CLIENT_LOST;
}

static void
client_lose_by_violation(struct brood_client *client, const char *why)
{
	char text[BROOD_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "the server broke the protocol: %s",
	    why);
	client_lose(client, text);
}

/* 2: answers */

/*
 * What an ERROR says has become of the request.  A request was REFUSED if the
 * server, and not a worker, says that it cannot take it.
 */
static enum brood_fate
client_fate(const struct brood_message *msg)
{
	switch ((enum brood_error)msg->code) {
	case BROOD_ERROR_STOPPING:
		return BROOD_REFUSED;
	case BROOD_ERROR_TOO_LARGE:
	case BROOD_ERROR_NO_CAPACITY:
	case BROOD_ERROR_NOT_ALLOWED:
		return msg->ran == BROOD_NOT_RUN ? BROOD_REFUSED :
		    BROOD_FAILED;
	case BROOD_ERROR_EXPIRED:
		return BROOD_EXPIRED;
	case BROOD_ERROR_CANCELED:
		return BROOD_CANCELED;
	case BROOD_ERROR_CRASHED:
		return BROOD_CRASHED;
	case BROOD_ERROR_FAILED:
	case BROOD_ERROR_NO_METHOD:
	case BROOD_ERROR_VERSION:
	case BROOD_ERROR_PROTOCOL:
		break;
	}
	return BROOD_FAILED;
}

/* why: a text of this side, or NULL if the server has sent an ERROR. */
static void
client_failed(struct brood_client *client, struct brood__pending *pending,
    const struct brood_message *msg, const char *why)
{
	if (why != NULL)
		brood__client_cancel(client, pending, BROOD_FAILED, why);
	else
		brood__answer_failed(&client->queue, pending, msg,
		    client_fate(msg), msg->ran != 0 ?
		    (enum brood_ran)msg->ran : BROOD_MAY_HAVE_RUN, 0);
}

/* why: what is wrong with msg, or NULL if msg is an ERROR that ends it all. */
static void
client_violation(struct brood_client *client, const struct brood_message *msg,
    const char *why)
{
	char *theirs;

	if (why != NULL) {
		brood__channel_complain(client->channel, BROOD_ERROR_PROTOCOL,
		    why);
		client_lose_by_violation(client, why);
		return;
	}
	theirs = brood__answer_text(msg);
	client_lose(client, theirs != NULL ? theirs :
	    "the server said why it ends, but memory is short");
	free(theirs);
}

/* An answer to a request that is open; those to others are dropped. */
static void
client_take_answer(struct brood_client *client,
    struct brood__pending *pending, const struct brood_message *msg,
    enum brood__reply_class class, const char *why)
{
	if (class == BROOD__REPLY_DONE)
		brood__answer_done(&client->queue, pending, client->channel,
		    msg, 0);
	else if (class == BROOD__REPLY_FAILED)
		client_failed(client, pending, msg, why);
	else if (brood__answer_part(&client->queue, pending, msg, 0) < 0)
		brood__client_cancel(client, pending, BROOD_FAILED,
		    "no memory for a part of the reply");
}

static void
client_handle(struct brood_client *client, const struct brood_message *msg)
{
	struct brood__pending *pending;
	enum brood__reply_class class;
	const char *why;

	if (msg->kind == BROOD_KIND_GOODBYE) {
		if (client->state == BROOD__CLIENT_OPEN)
			client->state = BROOD__CLIENT_LEAVING;
		return;
	}
	pending = brood__in_flight_find(&client->sent, msg->id);
	class = brood__reply_classify(pending, msg,
	    brood__channel_sent(client->channel), client->max_payload, &why);
	if (class == BROOD__REPLY_VIOLATION) {
		client_violation(client, msg, why);
		return;
	}
	if (pending->state == BROOD__PENDING_SENT)
		client_take_answer(client, pending, msg, class, why);
	if (brood__reply_is_last(msg))
		client_forget(client, pending);
}

static void
client_end(struct brood_client *client, int error)
{
	if (error == -EPIPE)
		client_lose(client, "the server closed the connection");
	else
		client_lose_by_violation(client, brood__answer_describe(error));
}

/* Nothing that was read stays unhandled: poll(2) would not tell of it. */
static int
client_handle_all(struct brood_client *client)
{
	struct brood_message msg;
	int r = 0;

	while (client->state != BROOD__CLIENT_LOST &&
	    (r = brood__channel_next(client->channel, &msg)) == 1)
		client_handle(client, &msg);
	return r < 0 ? r : 0;
}

/* What wakes a client that is paused: brood_client_take(). */
static bool
client_may_read(const struct brood_client *client)
{
	return client->state != BROOD__CLIENT_LOST && !client->queue.is_paused;
}

/*
 * Whether more is there after CLIENT_READS, poll(2) tells; and of a server that
 * is deaf, the next turn, which is due at once.
 */
static void
client_read(struct brood_client *client)
{
	int n_reads = 0, r = 1;

	while (n_reads++ < CLIENT_READS && client_may_read(client)) {
		r = brood__channel_fill(client->channel);
		if (r <= 0)
			break;
		r = client_handle_all(client);
		if (r < 0 || (client->state < BROOD__CLIENT_DEAF &&
		    brood__channel_is_drained(client->channel)))
			break;
		r = 1;
	}
	if (client->state == BROOD__CLIENT_LOST)
		return;
	if (r < 0)
		client_end(client, r);
	else if (r == 0 && client->state == BROOD__CLIENT_DEAF)
		client_end(client, -EPIPE);
}

/* 3: limits of time */

static void
client_expire(struct brood_client *client, int64_t now_ms)
{
	struct brood__pending *pending;

	while ((pending = brood__queue_due(&client->queue, now_ms)) != NULL)
		brood__client_cancel(client, pending, BROOD_EXPIRED,
		    "its deadline passed");
}

/* 4 to 6: sending, and what to wait for */

/*
 * What wakes a request that has to wait: room in the socket, or the alarm.
 * Gives false if it must wait.
 */
static bool
client_send(struct brood_client *client, struct brood__pending *pending)
{
	int64_t now_ms = client->queue.now_ms;
	int r;

	brood__queue_remove(&client->queue, pending);
	r = brood__in_flight_send(&client->sent, client->channel, pending,
	    now_ms);
	if (r == 0) {
		client->n_sent++;
		pending->running_since_ms = now_ms;
		return true;
	}
	brood__queue_put_back(&client->queue, pending);
	if (r == -EPIPE)
		client->state = BROOD__CLIENT_DEAF;
	else
		client_wake(client, CLIENT_RETRY_MS);
	return false;
}

static void
client_assign(struct brood_client *client)
{
	struct brood__pending *pending;

	while (client->state < BROOD__CLIENT_DEAF &&
	    brood__channel_queued(client->channel) -
	    brood__channel_sent(client->channel) < CLIENT_AHEAD &&
	    (pending = brood__queue_next(&client->queue)) != NULL)
		if (!client_send(client, pending))
			return;
}

/*
 * Hand requests to the channel and the channel's bytes to the kernel, until
 * either has no more or takes no more.
 */
static void
client_flush(struct brood_client *client)
{
	int r;

	do {
		client_assign(client);
		if (client->state >= BROOD__CLIENT_DEAF)
			break;
		r = brood__channel_flush(client->channel, 0);
		if (r == -EPIPE)
			client->state = BROOD__CLIENT_DEAF;
		else if (r < 0 && r != -EAGAIN)	/* short of something */
			client_wake(client, CLIENT_RETRY_MS);
	} while (r == 0 && client->wake_ms == BROOD__NEVER &&
	    brood__queue_next(&client->queue) != NULL);
	if (client->state == BROOD__CLIENT_DEAF && client_may_read(client))
		client_wake(client, 0);
}

/* With 0, poll(2) would still tell of hang-ups, again and again. */
static short
client_events(const struct brood_client *client)
{
	short events = brood_channel_events(client->channel);

	if (!client_may_read(client))
		events &= ~POLLIN;
	if (client->state == BROOD__CLIENT_DEAF ||
	    client->wake_ms != BROOD__NEVER)
		events &= ~POLLOUT;
	return events != 0 ? events : BROOD__CLIENT_UNWATCHED;
}

static int
client_act(struct brood_client *client)
{
	client->n_gathered = 0;
	if (client->state != BROOD__CLIENT_LOST) {
		client_flush(client);
		client_watch(client, client_events(client));
	}
	return brood__ready_alarm_by(client->ready, brood__earlier(
	    client->wake_ms, brood__queue_next_due(&client->queue)));
}

/*
 * Before a turn waits.  The alarm, which was to make the turn due, is set to
 * what is due besides.
 */
static int
client_send_gathered(struct brood_client *client)
{
	client_expire(client, brood__client_set_now(client));
	if (client->queue.n_untaken > 0)
		client_wake(client, 0);
	(void)client_act(client);
	return brood__ready_alarm(client->ready, brood__earlier(
	    client->wake_ms, brood__queue_next_due(&client->queue)));
}

static bool
client_may_gather(const struct brood_client *client,
    const struct brood__pending *pending)
{
	return client->state == BROOD__CLIENT_OPEN &&
	    client->n_sent >= CLIENT_BUSY &&
	    client->n_submitted > CLIENT_IN_A_ROW &&
	    client->n_gathered < CLIENT_GATHER &&
	    pending->len <= CLIENT_GATHER_LEN;
}

void
brood__client_add(struct brood_client *client, struct brood__pending *pending)
{
	brood__queue_add(&client->queue, pending);
	client->n_submitted++;
	if (client_may_gather(client, pending) &&
	    brood__ready_alarm_by(client->ready, 0) == 0)
		client->n_gathered++;
	else
		(void)brood__client_act(client);
}

int
brood__client_turn(struct brood_client *client, int timeout_ms)
{
	struct brood__ready_event event;
	int64_t now_ms;
	int n;

	n = client->n_gathered > 0 ? client_send_gathered(client) : 0;
	if (n < 0)
		return n;
	client->n_submitted = 0;
	n = brood__ready_wait(client->ready, timeout_ms, &event, 1);
	if (n < 0)
		return n;
	now_ms = brood__client_set_now(client);
	if (client->wake_ms <= now_ms)
		client->wake_ms = BROOD__NEVER;
	client_read(client);
	client_expire(client, now_ms);
	return client_act(client);
}

int
brood__client_act(struct brood_client *client)
{
	if (client->queue.n_untaken > 0 || client->state == BROOD__CLIENT_LOST)
		client_wake(client, 0);
	return client_act(client);
}

int
brood__client_resume(struct brood_client *client)
{
	client_wake(client, 0);
	return client_act(client);
}
