/* SPDX-License-Identifier: ISC */
/*
 * How a pool begins and ends: workers that cannot start, and the events that
 * say so; slots and pools that are given up; stopping, with and without time to
 * finish the requests that were accepted.
 */

#include "support/accounting.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(pool_life);

static int
setup_fails(void *arg)
{
	struct counters *counters = arg;

	atomic_fetch_add(&counters->n_setups, 1);
	return -EACCES;
}

static int
setup_dies(void *arg)
{
	(void)arg;
	if (write(STDERR_FILENO, "cannot go on\n", 13) != 13)
		return -EIO;
	(void)raise(SIGTERM);
	return 0;
}

static int
setup_hangs(void *arg)
{
	(void)arg;
	while (pause() < 0)
		continue;
	return 0;
}

static int
setup_is_done(void *arg)
{
	struct counters *counters = arg;

	atomic_fetch_add(&counters->n_setups, 1);
	_exit(125);
}

static int
setup_fails_in_one_slot(void *arg)
{
	struct counters *counters = arg;

	return atomic_fetch_add(&counters->n_setups, 1) == 0 ? -EACCES : 0;
}

/*
 * The pool is broken: the request that waits and one that comes later are
 * refused, and the texts of both and of the event have the reason in them.
 */
static void
life_check_refused(struct brood_pool *pool, uint64_t id, const char *needle)
{
	struct brood_completion done;
	struct brood_event event;

	cr_assert(drain_next(pool, &done));
	cr_assert(done.id == id);
	cr_assert(done.fate == BROOD_REFUSED);
	cr_assert(done.ran == BROOD_NOT_RUN);
	cr_assert(done.pid == 0);
	cr_assert(strstr(done.text, needle) != NULL, "%s", done.text);
	brood_completion_fini(&done);
	cr_assert(drain_event(pool, BROOD_EVENT_BROKEN, &event));
	cr_assert(strstr(event.text, needle) != NULL, "%s", event.text);
	cr_assert(drain_call(pool, METHOD_ECHO, "", &done) == 0);
	cr_assert(done.fate == BROOD_REFUSED);
	cr_assert(strstr(done.text, needle) != NULL, "%s", done.text);
	brood_completion_fini(&done);
	cr_assert(brood_pool_resize(pool, 3) == -ESHUTDOWN);
}

static uint64_t
life_submit(struct brood_pool *pool)
{
	struct brood_message msg = { .code = METHOD_ECHO };
	uint64_t id;

	cr_assert(brood_pool_submit(pool, &msg, NULL, &id) == 0);
	return id;
}

Test(pool_life, failed_setup_is_reported_with_its_errno)
{
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .intensity = 1,
	    .setup = setup_fails });
	uint64_t id = life_submit(pool);

	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert_str_eq(event.step, "setup");
	cr_assert(event.error == EACCES);
	cr_assert(event.delay_ms >= 100);
	cr_assert(strstr(event.text, strerror(EACCES)) != NULL);
	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert(event.delay_ms == -1);
	cr_assert(drain_event(pool, BROOD_EVENT_GIVEN_UP, &event));
	life_check_refused(pool, id, strerror(EACCES));
	cr_assert(atomic_load(&counters->n_setups) == 2);
	fixture_end(pool, counters);
}

Test(pool_life, setup_that_dies_is_reported_with_what_it_printed)
{
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .stderr_fd = -1,
	    .setup = setup_dies });

	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert(WIFSIGNALED(event.status));
	cr_assert(WTERMSIG(event.status) == SIGTERM);
	cr_assert(strstr(event.stderr_tail, "cannot go on") != NULL);
	fixture_end(pool, counters);
}

/* The manual promises the delays: 100 ms, then always twice the last. */
Test(pool_life, worker_that_cannot_start_is_retried_ever_later)
{
	int64_t start_ms = brood__now_ms();
	int delays_ms = 0;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .intensity = 20,
	    .setup = setup_fails });

	for (int i = 0; i < 4; i++) {
		cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
		cr_assert(brood__now_ms() - start_ms >= delays_ms - 1);
		cr_assert(event.delay_ms == 100 << i, "%d", event.delay_ms);
		delays_ms += event.delay_ms;
	}
	cr_assert(atomic_load(&counters->n_setups) <= 5);
	fixture_end(pool, counters);
}

Test(pool_life, one_slot_that_fails_at_first_recovers)
{
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 3,
	    .setup = setup_fails_in_one_slot });

	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert(drain_ready(pool, 3));
	cr_assert(drain_echo(pool) > 0);
	fixture_end(pool, counters);
}

Test(pool_life, program_that_is_not_there_is_reported_with_its_path)
{
	static const char *const argv[] = { "/nonexistent/worker", NULL };
	struct brood_pool_options options = {
		.argv = argv, .workers = 2, .intensity = 1,
	};
	struct brood_event event;
	struct brood_pool *pool;
	uint64_t id;

	cr_assert(brood_pool_new(&pool, &options, NULL) == 0);
	id = life_submit(pool);
	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert_str_eq(event.step, "exec");
	cr_assert(event.error == ENOENT);
	cr_assert(strstr(event.text, argv[0]) != NULL, "%s", event.text);
	life_check_refused(pool, id, argv[0]);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_life, worker_that_is_never_ready_is_ended)
{
	int64_t start_ms = brood__now_ms();
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .boot_ms = 200,
	    .setup = setup_hangs });

	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert(brood__now_ms() - start_ms >= 199);
	cr_assert(event.text[0] != '\0');
	cr_assert(event.pid > 0 && !support_is_alive(event.pid));
	fixture_end(pool, counters);
}

Test(pool_life, program_that_exits_before_hello_is_reported)
{
	const char *argv[] = { getenv("ECHO_WORKER"), "exit", "4", NULL };
	struct brood_pool_options options = {
		.argv = argv, .workers = 1, .stderr_fd = -1,
	};
	struct brood_event event;
	struct brood_pool *pool;

	cr_assert(argv[0] != NULL, "ECHO_WORKER is not set");
	cr_assert(brood_pool_new(&pool, &options, NULL) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert(WIFEXITED(event.status) && WEXITSTATUS(event.status) == 4);
	cr_assert(strstr(event.stderr_tail, "no configuration") != NULL);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_life, status_125_before_ready_gives_the_slot_up_at_once)
{
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1,
	    .setup = setup_is_done });

	cr_assert(drain_event(pool, BROOD_EVENT_GIVEN_UP, &event));
	cr_assert(drain_event(pool, BROOD_EVENT_BROKEN, &event));
	cr_assert(atomic_load(&counters->n_setups) == 1);
	fixture_end(pool, counters);
}

Test(pool_life, status_125_in_service_gives_up_that_slot_alone)
{
	struct brood_completion done;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2 });

	cr_assert(drain_ready(pool, 2));
	cr_assert(drain_call(pool, METHOD_EXIT, "125", &done) == 0);
	cr_assert(done.fate == BROOD_CRASHED);
	brood_completion_fini(&done);
	cr_assert(drain_event(pool, BROOD_EVENT_GIVEN_UP, &event));
	cr_assert(drain_ready(pool, 1));
	cr_assert(drain_echo(pool) > 0);
	fixture_end(pool, counters);
}

/* The third worker and those after it wait for counters_start(). */
static int
setup_waits(void *arg)
{
	return counters_wait_to_start(arg, 2);
}

/*
 * One slot is given up, and the worker of the other is being replaced.  If the
 * pool took away the second slot, no worker would be left.
 */
Test(pool_life, resize_takes_the_slot_that_was_given_up)
{
	struct brood_completion done;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2,
	    .setup = setup_waits });

	cr_assert(drain_ready(pool, 2));
	cr_assert(drain_call(pool, METHOD_EXIT, "125", &done) == 0);
	brood_completion_fini(&done);
	cr_assert(drain_event(pool, BROOD_EVENT_GIVEN_UP, &event));
	cr_assert(drain_call(pool, METHOD_ABORT, "", &done) == 0);
	brood_completion_fini(&done);
	cr_assert(brood_pool_resize(pool, 1) == 0);
	counters_start(counters);
	cr_assert(drain_ready(pool, 1));
	cr_assert(drain_echo(pool) > 0);
	fixture_end(pool, counters);
}

Test(pool_life, stop_finishes_what_was_accepted)
{
	struct accounting account = accounting_new(50);
	struct brood_pool_stats stats;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2 });

	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 50) == 0);
	cr_assert(brood_pool_stop(pool, 30000) == 0);
	cr_assert(brood_pool_submit(pool, &(struct brood_message){ 0 }, NULL, NULL) == -ESHUTDOWN);
	cr_assert(brood_pool_resize(pool, 3) == -ESHUTDOWN);
	cr_assert(accounting_await(&account, pool, 50));
	cr_assert(account.n_fates[BROOD_DONE] == 50);
	cr_assert(accounting_fault(&account, counters) == NULL);
	cr_assert(drain_stopped(pool));
	cr_assert(drain_event(pool, BROOD_EVENT_STOPPED, &event));
	brood_pool_stats(pool, &stats);
	cr_assert(stats.ready == 0 && stats.ended == stats.started);
	cr_assert(brood_pool_wait(pool, 0) == -ESHUTDOWN);
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool_life, stop_without_drain_refuses_the_queued_and_cancels_the_rest)
{
	struct accounting account = accounting_new(6);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 6) == 0);
	cr_assert(brood_pool_stop(pool, 0) == 0);
	cr_assert(accounting_await(&account, pool, 6));
	cr_assert(account.entries[0].fate == BROOD_CANCELED);
	cr_assert(account.entries[0].ran != BROOD_NOT_RUN);
	cr_assert(account.n_fates[BROOD_REFUSED] == 5);
	cr_assert(drain_stopped(pool));
	cr_assert(accounting_fault(&account, counters) == NULL);
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool_life, second_stop_shortens_the_drain)
{
	struct accounting account = accounting_new(1);
	int64_t start_ms;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_PAUSE_HARD, 0,
	    -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(brood_pool_stop(pool, 30000) == 0);
	cr_assert(brood_pool_dispatch(pool) == 0);
	start_ms = brood__now_ms();
	cr_assert(brood_pool_stop(pool, 100) == 0);
	cr_assert(accounting_await(&account, pool, 1));
	cr_assert(account.entries[0].fate == BROOD_CANCELED);
	cr_assert(drain_stopped(pool));
	cr_assert(brood__now_ms() - start_ms < 4000);
	accounting_free(&account);
	fixture_end(pool, counters);
}

static void
life_check_free(uint32_t method)
{
	struct accounting account = accounting_new(30);
	struct brood_pool_stats stats;
	int64_t start_ms;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2 });
	pid_t pids[2];

	cr_assert(drain_workers(pool, pids, 2));
	cr_assert(accounting_fill(&account, pool, method, 0, 30) == 0);
	cr_assert(counters_await(counters, pool, 2));
	brood_pool_stats(pool, &stats);
	start_ms = brood__now_ms();
	cr_assert(brood_pool_free(pool) == NULL);
	cr_assert(brood__now_ms() - start_ms < 4000);
	cr_assert(!support_is_alive(pids[0]) && !support_is_alive(pids[1]));
	cr_assert(!support_is_alive(stats.supervisor));
	accounting_free(&account);
	(void)counters_free(counters);
}

Test(pool_life, free_ends_every_process_before_it_returns)
{
	life_check_free(METHOD_PAUSE);
	life_check_free(METHOD_PAUSE_HARD);
	life_check_free(METHOD_STOP_SELF);
}

Test(pool_life, free_ends_workers_that_are_still_starting)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 4,
	    .setup = setup_hangs });

	cr_assert(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
}

static void *
wake_later(void *arg)
{
	struct brood_pool *pool = arg;

	brood_pool_wake(pool);
	return NULL;
}

Test(pool_life, another_thread_wakes_the_one_that_waits)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_event event;
	pthread_t thread;

	cr_assert(drain_echo(pool) > 0);
	while (brood_pool_next_event(pool, &event) == 1)
		continue;
	cr_assert_eq(brood_pool_wait(pool, 0), 0);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(pthread_create(&thread, NULL, wake_later, pool),
		    0);
		cr_assert_eq(brood_pool_wait(pool, 10000), 1);
		cr_assert_eq(pthread_join(thread, NULL), 0);
		/* Many calls before one look are one. */
		cr_assert_eq(brood_pool_wait(pool, 0), 0);
	}
	for (int i = 0; i < 100000; i++)
		brood_pool_wake(pool);
	cr_assert_eq(brood_pool_wait(pool, -1), 1);
	cr_assert_eq(brood_pool_wait(pool, 0), 0);
	fixture_end(pool, counters);
}

static bool
is_readable(struct brood_pool *pool)
{
	struct pollfd pfd = { .fd = brood_pool_fd(pool), .events = POLLIN };

	return pfd.fd < 0 || poll(&pfd, 1, 0) == 1;
}

Test(pool_life, wake_during_a_call_is_passed_on)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_event event;

	cr_assert(drain_echo(pool) > 0);
	while (brood_pool_next_event(pool, &event) == 1)
		continue;
	(void)brood_pool_dispatch(pool);
	brood_pool_wake(pool);
	cr_assert(drain_echo(pool) > 0);
	cr_assert(is_readable(pool), "the wake was lost");
	cr_assert_eq(brood_pool_dispatch(pool), 0);
	cr_assert_eq(brood_pool_dispatch(pool), 0);
	cr_assert(brood_pool_fd(pool) < 0 || !is_readable(pool));
	fixture_end(pool, counters);
}

static int
wake_in_copy(void *arg)
{
	brood_pool_wake(arg);
	return 0;
}

Test(pool_life, forked_copy_wakes_nobody)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_event event;

	cr_assert(drain_echo(pool) > 0);
	while (brood_pool_next_event(pool, &event) == 1)
		continue;
	support_in_child(wake_in_copy, pool);
	cr_assert_eq(brood_pool_wait(pool, 0), 0);
	fixture_end(pool, counters);
}
