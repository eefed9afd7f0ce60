/* SPDX-License-Identifier: ISC */

/*
 * One client: its frames in, its answers out.
 *
 * Owns the channel and the list of jobs, which are job.c's.  Knows the pool by
 * submit alone.
 *
 * What a client can cost is bounded.  It is read only while it has fewer jobs
 * than the server allows, no more descriptors under way than one frame may
 * carry, and takes its answers: whoever does not read is not read.  Answers
 * that the workers give all the same wait in the channel, up to its max_queued
 * bytes; beyond, the client is gone.
 *
 * A client that is gone is freed at the end of the turn, so that no caller
 * holds one that vanishes.
 */

#include "base/clock.h"
#include "command/methods.h"
#include "command/serve/admin.h"
#include "command/serve/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CLIENT_READS = 16,		/* in one turn */
	CLIENT_HELLO_MS = 5000,
	CLIENT_RETRY_MS = 10,
};

/* Making and freeing */

int
client_new(struct client **ret_client, struct server *server,
    struct brood_channel *channel, const struct brood_credentials *who)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return -ENOMEM;
	client->server = server;
	client->channel = channel;
	client->who = *who;
	client->hello_ms = brood__now_ms() + CLIENT_HELLO_MS;
	TAILQ_INIT(&client->jobs);
	*ret_client = client;
	return 0;
}

struct client *
client_free(struct client *client)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&client->jobs)) != NULL)
		job_abandon(job);
	client->channel = brood_channel_free(client->channel);
	free(client);
	return NULL;
}

void
client_drop(struct client *client, const char *text)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_ERROR,
		.code = BROOD_ERROR_PROTOCOL,
		.data = text,
		.len = strlen(text),
	};

	if (client->is_gone)
		return;
	client->is_gone = true;
	client->server->n_dropped++;
	if (brood_channel_queue(client->channel, &msg) == 0)
		(void)brood_channel_flush(client->channel, 0);
}

/* Answers */

static bool
client_has_queued(const struct client *client)
{
	return (brood_channel_events(client->channel) & POLLOUT) != 0;
}

void
client_flush(struct client *client)
{
	int r = 0;

	if (client->is_gone || brood__now_ms() < client->retry_ms)
		return;
	client->retry_ms = 0;
	if (client_has_queued(client))
		r = brood_channel_flush(client->channel, 0);
	if (r == -ETOOMANYREFS)
		client->retry_ms = brood__now_ms() + CLIENT_RETRY_MS;
	else if (r < 0 && r != -EAGAIN)
		client->is_gone = true;
	if (client->is_leaving && client->n_jobs == 0 &&
	    !client_has_queued(client))
		client->is_gone = true;
}

int
client_answer(struct client *client, const struct brood_message *msg)
{
	int r;

	if (client->is_gone)
		return 0;
	r = brood_channel_queue(client->channel, msg);
	if (r == -EAGAIN) {
		client_flush(client);
		r = brood_channel_queue(client->channel, msg);
	}
	if (r == -EAGAIN) {
		client_drop(client, "the answers are not read");
		return 0;
	}
	if (r == -EMSGSIZE || r == -EMFILE)
		return r;
	if (r < 0)
		client->is_gone = true;
	return 0;
}

void
client_refuse(struct client *client, uint64_t id, enum brood_error code,
    const char *text)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_ERROR,
		.id = id,
		.code = code,
		.data = text,
		.len = strlen(text),
	};

	if (client_answer(client, &msg) == 0)
		return;
	msg.len = 0;
	if (client_answer(client, &msg) < 0)
		client->is_gone = true;
}

/* Requests */

/* The smaller of the two; the protocol's "none" is 0, the pool's -1. */
static int
client_timeout_ms(const struct client *client, uint32_t asked_ms)
{
	int most_ms = client->server->options.timeout_ms;

	if (asked_ms == 0 || asked_ms > INT32_MAX)
		return most_ms;
	if (most_ms >= 0 && (int)asked_ms > most_ms)
		return most_ms;
	return (int)asked_ms;
}

static void
client_refuse_error(struct client *client, uint64_t id, int error)
{
	if (error == -EAGAIN)
		client_refuse(client, id, BROOD_ERROR_NO_CAPACITY,
		    "the queue is full");
	else if (error == -EMSGSIZE)
		client_refuse(client, id, BROOD_ERROR_TOO_LARGE,
		    "longer than the workers accept");
	else if (error == -ESHUTDOWN)
		client_refuse(client, id, BROOD_ERROR_STOPPING,
		    "the pool is stopping");
	else
		client_refuse(client, id, BROOD_ERROR_NO_CAPACITY,
		    strerror(-error));
}

static void
client_submit(struct client *client, const struct brood_message *msg)
{
	struct brood_message request = {
		.data = msg->data,
		.len = msg->len,
		.fds = msg->fds,
		.n_fds = msg->n_fds,
		.code = msg->code,
	};
	struct server *server = client->server;
	struct job *job;
	int r;

	if (msg->n_fds > 0 && server->n_fds + msg->n_fds > server->max_fds) {
		client_refuse(client, msg->id, BROOD_ERROR_NO_CAPACITY,
		    "too many descriptors are under way");
		return;
	}
	r = job_new(&job, client, msg, JOB_POOL);
	if (r == 0) {
		r = brood_pool_submit(server->pool, &request, BROOD_STREAM,
		    client_timeout_ms(client, msg->timeout_ms), job,
		    &job->pool_id);
		if (r < 0)
			job = job_free(job);
	}
	if (r < 0)
		client_refuse_error(client, msg->id, r);
}

static void
client_request(struct client *client, const struct brood_message *msg)
{
	if (client->is_leaving)
		client_drop(client, "a request after GOODBYE");
	else if (job_find(client, msg->id) != NULL)
		client_drop(client, "the id of a request that is not answered");
	else if (msg->code >= BROOD_METHOD_CONTROL)
		control_request(client, msg);
	else
		client_submit(client, msg);
}

static void
client_cancel(struct client *client, uint64_t id)
{
	struct job *job = job_find(client, id);

	/* Answered already, the answer under way: nothing to say. */
	if (job == NULL)
		return;
	if (job->kind == JOB_POOL) {
		(void)brood_pool_cancel(client->server->pool, job->pool_id);
		return;
	}
	client_refuse(client, id, BROOD_ERROR_CANCELED, "canceled");
	(void)job_free(job);
}

static void
client_pong(struct client *client, const struct brood_message *ping)
{
	struct brood_message pong = {
		.kind = BROOD_KIND_PONG,
		.id = ping->id,
		.data = ping->data,
		.len = ping->len,
	};

	if (client_answer(client, &pong) < 0)
		client_drop(client, "a PING longer than its sender accepts");
}

static void
client_handle(struct client *client, const struct brood_message *msg)
{
	switch (msg->kind) {
	case BROOD_KIND_REQUEST:
		client_request(client, msg);
		break;
	case BROOD_KIND_CANCEL:
		client_cancel(client, msg->id);
		break;
	case BROOD_KIND_PING:
		client_pong(client, msg);
		break;
	case BROOD_KIND_GOODBYE:
		client->is_leaving = true;
		break;
	case BROOD_KIND_PONG:
		break;
	case BROOD_KIND_HELLO:
	case BROOD_KIND_REPLY:
	case BROOD_KIND_ERROR:
	case BROOD_KIND_PROGRESS:
	case BROOD_KIND_LINK:
		client_drop(client, "a frame that a client does not send");
		break;
	}
}

/* The pool has copies; the channel would keep these until the next frame. */
static void
client_close_fds(struct client *client, size_t n_fds)
{
	int fd;

	for (size_t i = 0; i < n_fds; i++) {
		fd = brood_channel_take_fd(client->channel, i);
		if (fd >= 0)
			(void)close(fd);
	}
}

/* The loop's side */

static bool
client_is_read(const struct client *client)
{
	if (client->hello_ms != BROOD__NEVER)
		return true;
	return client->n_jobs < client->server->max_jobs &&
	    client->n_fds < BROOD_MAX_FDS && !client_has_queued(client);
}

short
client_events(const struct client *client)
{
	short events = client_is_read(client) ? POLLIN : 0;

	if (client_has_queued(client) && client->retry_ms == 0)
		events |= POLLOUT;
	return events;
}

int64_t
client_due_ms(const struct client *client)
{
	return client->retry_ms != 0 ?
	    brood__earlier(client->hello_ms, client->retry_ms) :
	    client->hello_ms;
}

static void
client_greet(struct client *client)
{
	int r = brood_channel_hello(client->channel,
	    client->server->options.name, 0);

	if (r == 0)
		client->hello_ms = BROOD__NEVER;
	else if (r != -ETIMEDOUT)
		client->is_gone = true;
	else if (brood__now_ms() >= client->hello_ms)
		client_drop(client, "no HELLO in time");
}

static void
client_read(struct client *client)
{
	struct brood_message msg;
	int r;

	for (int i = 0; i < CLIENT_READS && !client->is_gone &&
	    client_is_read(client); i++) {
		r = brood_channel_recv(client->channel, 0, &msg);
		if (r < 0) {
			client->is_gone = true;
			client->server->n_dropped += r != -EPIPE;
		}
		if (r <= 0)
			return;
		client_handle(client, &msg);
		client_close_fds(client, msg.n_fds);
	}
}

void
client_ready(struct client *client, short events)
{
	if (client->hello_ms != BROOD__NEVER)
		client_greet(client);
	if (client->hello_ms == BROOD__NEVER)
		client_read(client);
	/* It has hung up, and is not read: there is no other sign. */
	if ((events & (POLLHUP | POLLERR)) != 0 && !client_is_read(client))
		client->is_gone = true;
}
