/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CONNECTION_H
#define BROOD__CONNECTION_H

/*
 * A client's connection to a server: frames in, answers out.
 */

#include "command/serve/server.h"

/* HELLO -> OPEN -> LEAVING; each -> GONE. */
enum connection_state {
	CONNECTION_HELLO,	/* waits for the client's HELLO */
	CONNECTION_OPEN,
	CONNECTION_LEAVING,	/* the client said GOODBYE: only answers are
				   owed */
	CONNECTION_GONE,	/* of no use any more: loop.c frees it, when it
				   was read or at the end of the turn, so that
				   no caller holds a pointer to freed memory */
};

struct connection {
	TAILQ_ENTRY(connection) next;
	TAILQ_ENTRY(connection) in_touched;
	bool is_touched;	/* it is in the server's list of those */
	TAILQ_ENTRY(connection) in_timed;
	struct connections *timed;	/* the server's list that it is in:
					   greeting, sending, or NULL */
	int64_t timed_ms;	/* what it has until then; NEVER: no list */
	TAILQ_ENTRY(connection) in_idle;
	int64_t idle_ms;	/* 0: not in the server's list of those; else
				   when it came there */
	struct server *server;
	struct quota_user *user;
	struct brood_channel *channel;
	struct brood_credentials who;
	enum connection_state state;
	int64_t hello_ms;	/* HELLO: drop it then */
	int64_t frame_ms;	/* drop it then, if the frame that has begun at
				   frame_at is not whole; NEVER: none has */
	uint64_t frame_at;
	size_t n_held_fds;	/* that are counted, of its channel */
	size_t n_held_bytes;
	int64_t retry_ms;	/* send nothing before; 0: send at once */
	uint64_t token;		/* in the readiness set */
	short watched;		/* what the set tells of */
	short revents;		/* what it has told in this turn, and nothing
				   was done about */
	bool has_come;		/* the last receive gave a message: others may
				   have come with it, of which poll(2) does not
				   tell.  Set and cleared by receiving */

	/* For job.c alone: the unanswered requests, and their descriptors. */
	struct jobs jobs;
	uint64_t greatest_id;	/* of all requests so far */
	unsigned n_jobs;
	size_t n_fds;
};

/*
 * Make one of a socket that was accepted.  Adds it to the server's list, and
 * what it has to say to the readiness set.  Takes fd, on error too.
 */
int	connection_new(struct connection **ret_connection,
	    struct server *server, int fd,
	    const struct brood_credentials *who);

/* The connection must have no jobs. */
void	connection_free(struct connection *connection);

/* The connection of this token, or NULL. */
struct connection *
	connection_find(const struct server *server, uint64_t token);

/*
 * Something has happened to it: it is looked at before the server waits.  An
 * answer is such a thing, and so the end of a job, which is always an answer.
 *
 * connection_settle() is the end of that: it derives what the readiness set is
 * to tell of, and when something is due whatever the set tells.  If that is at
 * once, the connection stays touched; if it is later, timing.h knows.
 */
void	connection_touch(struct connection *connection);
void	connection_settle(struct connection *connection);
int64_t	connection_due_ms(const struct connection *connection);

/* Is it to be read, whatever the set says? */
bool	connection_is_due(const struct connection *connection);

/*
 * The next message, if there is one and the client may have it handled now: 1,
 * else 0.  The message belongs to the connection.
 */
int	connection_recv(struct connection *connection,
	    struct brood_message *ret_msg);

/*
 * Close what is left of the descriptors of the last message, which the channel
 * would keep until the next one.
 */
void	connection_close_fds(struct connection *connection, size_t n_fds);

/*
 * What could be read was read.  If the peer has gone, that is the end; and so
 * it is if what is left, a part of a frame, is too much or too old.
 */
void	connection_end_reading(struct connection *connection);

/* The connection has been idle for too long. */
void	connection_end_idle(struct connection *connection);

/*
 * Queue an answer; connection_flush() sends it.  A client that does not read,
 * so that as many answers wait as there is room for, is dropped.
 *
 *   -EMSGSIZE	longer than the client accepts
 *   -EMFILE	no descriptor left to keep a copy of those of msg
 */
int	connection_answer(struct connection *connection,
	    const struct brood_message *msg);

/*
 * Answer that a request has failed, and whether it ran (an enum brood_ran);
 * connection_refuse() is for those that were not accepted, and so did not.
 */
void	connection_fail(struct connection *connection, uint64_t id,
	    enum brood_error code, uint32_t ran, const char *text);
void	connection_refuse(struct connection *connection, uint64_t id,
	    enum brood_error code, const char *text);
void	connection_flush(struct connection *connection);

/* The client has broken a rule: tell it which, and be done with it. */
void	connection_drop(struct connection *connection, const char *text);

#endif
