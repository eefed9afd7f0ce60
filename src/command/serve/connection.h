/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CLIENT_H
#define BROOD__CLIENT_H

/*
 * One connection to a server, and what it has asked for.
 */

#include "command/serve/server.h"

enum job_kind {
	JOB_POOL,		/* a worker's */
	JOB_EVENTS,		/* events, as long as the client stays */
	JOB_RELOAD,		/* waits for the end of a reload */
};

/* A request that has no final answer yet. */
struct job {
	TAILQ_ENTRY(job) next;
	struct server *server;
	struct client *client;	/* NULL: gone; there is nobody to answer */
	enum job_kind kind;
	uint64_t id;		/* the client's */
	uint64_t pool_id;	/* JOB_POOL */
	size_t n_fds;
};

struct client {
	TAILQ_ENTRY(client) next;
	struct server *server;
	struct brood_channel *channel;
	struct brood_credentials who;
	struct jobs jobs;
	unsigned n_jobs;
	size_t n_fds;		/* of its requests */
	int64_t hello_ms;	/* say HELLO before; or BROOD__NEVER: said */
	int64_t retry_ms;	/* do not send before; 0: send */
	bool is_leaving;	/* said GOODBYE */
	bool is_gone;		/* to be freed at the end of the turn */
};

/* Takes the channel, on success only. */
int	client_new(struct client **ret_client, struct server *server,
	    struct brood_channel *channel,
	    const struct brood_credentials *who);

/* Cancels what it still waits for. */
struct client *
	client_free(struct client *client);

/* What to poll for, and what to do when it came. */
short	client_events(const struct client *client);
void	client_ready(struct client *client, short events);

/* When something is due, events or not; and do what is. */
int64_t	client_due_ms(const struct client *client);
void	client_flush(struct client *client);

/*
 * Queue an answer.  A client that does not take its answers, and has as many
 * waiting as there is room for, is gone.
 *
 *   -EMSGSIZE	longer than it accepts
 *   -EMFILE	no descriptor left to keep a copy of those of msg
 */
int	client_answer(struct client *client, const struct brood_message *msg);
void	client_refuse(struct client *client, uint64_t id,
	    enum brood_error code, const char *text);

/* The stream is of no use any more. */
void	client_drop(struct client *client, const char *text);

/* job.c.  -ENOMEM */
int	job_new(struct job **ret_job, struct client *client,
	    const struct brood_message *request, enum job_kind kind);

/* Its last answer is queued, or nobody waits for one. */
struct job *
	job_free(struct job *job);

/* Nobody waits for it any more: cancel it. */
void	job_abandon(struct job *job);

/* The client's job of that id, or NULL. */
struct job *
	job_find(const struct client *client, uint64_t id);

/* Something came from the pool for a JOB_POOL. */
void	job_complete(struct job *job, const struct brood_completion *done);

#endif
