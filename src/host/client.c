/* SPDX-License-Identifier: ISC */

/*
 * The interface of a client: making it, submitting, waiting, taking.
 *
 * Owns the client object and the bounds that the program sees.  What the client
 * does on its own is in client_turn.c: these functions change something, and
 * have the turn act on it.
 */

#include "host/client.h"

#include "base/clock.h"
#include "base/export.h"
#include "base/names.h"
#include "base/owner.h"
#include "base/reserved.h"
#include "host/config.h"
#include "host/dial.h"
#include "host/in_flight.h"
#include "host/request.h"
#include "wire/channel.h"
#include "wire/frame.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CLIENT_QUEUE = 64,
	CLIENT_CONNECT_MS = 10000,
	CLIENT_RETRY_MS = 10,		/* of a call, for want of memory */
	CLIENT_MIN_PAYLOAD = BROOD__HELLO_SIZE + BROOD__NAME_MAX,
};

/* Making */

static int
client_check_options(const struct brood_client_options *options, char *text)
{
	int r;

	if (options->reserved_1 != 0 || !BROOD__RESERVED_IS_ZERO(options))
		return brood__config_refuse(text, "a reserved field is not 0: "
		    "the program needs a newer library");
	if (options->max_payload != 0 &&
	    (options->max_payload < CLIENT_MIN_PAYLOAD ||
	    options->max_payload > INT_MAX))
		return brood__config_refuse(text,
		    "max_payload is %zu, not 0 or %d to %d",
		    options->max_payload, CLIENT_MIN_PAYLOAD, INT_MAX);
	r = brood__config_check_max("queue", options->queue, INT_MAX, text);
	if (r == 0)
		r = brood__config_check_max("fds_from_server",
		    options->fds_from_server, 1, text);
	if (r == 0)
		r = brood__config_check_time("wait_ms", options->wait_ms, text);
	if (r == 0)
		r = brood__config_check_time("connect_ms", options->connect_ms,
		    text);
	return r < 0 ? r : brood__config_check_time("expire_ms",
	    options->expire_ms, text);
}

/* After an error: unless text says something already, say what r means. */
static void
client_explain(char *text, int r)
{
	if (text != NULL && text[0] == '\0')
		(void)strlcpy(text, brood__error_words(-r), BROOD_TEXT_SIZE);
}

static int
client_connect(struct brood_client *client, const char *path,
    const struct brood_client_options *options, char *text)
{
	const struct brood__dial_options dial = {
		.name = options->name,
		.channel.max_payload = client->max_payload,
		.channel.max_queued = SIZE_MAX / 2,	/* bounded by the turn */
		.channel.max_fds = options->fds_from_server ?
		    BROOD_MAX_FDS : 0,
		.wait_ms = options->wait_ms,
		.connect_ms = options->connect_ms != 0 ?
		    options->connect_ms : CLIENT_CONNECT_MS,
	};
	int r;

	r = brood__dial(&client->channel, path, &dial, text);
	if (r < 0)
		return r;
	brood__channel_set_greedy(client->channel);
	r = brood__ready_new(&client->ready);
	if (r == 0)
		r = brood__ready_add(client->ready,
		    brood_channel_fd(client->channel), client->events, 0);
	return r;
}

BROOD_PUBLIC int
brood_client_new(struct brood_client **ret_client, const char *path,
    const struct brood_client_options *options, char *text)
{
	static const struct brood_client_options defaults;
	struct brood_client *client;
	int r;

	if (text != NULL)
		text[0] = '\0';
	if (options == NULL)
		options = &defaults;
	r = client_check_options(options, text);
	if (r < 0)
		return r;
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		client_explain(text, -ENOMEM);
		return -ENOMEM;
	}
	client->owner = brood__owner_self();
	client->max_payload = options->max_payload != 0 ?
	    options->max_payload : BROOD_MAX_PAYLOAD;
	client->max_requests = options->queue != 0 ? options->queue :
	    CLIENT_QUEUE;
	client->usual.expire_ms = options->expire_ms;
	client->usual.run_ms = client->usual.cancel_ms = -1;
	client->wake_ms = BROOD__NEVER;
	client->events = POLLIN;
	brood__queue_init(&client->queue);
	TAILQ_INIT(&client->sent);
	r = client_connect(client, path, options, text);
	if (r < 0) {
		client_explain(text, r);
		(void)brood_client_free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

BROOD_PUBLIC struct brood_client *
brood_client_free(struct brood_client *client)
{
	struct brood__pending *pending;

	if (client == NULL)
		return NULL;
	/* The readiness set first: what it polls is closed below. */
	client->ready = brood__ready_free(client->ready);
	while ((pending = TAILQ_FIRST(&client->sent)) != NULL) {
		TAILQ_REMOVE(&client->sent, pending, next);
		brood__queue_forget(&client->queue, pending);
	}
	brood__queue_fini(&client->queue);
	(void)brood_channel_free(client->channel);
	free(client);
	return NULL;
}

/* The loop */

static bool
client_is_mine(const struct brood_client *client)
{
	return client->owner == brood__owner_self();
}

static bool
client_is_lost(const struct brood_client *client)
{
	return client->state == BROOD__CLIENT_LOST;
}

BROOD_PUBLIC int
brood_client_fd(struct brood_client *client)
{
	return client_is_mine(client) ? brood__ready_fd(client->ready) :
	    -ECHILD;
}

BROOD_PUBLIC int
brood_client_dispatch(struct brood_client *client)
{
	int r;

	if (!client_is_mine(client))
		return -ECHILD;
	r = brood__client_turn(client, 0);
	return r == 0 && client_is_lost(client) ? -EPIPE : r;
}

BROOD_PUBLIC int
brood_client_wait(struct brood_client *client, int timeout_ms)
{
	int64_t deadline_ms;
	int left_ms, r;

	if (!client_is_mine(client))
		return -ECHILD;
	deadline_ms = brood__deadline_from_now(timeout_ms);
	for (;;) {
		if (client->queue.n_untaken > 0)
			return 1;
		if (client_is_lost(client))
			return -EPIPE;
		left_ms = timeout_ms == 0 ? 0 :
		    brood__time_left_from_now(deadline_ms);
		r = brood__client_turn(client, left_ms);
		if (r < 0)
			return r;
		if (left_ms == 0)
			return client->queue.n_untaken > 0 ? 1 :
			    client_is_lost(client) ? -EPIPE : 0;
	}
}

/* Requests */

static int
client_check_msg(const struct brood_client *client,
    const struct brood_message *msg)
{
	if (!brood__request_is_valid(msg))
		return -EINVAL;
	if (client_is_lost(client))
		return -EPIPE;
	if (msg->len > brood__channel_max_send(client->channel))
		return -EMSGSIZE;
	if (msg->n_fds > 0 && !brood__channel_peer_takes_fds(client->channel))
		return -EPERM;
	return client->state == BROOD__CLIENT_LEAVING ? -ESHUTDOWN : 0;
}

/* A server decides by itself what it runs again, and for how long. */
static int
client_check_request(const struct brood_request_options *options)
{
	return options->run_ms != 0 || options->cancel_ms != 0 ? -EINVAL :
	    brood__request_check_options(options, BROOD_STREAM);
}

/*
 * Completions that are not taken count, so that a program that only ever
 * submits finds the client full.  And so do requests that have expired or were
 * canceled, as long as the server has not answered them.
 */
static bool
client_is_full(const struct brood_client *client)
{
	return client->queue.n_outstanding >= client->max_requests ||
	    client->queue.n_waiting + client->n_sent >= client->max_requests;
}

BROOD_PUBLIC int
brood_client_submit(struct brood_client *client,
    const struct brood_message *msg,
    const struct brood_request_options *options, uint64_t *ret_id)
{
	static const struct brood_request_options defaults;
	struct brood__pending *pending;
	int r;

	if (!client_is_mine(client))
		return -ECHILD;
	if (options == NULL)
		options = &defaults;
	r = client_check_request(options);
	if (r == 0)
		r = client_check_msg(client, msg);
	if (r < 0)
		return r;
	if (client_is_full(client))
		return -EAGAIN;
	r = brood__queue_make(&client->queue, msg, &pending);
	if (r < 0)
		return r;
	brood__pending_set_options(pending, options, &client->usual,
	    brood__client_set_now(client));
	brood__client_add(client, pending);
	if (ret_id != NULL)
		*ret_id = client->queue.last_id;
	return 0;
}

/* A request that has no completion yet, by its id; or NULL. */
static struct brood__pending *
client_find(struct brood_client *client, uint64_t id)
{
	struct brood__pending *pending = brood__queue_find(&client->queue, id);

	if (pending == NULL)
		pending = brood__in_flight_find(&client->sent, id);
	return pending != NULL && brood__pending_is_open(pending) ? pending :
	    NULL;
}

BROOD_PUBLIC int
brood_client_cancel(struct brood_client *client, uint64_t id)
{
	struct brood__pending *pending;

	if (!client_is_mine(client))
		return -ECHILD;
	pending = client_find(client, id);
	if (pending == NULL)
		return -ENOENT;
	(void)brood__client_set_now(client);
	brood__client_cancel(client, pending, BROOD_CANCELED, "canceled");
	return brood__client_act(client);
}

/* Give a result; if that lets the client receive again, say so. */
static int
client_take(struct brood_client *client, struct brood__result *result,
    struct brood_completion *ret_done)
{
	bool was_paused = client->queue.is_paused;
	int r;

	r = brood__queue_take(&client->queue, result, ret_done);
	if (was_paused && !client->queue.is_paused)
		(void)brood__client_resume(client);
	return r;
}

BROOD_PUBLIC int
brood_client_take(struct brood_client *client,
    struct brood_completion *ret_done)
{
	return client_is_mine(client) ? client_take(client, NULL, ret_done) :
	    -ECHILD;
}

static void
client_give_up(struct brood_client *client, uint64_t called)
{
	struct brood__pending *pending = client_find(client, called);

	if (pending != NULL)
		brood__client_cancel(client, pending, BROOD_CANCELED,
		    "too many parts of other replies wait to be taken");
}

/*
 * Wait for the completion of the request `called`.  While the client is paused
 * that request cannot be answered, and nobody takes what it is paused for.
 */
static int
client_await(struct brood_client *client, uint64_t called,
    struct brood__result **ret_result)
{
	static const struct timespec pause = { 0, CLIENT_RETRY_MS * 1000000 };
	int r = 0;

	while (r == 0) {
		if (client->queue.is_paused)
			client_give_up(client, called);
		*ret_result = brood__queue_find_result(&client->queue, called);
		if (*ret_result != NULL)
			break;
		r = brood__client_turn(client, -1);
		/*
		 * Not even for want of memory may the call end without what
		 * became of the request, which was accepted.
		 */
		if (r == -ENOMEM) {
			(void)nanosleep(&pause, NULL);
			r = 0;
		}
	}
	return r;
}

BROOD_PUBLIC int
brood_client_call(struct brood_client *client, const struct brood_message *msg,
    const struct brood_request_options *options,
    struct brood_completion *ret_done)
{
	struct brood__result *result = NULL;
	uint64_t called = 0;
	int r;

	if (!client_is_mine(client))
		return -ECHILD;
	if (options != NULL && (options->flags & BROOD_STREAM) != 0)
		return -EINVAL;
	r = brood_client_submit(client, msg, options, &called);
	if (r == 0)
		r = client_await(client, called, &result);
	if (r < 0)
		return r;
	(void)client_take(client, result, ret_done);
	/* What else came during the call, nobody was told of. */
	(void)brood__client_act(client);
	return 0;
}
