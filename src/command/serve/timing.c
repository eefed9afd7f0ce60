/* SPDX-License-Identifier: ISC */

#include "command/serve/timing.h"

#include "base/clock.h"

#include <sys/param.h>

void
timing_set(struct connection *connection, int64_t until_ms)
{
	struct server *server = connection->server;

	if (until_ms == connection->timed_ms)
		return;
	if (connection->timed != NULL)
		TAILQ_REMOVE(connection->timed, connection, in_timed);
	connection->timed = until_ms == BROOD__NEVER ? NULL :
	    connection->state == CONNECTION_HELLO ? &server->greeting :
	    &server->sending;
	connection->timed_ms = until_ms;
	if (connection->timed != NULL)
		TAILQ_INSERT_TAIL(connection->timed, connection, in_timed);
}

static int64_t
timing_list_ms(const struct connections *timed)
{
	return TAILQ_EMPTY(timed) ? BROOD__NEVER :
	    TAILQ_FIRST(timed)->timed_ms;
}

int64_t
timing_first_ms(const struct server *server)
{
	return MIN(timing_list_ms(&server->greeting),
	    timing_list_ms(&server->sending));
}

struct connection *
timing_next(struct server *server)
{
	int64_t now_ms = brood__now_ms();
	struct connection *connection = NULL;

	if (timing_list_ms(&server->greeting) <= now_ms)
		connection = TAILQ_FIRST(&server->greeting);
	else if (timing_list_ms(&server->sending) <= now_ms)
		connection = TAILQ_FIRST(&server->sending);
	if (connection != NULL)
		timing_set(connection, BROOD__NEVER);
	return connection;
}

/* Idle ones */

void
timing_unset_idle(struct connection *connection)
{
	if (connection->idle_ms != 0)
		TAILQ_REMOVE(&connection->server->idle, connection, in_idle);
	connection->idle_ms = 0;
}

void
timing_note_idle(struct connection *connection)
{
	struct server *server = connection->server;

	timing_unset_idle(connection);
	if (server->options->idle_ms == 0 || connection->n_jobs > 0 ||
	    connection->state != CONNECTION_OPEN)
		return;
	connection->idle_ms = brood__now_ms();
	TAILQ_INSERT_TAIL(&server->idle, connection, in_idle);
}

struct connection *
timing_find_idle(const struct server *server)
{
	struct connection *connection = TAILQ_FIRST(&server->idle);

	return connection != NULL && brood__now_ms() >=
	    connection->idle_ms + server->options->idle_ms ? connection : NULL;
}
