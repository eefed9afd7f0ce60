/* SPDX-License-Identifier: ISC */

/*
 * The limits of time of a request: since submit, of its run, and after a
 * cancel; and what a completion says of the time.
 *
 * Where something must not happen, the test waits for another request that
 * expires later: time passes, and an event says when.
 */

#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"

#include <errno.h>
#include <string.h>

BROOD_SUITE(pool_limits);

static uint64_t
submit(struct brood_pool *pool, uint32_t method, uint32_t number,
    struct brood_request_options options)
{
	struct brood_message msg = {
		.data = &number, .len = sizeof(number), .code = method,
	};
	uint64_t id = 0;

	cr_assert_eq(brood_pool_submit(pool, &msg, &options, &id), 0);
	return id;
}

/* The next completion, which is of this request. */
static struct brood_completion
take(struct brood_pool *pool, uint64_t id)
{
	struct brood_completion done;

	cr_assert(drain_next(pool, &done));
	cr_assert_eq(done.id, id);
	brood_completion_fini(&(struct brood_completion){
	    .memory = done.memory });
	return done;
}

/* Let time pass: until a request that waits behind others has expired. */
static void
pass(struct brood_pool *pool, int32_t ms)
{
	uint64_t id = submit(pool, METHOD_ECHO, 0,
	    (struct brood_request_options){ .expire_ms = ms });
	struct brood_completion done = take(pool, id);

	cr_assert_eq(done.fate, BROOD_EXPIRED);
	cr_assert_eq(done.limit, BROOD_LIMIT_EXPIRE);
	cr_assert_eq(done.ran_ms, 0);
	cr_assert_geq(done.waited_ms, ms);
}

Test(pool_limits, run_limit_stops_the_worker_and_costs_those_behind_nothing)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .in_flight = 3 });
	pid_t pid = drain_echo(pool);
	uint64_t looping, behind[2];

	looping = submit(pool, METHOD_PAUSE, 0,
	    (struct brood_request_options){ .run_ms = 200 });
	for (uint32_t i = 0; i < 2; i++)
		behind[i] = submit(pool, METHOD_COUNT, i + 1,
		    (struct brood_request_options){ 0 });
	done = take(pool, looping);
	cr_assert_eq(done.fate, BROOD_EXPIRED);
	cr_assert_eq(done.limit, BROOD_LIMIT_RUN);
	cr_assert_eq(done.ran, BROOD_MAY_HAVE_RUN);
	cr_assert_eq(done.pid, pid);
	cr_assert_eq(done.attempts, 1);
	cr_assert_geq(done.ran_ms, 200);
	for (int i = 0; i < 2; i++) {
		done = take(pool, behind[i]);
		cr_assert_eq(done.fate, BROOD_DONE);
		cr_assert_eq(done.limit, 0);
		cr_assert_neq(done.pid, pid);
		cr_assert_eq(done.attempts, 2);
		cr_assert_geq(done.waited_ms, 200);
	}
	fixture_end(pool, counters);
}

/* The second is sent ahead; its time begins when the first is answered. */
Test(pool_limits, run_limit_begins_when_the_one_before_is_answered)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .in_flight = 2 });
	uint64_t first, second;

	first = submit(pool, METHOD_HOLD, 0,
	    (struct brood_request_options){ 0 });
	cr_assert(counters_await(counters, pool, 1));
	second = submit(pool, METHOD_PAUSE, 1,
	    (struct brood_request_options){ .run_ms = 100 });
	pass(pool, 200);
	counters_release(counters, 1);
	done = take(pool, first);
	cr_assert_eq(done.fate, BROOD_DONE);
	done = take(pool, second);
	cr_assert_eq(done.fate, BROOD_EXPIRED);
	cr_assert_eq(done.limit, BROOD_LIMIT_RUN);
	cr_assert_geq(done.ran_ms, 100);
	cr_assert_geq(done.waited_ms, 200);
	fixture_end(pool, counters);
}

static void
check_wait_is_free(unsigned in_flight)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .run_ms = 100,
	    .in_flight = in_flight });
	pid_t pid = drain_echo(pool);
	uint64_t first, second;

	first = submit(pool, METHOD_HOLD, 0,
	    (struct brood_request_options){ .run_ms = -1 });
	cr_assert(counters_await(counters, pool, 1));
	second = submit(pool, METHOD_COUNT, 1,
	    (struct brood_request_options){ 0 });
	pass(pool, 300);
	counters_open(counters);
	done = take(pool, first);
	cr_assert_eq(done.fate, BROOD_DONE);
	cr_assert_geq(done.ran_ms, 300);
	done = take(pool, second);
	cr_assert_eq(done.fate, BROOD_DONE, "%s", done.text);
	cr_assert_eq(done.pid, pid);
	cr_assert_geq(done.waited_ms, 300);
	fixture_end(pool, counters);
}

Test(pool_limits, run_limit_does_not_count_the_wait_in_the_queue)
{
	check_wait_is_free(1);
}

Test(pool_limits, run_limit_does_not_count_the_wait_at_the_worker)
{
	check_wait_is_free(2);
}

/* A request that names no limit and never ends is ended by this one. */
static void
check_limit(struct brood_pool_options options, enum brood_limit limit)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters, options);

	done = take(pool, submit(pool, METHOD_PAUSE, 0,
	    (struct brood_request_options){ 0 }));
	cr_assert_eq(done.fate, BROOD_EXPIRED);
	cr_assert_eq(done.limit, limit);
	fixture_end(pool, counters);
}

Test(pool_limits, run_limit_of_the_pool_holds_for_requests_that_name_none)
{
	check_limit((struct brood_pool_options){ .workers = 1, .run_ms = 100,
	    .expire_ms = 5000 }, BROOD_LIMIT_RUN);
}

Test(pool_limits, expire_limit_counts_the_run_too_and_is_the_one_that_is_named)
{
	check_limit((struct brood_pool_options){ .workers = 1,
	    .expire_ms = 100, .run_ms = 5000 }, BROOD_LIMIT_EXPIRE);
}

Test(pool_limits, worker_is_told_the_nearer_limit)
{
	struct brood_message msg = { .code = METHOD_TIME_LEFT };
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	const struct brood_request_options options[] = {
		{ .expire_ms = 100000, .run_ms = 50000 },
		{ .expire_ms = 50000, .run_ms = 100000 },
	};

	for (int i = 0; i < 2; i++) {
		int left;

		cr_assert_eq(brood_pool_call(pool, &msg, &options[i], &done),
		    0);
		left = atoi(done.reply.data);
		cr_assert(left > 30000 && left <= 50000, "%d", left);
		brood_completion_fini(&done);
	}
	fixture_end(pool, counters);
}

Test(pool_limits, canceled_worker_that_goes_on_for_too_long_is_replaced)
{
	struct brood_completion done;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	pid_t pid = drain_echo(pool);
	int64_t start_ms;
	uint64_t id;

	id = submit(pool, METHOD_PAUSE, 0,
	    (struct brood_request_options){ .cancel_ms = 100 });
	cr_assert(counters_await(counters, pool, 1));
	start_ms = brood__now_ms();
	cr_assert_eq(brood_pool_cancel(pool, id), 0);
	done = take(pool, id);
	cr_assert_eq(done.fate, BROOD_CANCELED);
	cr_assert_eq(done.limit, 0);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert_eq(event.pid, pid);
	cr_assert_geq(brood__now_ms() - start_ms, 100);
	cr_assert_neq(drain_echo(pool), pid);
	fixture_end(pool, counters);
}

/* The time counts from when the worker runs it, and others may be before it. */
Test(pool_limits, canceled_request_that_is_not_run_yet_costs_no_worker)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .in_flight = 2 });
	pid_t pid = drain_echo(pool);
	uint64_t running, canceled;

	running = submit(pool, METHOD_HOLD, 0,
	    (struct brood_request_options){ 0 });
	cr_assert(counters_await(counters, pool, 1));
	canceled = submit(pool, METHOD_COUNT, 1,
	    (struct brood_request_options){ .cancel_ms = 1 });
	cr_assert_eq(brood_pool_cancel(pool, canceled), 0);
	done = take(pool, canceled);
	cr_assert_eq(done.fate, BROOD_CANCELED);
	pass(pool, 100);
	counters_open(counters);
	done = take(pool, running);
	cr_assert_eq(done.fate, BROOD_DONE);
	cr_assert_eq(done.pid, pid);
	fixture_end(pool, counters);
}

Test(pool_limits, canceled_worker_may_go_on_if_there_is_no_limit)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .cancel_ms = -1,
	    .shutdown_ms = 1 });
	pid_t pid = drain_echo(pool);
	uint64_t id = submit(pool, METHOD_HOLD, 0,
	    (struct brood_request_options){ 0 });

	cr_assert(counters_await(counters, pool, 1));
	cr_assert_eq(brood_pool_cancel(pool, id), 0);
	done = take(pool, id);
	cr_assert_eq(done.fate, BROOD_CANCELED);
	pass(pool, 200);
	counters_open(counters);
	cr_assert_eq(drain_echo(pool), pid);
	fixture_end(pool, counters);
}

Test(pool_limits, times_that_make_no_sense_are_einval)
{
	static const struct brood_request_options bad[] = {
		{ .expire_ms = -2 }, { .run_ms = -2 }, { .cancel_ms = -2 },
		{ .flags = 8 }, { .reserved = { 0, 1 } },
	};
	struct brood_message msg = { .code = METHOD_ECHO };
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(brood_pool_submit(pool, &msg, &bad[i], NULL),
		    -EINVAL, "row %zu", i);
		cr_assert_eq(brood_pool_call(pool, &msg, &bad[i], &done),
		    -EINVAL, "row %zu", i);
	}
	cr_assert_eq(brood_pool_call(pool, &msg, &(struct brood_request_options)
	    { .flags = BROOD_STREAM }, &done), -EINVAL);
	fixture_end(pool, counters);
}
