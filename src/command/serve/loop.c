/* SPDX-License-Identifier: ISC */

/*
 * One wait for everything, then a bounded amount of each: the pool's
 * completions, LOOP_READS frames of each connection, LOOP_ACCEPTS new
 * connections.  Nothing else waits.  The answers to one client leave together,
 * before it is read and at the end of the turn.
 *
 * Connections to which nothing happens cost nothing, stalled ones too: a turn
 * looks at those that were touched.
 *
 * Knows nothing of signals, of the service manager, or of how an event reads.
 */

#include "command/methods.h"
#include "command/serve/admin.h"
#include "command/serve/loop.h"
#include "command/serve/timing.h"

#include "base/clock.h"

#include <sys/param.h>

#include <poll.h>

enum {
	LOOP_READS = 64,
	LOOP_ACCEPTS = 16,
	LOOP_EVENTS = 64,
	LOOP_ACCEPT_MS = 100,		/* until the next try, without fds */
	LOOP_FLUSH_MS = 2000,		/* for the last answers */
	LOOP_POLL_MS = 10,		/* if the pool has no descriptor */
};

/* Messages */

static void
loop_request(struct connection *connection, const struct brood_message *msg)
{
	if (connection->state == CONNECTION_LEAVING)
		connection_drop(connection, "a request after GOODBYE");
	/* An ERROR with id 0 ends a channel: this id cannot be answered. */
	else if (msg->id == 0)
		connection_drop(connection, "a request with id 0");
	else if (job_find(connection, msg->id) != NULL)
		connection_drop(connection,
		    "the id of a request that is not answered");
	else if (msg->code >= BROOD_METHOD_ADMIN)
		admin_request(connection, msg);
	else
		job_submit(connection, msg);
}

static void
loop_ping(struct connection *connection, const struct brood_message *ping)
{
	struct brood_message pong = {
		.kind = BROOD_KIND_PONG,
		.id = ping->id,
		.data = ping->data,
		.len = ping->len,
	};

	if (connection_answer(connection, &pong) < 0)
		connection_drop(connection,
		    "a PING longer than its sender accepts");
}

static void
loop_message(struct connection *connection, const struct brood_message *msg)
{
	struct job *job;

	switch (msg->kind) {
	case BROOD_KIND_REQUEST:
		loop_request(connection, msg);
		break;
	case BROOD_KIND_CANCEL:
		/* Without a job the answer is on its way. */
		job = job_find(connection, msg->id);
		if (job != NULL)
			job_cancel(job);
		break;
	case BROOD_KIND_PING:
		loop_ping(connection, msg);
		break;
	case BROOD_KIND_GOODBYE:
		connection->state = CONNECTION_LEAVING;
		break;
	case BROOD_KIND_PONG:
		break;
	case BROOD_KIND_HELLO:
	case BROOD_KIND_REPLY:
	case BROOD_KIND_ERROR:
	case BROOD_KIND_PROGRESS:
	case BROOD_KIND_LINK:
		connection_drop(connection,
		    "a frame that a client does not send");
		break;
	}
}

/* Connections */

static void
loop_read(struct connection *connection)
{
	struct brood_message msg;

	/* What it takes now does not keep it from being read. */
	connection_flush(connection);
	for (int i = 0; i < LOOP_READS &&
	    connection_recv(connection, &msg) == 1; i++) {
		loop_message(connection, &msg);
		connection_close_fds(connection, msg.n_fds);
	}
	connection_end_reading(connection);
}

static void
loop_close(struct connection *connection)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&connection->jobs)) != NULL)
		job_abandon(job);
	/* A descriptor is free: accept again at once. */
	connection->server->accept_ms = 0;
	connection_free(connection);
}

/*
 * Read it, and close it at once if that was its end: what it sent may be as
 * many descriptors as there is a reserve of.
 */
static void
loop_read_or_close(struct connection *connection)
{
	loop_read(connection);
	if (connection->state == CONNECTION_GONE)
		loop_close(connection);
}

static void
loop_accept(struct server *server)
{
	struct connection *connection;
	struct brood_credentials who;
	int fd, r;

	/* A first request may be to stop: then the listener is gone. */
	for (int i = 0; i < LOOP_ACCEPTS && server->listener != NULL &&
	    server->n_connections < server->quota.max[QUOTA_CONNECTIONS];
	    i++) {
		r = brood_listener_accept(server->listener, 0, &fd, &who);
		if (r < 0)
			server->accept_ms = brood__now_ms() + LOOP_ACCEPT_MS;
		if (r <= 0)
			return;
		if (connection_new(&connection, server, fd, &who) == 0)
			loop_read_or_close(connection);
	}
}

/* Send the answers of this turn, and close what is of no use any more. */
static void
loop_finish(struct server *server)
{
	struct connection *connection, *next;

	TAILQ_FOREACH_SAFE(connection, &server->touched, in_touched, next) {
		connection_flush(connection);
		connection_settle(connection);
		if (connection->state == CONNECTION_GONE)
			loop_close(connection);
	}
}

static void
loop_take(struct server *server)
{
	struct brood_completion done;

	while (brood_pool_take(server->pool, &done) == 1) {
		job_complete(done.tag, &done);
		brood_completion_fini(&done);
	}
}

/* The turn */

static bool
loop_may_accept(const struct server *server)
{
	return server->listener != NULL &&
	    server->n_connections < server->quota.max[QUOTA_CONNECTIONS] &&
	    brood__now_ms() >= server->accept_ms;
}

static int
loop_wait_ms(const struct server *server, int timeout_ms)
{
	int64_t now_ms = brood__now_ms();
	int64_t due_ms = MIN(server->end_ms,
	    brood__deadline(now_ms, timeout_ms));
	const struct connection *connection;

	if (server->accept_ms > now_ms)
		due_ms = MIN(due_ms, server->accept_ms);
	if (brood_pool_fd(server->pool) < 0)
		due_ms = MIN(due_ms, now_ms + LOOP_POLL_MS);
	due_ms = MIN(due_ms, timing_first_ms(server));
	TAILQ_FOREACH(connection, &server->touched, in_touched)
		due_ms = MIN(due_ms, connection_due_ms(connection));
	connection = TAILQ_FIRST(&server->idle);
	if (connection != NULL)
		due_ms = MIN(due_ms, connection->idle_ms +
		    server->options->idle_ms);
	return brood__time_left(due_ms, now_ms);
}

static void
loop_serve(struct server *server)
{
	struct connection *connection, *next;

	while ((connection = timing_find_idle(server)) != NULL)
		connection_end_idle(connection);
	while ((connection = timing_next(server)) != NULL)
		connection_touch(connection);
	TAILQ_FOREACH_SAFE(connection, &server->touched, in_touched, next)
		if (connection->revents != 0 || connection_is_due(connection))
			loop_read_or_close(connection);
}

static int
loop_dispatch(struct server *server)
{
	int r = brood_pool_dispatch(server->pool);

	if (r == 0)
		loop_take(server);
	return r;
}

/* What an event says of a connection is noted: it is served in its turn. */
static void
loop_note(struct server *server, const struct brood__ready_event *event)
{
	struct connection *connection = connection_find(server, event->token);

	if (connection == NULL)
		return;
	connection->revents = event->events;
	connection_touch(connection);
}

int
loop_turn(struct server *server, int timeout_ms)
{
	bool is_woken = false, has_callers = false;
	bool has_answers = brood_pool_fd(server->pool) < 0;
	struct brood__ready_event events[LOOP_EVENTS];
	int n, r = 0;

	if (server_set_accepting(server, loop_may_accept(server)) < 0)
		server->accept_ms = brood__now_ms() + LOOP_ACCEPT_MS;
	n = brood__ready_wait(server->ready, loop_wait_ms(server, timeout_ms),
	    events, LOOP_EVENTS);
	for (int i = 0; i < n; i++)
		if (events[i].token == SERVER_WAKE)
			is_woken = true;
		else if (events[i].token == SERVER_POOL)
			has_answers = true;
		else if (events[i].token == SERVER_LISTENER)
			has_callers = true;
		else
			loop_note(server, &events[i]);
	if (n >= 0 && has_answers)
		r = loop_dispatch(server);
	if (n < 0 || r < 0)
		return n < 0 ? n : r;
	loop_serve(server);
	if (has_callers)
		loop_accept(server);
	loop_finish(server);
	return is_woken;
}

void
loop_event(struct server *server, const struct brood_event *event)
{
	if ((server->state == SERVER_STARTING &&
	    event->kind == BROOD_EVENT_READY) ||
	    (server->state == SERVER_RELOADING &&
	    (event->kind == BROOD_EVENT_RELOADED ||
	    event->kind == BROOD_EVENT_NOT_RELOADED)))
		server->state = SERVER_SERVING;
	admin_event(server, event);
	if (event->kind == BROOD_EVENT_STOPPED) {
		server->state = SERVER_STOPPED;
		server->end_ms = brood__now_ms() + LOOP_FLUSH_MS;
		loop_take(server);
		admin_end(server);
	}
	loop_finish(server);
}

bool
loop_is_over(const struct server *server)
{
	const struct connection *connection;

	if (server->state != SERVER_STOPPED)
		return false;
	if (brood__now_ms() >= server->end_ms)
		return true;
	TAILQ_FOREACH(connection, &server->connections, next)
		if (brood_channel_events(connection->channel) & POLLOUT)
			return false;
	return true;
}

struct server *
loop_free(struct server *server)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&server->connections)) != NULL)
		loop_close(connection);
	/* All jobs that are left were canceled: this frees them. */
	loop_take(server);
	return server_free(server);
}
