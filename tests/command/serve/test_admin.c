/* SPDX-License-Identifier: ISC */

/*
 * How long a server is given when it is asked to stop.  The functions of the
 * server, its connections and jobs are not those of brood run: they only take
 * note of what the methods pass on.
 */

#include "command/methods.h"
#include "command/serve/admin.h"
#include "command/serve/procstat.h"
#include "command/serve/report.h"
#include "support/support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

BROOD_SUITE(admin);

static int stop_ms;
static unsigned n_stops, n_answers;

void
server_stop(struct server *server, int timeout_ms)
{
	(void)server;
	stop_ms = timeout_ms;
	n_stops++;
}

int
server_reload(struct server *server)
{
	(void)server;
	return -ESHUTDOWN;
}

int
server_resize(struct server *server, unsigned workers)
{
	(void)server;
	(void)workers;
	return -ESHUTDOWN;
}

int
connection_answer(struct connection *connection,
    const struct brood_message *msg)
{
	(void)connection;
	(void)msg;
	n_answers++;
	return 0;
}

void
connection_fail(struct connection *connection, uint64_t id,
    enum brood_error code, uint32_t ran, const char *text)
{
	(void)connection;
	(void)id;
	(void)code;
	(void)ran;
	cr_assert_fail("%s", text);
}

void
connection_refuse(struct connection *connection, uint64_t id,
    enum brood_error code, const char *text)
{
	connection_fail(connection, id, code, BROOD_NOT_RUN, text);
}

int
job_new(struct job **ret_job, struct connection *connection,
    const struct brood_message *request, enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return -ENOMEM;
	job->server = connection->server;
	job->connection = connection;
	job->kind = kind;
	job->id = request->id;
	*ret_job = job;
	return 0;
}

struct job *
job_free(struct job *job)
{
	free(job);
	return NULL;
}

int
procstat_read(pid_t pid, struct procstat *ret_stat)
{
	(void)pid;
	(void)ret_stat;
	return -ENOENT;
}

bool
report_is_of_pool(enum brood_event_kind kind)
{
	(void)kind;
	return true;
}

/* Ask for a stop with this JSON; gives the time that the server is given. */
static int
asked(const char *json)
{
	struct server server = { .state = SERVER_SERVING };
	struct connection connection = {
		.server = &server,
		.who = { .uid = geteuid() },
	};
	struct brood_message msg = {
		.code = BROOD_METHOD_STOP,
		.data = json,
		.len = strlen(json),
	};

	n_stops = n_answers = 0;
	admin_request(&connection, &msg);
	cr_expect_eq(n_stops, 1);
	cr_expect_eq(n_answers, 1);
	return stop_ms;
}

Test(admin, stop_gives_the_time_that_is_asked_for)
{
	cr_expect_eq(asked("{\"drain\":0}"), 0);
	cr_expect_eq(asked("{\"drain\":0.25}"), 250);
	cr_expect_eq(asked("{\"drain\":7}"), 7000);
	cr_expect_eq(asked("{\"drain\":1e300}"), INT32_MAX);
}

/* To the pool, -1 means as long as it takes. */
Test(admin, stop_without_a_time_gives_that_of_sigterm)
{
	cr_expect_eq(asked(""), SERVER_STOP_MS);
	cr_expect_eq(asked("{}"), SERVER_STOP_MS);
	cr_expect_eq(asked("{\"drain\":-1}"), SERVER_STOP_MS);
	cr_expect_eq(SERVER_STOP_MS, 30000);
}
