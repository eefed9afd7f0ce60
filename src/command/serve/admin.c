/* SPDX-License-Identifier: ISC */

/*
 * The control methods: who may call them, and their JSON.
 *
 * Owns nothing: a job that is answered later is the client's.  The text of the
 * objects is described in methods.h.
 */

#include "base/clock.h"
#include "command/methods.h"
#include "command/serve/admin.h"
#include "command/serve/procstat.h"

#include <sys/wait.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* JSON is UTF-8; what a worker printed may be anything. */
static json_t *
control_string(const char *text)
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

static void
control_send(struct job *job, json_t *object, bool is_part)
{
	char *text = json_dumps(object, JSON_COMPACT);
	struct brood_message msg = {
		.kind = BROOD_KIND_REPLY,
		.id = job->id,
		.data = text,
		.len = text != NULL ? strlen(text) : 0,
		.more = is_part,
	};

	if (text == NULL)
		client_refuse(job->client, job->id, BROOD_ERROR_NO_CAPACITY,
		    strerror(ENOMEM));
	else if (client_answer(job->client, &msg) < 0)
		client_refuse(job->client, job->id, BROOD_ERROR_TOO_LARGE,
		    "the answer is longer than this client accepts");
	free(text);
}

/* Status */

static json_t *
control_program(const char *const *argv)
{
	json_t *program = json_array();

	for (; *argv != NULL; argv++)
		(void)json_array_append_new(program, control_string(*argv));
	return program;
}

static json_t *
control_pool(const struct server *server)
{
	struct brood_pool_stats stats;

	brood_pool_stats(server->pool, &stats);
	return json_pack("{s:i,s:i,s:i,s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,"
	    "s:I,s:I,s:I,s:i,s:i}",
	    "workers", (int)stats.workers, "ready", (int)stats.ready,
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
	    "queue_limit", (int)server->options.queue,
	    "supervisor", (int)stats.supervisor);
}

static const char *
control_state(enum brood_worker_state state)
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
	}
	return "unknown";
}

static json_t *
control_worker(const struct brood_worker_info *info)
{
	struct process_usage usage = { .rss = 0 };

	if (info->pid > 0)
		(void)process_usage(info->pid, &usage);
	return json_pack("{s:i,s:I,s:s,s:i,s:I,s:I,s:I,s:f,s:f,s:I}",
	    "slot", (int)info->slot,
	    "generation", (json_int_t)info->generation,
	    "state", control_state(info->state), "pid", (int)info->pid,
	    "served", (json_int_t)info->served,
	    "failures", (json_int_t)info->failures,
	    "request", (json_int_t)info->id, "age", info->age_ms / 1000.0,
	    "cpu", usage.cpu_s, "rss", (json_int_t)usage.rss);
}

static json_t *
control_workers(const struct server *server)
{
	struct brood_worker_info info;
	json_t *workers = json_array();

	for (unsigned i = 0; brood_pool_worker(server->pool, i, &info); i++)
		(void)json_array_append_new(workers, control_worker(&info));
	return workers;
}

static void
control_status(struct job *job)
{
	const struct server *server = job->server;
	json_t *status;

	status = json_pack("{s:o,s:i,s:s,s:I,s:f,s:o,s:o,s:o,"
	    "s:{s:i,s:I,s:I},s:o}",
	    "name", control_string(server->options.name),
	    "pid", (int)getpid(), "version", PACKAGE_VERSION,
	    "started", (json_int_t)server->started, "uptime",
	    (double)(brood__now_ms() - server->started_ms) / 1000.0,
	    "socket", control_string(server->options.path),
	    "program", control_program(server->options.argv),
	    "pool", control_pool(server), "clients",
	    "connected", (int)server->n_clients,
	    "accepted", (json_int_t)server->n_accepted,
	    "dropped", (json_int_t)server->n_dropped,
	    "workers", control_workers(server));
	control_send(job, status, false);
	json_decref(status);
	(void)job_free(job);
}

/* Events */

static const char *
control_event_name(enum brood_event_kind kind)
{
	switch (kind) {
	case BROOD_EVENT_READY:
		return "ready";
	case BROOD_EVENT_ENDED:
		return "ended";
	case BROOD_EVENT_NOT_STARTED:
		return "not_started";
	case BROOD_EVENT_GIVEN_UP:
		return "given_up";
	case BROOD_EVENT_BROKEN:
		return "broken";
	case BROOD_EVENT_STOPPED:
		return "stopped";
	case BROOD_EVENT_RELOADED:
		return "reloaded";
	case BROOD_EVENT_NOT_RELOADED:
		return "not_reloaded";
	}
	return "unknown";
}

/* Exit status and signal: a number where there is one, else null. */
static void
control_set_end(json_t *object, const struct brood_event *event)
{
	bool has_ended = event->kind == BROOD_EVENT_ENDED ||
	    event->kind == BROOD_EVENT_NOT_STARTED;

	(void)json_object_set_new(object, "status",
	    has_ended && WIFEXITED(event->status) ?
	    json_integer(WEXITSTATUS(event->status)) : json_null());
	(void)json_object_set_new(object, "signal",
	    has_ended && WIFSIGNALED(event->status) ?
	    json_integer(WTERMSIG(event->status)) : json_null());
}

static json_t *
control_event_object(const struct brood_event *event)
{
	struct timespec now;
	json_t *object;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	object = json_pack("{s:f,s:s,s:o,s:i,s:I,s:i,s:b,s:f,s:o,s:i,s:o,s:o}",
	    "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9,
	    "event", control_event_name(event->kind),
	    "name", control_string(event->name), "slot", (int)event->slot,
	    "generation", (json_int_t)event->generation,
	    "pid", (int)event->pid, "asked", (int)event->is_asked, "delay",
	    event->delay_ms < 0 ? -1.0 : event->delay_ms / 1000.0,
	    "step", control_string(event->step), "error", event->error,
	    "text", control_string(event->text),
	    "stderr", control_string(event->stderr_tail));
	if (object != NULL)
		control_set_end(object, event);
	return object;
}

static void
control_tell(struct server *server, json_t *object)
{
	struct client *client;
	struct job *job;

	TAILQ_FOREACH(client, &server->clients, next)
		TAILQ_FOREACH(job, &client->jobs, next)
			if (job->kind == JOB_EVENTS)
				control_send(job, object, true);
}

static void
control_tell_lost(struct server *server, unsigned long n)
{
	struct timespec now;
	json_t *object;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	object = json_pack("{s:f,s:s,s:o,s:o}",
	    "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9,
	    "event", "lost", "name", control_string(server->options.name),
	    "text", json_sprintf("%lu events came too fast to be kept", n));
	control_tell(server, object);
	json_decref(object);
}

/* Reload */

static void
control_end_reload(struct job *job, enum brood_error code, const char *text)
{
	json_t *object;

	if (code != 0)
		client_refuse(job->client, job->id, code, text);
	else {
		object = json_object();
		control_send(job, object, false);
		json_decref(object);
	}
	(void)job_free(job);
}

static void
control_end_reloads(struct server *server, enum brood_error code,
    const char *text)
{
	struct client *client;
	struct job *job, *next;

	TAILQ_FOREACH(client, &server->clients, next)
		TAILQ_FOREACH_SAFE(job, &client->jobs, next, next)
			if (job->kind == JOB_RELOAD)
				control_end_reload(job, code, text);
}

static void
control_reload(struct job *job)
{
	int r = server_reload(job->server);

	if (r == -EALREADY)
		control_end_reload(job, BROOD_ERROR_FAILED,
		    "a reload is under way");
	else if (r < 0)
		control_end_reload(job, BROOD_ERROR_STOPPING,
		    "the pool is stopping");
	else
		job->kind = JOB_RELOAD;
}

/* Scale and stop */

static json_t *
control_parse(const struct brood_message *msg)
{
	if (msg->len == 0)
		return json_object();
	return json_loadb(msg->data, msg->len, 0, NULL);
}

/* How many are wanted; 0 if that is not said, or makes no sense. */
static unsigned
control_wanted(const struct server *server, const json_t *object)
{
	const json_t *number = json_object_get(object, "workers");
	struct brood_pool_stats stats;
	json_int_t wanted;

	brood_pool_stats(server->pool, &stats);
	if (json_is_integer(number))
		wanted = json_integer_value(number);
	else {
		number = json_object_get(object, "change");
		if (!json_is_integer(number))
			return 0;
		wanted = json_integer_value(number);
		if (wanted > INT32_MAX || wanted < -INT32_MAX)
			return 0;
		wanted += stats.workers;
	}
	return wanted < 1 || wanted > INT32_MAX ? 0 : (unsigned)wanted;
}

static void
control_scale(struct job *job, const json_t *object)
{
	unsigned wanted = control_wanted(job->server, object);
	json_t *reply;
	int r = -EINVAL;

	if (wanted > 0)
		r = server_resize(job->server, wanted);
	if (r < 0)
		client_refuse(job->client, job->id, r == -ESHUTDOWN ?
		    BROOD_ERROR_STOPPING : BROOD_ERROR_FAILED,
		    r == -EINVAL ? "no such number of workers" : strerror(-r));
	else {
		reply = json_pack("{s:i}", "workers", (int)wanted);
		control_send(job, reply, false);
		json_decref(reply);
	}
	(void)job_free(job);
}

static void
control_stop(struct job *job, const json_t *object)
{
	const json_t *drain = json_object_get(object, "drain");
	double drain_s = json_number_value(drain);
	json_t *reply = json_object();
	int drain_ms = -1;

	if (json_is_number(drain) && drain_s >= 0)
		drain_ms = drain_s > INT32_MAX / 1000 ? INT32_MAX :
		    (int)(drain_s * 1000);
	server_stop(job->server, drain_ms);
	control_send(job, reply, false);
	json_decref(reply);
	(void)job_free(job);
}

static void
control_call(struct job *job, uint32_t method, const json_t *object)
{
	switch (method) {
	case BROOD_METHOD_STATUS:
		control_status(job);
		return;
	case BROOD_METHOD_EVENTS:
		job->kind = JOB_EVENTS;
		return;
	case BROOD_METHOD_SCALE:
		control_scale(job, object);
		return;
	case BROOD_METHOD_RELOAD:
		control_reload(job);
		return;
	case BROOD_METHOD_STOP:
		control_stop(job, object);
		return;
	default:
		client_refuse(job->client, job->id, BROOD_ERROR_NO_METHOD,
		    "no such method");
		(void)job_free(job);
	}
}

/* What others may not call does not exist for them. */
static bool
control_is_allowed(const struct client *client)
{
	return client->who.uid == 0 || client->who.uid == geteuid();
}

void
control_request(struct client *client, const struct brood_message *msg)
{
	struct job *job;
	json_t *object;

	if (!control_is_allowed(client)) {
		client_refuse(client, msg->id, BROOD_ERROR_NO_METHOD,
		    "no such method");
		return;
	}
	object = control_parse(msg);
	if (!json_is_object(object))
		client_refuse(client, msg->id, BROOD_ERROR_FAILED,
		    "the request is no object of JSON");
	else if (job_new(&job, client, msg, JOB_EVENTS) < 0)
		client_refuse(client, msg->id, BROOD_ERROR_NO_CAPACITY,
		    strerror(ENOMEM));
	else
		control_call(job, msg->code, object);
	json_decref(object);
}

void
control_event(struct server *server, const struct brood_event *event)
{
	json_t *object;

	if (event->n_lost > 0)
		control_tell_lost(server, event->n_lost);
	object = control_event_object(event);
	control_tell(server, object);
	json_decref(object);
	if (event->kind == BROOD_EVENT_RELOADED)
		control_end_reloads(server, 0, NULL);
	else if (event->kind == BROOD_EVENT_NOT_RELOADED)
		control_end_reloads(server, BROOD_ERROR_FAILED, event->text);
}

void
control_end(struct server *server)
{
	struct client *client;
	struct job *job, *next;
	json_t *object = json_object();

	control_end_reloads(server, BROOD_ERROR_STOPPING,
	    "the pool is stopping");
	TAILQ_FOREACH(client, &server->clients, next)
		TAILQ_FOREACH_SAFE(job, &client->jobs, next, next)
			if (job->kind == JOB_EVENTS) {
				control_send(job, object, false);
				(void)job_free(job);
			}
	json_decref(object);
}
