/* SPDX-License-Identifier: ISC */
/*
 * SIGKILL at any moment, of anyone: a worker, all workers, the supervisor, the
 * host.  Judged by accounts: every request completed once, none run twice, no
 * process and no descriptor left.
 *
 * The moments are random, and counted in completions rather than in time: then
 * they fall into the work, however fast or slow the machine is.
 */

#include "base/fd.h"
#include "support/accounting.h"
#include "support/drain.h"
#include "support/methods.h"
#include "support/support.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(pool_kill);

static struct brood_pool *
kill_pool(struct counters **ret_board, unsigned n_runs,
    struct brood_pool_options options)
{
	struct brood_pool *pool;

	*ret_board = counters_new(n_runs);
	cr_assert(*ret_board != NULL);
	pool = counters_pool(*ret_board, options);
	cr_assert(pool != NULL);
	return pool;
}

/* Once the pool is gone: are the accounts in order? */
static void
kill_check(const struct accounting *accounting, const struct counters *counters)
{
	const char *fault = accounting_fault(accounting, counters);

	cr_assert(accounting->n_done == accounting->n_submitted, "%zu of %zu",
	    accounting->n_done, accounting->n_submitted);
	cr_assert(fault == NULL, "%s", fault);
}

static void
kill_end(struct brood_pool *pool, struct counters *counters, struct accounting *accounting)
{
	cr_assert(brood_pool_free(pool) == NULL);
	kill_check(accounting, counters);
	accounting_free(accounting);
	(void)counters_free(counters);
}

/*
 * Run n requests; after each random number of completions, up to 2 * every,
 * kill the worker that answered last: it has been used, so that its death is
 * nobody's failure and no delay follows.
 */
static unsigned
kill_while_running(struct accounting *accounting, struct brood_pool *pool,
    unsigned flags, size_t n, unsigned every)
{
	unsigned n_kills = 0;
	size_t next = every;

	while (accounting->n_done < n) {
		cr_assert(accounting_fill(accounting, pool, METHOD_COUNT, flags,
		    n) == 0);
		cr_assert(brood_pool_wait(pool, DRAIN_MS) == 1);
		cr_assert(accounting_take(accounting, pool) == 0);
		if (accounting->n_done < next || accounting->last_pid == 0)
			continue;
		if (kill(accounting->last_pid, SIGKILL) == 0)
			n_kills++;
		accounting->last_pid = 0;
		next = accounting->n_done + 1 + arc4random_uniform(2 * every);
	}
	return n_kills;
}

Test(pool_kill, worker_killed_at_random_costs_its_own_request_at_most)
{
	struct accounting accounting = accounting_new(5000);
	unsigned n_kills;
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, 5000,
	    (struct brood_pool_options){ .workers = 2, .in_flight = 4 });

	n_kills = kill_while_running(&accounting, pool, 0, 5000, 40);
	cr_assert(n_kills > 10);
	cr_assert(accounting.n_fates[BROOD_DONE] +
	    accounting.n_fates[BROOD_CRASHED] == 5000);
	cr_assert(accounting.n_fates[BROOD_CRASHED] <= n_kills);
	kill_end(pool, counters, &accounting);
}

Test(pool_kill, idempotent_requests_survive_most_kills)
{
	struct accounting accounting = accounting_new(3000);
	unsigned n_kills;
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, 3000,
	    (struct brood_pool_options){ .workers = 2, .in_flight = 4 });

	n_kills = kill_while_running(&accounting, pool, BROOD_IDEMPOTENT, 3000,
	    40);
	cr_assert(n_kills > 10);
	/* Two deaths each. */
	cr_assert(accounting.n_fates[BROOD_CRASHED] <= n_kills / 2);
	cr_assert(accounting.n_fates[BROOD_DONE] +
	    accounting.n_fates[BROOD_CRASHED] == 3000);
	kill_end(pool, counters, &accounting);
}

Test(pool_kill, all_workers_killed_at_once_cost_one_request_each)
{
	struct accounting accounting = accounting_new(200);
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, 200,
	    (struct brood_pool_options){ .workers = 4, .in_flight = 4,
	    .queue = 200 });

	for (unsigned i = 0; i < 8; i++) {
		size_t n = accounting.n_done;
		pid_t pids[4];

		cr_assert(drain_workers(pool, pids, 4));
		cr_assert(accounting_fill(&accounting, pool, METHOD_HOLD, 0,
		    n + 4) == 0);
		/* All four are in it; behind them are some sent ahead. */
		cr_assert(counters_await(counters, pool, 4));
		cr_assert(accounting_fill(&accounting, pool, METHOD_COUNT, 0,
		    n + 24) == 0);
		(void)drain_turn(pool, -1);
		for (unsigned k = 0; k < 4; k++)
			cr_assert(kill(pids[k], SIGKILL) == 0);
		cr_assert(accounting_await(&accounting, pool, n + 24));
		cr_assert(accounting.n_fates[BROOD_CRASHED] == 4 * (i + 1));
	}
	kill_end(pool, counters, &accounting);
}

static void
kill_the_supervisor(unsigned n_before)
{
	struct accounting accounting = accounting_new(60);
	struct brood_completion done;
	struct brood_pool_stats stats;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, 60,
	    (struct brood_pool_options){ .workers = 3, .in_flight = 4,
	    .queue = 60 });
	pid_t pids[3];

	cr_assert(drain_workers(pool, pids, 3));
	brood_pool_stats(pool, &stats);
	cr_assert(accounting_fill(&accounting, pool, METHOD_COUNT, 0, 60) == 0);
	cr_assert(accounting_await(&accounting, pool, n_before));
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(accounting_await(&accounting, pool, 60));
	cr_assert(drain_event(pool, BROOD_EVENT_BROKEN, &event));
	cr_assert(event.text[0] != '\0');
	cr_assert(drain_call(pool, METHOD_ECHO, "", &done) == 0);
	cr_assert(done.fate == BROOD_REFUSED && done.ran == BROOD_NOT_RUN);
	brood_completion_fini(&done);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(support_wait_gone(pids[i]));
	cr_assert(brood_pool_free(pool) == NULL);
	cr_assert(waitpid(stats.supervisor, NULL, WNOHANG) == -1);
	/* Adopted only because this process is a subreaper; init, usually. */
	(void)drain_children();
	kill_check(&accounting, counters);
	accounting_free(&accounting);
	(void)counters_free(counters);
}

Test(pool_kill, supervisor_killed_completes_every_request_once)
{
	cr_assert(support_n_children() == 0);
	for (unsigned i = 0; i < 12; i++)
		kill_the_supervisor(arc4random_uniform(50));
}

#ifdef HAVE_PRCTL_PDEATHSIG
static const bool kill_reaches_workers = true;
#else
static const bool kill_reaches_workers = false;
#endif

/* Found out by what the program asks for, before a turn sees it. */
Test(pool_kill, supervisor_killed_shows_at_the_descriptor_and_can_be_stopped)
{
	struct accounting accounting = accounting_new(2);
	struct brood_pool_stats stats;
	struct pollfd pfd = { .events = POLLIN };
	struct counters *counters;
	struct brood_pool *pool;
	pid_t pid;

	if (!kill_reaches_workers)
		cr_skip("a parent's death sends no signal here");
	pool = kill_pool(&counters, 2,
	    (struct brood_pool_options){ .workers = 1 });
	cr_assert(drain_workers(pool, &pid, 1));
	cr_assert(accounting_fill(&accounting, pool, METHOD_HOLD, 0, 2) == 0);
	cr_assert(counters_await(counters, pool, 1));
	brood_pool_stats(pool, &stats);
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(support_wait_gone(pid));
	cr_assert(brood_pool_resize(pool, 4) == 0);
	pfd.fd = brood_pool_fd(pool);
	cr_assert(pfd.fd < 0 || poll(&pfd, 1, 5000) == 1);
	cr_assert(accounting_await(&accounting, pool, 2));
	cr_assert(brood_pool_stop(pool, -1) == 0);
	cr_assert(brood_pool_cancel(pool, 1) == -ENOENT);
	cr_assert(pfd.fd < 0 || poll(&pfd, 1, 5000) == 1);
	cr_assert(drain_stopped(pool));
	kill_end(pool, counters, &accounting);
	(void)drain_children();
}

Test(pool_kill, supervisor_killed_ends_workers_that_will_not_answer)
{
	struct accounting accounting = accounting_new(2);
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool;
	pid_t pids[2];

	if (!kill_reaches_workers)
		cr_skip("a parent's death sends no signal here");
	cr_assert(support_n_children() == 0);
	pool = kill_pool(&counters, 2,
	    (struct brood_pool_options){ .workers = 2 });
	cr_assert(drain_workers(pool, pids, 2));
	cr_assert(accounting_fill(&accounting, pool, METHOD_PAUSE_HARD, 0, 2) == 0);
	cr_assert(counters_await(counters, pool, 2));
	brood_pool_stats(pool, &stats);
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(accounting_await(&accounting, pool, 2));
	cr_assert(support_wait_gone(pids[0]) && support_wait_gone(pids[1]));
	cr_assert(brood_pool_free(pool) == NULL);
	(void)drain_children();
	kill_check(&accounting, counters);
	cr_assert(accounting.entries[0].ran == BROOD_MAY_HAVE_RUN);
	cr_assert(accounting.entries[1].ran == BROOD_MAY_HAVE_RUN);
	accounting_free(&accounting);
	(void)counters_free(counters);
}

/*
 * What a host that is to be killed works on.  It says its supervisor's pid, and
 * then a byte per completion.
 */
struct kill_host {
	int	 said[2];
	uint32_t method;
};

static int
kill_host_run(void *arg)
{
	const struct kill_host *host = arg;
	struct counters *counters = counters_new(1);
	struct brood_pool *pool;
	struct brood_completion done;
	struct brood_pool_stats stats;
	struct brood_message msg = { .data = "1234", .len = 4 };
	int r;

	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(counters, (struct brood_pool_options){ .workers = 4,
	    .in_flight = 2 });
	DRAIN_CHECK(pool != NULL);
	brood_pool_stats(pool, &stats);
	DRAIN_CHECK(write(host->said[1], &stats.supervisor, sizeof(pid_t)) ==
	    sizeof(pid_t));
	for (unsigned i = 0;; i++) {
		msg.code = i % 64 == 63 ? host->method : METHOD_ECHO;
		r = brood_pool_submit(pool, &msg, 0, -1, NULL, NULL);
		DRAIN_CHECK(r == 0 || r == -EAGAIN);
		if (r == -EAGAIN)
			(void)drain_turn(pool, -1);
		while (brood_pool_take(pool, &done) == 1) {
			brood_completion_fini(&done);
			DRAIN_CHECK(write(host->said[1], "", 1) == 1);
		}
	}
}

static pid_t
kill_host_start(struct kill_host *host)
{
	pid_t pid;

	cr_assert(support_n_children() == 0);
	cr_assert(pipe2(host->said, O_CLOEXEC) == 0);
	pid = support_fork(kill_host_run, host);
	cr_assert(pid > 0);
	return pid;
}

/* Wait until it has n completions; gives its supervisor. */
static pid_t
kill_host_await(const struct kill_host *host, unsigned n)
{
	pid_t supervisor;
	char byte;

	cr_assert(read(host->said[0], &supervisor, sizeof(supervisor)) ==
	    sizeof(supervisor));
	for (unsigned i = 0; i < n; i++)
		cr_assert(read(host->said[0], &byte, 1) == 1);
	return supervisor;
}

/* Kill a host after so many completions; 0: while it makes its pool. */
static void
kill_the_host(uint32_t method, unsigned n_before)
{
	struct kill_host host = { .method = method };
	unsigned n_fds = support_n_fds();
	pid_t pid = kill_host_start(&host);
	int status;

	if (n_before > 0)
		(void)kill_host_await(&host, n_before);
	cr_assert(kill(pid, SIGKILL) == 0);
	status = support_join(pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* The supervisor reaps its workers, and is left to this process. */
	cr_assert(drain_children() >= (n_before > 0));
	cr_assert(support_n_children() == 0);
	brood__fd_close_all(host.said, 2);
	cr_assert(support_n_fds() == n_fds);
}

Test(pool_kill, host_killed_leaves_no_process)
{
	for (unsigned i = 0; i < 10; i++)
		kill_the_host(METHOD_ECHO, arc4random_uniform(400));
	for (unsigned i = 0; i < 4; i++)
		kill_the_host(METHOD_ECHO, 0);
}

Test(pool_kill, host_killed_leaves_no_worker_that_will_not_end)
{
	kill_the_host(METHOD_PAUSE, 100);
	kill_the_host(METHOD_PAUSE_HARD, 150);
	kill_the_host(METHOD_STOP_SELF, 200);
}

/* Everything at once: whichever dies first, nothing is left. */
Test(pool_kill, host_and_supervisor_killed_together_leave_no_process)
{
	struct kill_host host = {
		.method = kill_reaches_workers ? METHOD_PAUSE_HARD :
		    METHOD_ECHO,
	};
	pid_t pid = kill_host_start(&host);
	pid_t supervisor = kill_host_await(&host, 100);

	cr_assert(kill(supervisor, SIGKILL) == 0);
	cr_assert(kill(pid, SIGKILL) == 0);
	(void)support_join(pid);
	/* The supervisor, and at least the worker that has answered. */
	cr_assert(drain_children() >= 2);
	cr_assert(support_n_children() == 0);
	brood__fd_close_all(host.said, 2);
}

Test(pool_kill, hundred_thousand_requests_with_a_kill_every_50_ms)
{
	static const size_t n = 100000;
	struct accounting accounting = accounting_new(n);
	int64_t next_ms = brood__now_ms() + 50;
	unsigned n_kills = 0;
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, (unsigned)n,
	    (struct brood_pool_options){ .workers = 2, .in_flight = 32,
	    .queue = 1024 });

	while (accounting.n_done < n) {
		cr_assert(accounting_fill(&accounting, pool, METHOD_COUNT, 0,
		    n) == 0);
		cr_assert(brood_pool_wait(pool, DRAIN_MS) == 1);
		cr_assert(accounting_take(&accounting, pool) == 0);
		if (brood__now_ms() < next_ms || accounting.last_pid == 0)
			continue;
		if (kill(accounting.last_pid, SIGKILL) == 0)
			n_kills++;
		accounting.last_pid = 0;
		next_ms = brood__now_ms() + 50;
	}
	cr_assert(n_kills > 3);
	cr_assert(accounting.n_fates[BROOD_DONE] +
	    accounting.n_fates[BROOD_CRASHED] == n);
	cr_assert(accounting.n_fates[BROOD_CRASHED] <= n_kills);
	kill_end(pool, counters, &accounting);
}

static int
kill_compare_pids(const void *a, const void *b)
{
	const struct accounting_entry *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

/* AddressSanitizer makes each fork cost several times as much. */
#ifdef __SANITIZE_ADDRESS__
enum { MANY = 200 };
#else
enum { MANY = 1000 };
#endif

static int
kill_none_of_many(void *arg)
{
	struct rlimit limit;
	struct accounting accounting = accounting_new(MANY);
	struct counters *counters = counters_new(MANY);
	struct brood_pool *pool;

	(void)arg;
	DRAIN_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 2200;
	DRAIN_CHECK(support_n_children() == 0);
	DRAIN_CHECK(counters != NULL && accounting.n_entries == MANY);
	DRAIN_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	pool = counters_pool(counters, (struct brood_pool_options){
	    .workers = MANY, .shutdown_ms = 5000 });
	DRAIN_CHECK(pool != NULL);
	DRAIN_CHECK(drain_ready(pool, MANY));
	/* No one answers before all are at work: each has one. */
	DRAIN_CHECK(accounting_fill(&accounting, pool, METHOD_HOLD, 0, MANY) == 0);
	DRAIN_CHECK(counters_await(counters, pool, MANY));
	counters_open(counters);
	DRAIN_CHECK(accounting_await(&accounting, pool, MANY));
	DRAIN_CHECK(accounting_fault(&accounting, counters) == NULL);
	DRAIN_CHECK(accounting.n_fates[BROOD_DONE] == MANY);
	qsort(accounting.entries, MANY, sizeof(*accounting.entries),
	    kill_compare_pids);
	for (unsigned i = 1; i < MANY; i++)
		DRAIN_CHECK(accounting.entries[i].pid !=
		    accounting.entries[i - 1].pid);
	DRAIN_CHECK(brood_pool_stop(pool, -1) == 0);
	DRAIN_CHECK(drain_stopped(pool));
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	DRAIN_CHECK(support_n_children() == 0);
	accounting_free(&accounting);
	(void)counters_free(counters);
	return 0;
}

Test(pool_kill, many_workers_start_answer_and_stop)
{
	struct rlimit limit;

	cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_max < 2200)
		cr_skip("the hard limit of descriptors is under 2200");
	support_in_child(kill_none_of_many, NULL);
}
