/* SPDX-License-Identifier: ISC */

/*
 * Spares: workers that are ready and get no requests before they have a place.
 *
 * In many of these tests a worker that starts late waits in its setup function
 * until the test lets it go on.  So what answers before that had been started
 * before the worker died.
 */

#include "support/accounting.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

BROOD_SUITE(pool_spare);

/* Setup functions; arg is a struct counters. */

static int
spare_wait_after_two(void *arg)
{
	return counters_wait_to_start(arg, 2);
}

static int
spare_wait_after_three(void *arg)
{
	return counters_wait_to_start(arg, 3);
}

static int
spare_fail_after_one(void *arg)
{
	struct counters *counters = arg;

	return atomic_fetch_add(&counters->n_setups, 1) < 1 ? 0 : -EACCES;
}

/* The worker that is number i of those in this state. */
static struct brood_worker_info
spare_info(const struct brood_pool *pool, enum brood_worker_state state,
    unsigned i)
{
	struct brood_worker_info info;

	for (unsigned n = 0; brood_pool_worker(pool, n, &info) == 1; n++)
		if (info.state == state && i-- == 0)
			return info;
	return (struct brood_worker_info) { .pid = 0 };
}

static pid_t
spare_pid(const struct brood_pool *pool)
{
	return spare_info(pool, BROOD_WORKER_SPARE, 0).pid;
}

/* Make a pool, and wait until its workers and spares are ready. */
static struct brood_pool *
spare_pool(struct counters **ret_counters, struct brood_pool_options options)
{
	struct brood_pool *pool = fixture_pool(ret_counters, options);

	cr_assert(drain_ready(pool, options.workers));
	cr_assert(drain_spare(pool, options.spare));
	return pool;
}

/* Kill a worker and wait until the pool knows of its end. */
static void
spare_kill(struct brood_pool *pool, pid_t pid)
{
	struct brood_event event;

	cr_assert(pid > 0 && kill(pid, SIGKILL) == 0);
	do
		cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	while (event.pid != pid);
}

Test(pool_spare, takes_the_place_of_a_killed_worker_and_is_made_up_behind)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1,
	    .setup = spare_wait_after_two });
	pid_t first = drain_echo(pool), spare = spare_pid(pool);

	cr_assert(first > 0 && spare > 0 && first != spare);
	spare_kill(pool, first);
	cr_assert_eq(drain_echo(pool), spare);
	cr_assert_eq(spare_pid(pool), 0);
	counters_start(counters);
	cr_assert(drain_spare(pool, 1));
	cr_assert_eq(drain_echo(pool), spare);
	cr_assert_neq(spare_pid(pool), spare);
	fixture_end(pool, counters);
}

/* What was sent ahead to the dead worker and not begun goes to the spare. */
Test(pool_spare, gets_what_the_killed_worker_had_not_begun)
{
	struct accounting account = accounting_new(4);
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1,
	    .in_flight = 4, .setup = spare_wait_after_two });
	pid_t spare = spare_pid(pool);

	cr_assert(accounting_fill(&account, pool, METHOD_HOLD, 0, 4) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(drain_in_flight(pool, 4));
	spare_kill(pool, spare_info(pool, BROOD_WORKER_BUSY, 0).pid);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 4));
	cr_assert_eq(account.entries[0].fate, BROOD_CRASHED);
	for (unsigned i = 1; i < 4; i++) {
		cr_assert_eq(account.entries[i].fate, BROOD_DONE);
		cr_assert_eq(account.entries[i].pid, spare);
	}
	cr_assert(accounting_fault(&account, counters) == NULL);
	counters_start(counters);
	accounting_free(&account);
	fixture_end(pool, counters);
}

/* The queue is filled again and again, and the spare is left alone. */
static void
spare_under_load(unsigned in_flight)
{
	struct accounting account = accounting_new(2000);
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 2, .spare = 1,
	    .in_flight = in_flight, .queue = 20 });
	struct brood_pool_stats stats;
	pid_t spare = spare_pid(pool);

	while (account.n_done < 2000) {
		cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0,
		    2000) == 0);
		brood_pool_stats(pool, &stats);
		cr_assert(stats.busy <= 2 && stats.spare == 1);
		cr_assert(stats.in_flight <= 2 * in_flight);
		cr_assert(brood_pool_wait(pool, DRAIN_MS) == 1);
		cr_assert(accounting_take(&account, pool) == 0);
	}
	for (unsigned i = 0; i < 2000; i++)
		cr_assert_neq(account.entries[i].pid, spare);
	cr_assert_eq(spare_pid(pool), spare);
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool_spare, gets_no_request_while_all_workers_live)
{
	spare_under_load(1);
	spare_under_load(4);
}

/*
 * Kill the worker that answered last, and now and then a spare, while requests
 * run.  Gives how many workers were killed that may have had a request.
 */
static unsigned
spare_kill_while_running(struct accounting *account, struct brood_pool *pool,
    size_t n)
{
	unsigned n_kills = 0;
	size_t next = 20;

	while (account->n_done < n) {
		cr_assert(accounting_fill(account, pool, METHOD_COUNT, 0,
		    n) == 0);
		cr_assert(brood_pool_wait(pool, DRAIN_MS) == 1);
		cr_assert(accounting_take(account, pool) == 0);
		if (account->n_done < next || account->last_pid == 0)
			continue;
		n_kills += kill(account->last_pid, SIGKILL) == 0;
		if (n_kills % 8 == 0 && spare_pid(pool) > 0)
			n_kills += kill(spare_pid(pool), SIGKILL) == 0;
		account->last_pid = 0;
		next = account->n_done + 1 + arc4random_uniform(80);
	}
	return n_kills;
}

Test(pool_spare, and_worker_killed_at_random_cost_what_the_worker_ran_at_most)
{
	struct accounting account = accounting_new(5000);
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 2, .spare = 1,
	    .in_flight = 4, .intensity = 1000 });
	unsigned n_kills = spare_kill_while_running(&account, pool, 5000);

	cr_assert(n_kills > 10);
	cr_assert(account.n_fates[BROOD_CRASHED] <= n_kills);
	cr_assert(account.n_fates[BROOD_DONE] +
	    account.n_fates[BROOD_CRASHED] == 5000);
	cr_assert(accounting_fault(&account, counters) == NULL, "%s",
	    accounting_fault(&account, counters));
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool_spare, counts_neither_as_a_worker_nor_for_the_size_of_the_queue)
{
	struct accounting account = accounting_new(100);
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 2, .spare = 3,
	    .in_flight = 2, .queue = 5 });
	struct brood_pool_stats stats;

	cr_assert(accounting_fill(&account, pool, METHOD_HOLD, 0, 100) == 0);
	cr_assert_eq(account.n_submitted, 2 * 2 + 5);
	cr_assert(counters_await(counters, pool, 2));
	brood_pool_stats(pool, &stats);
	cr_assert(stats.workers == 2 && stats.ready == 2 && stats.spare == 3);
	cr_assert(stats.busy == 2 && stats.started == 5);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 9));
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool_spare, killed_together_with_the_worker_only_delays_the_answer)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1 });
	pid_t pids[2] = { drain_echo(pool), spare_pid(pool) }, pid;

	cr_assert(pids[0] > 0 && pids[1] > 0);
	cr_assert(kill(pids[0], SIGKILL) == 0);
	spare_kill(pool, pids[1]);
	cr_assert(drain_ready(pool, 1) && drain_spare(pool, 1));
	pid = drain_echo(pool);
	cr_assert(pid > 0 && pid != pids[0] && pid != pids[1]);
	fixture_end(pool, counters);
}

Test(pool_spare, that_dies_is_told_of_and_made_up)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1 });
	pid_t first = drain_echo(pool), spare = spare_pid(pool), next;

	spare_kill(pool, spare);
	cr_assert_eq(drain_echo(pool), first);
	cr_assert(drain_workers(pool, &next, 1));
	cr_assert_eq(spare_pid(pool), next);
	fixture_end(pool, counters);
}

/* The end of a worker that was given no request is a failure of its slot. */
Test(pool_spare, that_keeps_dying_is_given_up)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1,
	    .intensity = 1 });
	struct brood_event event;
	pid_t first = drain_echo(pool);

	spare_kill(pool, spare_pid(pool));
	cr_assert(drain_spare(pool, 1));
	spare_kill(pool, spare_pid(pool));
	cr_assert(drain_event(pool, BROOD_EVENT_GIVEN_UP, &event));
	cr_assert_eq(drain_echo(pool), first);
	cr_assert_eq(spare_pid(pool), 0);
	fixture_end(pool, counters);
}

Test(pool_spare, that_cannot_start_does_not_stop_the_pool)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1,
	    .intensity = -1, .setup = spare_fail_after_one });
	struct brood_pool_stats stats;
	struct brood_event event;

	cr_assert(drain_event(pool, BROOD_EVENT_GIVEN_UP, &event));
	cr_assert(strstr(event.step, "setup") != NULL, "%s", event.step);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(drain_echo(pool) > 0);
	brood_pool_stats(pool, &stats);
	cr_assert(stats.ready == 1 && stats.spare == 0);
	cr_assert_neq(spare_info(pool, BROOD_WORKER_GIVEN_UP, 0).state, 0);
	fixture_end(pool, counters);
}

/* The replacement that is started cannot be it: it waits in its setup. */
Test(pool_spare, replaces_a_worker_that_has_served_its_requests)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1,
	    .max_requests = 10, .setup = spare_wait_after_two });
	pid_t first = drain_echo(pool), spare = spare_pid(pool), pid;
	unsigned n = 1;

	while ((pid = drain_echo(pool)) == first)
		n++;
	cr_assert_eq(pid, spare);
	cr_assert(n == 9 || n == 10, "%u requests", n);
	counters_start(counters);
	cr_assert(drain_spare(pool, 1));
	fixture_end(pool, counters);
}

Test(pool_spare, is_of_the_new_generation_after_a_reload)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 2, .spare = 2 });
	struct brood_worker_info info;
	struct brood_pool_stats stats;
	struct brood_event event = { 0 };
	pid_t before[4];

	for (unsigned i = 0; i < 4; i++) {
		cr_assert(brood_pool_worker(pool, i, &info) == 1);
		before[i] = info.pid;
	}
	cr_assert(brood_pool_reload(pool) == 0);
	while (event.kind != BROOD_EVENT_RELOADED) {
		brood_pool_stats(pool, &stats);
		cr_assert(stats.ready >= 2, "%u ready", stats.ready);
		if (brood_pool_next_event(pool, &event) == 0)
			cr_assert(brood_pool_wait(pool, DRAIN_MS) == 1);
	}
	cr_assert(drain_ready(pool, 2) && drain_spare(pool, 2));
	for (unsigned i = 0; brood_pool_worker(pool, i, &info) == 1; i++)
		for (unsigned j = 0; j < 4; j++)
			cr_assert_neq(info.pid, before[j]);
	fixture_end(pool, counters);
}

/* The workers that are started for the resize wait in their setup. */
Test(pool_spare, takes_the_place_that_a_resize_makes)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 2, .spare = 1,
	    .setup = spare_wait_after_three });
	pid_t spare = spare_pid(pool), next;

	cr_assert(brood_pool_resize(pool, 3) == 0);
	cr_assert(drain_ready(pool, 3));
	cr_assert_eq(spare_pid(pool), 0);
	cr_assert_eq(drain_echo(pool), spare);
	counters_start(counters);
	cr_assert(drain_spare(pool, 1));
	next = spare_pid(pool);
	cr_assert(brood_pool_resize(pool, 1) == 0);
	cr_assert(drain_ready(pool, 1));
	cr_assert_eq(spare_pid(pool), next);
	fixture_end(pool, counters);
}

Test(pool_spare, ends_when_the_pool_is_stopped)
{
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 2 });
	struct brood_pool_stats stats;

	cr_assert(drain_echo(pool) > 0);
	cr_assert(brood_pool_stop(pool, -1) == 0);
	cr_assert(drain_stopped(pool));
	brood_pool_stats(pool, &stats);
	cr_assert(stats.ready == 0 && stats.spare == 0);
	cr_assert(stats.started == 3 && stats.ended == 3);
	fixture_end(pool, counters);
}

/* As long as there is work, a spare takes the place of a worker that dies. */
Test(pool_spare, finishes_what_was_accepted_before_a_stop)
{
	struct accounting account = accounting_new(5);
	struct counters *counters;
	struct brood_pool *pool = spare_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .spare = 1,
	    .setup = spare_wait_after_two });
	pid_t spare = spare_pid(pool);

	cr_assert(accounting_fill(&account, pool, METHOD_HOLD, 0, 5) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(brood_pool_stop(pool, -1) == 0);
	spare_kill(pool, spare_info(pool, BROOD_WORKER_BUSY, 0).pid);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 5));
	cr_assert_eq(account.entries[4].fate, BROOD_DONE);
	cr_assert_eq(account.entries[4].pid, spare);
	cr_assert(drain_stopped(pool));
	accounting_free(&account);
	fixture_end(pool, counters);
}
