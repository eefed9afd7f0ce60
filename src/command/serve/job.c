/* SPDX-License-Identifier: ISC */

/*
 * What a client has asked for, until its last answer is queued.
 *
 * Owns the counts of requests and descriptors, a client's and the server's.
 *
 * A job at the pool outlives its client, as an orphan, until the pool has
 * completed it: the pool holds it as a tag.
 */

#include "command/serve/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
job_new(struct job **ret_job, struct client *client,
    const struct brood_message *request, enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return -ENOMEM;
	job->server = client->server;
	job->client = client;
	job->kind = kind;
	job->id = request->id;
	job->n_fds = kind == JOB_POOL ? request->n_fds : 0;
	client->n_jobs++;
	client->n_fds += job->n_fds;
	client->server->n_fds += job->n_fds;
	TAILQ_INSERT_TAIL(&client->jobs, job, next);
	*ret_job = job;
	return 0;
}

/* It stays the server's until the pool has done with it. */
static void
job_orphan(struct job *job)
{
	struct client *client = job->client;

	TAILQ_REMOVE(&client->jobs, job, next);
	client->n_jobs--;
	client->n_fds -= job->n_fds;
	job->client = NULL;
	TAILQ_INSERT_TAIL(&job->server->orphans, job, next);
}

struct job *
job_free(struct job *job)
{
	if (job->client != NULL)
		job_orphan(job);
	TAILQ_REMOVE(&job->server->orphans, job, next);
	job->server->n_fds -= job->n_fds;
	free(job);
	return NULL;
}

void
job_abandon(struct job *job)
{
	struct brood_pool *pool = job->server->pool;

	if (job->kind != JOB_POOL) {
		(void)job_free(job);
		return;
	}
	job_orphan(job);
	/* -ENOENT: its completion is there already, and comes next. */
	(void)brood_pool_cancel(pool, job->pool_id);
}

struct job *
job_find(const struct client *client, uint64_t id)
{
	struct job *job;

	TAILQ_FOREACH(job, &client->jobs, next)
		if (job->id == id)
			return job;
	return NULL;
}

static enum brood_error
job_error(const struct brood_completion *done)
{
	switch (done->fate) {
	case BROOD_CRASHED:
		return BROOD_ERROR_CRASHED;
	case BROOD_EXPIRED:
		return BROOD_ERROR_EXPIRED;
	case BROOD_CANCELED:
		return BROOD_ERROR_CANCELED;
	case BROOD_REFUSED:
		return BROOD_ERROR_STOPPING;
	case BROOD_FAILED:
		if (done->reply.code != 0)
			return (enum brood_error)done->reply.code;
		return BROOD_ERROR_FAILED;
	case BROOD_DONE:
	case BROOD_PART:
	case BROOD_PROGRESS:
		break;
	}
	return BROOD_ERROR_FAILED;
}

/* A reply, a part of one or a progress as it goes to the client. */
static int
job_pass(const struct job *job, const struct brood_completion *done)
{
	struct brood_message msg = done->reply;

	msg.id = job->id;
	msg.kind = done->fate == BROOD_PROGRESS ? BROOD_KIND_PROGRESS :
	    BROOD_KIND_REPLY;
	msg.more = done->fate == BROOD_PART;
	msg.timeout_ms = 0;
	if (!job->server->options.fds_from_worker)
		msg.n_fds = 0;
	return client_answer(job->client, &msg);
}

static void
job_end(struct job *job, const struct brood_completion *done)
{
	int r;

	if (done->fate != BROOD_DONE) {
		client_refuse(job->client, job->id, job_error(done),
		    done->text);
		return;
	}
	r = job_pass(job, done);
	if (r == -EMSGSIZE)
		client_refuse(job->client, job->id, BROOD_ERROR_TOO_LARGE,
		    "the reply is longer than this client accepts");
	else if (r < 0)
		client_refuse(job->client, job->id, BROOD_ERROR_NO_CAPACITY,
		    strerror(-r));
}

void
job_complete(struct job *job, const struct brood_completion *done)
{
	bool is_last = done->fate != BROOD_PART && done->fate != BROOD_PROGRESS;
	struct client *client = job->client;

	if (is_last) {
		if (client != NULL)
			job_end(job, done);
		(void)job_free(job);
	} else if (client != NULL && job_pass(job, done) < 0) {
		client_refuse(client, job->id, BROOD_ERROR_TOO_LARGE,
		    "a part of the reply is longer than this client accepts");
		job_abandon(job);
	}
}
