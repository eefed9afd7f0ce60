/* SPDX-License-Identifier: ISC */
/*
 * The pool as a program uses it when nothing goes wrong: calls, sizes of
 * payloads, order, limits, statistics, resizing.  Deadlines, cancels and
 * crashes are in test_pool_fates.c; processes killed at any moment in
 * test_pool_kill.c; what a worker holds and may answer in test_pool_worker.c.
 */

#include "support/accounting.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

BROOD_SUITE(pool);

Test(pool, call_gives_the_reply_of_another_process)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2 });

	cr_assert(drain_call(pool, METHOD_ECHO, "ping", &done) == 0);
	cr_assert(done.fate == BROOD_DONE);
	cr_assert(done.ran == BROOD_RAN);
	cr_assert(drain_is_text(&done, "ping"));
	cr_assert(done.reply.code == 0);
	cr_assert(done.reply.n_fds == 0);
	cr_assert(done.text != NULL);
	cr_assert(done.pid > 0 && done.pid != getpid());
	brood_completion_fini(&done);
	brood_completion_fini(&done);
	fixture_end(pool, counters);
}

Test(pool, nothing_to_free_is_freed)
{
	struct brood_completion done = { 0 };

	cr_assert(brood_pool_free(NULL) == NULL);
	brood_completion_fini(&done);
}

Test(pool, twenty_thousand_requests_get_their_own_replies)
{
	struct accounting account = accounting_new(20000);
	const char *fault;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 3, .in_flight = 8 });

	while (account.n_submitted < account.n_entries) {
		cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0,
		    account.n_entries) == 0);
		cr_assert(brood_pool_wait(pool, DRAIN_MS) == 1);
		cr_assert(accounting_take(&account, pool) == 0);
	}
	cr_assert(accounting_await(&account, pool, account.n_entries));
	fault = accounting_fault(&account, counters);
	cr_assert(fault == NULL, "%s", fault);
	cr_assert(account.n_fates[BROOD_DONE] == account.n_entries);
	for (size_t i = 1; i < account.n_entries; i++)
		cr_assert(account.entries[i].id != account.entries[i - 1].id);
	accounting_free(&account);
	fixture_end(pool, counters);
}

static void
pool_round_trip(struct brood_pool *pool, const char *data, size_t len)
{
	struct brood_message msg = { .data = data, .len = len };
	struct brood_completion done;

	cr_assert(brood_pool_call(pool, &msg,
	    &(struct brood_request_options){
	    .expire_ms = DRAIN_MS }, &done) == 0);
	cr_assert(done.fate == BROOD_DONE, "%zu bytes: %s", len, done.text);
	cr_assert(done.reply.len == len, "%zu bytes came back as %zu", len,
	    done.reply.len);
	cr_assert(len == 0 || memcmp(done.reply.data, data, len) == 0,
	    "%zu bytes came back as others", len);
	brood_completion_fini(&done);
}

Test(pool, payloads_from_0_to_16_mib_come_back_whole)
{
	/* Around the sizes of a header, a page, a socket buffer; limits. */
	static const size_t sizes[] = {
		0, 1, 2, 23, 24, 25, 4095, 4096, 4097, 65535, 65536, 212960,
		219263, 219264, 219265, 1u << 20, BROOD_MAX_PAYLOAD - 1,
		BROOD_MAX_PAYLOAD,
	};
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	char *data = malloc(BROOD_MAX_PAYLOAD);

	cr_assert(data != NULL);
	for (size_t i = 0; i < BROOD_MAX_PAYLOAD; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		pool_round_trip(pool, data, sizes[i]);
	free(data);
	fixture_end(pool, counters);
}

Test(pool, payloads_longer_than_the_limit_are_emsgsize)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .max_payload = 1000 });
	struct brood_message msg = { .len = 1001 };
	char data[1001] = { 0 };
	struct brood_pool_stats stats;

	msg.data = data;
	cr_assert(brood_pool_submit(pool, &msg, NULL, NULL) ==
	    -EMSGSIZE);
	brood_pool_stats(pool, &stats);
	cr_assert(stats.submitted == 0);
	pool_round_trip(pool, data, 1000);
	fixture_end(pool, counters);
}

Test(pool, the_default_limit_is_16_mib)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_message msg = { .len = BROOD_MAX_PAYLOAD + 1 };
	char *data = calloc(1, msg.len);

	cr_assert(data != NULL);
	msg.data = data;
	cr_assert(brood_pool_submit(pool, &msg, NULL, NULL) ==
	    -EMSGSIZE);
	free(data);
	fixture_end(pool, counters);
}

Test(pool, replies_longer_than_the_limit_leave_the_request_open)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .max_payload = 1000 });

	cr_assert(drain_call(pool, METHOD_BIG_REPLY, "1000", &done) == 0);
	cr_assert(done.fate == BROOD_DONE && done.reply.len == 1000);
	brood_completion_fini(&done);
	cr_assert(drain_call(pool, METHOD_BIG_REPLY, "1001", &done) == 0);
	cr_assert(done.fate == BROOD_FAILED);
	cr_assert(strstr(done.text, "too big") != NULL, "%s", done.text);
	brood_completion_fini(&done);
	cr_assert(drain_echo(pool) > 0);
	fixture_end(pool, counters);
}

static void
pool_check_order(unsigned in_flight)
{
	struct accounting account = accounting_new(60);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1,
	    .in_flight = in_flight });

	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 60) == 0);
	cr_assert(account.n_submitted == 60);
	cr_assert(accounting_await(&account, pool, 60));
	cr_assert(account.wrong == NULL, "%s", account.wrong);
	for (unsigned i = 0; i < 60; i++)
		cr_assert(account.entries[i].turn == i);
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool, one_worker_answers_in_the_order_of_submission)
{
	pool_check_order(1);
	pool_check_order(7);
}

Test(pool, full_queue_says_eagain_and_recovers)
{
	struct accounting account = accounting_new(10);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .queue = 4 });
	struct brood_pool_stats stats;

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	for (unsigned i = 0; i < 4; i++)
		cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0,
		    -1) == 0);
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, -1) ==
	    -EAGAIN);
	brood_pool_stats(pool, &stats);
	cr_assert(stats.submitted == 5 && stats.queued == 4);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 5));
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, -1) == 0);
	cr_assert(accounting_await(&account, pool, 6));
	cr_assert(accounting_fault(&account, counters) == NULL);
	accounting_free(&account);
	fixture_end(pool, counters);
}

/* A program that submits and never takes is refused in the end. */
Test(pool, completions_that_no_one_takes_are_bounded_too)
{
	struct accounting account = accounting_new(20000);
	size_t n;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .queue = 8 });

	do {
		n = account.n_submitted;
		cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0,
		    5000) == 0);
		cr_assert(account.n_submitted < 5000);
		cr_assert(drain_untaken(pool, (unsigned)account.n_submitted));
	} while (account.n_submitted > n);
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, -1) ==
	    -EAGAIN);
	cr_assert(accounting_await(&account, pool, account.n_submitted));
	cr_assert(accounting_fault(&account, counters) == NULL);
	cr_assert(drain_echo(pool) > 0);
	accounting_free(&account);
	fixture_end(pool, counters);
}

static int
pool_setup(void *arg)
{
	(void)arg;
	return 0;
}

Test(pool, senseless_options_are_einval_and_text_says_which)
{
	static const char *const program[] = { "/bin/true", NULL };
	static const char *const nothing[] = { NULL };
	static const struct {
		struct brood_pool_options options;
		const char *text;
	} bad[] = {
		{ { 0 }, "neither a function nor argv" },
		{ { .workers = 2 }, "neither a function nor argv" },
		{ { .handler = methods_handle, .argv = program },
		    "a function and argv" },
		{ { .argv = nothing }, "argv is empty" },
		{ { .argv = program, .setup = pool_setup }, "setup" },
		{ { .handler = methods_handle, .env = nothing }, "env" },
		{ { .handler = methods_handle, .chdir = "/" }, "chdir" },
		{ { .handler = methods_handle, .boot_ms = -1 }, "boot_ms" },
		{ { .handler = methods_handle, .shutdown_ms = -1 },
		    "shutdown_ms" },
		{ { .handler = methods_handle, .period_ms = -1 },
		    "period_ms" },
		{ { .handler = methods_handle, .intensity = -2 },
		    "intensity is -2" },
		{ { .handler = methods_handle, .intensity = 1001 },
		    "intensity is 1001" },
		{ { .handler = methods_handle, .max_payload = SIZE_MAX },
		    "max_payload" },
		{ { .handler = methods_handle, .workers = 1u << 31 },
		    "workers is 2147483648, at most 262144" },
		{ { .handler = methods_handle, .spare = (1u << 18) + 1 },
		    "spare is 262145, at most 262144" },
		{ { .handler = methods_handle, .reserved_1 = 1 },
		    "reserved" },
		{ { .handler = methods_handle, .in_flight = 65 },
		    "in_flight" },
		{ { .handler = methods_handle, .queue = UINT_MAX }, "queue" },
		{ { .handler = methods_handle, .max_requests = UINT_MAX },
		    "max_requests" },
		{ { .handler = methods_handle, .fds_from_worker = 2 },
		    "fds_from_worker" },
		{ { .handler = methods_handle, .prefix_stderr = 2 },
		    "prefix_stderr" },
		{ { .handler = methods_handle, .stderr_fd = -2 },
		    "stderr_fd is -2" },
		{ { .handler = methods_handle, .expire_ms = -2 },
		    "expire_ms" },
		{ { .handler = methods_handle, .run_ms = -2 }, "run_ms" },
		{ { .handler = methods_handle, .cancel_ms = -2 },
		    "cancel_ms" },
		{ { .handler = methods_handle, .retire_ms = -2 },
		    "retire_ms" },
		{ { .handler = methods_handle, .n_keep_fds = 1 },
		    "keep_fds is not set" },
		{ { .handler = methods_handle, .reserved = { 0, 0, 1 } },
		    "reserved" },
	};
	struct brood_pool *const untouched = (void *)&bad;
	struct brood_pool *pool = untouched;
	char text[BROOD_TEXT_SIZE];

	cr_assert(brood_pool_new(&pool, NULL, NULL) == -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = brood_pool_new(&pool, &bad[i].options, text);

		cr_assert(r == -EINVAL, "row %zu: %d", i, r);
		cr_assert(pool == untouched);
		cr_assert(strstr(text, bad[i].text) != NULL, "row %zu: %s", i,
		    text);
		cr_assert(brood_pool_new(&pool, &bad[i].options, NULL) ==
		    -EINVAL);
	}
}

Test(pool, descriptors_that_are_not_open_are_ebadf)
{
	static const int closed_fd = 1000;
	struct brood_pool_options options = {
		.handler = methods_handle, .workers = 1,
		.keep_fds = &closed_fd, .n_keep_fds = 1,
	};
	struct brood_pool *pool = NULL;
	char text[BROOD_TEXT_SIZE];

	cr_assert(brood_pool_new(&pool, &options, text) == -EBADF);
	cr_assert_str_eq(text, "worker: keep_fds: 1000 is not open");
	options.n_keep_fds = 0;
	options.stderr_fd = closed_fd;
	cr_assert(brood_pool_new(&pool, &options, text) == -EBADF);
	cr_assert_str_eq(text, "stderr_fd is not open");
	cr_assert(pool == NULL);
}

static int
pool_under_low_limit(void *arg)
{
	struct rlimit limit = { .rlim_cur = 64, .rlim_max = 64 }, after;
	struct counters *counters = counters_new(1);
	struct brood_pool *pool;

	(void)arg;
	DRAIN_CHECK(counters != NULL);
	DRAIN_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	DRAIN_CHECK(brood_pool_new(&pool, &(struct brood_pool_options){
	    .handler = methods_handle, .workers = 100 }, NULL) == -EMFILE);
	pool = counters_pool(
	    counters, (struct brood_pool_options){ .workers = 4 });
	DRAIN_CHECK(pool != NULL);
	DRAIN_CHECK(drain_echo(pool) > 0);
	DRAIN_CHECK(brood_pool_resize(pool, 100) == -EMFILE);
	DRAIN_CHECK(drain_echo(pool) > 0);
	(void)brood_pool_free(pool);
	DRAIN_CHECK(getrlimit(RLIMIT_NOFILE, &after) == 0);
	DRAIN_CHECK(after.rlim_cur == 64);
	(void)counters_free(counters);
	return 0;
}

Test(pool, more_workers_than_descriptors_is_emfile)
{
	support_in_child(pool_under_low_limit, NULL);
}

Test(pool, fd_polls_readable_until_the_completion_is_there)
{
	struct accounting account = accounting_new(50);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2 });
	struct pollfd pfd = { .fd = brood_pool_fd(pool), .events = POLLIN };

	if (pfd.fd == -ENOSYS) {
		fixture_end(pool, counters);
		cr_skip("no single descriptor on this system");
	}
	cr_assert(pfd.fd >= 0);
	for (size_t i = 1; i <= 50; i++) {
		cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0,
		    -1) == 0);
		while (account.n_done < i) {
			cr_assert(poll(&pfd, 1, DRAIN_MS) == 1);
			cr_assert(brood_pool_dispatch(pool) == 0);
			cr_assert(accounting_take(&account, pool) == 0);
		}
		cr_assert(brood_pool_fd(pool) == pfd.fd);
	}
	cr_assert(accounting_fault(&account, counters) == NULL);
	accounting_free(&account);
	fixture_end(pool, counters);
}

static int
pool_use_copy(void *arg)
{
	struct brood_pool *pool = arg;
	struct brood_message msg = { 0 };
	struct brood_completion done;
	struct brood_worker_info info;
	struct brood_event event;

	DRAIN_CHECK(brood_pool_submit(pool, &msg, NULL, NULL) ==
	    -ECHILD);
	DRAIN_CHECK(brood_pool_fd(pool) == -ECHILD);
	DRAIN_CHECK(brood_pool_dispatch(pool) == -ECHILD);
	DRAIN_CHECK(brood_pool_take(pool, &done) == -ECHILD);
	DRAIN_CHECK(brood_pool_wait(pool, 0) == -ECHILD);
	DRAIN_CHECK(brood_pool_call(pool, &msg,
	    &(struct brood_request_options){
	    .expire_ms = 0 }, &done) == -ECHILD);
	DRAIN_CHECK(brood_pool_cancel(pool, 1) == -ECHILD);
	DRAIN_CHECK(brood_pool_resize(pool, 1) == -ECHILD);
	DRAIN_CHECK(brood_pool_reload(pool) == -ECHILD);
	DRAIN_CHECK(brood_pool_stop(pool, 0) == -ECHILD);
	DRAIN_CHECK(brood_pool_worker(pool, 0, &info) == -ECHILD);
	DRAIN_CHECK(brood_pool_next_event(pool, &event) == -ECHILD);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	return 0;
}

Test(pool, forked_copy_says_echild_and_leaves_the_pool_alone)
{
	struct accounting account = accounting_new(3);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	pid_t pid = drain_echo(pool);

	cr_assert(pid > 0);
	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	support_in_child(pool_use_copy, pool);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 1));
	cr_assert(account.entries[0].fate == BROOD_DONE);
	cr_assert(drain_echo(pool) == pid);
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool, stats_count_what_happened)
{
	struct accounting account = accounting_new(3);
	struct brood_completion done;
	struct brood_pool_stats s;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, -1) == 0);
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, 500) == 0);
	brood_pool_stats(pool, &s);
	cr_assert(s.workers == 1 && s.ready == 1 && s.busy == 1);
	cr_assert(s.queued == 2 && s.in_flight == 1 && s.untaken == 0);
	cr_assert(s.submitted == 3 && s.started == 1 && s.ended == 0);
	cr_assert(s.supervisor > 0 && support_is_alive(s.supervisor));
	cr_assert(brood_pool_cancel(pool, account.entries[1].id) == 0);
	brood_pool_stats(pool, &s);
	cr_assert(s.queued == 1 && s.untaken == 1 && s.canceled == 1);
	cr_assert(accounting_await(&account, pool, 2));
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 3));
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t methods[] = {
			METHOD_FAIL, METHOD_ABORT, METHOD_ECHO,
		};

		cr_assert(drain_call(pool, methods[i], "", &done) == 0);
		brood_completion_fini(&done);
	}
	brood_pool_stats(pool, &s);
	cr_assert(s.submitted == 6 && s.done == 2 && s.failed == 1);
	cr_assert(s.crashed == 1 && s.expired == 1 && s.canceled == 1);
	cr_assert(s.refused == 0 && s.resubmitted == 0);
	cr_assert(s.queued == 0 && s.in_flight == 0 && s.busy == 0);
	cr_assert(s.untaken == 0 && s.started == 2 && s.ended == 1);
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool, call_leaves_the_fd_readable_for_what_came_meanwhile)
{
	struct accounting account = accounting_new(1);
	struct pollfd pfd = { .events = POLLIN };
	struct brood_completion done;
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, -1) == 0);
	cr_assert(drain_call(pool, METHOD_ECHO, "", &done) == 0);
	brood_completion_fini(&done);
	brood_pool_stats(pool, &stats);
	cr_assert(stats.untaken == 1);
	pfd.fd = brood_pool_fd(pool);
	cr_assert(pfd.fd < 0 || poll(&pfd, 1, 5000) == 1);
	cr_assert(accounting_await(&account, pool, 1));
	accounting_free(&account);
	fixture_end(pool, counters);
}

/* This test looks at nothing after the free: the sanitizers' build does. */
Test(pool, free_releases_what_was_not_taken_once)
{
	struct accounting account = accounting_new(64);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(drain_echo(pool) > 0);
	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 64) == 0);
	cr_assert(drain_untaken(pool, 32));
	cr_assert(brood_pool_free(pool) == NULL);
	accounting_free(&account);
	(void)counters_free(counters);
}

Test(pool, resize_up_adds_workers_and_down_lets_them_finish)
{
	struct accounting account = accounting_new(4);
	struct brood_pool_stats stats;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(brood_pool_resize(pool, 0) == -EINVAL);
	cr_assert(brood_pool_resize(pool, 4) == 0);
	cr_assert(accounting_fill(&account, pool, METHOD_HOLD, 0, 4) == 0);
	cr_assert(counters_await(counters, pool, 4));
	cr_assert(brood_pool_resize(pool, 1) == 0);
	brood_pool_stats(pool, &stats);
	cr_assert(stats.workers == 1);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 4));
	cr_assert(account.n_fates[BROOD_DONE] == 4);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
		cr_assert(event.is_asked);
	}
	cr_assert(drain_ready(pool, 1));
	cr_assert(drain_echo(pool) > 0);
	cr_assert(accounting_fault(&account, counters) == NULL);
	accounting_free(&account);
	fixture_end(pool, counters);
}
