/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a request when something goes wrong: deadlines, cancels,
 * crashes.  Each test ends by comparing the completions with the counters,
 * which say what the workers really did.
 */

#include "support/accounting.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(pool_fates);

/* A busy machine may be so much later than the deadline. */
#define FATES_LATE_MS	1500

/* Free the pool, so that no worker runs any more, then check the record. */
static void
fates_end(struct brood_pool *pool, struct counters *counters,
    struct accounting *account)
{
	const char *fault;

	cr_assert(brood_pool_free(pool) == NULL);
	fault = accounting_fault(account, counters);
	cr_assert(fault == NULL, "%s", fault);
	accounting_free(account);
	(void)counters_free(counters);
}

static void
fates_check_deadline(uint32_t method)
{
	struct accounting account = accounting_new(1);
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	pid_t pid = drain_echo(pool);
	int64_t start_ms, took_ms;

	cr_assert(pid > 0);
	cr_assert(drain_event(pool, BROOD_EVENT_READY, &event));
	start_ms = brood__now_ms();
	cr_assert(accounting_submit(&account, pool, method, 0, 250) == 0);
	cr_assert(accounting_await(&account, pool, 1));
	took_ms = brood__now_ms() - start_ms;
	cr_assert(took_ms >= 249, "%d ms", (int)took_ms);
	cr_assert(took_ms <= 250 + FATES_LATE_MS, "%d ms", (int)took_ms);
	cr_assert(account.entries[0].fate == BROOD_EXPIRED);
	cr_assert(account.entries[0].pid == pid);
	/* The worker is ended, though the host does nothing but dispatch. */
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(event.pid == pid);
	cr_assert(!support_is_alive(pid));
	cr_assert(brood__now_ms() - start_ms <= 250 + 300 + FATES_LATE_MS);
	cr_assert(drain_event(pool, BROOD_EVENT_READY, &event));
	cr_assert(event.pid != pid && event.generation == 2);
	cr_assert(drain_echo(pool) == event.pid);
	fates_end(pool, counters, &account);
}

Test(pool_fates, deadline_completes_on_time_and_worker_is_gone)
{
	fates_check_deadline(METHOD_PAUSE);
}

Test(pool_fates, deadline_holds_for_a_worker_that_ignores_sigterm)
{
	fates_check_deadline(METHOD_PAUSE_HARD);
}

Test(pool_fates, deadline_holds_for_a_worker_that_is_stopped)
{
	fates_check_deadline(METHOD_STOP_SELF);
}

Test(pool_fates, deadline_covers_the_wait_and_spares_the_worker)
{
	struct accounting account = accounting_new(2);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, 100) == 0);
	cr_assert(accounting_await(&account, pool, 1));
	cr_assert(account.entries[1].fate == BROOD_EXPIRED);
	cr_assert(account.entries[1].ran == BROOD_NOT_RUN);
	cr_assert(account.entries[1].pid == 0);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 2));
	cr_assert(account.entries[0].fate == BROOD_DONE);
	cr_assert(drain_echo(pool) == account.entries[0].pid);
	fates_end(pool, counters, &account);
}

/*
 * The pool may end the worker, which runs the other request, or not.  So this
 * does not check how the other request is completed.
 */
Test(pool_fates, deadline_of_a_request_sent_ahead_holds)
{
	struct accounting account = accounting_new(2);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .in_flight = 2 });

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, 100) == 0);
	cr_assert(accounting_await(&account, pool, 1));
	cr_assert(account.entries[1].fate == BROOD_EXPIRED);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 2));
	cr_assert(drain_echo(pool) > 0);
	fates_end(pool, counters, &account);
}

Test(pool_fates, fifty_deadlines_each_hold_in_their_order)
{
	struct accounting account = accounting_new(51);
	int64_t start_ms;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	start_ms = brood__now_ms();
	for (int i = 1; i <= 50; i++)
		cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0,
		    200 + i * 37 % 51 * 10) == 0);
	for (size_t n = 1; n <= 50; n++) {
		int64_t late_ms;

		cr_assert(accounting_await(&account, pool, n));
		late_ms = brood__now_ms() - start_ms -
		    (200 + 10 * (int64_t)n);
		cr_assert(late_ms >= -1, "%zu: %d ms", n, (int)late_ms);
		cr_assert(late_ms <= FATES_LATE_MS, "%zu: %d ms", n,
		    (int)late_ms);
	}
	cr_assert(account.n_fates[BROOD_EXPIRED] == 50);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 51));
	fates_end(pool, counters, &account);
}

/* The work takes 2 ms and the deadlines are 1 to 6 ms, so either may win. */
Test(pool_fates, replies_that_race_their_deadlines_reach_no_other_request)
{
	struct accounting account = accounting_new(400);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2, .in_flight = 2 });

	for (int i = 0; i < 400; i++) {
		cr_assert(accounting_submit(&account, pool, METHOD_NAP, 0,
		    i % 2 == 0 ? -1 : 1 + i % 6) == 0);
		if (i % 4 == 3)
			cr_assert(accounting_await(&account, pool,
			    account.n_submitted));
	}
	cr_assert(account.n_fates[BROOD_EXPIRED] > 0);
	cr_assert(account.n_fates[BROOD_DONE] > 0);
	fates_end(pool, counters, &account);
}

Test(pool_fates, late_reply_of_a_canceled_request_is_dropped)
{
	struct accounting account = accounting_new(2);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	pid_t pid = drain_echo(pool);

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(brood_pool_cancel(pool, account.entries[0].id) == 0);
	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, -1) == 0);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 2));
	cr_assert(account.entries[0].fate == BROOD_CANCELED);
	cr_assert(account.entries[1].fate == BROOD_DONE);
	cr_assert(account.entries[1].pid == pid);
	fates_end(pool, counters, &account);
}

Test(pool_fates, canceled_while_queued_completes_at_once_and_never_runs)
{
	struct accounting account = accounting_new(3);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 3) == 0);
	cr_assert(brood_pool_cancel(pool, account.entries[1].id) == 0);
	cr_assert(brood_pool_cancel(pool, account.entries[1].id) == -ENOENT);
	cr_assert(accounting_take(&account, pool) == 0);
	cr_assert(account.n_done == 1);
	cr_assert(account.entries[1].fate == BROOD_CANCELED);
	cr_assert(account.entries[1].ran == BROOD_NOT_RUN);
	counters_open(counters);
	cr_assert(accounting_await(&account, pool, 3));
	cr_assert(atomic_load(&counters->runs[1]) == 0);
	cr_assert(atomic_load(&counters->runs[2]) == 1);
	fates_end(pool, counters, &account);
}

Test(pool_fates, canceled_while_running_completes_at_once_and_is_told)
{
	struct accounting account = accounting_new(1);
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	pid_t pid = drain_echo(pool);

	cr_assert(accounting_submit(&account, pool, METHOD_AWAIT_CANCEL, 0,
	    -1) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(brood_pool_cancel(pool, account.entries[0].id) == 0);
	cr_assert(accounting_take(&account, pool) == 0);
	cr_assert(account.n_done == 1);
	cr_assert(account.entries[0].fate == BROOD_CANCELED);
	cr_assert(account.entries[0].ran != BROOD_NOT_RUN);
	cr_assert(drain_echo(pool) == pid);
	brood_pool_stats(pool, &stats);
	cr_assert(stats.ended == 0 && stats.failed == 0);
	fates_end(pool, counters, &account);
}

Test(pool_fates, canceled_request_still_costs_no_more_than_its_deadline)
{
	struct accounting account = accounting_new(1);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_event event;

	cr_assert(accounting_submit(&account, pool, METHOD_PAUSE, 0, 300) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(brood_pool_cancel(pool, account.entries[0].id) == 0);
	cr_assert(accounting_take(&account, pool) == 0);
	cr_assert(account.entries[0].fate == BROOD_CANCELED);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(event.is_asked);
	cr_assert(drain_echo(pool) > 0);
	cr_assert(account.n_done == 1);
	fates_end(pool, counters, &account);
}

Test(pool_fates, cancel_of_what_is_done_or_unknown_is_enoent)
{
	struct accounting account = accounting_new(1);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_COUNT, 0, -1) == 0);
	cr_assert(brood_pool_cancel(pool, account.entries[0].id + 1) ==
	    -ENOENT);
	cr_assert(drain_untaken(pool, 1));
	cr_assert(brood_pool_cancel(pool, account.entries[0].id) == -ENOENT);
	cr_assert(accounting_take(&account, pool) == 0);
	cr_assert(brood_pool_cancel(pool, account.entries[0].id) == -ENOENT);
	cr_assert(account.entries[0].fate == BROOD_DONE);
	fates_end(pool, counters, &account);
}

Test(pool_fates, crash_gives_status_pid_and_what_was_printed)
{
	struct accounting account = accounting_new(1);
	struct brood_completion done;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .stderr_fd = -1 });
	pid_t pid = drain_echo(pool);

	cr_assert(drain_call(pool, METHOD_PRINT_ABORT, "last words\n",
	    &done) == 0);
	cr_assert(done.fate == BROOD_CRASHED);
	cr_assert(done.ran != BROOD_NOT_RUN);
	cr_assert(done.pid == pid);
	cr_assert(WIFSIGNALED(done.status));
	cr_assert(WTERMSIG(done.status) == SIGABRT);
	cr_assert(done.text[0] != '\0');
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(event.pid == pid && !event.is_asked);
	cr_assert(event.status == done.status);
	cr_assert(strstr(event.stderr_tail, "last words") != NULL);
	brood_completion_fini(&done);
	cr_assert(drain_call(pool, METHOD_EXIT, "3", &done) == 0);
	cr_assert(done.fate == BROOD_CRASHED);
	cr_assert(WIFEXITED(done.status) && WEXITSTATUS(done.status) == 3);
	brood_completion_fini(&done);
	fates_end(pool, counters, &account);
}

Test(pool_fates, crash_costs_no_other_request)
{
	struct accounting account = accounting_new(200);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 2, .in_flight = 8,
	    .queue = 200 });

	for (unsigned i = 0; i < 200; i++)
		cr_assert(accounting_submit(&account, pool,
		    i % 10 == 4 ? METHOD_ABORT : METHOD_COUNT, 0, -1) == 0);
	cr_assert(accounting_await(&account, pool, 200));
	for (unsigned i = 0; i < 200; i++) {
		cr_assert(account.entries[i].fate ==
		    (i % 10 == 4 ? BROOD_CRASHED : BROOD_DONE));
		cr_assert(atomic_load(&counters->runs[i]) == 1);
	}
	fates_end(pool, counters, &account);
}

/*
 * A worker that dies while it runs a request is replaced at once, and its death
 * does not count against the slot.
 */
Test(pool_fates, crashing_requests_never_wear_a_slot_out)
{
	struct accounting account = accounting_new(40);
	int64_t start_ms = brood__now_ms();
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .intensity = 1 });

	cr_assert(accounting_fill(&account, pool, METHOD_ABORT, 0, 40) == 0);
	cr_assert(accounting_await(&account, pool, 40));
	cr_assert(account.n_fates[BROOD_CRASHED] == 40);
	cr_assert(drain_echo(pool) > 0);
	cr_assert(brood__now_ms() - start_ms < 6000);
	fates_end(pool, counters, &account);
}

Test(pool_fates, requests_sent_ahead_run_elsewhere_exactly_once)
{
	struct accounting account = accounting_new(8);
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .in_flight = 8 });
	pid_t pid = drain_echo(pool);

	cr_assert(pid > 0);
	cr_assert(accounting_submit(&account, pool, METHOD_HOLD, 0, -1) == 0);
	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 8) == 0);
	cr_assert(counters_await(counters, pool, 1));
	cr_assert(drain_in_flight(pool, 8));
	cr_assert(kill(pid, SIGKILL) == 0);
	cr_assert(accounting_await(&account, pool, 8));
	cr_assert(account.entries[0].fate == BROOD_CRASHED);
	cr_assert(account.entries[0].ran == BROOD_MAY_HAVE_RUN);
	for (unsigned i = 1; i < 8; i++) {
		cr_assert(account.entries[i].fate == BROOD_DONE);
		cr_assert(account.entries[i].pid != pid);
		cr_assert(atomic_load(&counters->runs[i]) == 1);
	}
	brood_pool_stats(pool, &stats);
	cr_assert(stats.resubmitted == 7);
	fates_end(pool, counters, &account);
}

Test(pool_fates, idempotent_request_is_tried_once_more_and_no_more)
{
	struct accounting account = accounting_new(3);
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });

	cr_assert(accounting_submit(&account, pool, METHOD_ABORT_FIRST,
	    BROOD_IDEMPOTENT, -1) == 0);
	cr_assert(accounting_submit(&account, pool, METHOD_ABORT,
	    BROOD_IDEMPOTENT, -1) == 0);
	cr_assert(accounting_submit(&account, pool, METHOD_ABORT, 0, -1) == 0);
	cr_assert(accounting_await(&account, pool, 3));
	cr_assert(account.entries[0].fate == BROOD_DONE);
	cr_assert(atomic_load(&counters->runs[0]) == 2);
	cr_assert(account.entries[1].fate == BROOD_CRASHED);
	cr_assert(atomic_load(&counters->runs[1]) == 2);
	cr_assert(account.entries[2].fate == BROOD_CRASHED);
	cr_assert(atomic_load(&counters->runs[2]) == 1);
	fates_end(pool, counters, &account);
}

/* Only the first worker becomes ready. */
static int
fates_setup(void *arg)
{
	return counters_wait_to_start(arg, 1);
}

/*
 * The worker has died of the request, and there is no other worker: the request
 * waits to be run again when it is canceled or the pool is stopped.
 */
static void
fates_end_between_runs(bool is_stop)
{
	struct accounting account = accounting_new(1);
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1,
	    .setup = fates_setup });

	cr_assert(accounting_submit(&account, pool, METHOD_ABORT_FIRST,
	    BROOD_IDEMPOTENT, -1) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	if (is_stop)
		cr_assert(brood_pool_stop(pool, 0) == 0);
	else
		cr_assert(brood_pool_cancel(pool, account.entries[0].id) == 0);
	cr_assert(accounting_await(&account, pool, 1));
	cr_assert(account.entries[0].fate == BROOD_CANCELED);
	cr_assert(account.entries[0].ran == BROOD_MAY_HAVE_RUN);
	fates_end(pool, counters, &account);
}

Test(pool_fates, idempotent_request_that_ran_once_never_says_not_run)
{
	fates_end_between_runs(false);
	fates_end_between_runs(true);
}
