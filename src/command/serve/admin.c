/* SPDX-License-Identifier: ISC */

/*
 * The methods of methods.h, which describes their JSON: who may call them, and
 * what they answer.
 */

#include "command/methods.h"
#include "command/serve/admin.h"
#include "command/serve/procstat.h"
#include "command/serve/report.h"

#include "base/clock.h"

#include <brood/version.h>

#include <sys/wait.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* JSON is UTF-8, but what a worker printed may be any bytes. */
static json_t *
admin_string(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string != NULL)
		return string;
	copy = strdup(text);
	if (copy == NULL)
		return NULL;
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	string = json_string(copy);
	free(copy);
	return string;
}

/* Answers */

/*
 * Queue an object, which stays the caller's, as a reply or a part of one.
 * False if the job was answered with an error instead, and has to be freed.
 */
static bool
admin_send(const struct job *job, const json_t *object, bool is_part)
{
	char *text = json_dumps(object, JSON_COMPACT);
	struct brood_message msg = {
		.kind = BROOD_KIND_REPLY,
		.id = job->id,
		.data = text,
		.len = text != NULL ? strlen(text) : 0,
		.more = is_part,
	};
	bool is_sent = false;

	if (text == NULL)
		connection_fail(job->connection, job->id,
		    BROOD_ERROR_NO_CAPACITY, BROOD_RAN, strerror(ENOMEM));
	else if (connection_answer(job->connection, &msg) < 0)
		connection_fail(job->connection, job->id,
		    BROOD_ERROR_TOO_LARGE, BROOD_RAN,
		    "the answer is longer than this client accepts");
	else
		is_sent = true;
	free(text);
	return is_sent;
}

/* End the job with an object, which is taken. */
static void
admin_finish(struct job *job, json_t *object)
{
	(void)admin_send(job, object, false);
	json_decref(object);
	(void)job_free(job);
}

static void
admin_fail(struct job *job, enum brood_error code, const char *text)
{
	connection_fail(job->connection, job->id, code, BROOD_RAN, text);
	(void)job_free(job);
}

/* End all jobs of a kind: with an error, or with {} if code is 0. */
static void
admin_end_all(struct server *server, enum job_kind kind,
    enum brood_error code, const char *text)
{
	struct connection *connection;
	struct job *job, *next;

	TAILQ_FOREACH(connection, &server->connections, next)
		TAILQ_FOREACH_SAFE(job, &connection->jobs, next, next) {
			if (job->kind != kind)
				continue;
			if (code != 0)
				admin_fail(job, code, text);
			else
				admin_finish(job, json_object());
		}
}

/* Status */

static json_t *
admin_program(const char *const *argv)
{
	json_t *program = json_array();

	for (; *argv != NULL; argv++)
		(void)json_array_append_new(program, admin_string(*argv));
	return program;
}

static json_t *
admin_pool(const struct server *server)
{
	struct brood_pool_stats stats;

	brood_pool_stats(server->pool, &stats);
	return json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I,"
	    "s:I,s:I,s:I,s:I,s:i,s:i}",
	    "workers", (int)stats.workers, "ready", (int)stats.ready,
	    "spare", (int)stats.spare,
	    "busy", (int)stats.busy, "queued", (int)stats.queued,
	    "in_flight", (int)stats.in_flight,
	    "submitted", (json_int_t)stats.submitted,
	    "done", (json_int_t)stats.done,
	    "failed", (json_int_t)stats.failed,
	    "crashed", (json_int_t)stats.crashed,
	    "expired", (json_int_t)stats.expired,
	    "canceled", (json_int_t)stats.canceled,
	    "refused", (json_int_t)stats.refused,
	    "resubmitted", (json_int_t)stats.resubmitted,
	    "started", (json_int_t)stats.started,
	    "ended", (json_int_t)stats.ended,
	    "queue_limit", (int)server->pool_options->queue,
	    "supervisor", (int)stats.supervisor);
}

static const char *
admin_worker_state(enum brood_worker_state state)
{
	switch (state) {
	case BROOD_WORKER_STARTING:
		return "starting";
	case BROOD_WORKER_IDLE:
		return "idle";
	case BROOD_WORKER_BUSY:
		return "busy";
	case BROOD_WORKER_LEAVING:
		return "leaving";
	case BROOD_WORKER_GIVEN_UP:
		return "given_up";
	case BROOD_WORKER_SPARE:
		return "spare";
	}
	return "unknown";
}

/* null: no process, so that nobody signals process 0, which is a group. */
static json_t *
admin_pid(pid_t pid)
{
	return pid > 0 ? json_integer(pid) : json_null();
}

static json_t *
admin_worker(const struct brood_worker_info *info)
{
	struct procstat stat = { .rss = 0 };

	if (info->pid > 0)
		(void)procstat_read(info->pid, &stat);
	return json_pack("{s:i,s:I,s:s,s:o,s:I,s:I,s:I,s:f,s:f,s:I}",
	    "slot", (int)info->slot,
	    "generation", (json_int_t)info->generation,
	    "state", admin_worker_state(info->state),
	    "pid", admin_pid(info->pid),
	    "served", (json_int_t)info->served,
	    "failures", (json_int_t)info->failures,
	    "request", (json_int_t)info->id, "age", info->age_ms / 1000.0,
	    "cpu", stat.cpu_s, "rss", (json_int_t)stat.rss);
}

static json_t *
admin_workers(const struct server *server)
{
	struct brood_worker_info info;
	json_t *workers = json_array();

	for (unsigned i = 0; brood_pool_worker(server->pool, i, &info); i++)
		(void)json_array_append_new(workers, admin_worker(&info));
	return workers;
}

static json_t *
admin_status(const struct server *server)
{
	return json_pack("{s:o,s:i,s:s,s:I,s:f,s:o,s:o,s:o,"
	    "s:{s:i,s:I,s:I},s:o}",
	    "name", admin_string(server->pool_options->name),
	    "pid", (int)getpid(), "version", brood_version(),
	    "started", (json_int_t)server->started, "uptime",
	    (double)(brood__now_ms() - server->started_ms) / 1000.0,
	    "socket", admin_string(server->path),
	    "program", admin_program(server->pool_options->argv),
	    "pool", admin_pool(server), "clients",
	    "connected", (int)server->n_connections,
	    "accepted", (json_int_t)server->n_accepted,
	    "dropped", (json_int_t)server->n_dropped,
	    "workers", admin_workers(server));
}

/* Events */

/* What every event has; the text is taken. */
static json_t *
admin_new_event(const char *kind, const char *name, json_t *text)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return json_pack("{s:f,s:s,s:o,s:o}",
	    "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9,
	    "event", kind, "name", admin_string(name), "text", text);
}

static json_t *
admin_event_object(const struct brood_event *event)
{
	char kind[32];
	bool has_ended = event->kind == BROOD_EVENT_ENDED ||
	    event->kind == BROOD_EVENT_NOT_STARTED;
	json_t *object, *more;

	/* "not_started": one word, as programs like it. */
	(void)strlcpy(kind, brood_event_kind_name(event->kind), sizeof(kind));
	for (char *blank = kind; (blank = strchr(blank, ' ')) != NULL;)
		*blank = '_';
	object = admin_new_event(kind, event->name, admin_string(event->text));
	if (report_is_of_pool(event->kind))
		return object;
	more = json_pack("{s:i,s:I,s:o,s:b,s:f,s:o,s:i,s:o,s:o,s:o}",
	    "slot", (int)event->slot,
	    "generation", (json_int_t)event->generation,
	    "pid", admin_pid(event->pid), "asked", (int)event->is_asked, "delay",
	    event->delay_ms < 0 ? -1.0 : event->delay_ms / 1000.0,
	    "step", admin_string(event->step), "error", event->error,
	    "stderr", admin_string(event->stderr_tail),
	    "status", has_ended && WIFEXITED(event->status) ?
	    json_integer(WEXITSTATUS(event->status)) : json_null(),
	    "signal", has_ended && WIFSIGNALED(event->status) ?
	    json_integer(WTERMSIG(event->status)) : json_null());

	(void)json_object_update(object, more);
	json_decref(more);
	return object;
}

/* Send an event, which is taken, to all that follow the events. */
static void
admin_publish(struct server *server, json_t *object)
{
	struct connection *connection;
	struct job *job, *next;

	TAILQ_FOREACH(connection, &server->connections, next)
		TAILQ_FOREACH_SAFE(job, &connection->jobs, next, next)
			if (job->kind == JOB_EVENTS &&
			    !admin_send(job, object, true))
				(void)job_free(job);
	json_decref(object);
}

void
admin_event(struct server *server, const struct brood_event *event)
{
	if (event->n_lost > 0)
		admin_publish(server, admin_new_event("lost",
		    server->pool_options->name,
		    json_sprintf("%lu events came too fast to be kept",
		    event->n_lost)));
	admin_publish(server, admin_event_object(event));
	if (event->kind == BROOD_EVENT_RELOADED)
		admin_end_all(server, JOB_RELOAD, 0, NULL);
	else if (event->kind == BROOD_EVENT_NOT_RELOADED)
		admin_end_all(server, JOB_RELOAD, BROOD_ERROR_FAILED,
		    event->text);
}

void
admin_end(struct server *server)
{
	admin_end_all(server, JOB_RELOAD, BROOD_ERROR_STOPPING,
	    "the pool is stopping");
	admin_end_all(server, JOB_EVENTS, 0, NULL);
}

/* Reload, scale and stop */

static void
admin_reload(struct job *job)
{
	int r = server_reload(job->server);

	if (r == -EALREADY)
		admin_fail(job, BROOD_ERROR_FAILED, "a reload is under way");
	else if (r < 0)
		admin_fail(job, BROOD_ERROR_STOPPING, "the pool is stopping");
	else
		job->kind = JOB_RELOAD;
}

/* How many workers are asked for; 0 if none, or too many, or not said. */
static unsigned
admin_workers_wanted(const struct server *server, json_t *object)
{
	struct brood_pool_stats stats;
	json_int_t wanted;

	brood_pool_stats(server->pool, &stats);
	if (json_unpack(object, "{s:I}", "workers", &wanted) < 0) {
		if (json_unpack(object, "{s:I}", "change", &wanted) < 0 ||
		    wanted > INT32_MAX || wanted < -INT32_MAX)
			return 0;
		wanted += stats.workers;
	}
	return wanted < 1 || wanted > INT32_MAX ? 0 : (unsigned)wanted;
}

static void
admin_scale(struct job *job, json_t *object)
{
	unsigned wanted = admin_workers_wanted(job->server, object);
	int r = wanted > 0 ? server_resize(job->server, wanted) : -EINVAL;

	if (r == 0)
		admin_finish(job, json_pack("{s:i}", "workers", (int)wanted));
	else if (r == -EINVAL)
		admin_fail(job, BROOD_ERROR_FAILED,
		    "no such number of workers");
	else
		admin_fail(job, r == -ESHUTDOWN ? BROOD_ERROR_STOPPING :
		    BROOD_ERROR_FAILED, strerror(-r));
}

static void
admin_stop(struct job *job, json_t *object)
{
	double drain_s = -1;
	int drain_ms = SERVER_STOP_MS;

	(void)json_unpack(object, "{s?F}", "drain", &drain_s);
	if (drain_s >= 0)
		drain_ms = drain_s > INT32_MAX / 1000 ? INT32_MAX :
		    (int)(drain_s * 1000);
	server_stop(job->server, drain_ms);
	admin_finish(job, json_object());
}

/* Requests */

static void
admin_call(struct job *job, uint32_t method, json_t *object)
{
	switch (method) {
	case BROOD_METHOD_STATUS:
		admin_finish(job, admin_status(job->server));
		return;
	case BROOD_METHOD_EVENTS:
		/* The job stays as it was made: a JOB_EVENTS. */
		return;
	case BROOD_METHOD_SCALE:
		admin_scale(job, object);
		return;
	case BROOD_METHOD_RELOAD:
		admin_reload(job);
		return;
	case BROOD_METHOD_STOP:
		admin_stop(job, object);
		return;
	default:
		admin_fail(job, BROOD_ERROR_NO_METHOD, "no such method");
	}
}

void
admin_request(struct connection *connection, const struct brood_message *msg)
{
	json_t *object;
	struct job *job;

	if (!server_trusts(connection->server, &connection->who)) {
		connection_refuse(connection, msg->id,
		    BROOD_ERROR_NOT_ALLOWED,
		    "only root and the user of the server may");
		return;
	}
	object = msg->len == 0 ? json_object() :
	    json_loadb(msg->data, msg->len, 0, NULL);
	if (!json_is_object(object))
		connection_refuse(connection, msg->id, BROOD_ERROR_FAILED,
		    "the request is no object of JSON");
	else if (job_new(&job, connection, msg, JOB_EVENTS) < 0)
		connection_refuse(connection, msg->id, BROOD_ERROR_NO_CAPACITY,
		    strerror(ENOMEM));
	else
		admin_call(job, msg->code, object);
	json_decref(object);
}
