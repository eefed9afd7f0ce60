/* SPDX-License-Identifier: ISC */
#ifndef BROOD__JOB_H
#define BROOD__JOB_H

/*
 * A request of a client that has no final answer yet.
 */

#include "command/serve/connection.h"

enum job_kind {
	JOB_POOL,		/* a worker answers */
	JOB_EVENTS,		/* gets each event, as long as it stays */
	JOB_RELOAD,		/* is answered when the reload is over */
};

struct job {
	TAILQ_ENTRY(job) next;	/* in its connection */
	struct server *server;
	struct connection *connection;	/* NULL: it is closed */
	enum job_kind kind;
	uint64_t id;		/* the client's */
	uint64_t pool_id;	/* JOB_POOL: the pool's */
	struct quota_user *user;
	size_t n_fds;		/* JOB_POOL: that came with the request */
	size_t len;		/* JOB_POOL: of the request */
	uint32_t method;	/* the same */
	void *copy;		/* of the payload, for quarantine; NULL: none */
};

/* Adds it to its connection.  -ENOMEM, -EDQUOT */
int	job_new(struct job **ret_job, struct connection *connection,
	    const struct brood_message *request, enum job_kind kind);

/* When the last answer is queued, or nobody waits for one. */
struct job *
	job_free(struct job *job);

/* The connection's job of that id, or NULL. */
struct job *
	job_find(const struct connection *connection, uint64_t id);

/* Make a job of a request, for the pool; or refuse the request. */
void	job_submit(struct connection *connection,
	    const struct brood_message *msg);

/* The client wants no answer any more, and is told so. */
void	job_cancel(struct job *job);

/* The client cannot get an answer any more: cancel without a word. */
void	job_abandon(struct job *job);

/* The pool has given this for a JOB_POOL. */
void	job_complete(struct job *job, const struct brood_completion *done);

#endif
