/* SPDX-License-Identifier: ISC */

/*
 * Jobs, from the request to the last answer.
 *
 * Owns the counts of requests and descriptors of a connection and the server.
 *
 * The pool holds a job as a tag.  So a job of the pool outlives its connection,
 * until its completion is taken.
 */

#include "command/serve/job.h"

#include <sys/param.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The user's share: counted once the job is there, and as long as it is. */
static bool
job_take_quota(const struct job *job)
{
	if (!quota_take(job->user, QUOTA_REQUESTS, 1))
		return false;
	if (quota_take(job->user, QUOTA_FDS, job->n_fds)) {
		if (quota_take(job->user, QUOTA_BYTES, job->len))
			return true;
		quota_give(job->user, QUOTA_FDS, job->n_fds);
	}
	quota_give(job->user, QUOTA_REQUESTS, 1);
	return false;
}

static void
job_give_quota(const struct job *job)
{
	quota_give(job->user, QUOTA_BYTES, job->len);
	quota_give(job->user, QUOTA_FDS, job->n_fds);
	quota_give(job->user, QUOTA_REQUESTS, 1);
}

int
job_new(struct job **ret_job, struct connection *connection,
    const struct brood_message *request, enum job_kind kind)
{
	struct job *job = brood__blocks_take(connection->server->blocks,
	    sizeof(*job));

	if (job == NULL)
		return -ENOMEM;
	*job = (struct job) {
		.server = connection->server,
		.connection = connection,
		.kind = kind,
		.id = request->id,
		.user = connection->user,
		.n_fds = kind == JOB_POOL ? request->n_fds : 0,
		.len = kind == JOB_POOL ? request->len : 0,
		.method = request->code,
	};
	if (!job_take_quota(job)) {
		brood__blocks_put(job);
		return -EDQUOT;
	}
	if (connection->greatest_id < job->id)
		connection->greatest_id = job->id;
	connection->n_jobs++;
	connection->n_fds += job->n_fds;
	connection->server->n_fds += job->n_fds;
	TAILQ_INSERT_TAIL(&connection->jobs, job, next);
	*ret_job = job;
	return 0;
}

/* The connection forgets the job. */
static void
job_detach(struct job *job)
{
	struct connection *connection = job->connection;

	TAILQ_REMOVE(&connection->jobs, job, next);
	connection->n_jobs--;
	connection->n_fds -= job->n_fds;
	job->connection = NULL;
}

struct job *
job_free(struct job *job)
{
	if (job->connection != NULL)
		job_detach(job);
	job->server->n_fds -= job->n_fds;
	job_give_quota(job);
	free(job->copy);
	brood__blocks_put(job);
	return NULL;
}

struct job *
job_find(const struct connection *connection, uint64_t id)
{
	struct job *job;

	/* Most clients count upwards. */
	if (id > connection->greatest_id)
		return NULL;
	TAILQ_FOREACH(job, &connection->jobs, next)
		if (job->id == id)
			return job;
	return NULL;
}

/* Requests */

/*
 * The client's limit, if it is smaller than the server's, which is the pool's.
 * 0: the pool's.
 */
static int32_t
job_expire_ms(const struct server *server, uint32_t asked_ms)
{
	int32_t most_ms = server->pool_options->expire_ms;

	if (asked_ms > INT32_MAX ||
	    (most_ms > 0 && asked_ms > (uint32_t)most_ms))
		return 0;
	return (int32_t)asked_ms;
}

/* Without memory for it the request could not be kept; it runs all the same. */
static void
job_copy(struct job *job, const struct brood_message *msg)
{
	job->copy = malloc(MAX(msg->len, 1));
	if (job->copy != NULL && msg->len > 0)
		memcpy(job->copy, msg->data, msg->len);
}

/* The pool did not accept the request. */
static void
job_refuse(struct connection *connection, uint64_t id, int error)
{
	if (error == -EAGAIN)
		connection_refuse(connection, id, BROOD_ERROR_NO_CAPACITY,
		    "the queue is full");
	else if (error == -EDQUOT)
		connection_refuse(connection, id, BROOD_ERROR_NO_CAPACITY,
		    "too many requests of this user are under way");
	else if (error == -EMSGSIZE)
		connection_refuse(connection, id, BROOD_ERROR_TOO_LARGE,
		    "longer than the workers accept");
	else if (error == -ESHUTDOWN)
		connection_refuse(connection, id, BROOD_ERROR_STOPPING,
		    "the pool is stopping");
	else
		connection_refuse(connection, id, BROOD_ERROR_NO_CAPACITY,
		    strerror(-error));
}

void
job_submit(struct connection *connection, const struct brood_message *msg)
{
	struct brood_message request = {
		.data = msg->data,
		.len = msg->len,
		.fds = msg->fds,
		.n_fds = msg->n_fds,
		.code = msg->code,
	};
	struct server *server = connection->server;
	struct brood_request_options options = {
		.flags = BROOD_STREAM | (server->options->is_idempotent ?
		    BROOD_IDEMPOTENT : 0),
		.expire_ms = job_expire_ms(server, msg->expire_ms),
	};
	struct job *job;
	int r;

	if (msg->n_fds > 0 && server->n_fds + msg->n_fds >
	    server->quota.max[QUOTA_FDS]) {
		connection_refuse(connection, msg->id, BROOD_ERROR_NO_CAPACITY,
		    "too many descriptors are under way");
		return;
	}
	r = job_new(&job, connection, msg, JOB_POOL);
	if (r == 0) {
		options.tag = job;
		r = brood_pool_submit(server->pool, &request, &options,
		    &job->pool_id);
		if (r < 0)
			job = job_free(job);
		else if (server->options->quarantine != NULL)
			job_copy(job, msg);
	}
	if (r < 0)
		job_refuse(connection, msg->id, r);
}

/* The completion of a JOB_POOL answers: it says CANCELED. */
void
job_cancel(struct job *job)
{
	if (job->kind == JOB_POOL) {
		(void)brood_pool_cancel(job->server->pool, job->pool_id);
		return;
	}
	connection_fail(job->connection, job->id, BROOD_ERROR_CANCELED,
	    BROOD_MAY_HAVE_RUN, "canceled");
	(void)job_free(job);
}

void
job_abandon(struct job *job)
{
	if (job->kind != JOB_POOL) {
		(void)job_free(job);
		return;
	}
	/* Now or already, a completion waits: job_complete() frees the job. */
	job_detach(job);
	(void)brood_pool_cancel(job->server->pool, job->pool_id);
}

/* Completions */

static enum brood_error
job_error(const struct brood_completion *done)
{
	switch ((enum brood_fate)done->fate) {
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

/* Pass on a reply, a part of one, or progress. */
static int
job_pass(const struct job *job, const struct brood_completion *done)
{
	struct brood_message msg = done->reply;

	msg.id = job->id;
	msg.kind = done->fate == BROOD_PROGRESS ? BROOD_KIND_PROGRESS :
	    BROOD_KIND_REPLY;
	msg.more = done->fate == BROOD_PART;
	msg.expire_ms = 0;
	if (!job->server->pool_options->fds_from_worker)
		msg.n_fds = 0;
	return connection_answer(job->connection, &msg);
}

static void
job_end(struct job *job, const struct brood_completion *done)
{
	int r;

	if (done->fate != BROOD_DONE) {
		connection_fail(job->connection, job->id, job_error(done),
		    done->ran, done->text);
		return;
	}
	r = job_pass(job, done);
	if (r == -EMSGSIZE)
		connection_fail(job->connection, job->id,
		    BROOD_ERROR_TOO_LARGE, done->ran,
		    "the reply is longer than this client accepts");
	else if (r == -EPERM)
		connection_fail(job->connection, job->id,
		    BROOD_ERROR_NOT_ALLOWED, done->ran,
		    "the reply has descriptors, which this client refuses");
	else if (r < 0)
		connection_fail(job->connection, job->id,
		    BROOD_ERROR_NO_CAPACITY, done->ran, strerror(-r));
}

void
job_complete(struct job *job, const struct brood_completion *done)
{
	bool is_last = done->fate != BROOD_PART && done->fate != BROOD_PROGRESS;

	if (done->fate == BROOD_CRASHED && job->copy != NULL &&
	    done->ran != BROOD_NOT_RUN)
		quarantine_keep(job->server->options->quarantine, done,
		    job->method, job->copy, job->len);
	if (is_last) {
		if (job->connection != NULL)
			job_end(job, done);
		(void)job_free(job);
	} else if (job->connection != NULL && job_pass(job, done) < 0) {
		connection_fail(job->connection, job->id,
		    BROOD_ERROR_TOO_LARGE, done->ran,
		    "a part of the reply is longer than this client accepts");
		job_abandon(job);
	}
}
