/* SPDX-License-Identifier: ISC */

/*
 * The scenarios of pools.
 */

#include "faults/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LONG = 1 << 20,		/* longer than a socket and a ring take */
	WHOLE_RING = 60 << 10,	/* about the longest that a ring takes */
};

static bool
is_ready(const struct work *work)
{
	struct brood_pool_stats stats;

	brood_pool_stats(work->pool, &stats);
	return work->is_broken || (stats.ready == stats.workers);
}

/* Every way that a request can take through a pool. */
static int
ask_all(struct work *work)
{
	static const struct brood_request_options again = {
		.flags = BROOD_IDEMPOTENT,
	}, stream = { .flags = BROOD_STREAM }, view = { .flags = BROOD_VIEW };
	int r = 0;

	for (int i = 0; r == 0 && i < 3; i++)
		r = work_submit(work, ECHO, 64, NULL, 0);
	if (r == 0)
		r = work_submit(work, ECHO, LONG, NULL, 0);
	if (r == 0)
		r = work_submit(work, ECHO, WHOLE_RING, &view, 0);
	if (r == 0)
		r = work_submit(work, ECHO_FDS, 200, NULL, 2);
	if (r == 0)
		r = work_submit(work, ECHO_ALLOC, 30000, &view, 0);
	if (r == 0)
		r = work_submit(work, ECHO_ALLOC, LONG, NULL, 0);
	if (r == 0)
		r = work_submit(work, PARTS, 5000, &stream, 0);
	if (r == 0)
		r = work_submit(work, PARTS, 5000, NULL, 0);
	if (r == 0)
		r = work_submit(work, FAIL, 64, NULL, 0);
	if (r == 0)
		r = work_submit(work, NO_ANSWER, 64, NULL, 0);
	if (r == 0)
		r = work_submit(work, DIE, 64, &again, 0);
	if (r == 0)
		r = work_submit(work, LINGER, 64, NULL, 0);
	if (r == 0) {
		(void)work_await(work, is_ready);
		r = TRY(brood_pool_cancel(work->pool,
		    work->tickets[work->n - 1].id));
		/* A broken pool has completed it. */
		if (r == -ENOENT && fault_has_fired())
			r = 0;
	}
	return r;
}

static int
call_once(struct work *work)
{
	static const struct brood_message msg = { .data = "words", .len = 5 };
	static const struct brood_request_options options = {
		.expire_ms = 3000,
	};
	struct brood_completion done = { .id = 0 };
	int r = TRY(brood_pool_call(work->pool, &msg, &options, &done));

	if (r == 0 && done.fate != BROOD_DONE && !fault_has_fired())
		wrong("call: fate %u: %s", done.fate, done.text);
	brood_completion_fini(&done);
	return r;
}

static int
run_usual(const struct brood_pool_options *options, bool is_polled)
{
	struct work work;
	int r = work_start(&work, options);

	work.is_polled = is_polled;
	if (r == 0)
		r = ask_all(&work);
	if (work.pool != NULL)
		brood_pool_wake(work.pool);
	if (r == 0)
		r = call_once(&work);
	return work_close(&work, r);
}

int
run_pool_socket(void)
{
	struct brood_pool_options options = pool_usual;

	options.transport = BROOD_SOCKET;
	return run_usual(&options, false);
}

int
run_pool_rings(void)
{
	struct brood_pool_options options = pool_usual;

	options.transport = BROOD_RINGS;
	return run_usual(&options, true);
}

/* Workers get rings while they work. */
int
run_pool_switch(void)
{
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	options.workers = 1;
	options.in_flight = 32;
	r = work_start(&work, &options);
	for (int i = 0; r == 0 && i < 40; i++)
		r = work_submit(&work, ECHO, 100, NULL, 0);
	if (work.pool != NULL && work_finish(&work) < 0 && r == 0)
		r = -ESHUTDOWN;
	for (int i = 0; r == 0 && i < 4; i++)
		r = work_submit(&work, ECHO, 20000, NULL, 0);
	if (r == 0)
		r = work_finish(&work);
	work_check_alive(&work);
	work_end(&work);
	return r;
}

/* Answers with descriptors, for which there may be no memory. */
int
run_pool_fds(void)
{
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	options.workers = 1;
	r = work_start(&work, &options);
	if (r == 0)
		r = work_submit(&work, ECHO_FDS, 5000, NULL, 2);
	return work_close(&work, r);
}

int
run_pool_exec(void)
{
	const char *argv[] = { scenario_program, "--worker", NULL };
	static const char *const env[] = { "PATH=/bin", NULL };
	struct brood_pool_options options = pool_usual;

	options.handler = NULL;
	options.setup = NULL;
	options.argv = argv;
	options.env = env;
	options.chdir = "/";
	options.keep_fds = &fault_region_fd;
	options.n_keep_fds = 1;
	return run_usual(&options, true);
}

/* More and fewer workers, new ones, and spares. */

static bool
is_reloaded(const struct work *work)
{
	/* No memory for an event loses that, and no more. */
	return work->is_broken || work->n_reloads > 0 ||
	    work->has_lost_events || fault_has_fired_at("brood__events_push");
}

int
run_pool_changes(void)
{
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	options.spare = 1;
	options.max_requests = 8;
	r = work_start(&work, &options);
	if (r == 0)
		r = TRY(brood_pool_resize(work.pool, 3));
	for (int i = 0; r == 0 && i < 10; i++)
		r = work_submit(&work, ECHO, 100, NULL, 0);
	if (r == 0)
		r = TRY(brood_pool_reload(work.pool));
	if (r == 0 && !work_await(&work, is_reloaded))
		wrong("the reload does not end");
	if (r == 0)
		r = TRY(brood_pool_resize(work.pool, 1));
	if (work.pool != NULL && work_finish(&work) < 0 && r == 0)
		r = -ESHUTDOWN;
	work_check_alive(&work);
	if (work.pool != NULL && !work_await(&work, is_ready))
		wrong("the workers do not become ready");
	work_end(&work);
	return r;
}

/* Limits of time, and workers that must be killed. */
int
run_pool_limits(void)
{
	static const struct brood_request_options runs = { .run_ms = 30 },
	    expires = { .expire_ms = 60 }, plain = { .flags = 0 };
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	options.shutdown_ms = 60;
	options.cancel_ms = 30;
	r = work_start(&work, &options);
	if (r == 0)
		r = work_submit(&work, HANG, 64, &runs, 0);
	if (r == 0)
		r = work_submit(&work, HANG, 64, &expires, 0);
	if (r == 0)
		r = work_submit(&work, HANG, 64, &plain, 0);
	if (r == 0) {
		(void)work_await(&work, is_ready);
		r = TRY(brood_pool_cancel(work.pool, work.tickets[2].id));
		if (r == -ENOENT && fault_has_fired())
			r = 0;
	}
	if (r == 0)
		r = work_submit(&work, ECHO, 64, NULL, 0);
	return work_close(&work, r);
}

/* Pools that cannot work, and pools whose supervisor process dies. */

static bool
is_broken(const struct work *work)
{
	return work->is_broken || work->has_ended;
}

static int
expect_broken(struct work *work)
{
	if (!work_await(work, is_broken))
		wrong("the pool does not say that it is broken");
	(void)work_finish(work);
	for (unsigned i = 0; i < work->n; i++)
		if (work->tickets[i].fate == BROOD_DONE)
			wrong("a broken pool has answered");
	return 0;
}

int
run_pool_broken(void)
{
	static const char *const argv[] = { "/nonexistent/worker", NULL };
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	options.handler = NULL;
	options.setup = NULL;
	options.argv = argv;
	options.workers = 1;
	options.intensity = -1;
	r = work_start(&work, &options);
	work.may_break = true;
	if (r == 0)
		r = work_submit(&work, ECHO, 100, NULL, 0);
	if (r == 0)
		r = expect_broken(&work);
	work_end(&work);
	return r;
}

int
run_pool_lost(void)
{
	struct brood_pool_options options = pool_usual;
	struct brood_pool_stats stats;
	struct work work;
	int r;

	r = work_start(&work, &options);
	work.may_break = true;
	if (r == 0)
		r = work_submit(&work, ECHO, 100, NULL, 0);
	if (r == 0)
		r = work_submit(&work, ECHO, 100000, NULL, 0);
	if (r == 0)
		(void)work_finish(&work);
	if (r == 0)
		r = work_submit(&work, LINGER, 100, NULL, 0);
	if (work.pool != NULL) {
		brood_pool_stats(work.pool, &stats);
		(void)kill(stats.supervisor, SIGKILL);
		if (!work_await(&work, is_broken))
			wrong("the loss of the supervisor goes unnoticed");
		(void)work_finish(&work);
	}
	work_end(&work);
	return r;
}

/* A supervisor process that does not obey is killed. */
int
run_pool_stuck(void)
{
	struct brood_pool_options options = pool_usual;
	struct brood_pool_stats stats;
	struct work work;
	int r;

	r = work_start(&work, &options);
	if (r == 0)
		r = work_submit(&work, ECHO, 100, NULL, 0);
	if (r == 0)
		r = work_finish(&work);
	if (work.pool != NULL) {
		brood_pool_stats(work.pool, &stats);
		(void)kill(stats.supervisor, SIGSTOP);
		work.pool = brood_pool_free(work.pool);
	}
	return r;
}
