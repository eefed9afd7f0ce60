/* SPDX-License-Identifier: ISC */

/*
 * One connection of a client; knows nothing of what requests mean.
 *
 * What a client can cost is limited.  Its frames are read only while it has
 * fewer unanswered requests than the server allows, these carry fewer
 * descriptors than one frame may carry, and it takes its answers.  Workers may
 * still answer what was requested before: such answers wait in the channel, up
 * to its max_queued bytes; a client that lets more wait is dropped.
 *
 * One recvmsg(2) brings as many frames as there is room for.  Those that may
 * not be handled yet stay in the channel, whose memory is bounded.
 */

#include "command/serve/timing.h"

#include "base/clock.h"
#include "base/fd.h"

#include <sys/param.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECTION_QUEUED = 32 << 20,	/* two answers of the longest kind */
	CONNECTION_HELLO_MS = 5000,
	CONNECTION_RETRY_MS = 10,	/* after -ETOOMANYREFS */
};

/* What is waited for */

static int
connection_reserve(struct server *server, size_t n)
{
	struct connection **by_fd;

	if (n <= server->n_by_fd)
		return 0;
	n *= 2;
	by_fd = reallocarray(server->by_fd, n, sizeof(struct connection *));
	if (by_fd == NULL)
		return -ENOMEM;
	for (size_t i = server->n_by_fd; i < n; i++)
		by_fd[i] = NULL;
	server->by_fd = by_fd;
	server->n_by_fd = n;
	return 0;
}

static int
connection_watch(struct connection *connection)
{
	struct server *server = connection->server;
	int fd = brood_channel_fd(connection->channel), r;

	r = connection_reserve(server, (size_t)fd + 1);
	if (r < 0)
		return r;
	connection->token = (server->n_accepted + 1) << 32 | (unsigned)fd;
	connection->watched = POLLIN;
	r = brood__ready_add(server->ready, fd, POLLIN, connection->token);
	if (r == 0)
		server->by_fd[fd] = connection;
	return r;
}

static void
connection_unwatch(struct connection *connection)
{
	int fd = brood_channel_fd(connection->channel);

	brood__ready_remove(connection->server->ready, fd);
	connection->server->by_fd[fd] = NULL;
}

struct connection *
connection_find(const struct server *server, uint64_t token)
{
	size_t fd = token & UINT32_MAX;
	struct connection *connection = fd < server->n_by_fd ?
	    server->by_fd[fd] : NULL;

	return connection != NULL && connection->token == token ? connection :
	    NULL;
}

void
connection_touch(struct connection *connection)
{
	if (!connection->is_touched)
		TAILQ_INSERT_TAIL(&connection->server->touched, connection,
		    in_touched);
	connection->is_touched = true;
}

static void
connection_untouch(struct connection *connection)
{
	if (connection->is_touched)
		TAILQ_REMOVE(&connection->server->touched, connection,
		    in_touched);
	connection->is_touched = false;
}

/* Takes fd. */
static void
connection_turn_away(int fd)
{
	static const char text[] = "this user has too many connections";
	static const struct brood_message msg = {
		.kind = BROOD_KIND_ERROR,
		.code = BROOD_ERROR_NO_CAPACITY,
		.data = text,
		.len = sizeof(text) - 1,
	};
	struct brood_channel *channel;

	if (brood_channel_new(&channel, fd, NULL) < 0) {
		(void)brood__fd_close(fd);
		return;
	}
	if (brood_channel_queue(channel, &msg) == 0)
		(void)brood_channel_flush(channel, 0);
	(void)brood_channel_free(channel);
}

/* Only who is trusted may send descriptors: to close one can take for ever. */
static int
connection_open(struct connection *connection, int fd)
{
	const struct server *server = connection->server;
	const struct brood_channel_options options = {
		.max_queued = CONNECTION_QUEUED,
		.max_fds = server->options->fds_from_others ||
		    server_trusts(server, &connection->who) ?
		    BROOD_MAX_FDS : 0,
	};
	int r;

	r = brood_channel_new(&connection->channel, fd, &options);
	if (r < 0) {
		(void)brood__fd_close(fd);
		return r;
	}
	(void)brood_channel_read_ahead(connection->channel);
	r = connection_watch(connection);
	if (r < 0)
		(void)brood_channel_free(connection->channel);
	return r;
}

void
connection_end_idle(struct connection *connection)
{
	timing_unset_idle(connection);
	connection_touch(connection);
	connection_drop(connection, "no request for too long");
}

int
connection_new(struct connection **ret_connection, struct server *server,
    int fd, const struct brood_credentials *who)
{
	struct connection *connection;
	struct quota_user *user;
	int r;

	r = quota_join(&server->quota, who->uid, &user);
	if (r < 0) {
		connection_turn_away(fd);
		return r;
	}
	connection = calloc(1, sizeof(*connection));
	if (connection == NULL) {
		(void)brood__fd_close(fd);
		quota_give(user, QUOTA_CONNECTIONS, 1);
		return -ENOMEM;
	}
	connection->server = server;
	connection->user = user;
	connection->who = *who;
	connection->hello_ms = brood__now_ms() + CONNECTION_HELLO_MS;
	connection->frame_ms = BROOD__NEVER;
	connection->timed_ms = BROOD__NEVER;
	TAILQ_INIT(&connection->jobs);
	r = connection_open(connection, fd);
	if (r < 0) {
		quota_give(user, QUOTA_CONNECTIONS, 1);
		free(connection);
		return r;
	}
	connection_touch(connection);
	TAILQ_INSERT_TAIL(&server->connections, connection, next);
	server->n_connections++;
	server->n_accepted++;
	*ret_connection = connection;
	return 0;
}

void
connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	connection_untouch(connection);
	timing_set(connection, BROOD__NEVER);
	timing_unset_idle(connection);
	connection_unwatch(connection);
	TAILQ_REMOVE(&server->connections, connection, next);
	server->n_connections--;
	server->n_fds -= connection->n_held_fds;
	quota_give(connection->user, QUOTA_FDS, connection->n_held_fds);
	quota_give(connection->user, QUOTA_BYTES, connection->n_held_bytes);
	quota_give(connection->user, QUOTA_CONNECTIONS, 1);
	(void)brood_channel_free(connection->channel);
	free(connection);
}

void
connection_drop(struct connection *connection, const char *text)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_ERROR,
		.code = BROOD_ERROR_PROTOCOL,
		.data = text,
		.len = strlen(text),
	};

	if (connection->state == CONNECTION_GONE)
		return;
	connection->state = CONNECTION_GONE;
	connection->server->n_dropped++;
	if (brood_channel_queue(connection->channel, &msg) == 0)
		(void)brood_channel_flush(connection->channel, 0);
}

/* Answers */

static bool
connection_has_queued(const struct connection *connection)
{
	return (brood_channel_events(connection->channel) & POLLOUT) != 0;
}

void
connection_flush(struct connection *connection)
{
	int r = 0;

	if (connection->state == CONNECTION_GONE ||
	    brood__now_ms() < connection->retry_ms)
		return;
	connection->retry_ms = 0;
	if (connection_has_queued(connection)) {
		connection->revents &= ~POLLOUT;
		r = brood_channel_flush(connection->channel, 0);
	}
	if (r == -ETOOMANYREFS)
		connection->retry_ms = brood__now_ms() + CONNECTION_RETRY_MS;
	else if (r < 0 && r != -EAGAIN)
		connection->state = CONNECTION_GONE;
	if (connection->state == CONNECTION_LEAVING &&
	    connection->n_jobs == 0 && !connection_has_queued(connection))
		connection->state = CONNECTION_GONE;
}

int
connection_answer(struct connection *connection,
    const struct brood_message *msg)
{
	int r;

	if (connection->state == CONNECTION_GONE)
		return 0;
	connection_touch(connection);
	r = brood_channel_queue(connection->channel, msg);
	if (r == -EAGAIN) {
		connection_flush(connection);
		r = brood_channel_queue(connection->channel, msg);
	}
	if (r == -EMSGSIZE || r == -EMFILE)
		return r;
	if (r == -EAGAIN)
		connection_drop(connection, "the answers are not read");
	else if (r < 0)
		connection->state = CONNECTION_GONE;
	return 0;
}

/* A client that accepts no text of this length gets none. */
void
connection_fail(struct connection *connection, uint64_t id,
    enum brood_error code, uint32_t ran, const char *text)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_ERROR,
		.id = id,
		.code = code,
		.ran = ran,
		.data = text,
		.len = strlen(text),
	};

	if (connection_answer(connection, &msg) == 0)
		return;
	msg.len = 0;
	(void)connection_answer(connection, &msg);
}

void
connection_refuse(struct connection *connection, uint64_t id,
    enum brood_error code, const char *text)
{
	connection_fail(connection, id, code, BROOD_NOT_RUN, text);
}

/* Messages */

static bool
connection_is_read(const struct connection *connection)
{
	return (connection->state == CONNECTION_OPEN ||
	    connection->state == CONNECTION_LEAVING) &&
	    connection->n_jobs < connection->server->max_jobs &&
	    connection->n_fds < BROOD_MAX_FDS &&
	    !connection_has_queued(connection);
}

/* What is held for the client */

/* Now it is n.  False if there may not be as many. */
static bool
connection_recount(struct connection *connection, enum quota_kind kind,
    size_t *n_counted, size_t n)
{
	if (n > *n_counted &&
	    !quota_take(connection->user, kind, n - *n_counted))
		return false;
	if (n < *n_counted)
		quota_give(connection->user, kind, *n_counted - n);
	*n_counted = n;
	return true;
}

/* A frame that has begun must come whole in time, if it is waited for. */
static void
connection_check_frame(struct connection *connection,
    const struct brood_channel_held *held)
{
	if (held->unread == 0 || connection->has_come ||
	    !connection_is_read(connection))
		connection->frame_ms = BROOD__NEVER;
	else if (connection->frame_ms == BROOD__NEVER ||
	    connection->frame_at != held->position) {
		connection->frame_at = held->position;
		connection->frame_ms = brood__now_ms() +
		    connection->server->options->frame_ms;
	} else if (brood__now_ms() >= connection->frame_ms)
		connection_drop(connection,
		    "a frame that does not come whole in time");
}

/*
 * Descriptors of one frame at most come between two counts: for as many there
 * is a reserve.
 */
static void
connection_count_held(struct connection *connection)
{
	struct server *server = connection->server;
	struct brood_channel_held held;
	bool is_within;

	if (connection->state == CONNECTION_GONE)
		return;
	brood_channel_held(connection->channel, &held);
	server->n_fds -= connection->n_held_fds;
	is_within = connection_recount(connection, QUOTA_FDS,
	    &connection->n_held_fds, held.unread_fds);
	server->n_fds += connection->n_held_fds;
	if (!is_within || (held.unread_fds > 0 &&
	    server->n_fds > server->quota.max[QUOTA_FDS]))
		connection_drop(connection,
		    "too many descriptors in frames that are not whole");
	else if (!connection_recount(connection, QUOTA_BYTES,
	    &connection->n_held_bytes, held.unread + held.unsent))
		connection_drop(connection,
		    "too many bytes of this user are under way");
	else
		connection_check_frame(connection, &held);
}

static short
connection_events(const struct connection *connection)
{
	short events = 0;

	if (connection->state == CONNECTION_HELLO ||
	    (connection_is_read(connection) && !connection->has_come))
		events |= POLLIN;
	if (connection_has_queued(connection) && connection->retry_ms == 0)
		events |= POLLOUT;
	return events;
}

bool
connection_is_due(const struct connection *connection)
{
	if (connection->state == CONNECTION_HELLO)
		return brood__now_ms() >= connection->hello_ms;
	if (connection->frame_ms != BROOD__NEVER &&
	    brood__now_ms() >= connection->frame_ms)
		return true;
	return connection_is_read(connection) && (connection->has_come ||
	    (connection->watched & POLLIN) == 0);
}

int64_t
connection_due_ms(const struct connection *connection)
{
	int64_t due_ms = BROOD__NEVER;

	if (connection->state == CONNECTION_HELLO)
		due_ms = connection->hello_ms;
	else if (connection_is_due(connection))
		due_ms = 0;
	if (connection->retry_ms != 0)
		due_ms = MIN(due_ms, connection->retry_ms);
	return MIN(due_ms, connection->frame_ms);
}

/*
 * What is wanted now is added at once.  What is not is taken out only when it
 * has come in vain: most clients send no more before they are read again.  One
 * that does is then read without having been told of, as soon as it may be, and
 * POLLIN is added when it has nothing more to say.
 */
static void
connection_rewatch(struct connection *connection)
{
	short wanted = connection_events(connection);
	short events = (connection->watched & ~connection->revents) | wanted;

	if (events == connection->watched)
		return;
	if (brood__ready_change(connection->server->ready,
	    brood_channel_fd(connection->channel), events,
	    connection->token) < 0)
		connection->state = CONNECTION_GONE;
	connection->watched = events;
}

void
connection_settle(struct connection *connection)
{
	int64_t until_ms;

	connection_count_held(connection);
	connection_rewatch(connection);
	timing_note_idle(connection);
	connection->revents = 0;
	if (connection->state == CONNECTION_GONE)
		return;
	until_ms = connection->state == CONNECTION_HELLO ?
	    connection->hello_ms : connection->frame_ms;
	timing_set(connection, until_ms);
	if (connection_due_ms(connection) == until_ms)
		connection_untouch(connection);
}

static void
connection_hello(struct connection *connection)
{
	int r = brood_channel_hello(connection->channel,
	    connection->server->pool_options->name, 0);

	connection->revents &= ~POLLIN;
	connection->has_come = r == 0;
	if (r == 0)
		connection->state = CONNECTION_OPEN;
	else if (r != -ETIMEDOUT)
		connection->state = CONNECTION_GONE;
	else if (brood__now_ms() >= connection->hello_ms)
		connection_drop(connection, "no HELLO in time");
}

int
connection_recv(struct connection *connection, struct brood_message *ret_msg)
{
	int r;

	if (connection->state == CONNECTION_HELLO)
		connection_hello(connection);
	if (!connection_is_read(connection))
		return 0;
	connection->revents &= ~POLLIN;
	r = brood_channel_recv(connection->channel, 0, ret_msg);
	connection->has_come = r == 1;
	if (r >= 0)
		return r;
	connection->state = CONNECTION_GONE;
	connection->server->n_dropped += r != -EPIPE;
	return 0;
}

void
connection_close_fds(struct connection *connection, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++)
		(void)brood__fd_close(brood_channel_take_fd(
		    connection->channel, i));
}

/* Where frames are read, reading finds out. */
static void
connection_check_peer(struct connection *connection)
{
	if ((connection->revents & (POLLHUP | POLLERR)) != 0 &&
	    connection->state != CONNECTION_HELLO &&
	    !connection_is_read(connection))
		connection->state = CONNECTION_GONE;
}

void
connection_end_reading(struct connection *connection)
{
	connection_check_peer(connection);
	connection_count_held(connection);
}
