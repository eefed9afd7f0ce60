/* SPDX-License-Identifier: ISC */

/*
 * A server's status as text; see metrics.h.
 */

#include "command/methods.h"
#include "command/remote/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { METRICS_TIMEOUT_MS = 10000 };

json_t *
metrics_fetch(struct remote *remote)
{
	struct brood_message reply;

	remote_call(remote, BROOD_METHOD_STATUS, "", METRICS_TIMEOUT_MS,
	    &reply);
	return fields_parse(remote, &reply);
}

/* For people */

static void
metrics_write_head(FILE *out, const json_t *status)
{
	char *name = fields_text(status, "name");
	char *version = fields_text(status, "version");
	char *path = fields_text(status, "socket");

	/* The path of a socket that was inherited is not known. */
	fprintf(out, "%s: brood %s, pid %.0f, up %.0f s%s%s\n", name, version,
	    fields_number(status, "pid"), fields_number(status, "uptime"),
	    *path != '\0' ? ", " : "", path);
	free(name);
	free(version);
	free(path);
}

static void
metrics_write_counts(FILE *out, const char *title, const json_t *object,
    const char *const *names)
{
	const char *comma = "";

	fprintf(out, "%s: ", title);
	for (; *names != NULL; names++, comma = ", ")
		fprintf(out, "%s%s %.0f", comma, *names,
		    fields_number(object, *names));
	fputc('\n', out);
}

static void
metrics_write_pool(FILE *out, const json_t *status)
{
	static const char *const now[] = { "workers", "ready", "spare",
	    "busy", "in_flight", "queued", "queue_limit", NULL };
	static const char *const past[] = { "submitted", "done", "failed",
	    "crashed", "expired", "canceled", "refused", NULL };
	static const char *const clients[] = { "connected", "accepted",
	    "dropped", NULL };
	const json_t *pool = json_object_get(status, "pool");

	metrics_write_counts(out, "pool", pool, now);
	metrics_write_counts(out, "requests", pool, past);
	metrics_write_counts(out, "clients",
	    json_object_get(status, "clients"), clients);
}

/* The same process in an earlier status, or NULL. */
static const json_t *
metrics_find(const json_t *status, const json_t *worker)
{
	const json_t *other;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, other)
		if (fields_number(other, "pid") ==
		    fields_number(worker, "pid"))
			return other;
	return NULL;
}

static double
metrics_cpu(const json_t *worker, const json_t *status, const json_t *before)
{
	const json_t *other = metrics_find(before, worker);
	double elapsed = fields_number(status, "uptime") -
	    fields_number(before, "uptime");

	if (before == NULL)
		return fields_number(worker, "cpu");
	if (other == NULL || elapsed <= 0)
		return 0;
	return 100 * (fields_number(worker, "cpu") -
	    fields_number(other, "cpu")) / elapsed;
}

static void
metrics_write_worker(FILE *out, const json_t *worker, double cpu)
{
	char *state = fields_text(worker, "state");
	double request = fields_number(worker, "request");
	double pid = fields_number(worker, "pid");
	char id[32] = "-", age[32] = "-", process[32] = "-";

	if (pid != 0)
		(void)snprintf(process, sizeof(process), "%.0f", pid);
	if (request != 0) {
		(void)snprintf(id, sizeof(id), "%.0f", request);
		(void)snprintf(age, sizeof(age), "%.1f",
		    fields_number(worker, "age"));
	}
	fprintf(out, "%4.0f %4.0f %8s %-10s %9.0f %8.0f %10s %7s %8.1f "
	    "%9.1f\n",
	    fields_number(worker, "slot"),
	    fields_number(worker, "generation"),
	    process, state,
	    fields_number(worker, "served"),
	    fields_number(worker, "failures"), id, age, cpu,
	    fields_number(worker, "rss") / (1 << 20));
	free(state);
}

void
metrics_write(FILE *out, const json_t *status, const json_t *before)
{
	const json_t *worker;
	size_t i;

	metrics_write_head(out, status);
	metrics_write_pool(out, status);
	fprintf(out, "\n%4s %4s %8s %-10s %9s %8s %10s %7s %8s %9s\n", "SLOT",
	    "GEN", "PID", "STATE", "SERVED", "FAILURES", "REQUEST", "AGE",
	    before != NULL ? "CPU%" : "CPU(s)", "MEM(MiB)");
	json_array_foreach(json_object_get(status, "workers"), i, worker)
		metrics_write_worker(out, worker,
		    metrics_cpu(worker, status, before));
}

/* For Prometheus */

/*
 * The pool's name as a label.  A string of JSON has the quotes and backslashes
 * that Prometheus wants, as fields_text() leaves no control character.
 */
static char *
metrics_label(const json_t *status)
{
	char *name = fields_text(status, "name");
	json_t *string = json_string(name);
	char *label = json_dumps(string, JSON_ENCODE_ANY);

	if (label == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "%s", name);
	json_decref(string);
	free(name);
	return label;
}

static void
metrics_write_gauge(FILE *out, const char *name, const char *label,
    double value)
{
	fprintf(out, "# TYPE brood_%s gauge\nbrood_%s{pool=%s} %.0f\n", name,
	    name, label, value);
}

static void
metrics_write_gauges(FILE *out, const json_t *pool, const char *label)
{
	static const char *const names[] = { "pool_workers", "pool_ready",
	    "pool_spare", "pool_busy", "pool_queued", "pool_in_flight",
	    "pool_queue_limit" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		metrics_write_gauge(out, names[i], label,
		    fields_number(pool, names[i] + strlen("pool_")));
}

static void
metrics_write_fates(FILE *out, const json_t *pool, const char *label)
{
	static const char *const names[] = { "done", "failed", "crashed",
	    "expired", "canceled", "refused" };

	fputs("# TYPE brood_requests_total counter\n", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		fprintf(out, "brood_requests_total{pool=%s,fate=\"%s\"} "
		    "%.0f\n", label, names[i], fields_number(pool, names[i]));
}

static void
metrics_write_workers(FILE *out, const json_t *status, const char *label,
    const char *field, const char *metric, const char *type)
{
	const json_t *worker;
	size_t i;

	fprintf(out, "# TYPE brood_worker_%s %s\n", metric, type);
	json_array_foreach(json_object_get(status, "workers"), i, worker)
		fprintf(out, "brood_worker_%s{pool=%s,slot=\"%.0f\"} %.15g\n",
		    metric, label, fields_number(worker, "slot"),
		    fields_number(worker, field));
}

void
metrics_write_prometheus(FILE *out, const json_t *status)
{
	const json_t *pool = json_object_get(status, "pool");
	char *label = metrics_label(status);

	metrics_write_gauges(out, pool, label);
	metrics_write_fates(out, pool, label);
	metrics_write_gauge(out, "clients_connected", label,
	    fields_number(json_object_get(status, "clients"), "connected"));
	metrics_write_workers(out, status, label, "served", "served_total",
	    "counter");
	metrics_write_workers(out, status, label, "failures", "failures",
	    "gauge");
	metrics_write_workers(out, status, label, "cpu", "cpu_seconds_total",
	    "counter");
	metrics_write_workers(out, status, label, "rss", "resident_bytes",
	    "gauge");
	free(label);
}
