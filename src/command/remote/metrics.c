/* SPDX-License-Identifier: ISC */

/*
 * Status as text; see vitals.h.  Takes whatever the server sent: a field that
 * is not there, or of another type, counts as 0 or "".
 */

#include "command/remote/metrics.h"
#include "command/remote/query.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void
vitals_write_head(FILE *out, const json_t *status)
{
	char *name = inquiry_text(status, "name");
	char *version = inquiry_text(status, "version");
	char *path = inquiry_text(status, "socket");

	fprintf(out, "%s: brood %s, pid %.0f, up %.0f s, %s\n", name, version,
	    inquiry_number(status, "pid"), inquiry_number(status, "uptime"),
	    path);
	free(name);
	free(version);
	free(path);
}

static void
vitals_write_counts(FILE *out, const json_t *object,
    const char *const *names)
{
	const char *comma = "";

	for (size_t i = 0; names[i] != NULL; i++, comma = ", ")
		fprintf(out, "%s%s %.0f", comma, names[i],
		    inquiry_number(object, names[i]));
	fputc('\n', out);
}

static void
vitals_write_pool(FILE *out, const json_t *status)
{
	static const char *const now[] = { "workers", "ready", "busy",
	    "in_flight", "queued", "queue_limit", NULL };
	static const char *const past[] = { "submitted", "done", "failed",
	    "crashed", "expired", "canceled", "refused", NULL };
	static const char *const clients[] = { "connected", "accepted",
	    "dropped", NULL };
	const json_t *pool = json_object_get(status, "pool");

	fputs("pool: ", out);
	vitals_write_counts(out, pool, now);
	fputs("requests: ", out);
	vitals_write_counts(out, pool, past);
	fputs("clients: ", out);
	vitals_write_counts(out, json_object_get(status, "clients"), clients);
}

/* The same process in an earlier status, or NULL. */
static const json_t *
vitals_find(const json_t *status, const json_t *worker)
{
	const json_t *other;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, other)
		if (inquiry_number(other, "pid") ==
		    inquiry_number(worker, "pid"))
			return other;
	return NULL;
}

static double
vitals_cpu(const json_t *worker, const json_t *status, const json_t *before)
{
	const json_t *other = vitals_find(before, worker);
	double elapsed = inquiry_number(status, "uptime") -
	    inquiry_number(before, "uptime");

	if (before == NULL)
		return inquiry_number(worker, "cpu");
	if (other == NULL || elapsed <= 0)
		return 0;
	return 100 * (inquiry_number(worker, "cpu") -
	    inquiry_number(other, "cpu")) / elapsed;
}

static void
vitals_write_worker(FILE *out, const json_t *worker, double cpu)
{
	char *state = inquiry_text(worker, "state");
	double request = inquiry_number(worker, "request");
	char id[32] = "-", age[32] = "-";

	if (request != 0) {
		(void)snprintf(id, sizeof(id), "%.0f", request);
		(void)snprintf(age, sizeof(age), "%.1f",
		    inquiry_number(worker, "age"));
	}
	fprintf(out, "%4.0f %4.0f %8.0f %-10s %9.0f %8.0f %10s %7s %8.1f "
	    "%9.1f\n",
	    inquiry_number(worker, "slot"),
	    inquiry_number(worker, "generation"),
	    inquiry_number(worker, "pid"), state,
	    inquiry_number(worker, "served"),
	    inquiry_number(worker, "failures"), id, age, cpu,
	    inquiry_number(worker, "rss") / (1 << 20));
	free(state);
}

void
vitals_write(FILE *out, const json_t *status, const json_t *before)
{
	const json_t *worker;
	size_t i;

	vitals_write_head(out, status);
	vitals_write_pool(out, status);
	fprintf(out, "\n%4s %4s %8s %-10s %9s %8s %10s %7s %8s %9s\n", "SLOT",
	    "GEN", "PID", "STATE", "SERVED", "FAILURES", "REQUEST", "AGE",
	    before != NULL ? "CPU%" : "CPU(s)", "MEM(MiB)");
	json_array_foreach(json_object_get(status, "workers"), i, worker)
		vitals_write_worker(out, worker,
		    vitals_cpu(worker, status, before));
}

/* Prometheus */

/* A label's value: \ and " are escaped, newlines were made '?' before. */
static char *
vitals_label(const json_t *status)
{
	char *name = inquiry_text(status, "name"), *label = NULL;
	size_t size;
	FILE *out = open_memstream(&label, &size);

	if (out == NULL)
		return name;
	for (const char *at = name; *at != '\0'; at++)
		fprintf(out, "%s%c", *at == '"' || *at == '\\' ? "\\" : "",
		    *at);
	(void)fclose(out);
	free(name);
	return label;
}

static void
vitals_write_gauges(FILE *out, const json_t *pool, const char *label)
{
	static const char *const names[] = { "workers", "ready", "busy",
	    "queued", "in_flight", "queue_limit" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		fprintf(out, "# TYPE brood_pool_%s gauge\n"
		    "brood_pool_%s{pool=\"%s\"} %.0f\n", names[i], names[i],
		    label, inquiry_number(pool, names[i]));
}

static void
vitals_write_fates(FILE *out, const json_t *pool, const char *label)
{
	static const char *const names[] = { "done", "failed", "crashed",
	    "expired", "canceled", "refused" };

	fputs("# TYPE brood_requests_total counter\n", out);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		fprintf(out, "brood_requests_total{pool=\"%s\",fate=\"%s\"} "
		    "%.0f\n", label, names[i], inquiry_number(pool, names[i]));
}

static void
vitals_write_workers(FILE *out, const json_t *status, const char *label,
    const char *field, const char *metric, const char *type)
{
	const json_t *worker;
	size_t i;

	fprintf(out, "# TYPE brood_worker_%s %s\n", metric, type);
	json_array_foreach(json_object_get(status, "workers"), i, worker)
		fprintf(out, "brood_worker_%s{pool=\"%s\",slot=\"%.0f\"} "
		    "%.15g\n", metric, label, inquiry_number(worker, "slot"),
		    inquiry_number(worker, field));
}

void
vitals_write_prometheus(FILE *out, const json_t *status)
{
	const json_t *pool = json_object_get(status, "pool");
	char *label = vitals_label(status);

	vitals_write_gauges(out, pool, label);
	vitals_write_fates(out, pool, label);
	fprintf(out, "# TYPE brood_clients_connected gauge\n"
	    "brood_clients_connected{pool=\"%s\"} %.0f\n", label,
	    inquiry_number(json_object_get(status, "clients"), "connected"));
	vitals_write_workers(out, status, label, "served", "served_total",
	    "counter");
	vitals_write_workers(out, status, label, "failures", "failures",
	    "gauge");
	vitals_write_workers(out, status, label, "cpu", "cpu_seconds_total",
	    "counter");
	vitals_write_workers(out, status, label, "rss", "resident_bytes",
	    "gauge");
	free(label);
}
