/* SPDX-License-Identifier: ISC */

/*
 * Reloading.  The pool's program is a symbolic link, so that a test can replace
 * it by another program, and then call brood_pool_reload().
 */

#include "support/drain.h"
#include "support/methods.h"
#include "support/support.h"

#include <brood/pool.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

BROOD_SUITE(pool_reload);

enum { WORKERS = 3 };

static char dir[64];
static char program[80];

/* Make the program another one. */
static void
point_to(const char *target)
{
	(void)unlink(program);
	cr_assert(symlink(target, program) == 0);
}

static struct brood_pool *
reload_pool(struct brood_pool_options options)
{
	const char *argv[] = { program, NULL };
	struct brood_pool *pool;

	(void)strcpy(dir, "/tmp/brood-reload-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	(void)snprintf(program, sizeof(program), "%s/program", dir);
	point_to(getenv("ECHO_WORKER"));
	options.argv = argv;
	options.workers = WORKERS;
	options.shutdown_ms = 2000;
	cr_assert(brood_pool_new(&pool, &options, NULL) == 0);
	cr_assert(drain_ready(pool, WORKERS));
	return pool;
}

/*
 * Stop the workers before the pool is freed.  LeakSanitizer starts a process
 * when a worker exits; if the worker were killed meanwhile, that process would
 * be left over.
 */
static void
reload_end(struct brood_pool *pool)
{
	cr_assert(brood_pool_stop(pool, 0) == 0);
	cr_assert(drain_stopped(pool));
	cr_assert(brood_pool_free(pool) == NULL);
	(void)unlink(program);
	(void)rmdir(dir);
}

static bool
is_among(pid_t pid, const pid_t *pids)
{
	for (unsigned i = 0; i < WORKERS; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* List the workers that are not leaving. */
static void
list_pids(struct brood_pool *pool, pid_t *pids)
{
	struct brood_worker_info info;
	unsigned n = 0;

	for (unsigned i = 0; brood_pool_worker(pool, i, &info) == 1; i++) {
		if (info.state == BROOD_WORKER_LEAVING)
			continue;
		cr_assert(info.pid > 0 && n < WORKERS);
		pids[n++] = info.pid;
	}
	cr_assert(n == WORKERS);
}

Test(pool_reload, every_worker_is_replaced_and_capacity_is_kept)
{
	struct brood_pool *pool = reload_pool((struct brood_pool_options){ 0 });
	struct brood_pool_stats stats;
	struct brood_event event = { 0 };
	pid_t before[WORKERS], after[WORKERS];

	list_pids(pool, before);
	cr_assert(brood_pool_reload(pool) == 0);
	cr_assert(brood_pool_reload(pool) == -EALREADY);
	while (event.kind != BROOD_EVENT_RELOADED) {
		cr_assert(event.kind != BROOD_EVENT_NOT_RELOADED);
		brood_pool_stats(pool, &stats);
		cr_assert(stats.ready >= WORKERS, "%u ready", stats.ready);
		if (brood_pool_next_event(pool, &event) == 0)
			cr_assert(brood_pool_wait(pool, 10000) == 1);
	}
	cr_assert(drain_ready(pool, WORKERS));
	list_pids(pool, after);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert(!is_among(after[i], before));
	reload_end(pool);
}

Test(pool_reload, generation_that_cannot_start_leaves_the_old_one_serving)
{
	struct brood_pool *pool = reload_pool((struct brood_pool_options){ 0 });
	pid_t before[WORKERS], after[WORKERS];
	struct brood_event event;

	list_pids(pool, before);
	point_to("/no/such/program");
	cr_assert(brood_pool_reload(pool) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_NOT_RELOADED, &event));
	cr_assert(strstr(event.text, "exec") != NULL, "%s", event.text);
	cr_assert(drain_echo(pool) > 0);
	list_pids(pool, after);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert(is_among(after[i], before));
	point_to(getenv("ECHO_WORKER"));
	cr_assert(brood_pool_reload(pool) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_RELOADED, &event));
	reload_end(pool);
}

/* The worker that has this request. */
static struct brood_worker_info
worker_of(struct brood_pool *pool, uint64_t id)
{
	struct brood_worker_info info = { 0 };

	for (unsigned i = 0; info.id != id; i++)
		cr_assert(brood_pool_worker(pool, i, &info) == 1);
	return info;
}

/*
 * The other old workers are replaced, then there is one process too many, the
 * busy one, and the reload waits for it until retire_ms is over.
 */
Test(pool_reload, ends_only_when_the_busy_old_worker_has_ended)
{
	struct brood_pool *pool = reload_pool((struct brood_pool_options){
	    .retire_ms = 300 });
	struct brood_message msg = { .code = METHOD_PAUSE };
	struct brood_completion done;
	struct brood_event event;
	pid_t pid;
	uint64_t id;

	cr_assert(brood_pool_submit(pool, &msg, NULL, &id) == 0);
	pid = worker_of(pool, id).pid;
	cr_assert(brood_pool_reload(pool) == 0);
	while (worker_of(pool, id).state != BROOD_WORKER_LEAVING)
		cr_assert(brood_pool_wait(pool, DRAIN_MS) >= 0);
	while (brood_pool_next_event(pool, &event) == 1)
		cr_assert(event.kind != BROOD_EVENT_RELOADED);
	cr_assert(support_is_alive(pid));
	cr_assert(drain_event(pool, BROOD_EVENT_RELOADED, &event));
	cr_assert_not(support_is_alive(pid));
	cr_assert(drain_next(pool, &done));
	cr_assert(done.fate == BROOD_CRASHED);
	brood_completion_fini(&done);
	reload_end(pool);
}

Test(pool_reload, given_up_pool_is_started_again)
{
	struct brood_pool *pool = reload_pool((struct brood_pool_options){
	    .intensity = 1 });
	pid_t pids[WORKERS];
	struct brood_event event;

	list_pids(pool, pids);
	point_to("/no/such/program");
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert(kill(pids[i], SIGKILL) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_BROKEN, &event));
	point_to(getenv("ECHO_WORKER"));
	cr_assert(brood_pool_reload(pool) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_RELOADED, &event));
	cr_assert(drain_ready(pool, WORKERS));
	cr_assert(drain_echo(pool) > 0);
	reload_end(pool);
}

Test(pool_reload, stopping_pool_is_not_reloaded)
{
	struct brood_pool *pool = reload_pool((struct brood_pool_options){ 0 });

	cr_assert(brood_pool_stop(pool, 0) == 0);
	cr_assert(brood_pool_reload(pool) == -ESHUTDOWN);
	cr_assert(drain_stopped(pool));
	reload_end(pool);
}
