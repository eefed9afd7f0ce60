/* SPDX-License-Identifier: ISC */
/*
 * SIGKILL at any moment: of a worker, of all workers, of the supervisor, of the
 * host.  Each request must be completed once and not be run twice, and no
 * process and no descriptor may be left.
 *
 * The moments are random.  They are counted in completions and not in
 * milliseconds, so that they fall into the work on a fast machine and on a slow
 * one.
 */

#include "base/clock.h"
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
kill_pool(struct counters **ret_counters, unsigned n_runs,
    struct brood_pool_options options)
{
	struct brood_pool *pool;

	*ret_counters = counters_new(n_runs);
	cr_assert(*ret_counters != NULL);
	pool = counters_pool(*ret_counters, options);
	cr_assert(pool != NULL);
	return pool;
}

/* Check the record.  The pool has been freed, so that no worker runs. */
static void
kill_check(const struct accounting *account, const struct counters *counters)
{
	const char *fault = accounting_fault(account, counters);

	cr_assert(account->n_done == account->n_submitted, "%zu of %zu",
	    account->n_done, account->n_submitted);
	cr_assert(fault == NULL, "%s", fault);
}

static void
kill_end(struct brood_pool *pool, struct counters *counters,
    struct accounting *account)
{
	cr_assert(brood_pool_free(pool) == NULL);
	kill_check(account, counters);
	accounting_free(account);
	(void)counters_free(counters);
}

/*
 * Run n requests, and kill a worker again and again, after a random number of
 * completions, `every' on average.  It is the worker that answered last: a
 * worker that has served is replaced at once, without a delay.
 *
 * Returns the number of kills.
 */
static unsigned
kill_while_running(struct accounting *account, struct brood_pool *pool,
    unsigned flags, size_t n, unsigned every)
{
	unsigned n_kills = 0;
	size_t next = every;

	while (account->n_done < n) {
		cr_assert(accounting_fill(account, pool, METHOD_COUNT, flags,
		    n) == 0);
		cr_assert(brood_pool_wait(pool, DRAIN_MS) == 1);
		cr_assert(accounting_take(account, pool) == 0);
		if (account->n_done < next || account->last_pid == 0)
			continue;
		if (kill(account->last_pid, SIGKILL) == 0)
			n_kills++;
		account->last_pid = 0;
		next = account->n_done + 1 + arc4random_uniform(2 * every);
	}
	return n_kills;
}

/* Run n requests, up to in_flight of them at each worker. */
static void
kill_at_random(size_t n, unsigned in_flight, unsigned every)
{
	struct accounting account = accounting_new(n);
	unsigned n_kills;
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, (unsigned)n,
	    (struct brood_pool_options){ .workers = 2, .in_flight = in_flight,
	    .queue = 16 * in_flight });

	n_kills = kill_while_running(&account, pool, 0, n, every);
	cr_assert(n_kills > 10);
	cr_assert(account.n_fates[BROOD_DONE] +
	    account.n_fates[BROOD_CRASHED] == n);
	cr_assert(account.n_fates[BROOD_CRASHED] <= n_kills);
	kill_end(pool, counters, &account);
}

Test(pool_kill, worker_killed_at_random_costs_its_own_request_at_most)
{
	kill_at_random(5000, 4, 40);
	kill_at_random(20000, 32, 500);
}

Test(pool_kill, idempotent_requests_survive_most_kills)
{
	struct accounting account = accounting_new(3000);
	unsigned n_kills;
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, 3000,
	    (struct brood_pool_options){ .workers = 2, .in_flight = 4 });

	n_kills = kill_while_running(&account, pool, BROOD_IDEMPOTENT, 3000,
	    40);
	cr_assert(n_kills > 10);
	/* A request is lost only if two workers died that had it. */
	cr_assert(account.n_fates[BROOD_CRASHED] <= n_kills / 2);
	cr_assert(account.n_fates[BROOD_DONE] +
	    account.n_fates[BROOD_CRASHED] == 3000);
	kill_end(pool, counters, &account);
}

Test(pool_kill, all_workers_killed_at_once_cost_one_request_each)
{
	struct accounting account = accounting_new(200);
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, 200,
	    (struct brood_pool_options){ .workers = 4, .in_flight = 4,
	    .queue = 200 });

	for (unsigned i = 0; i < 8; i++) {
		size_t n = account.n_done;
		pid_t pids[4];

		cr_assert(drain_workers(pool, pids, 4));
		cr_assert(accounting_fill(&account, pool, METHOD_HOLD, 0,
		    n + 4) == 0);
		/* Each worker runs one, and has three that are sent ahead. */
		cr_assert(counters_await(counters, pool, 4));
		cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0,
		    n + 24) == 0);
		cr_assert(drain_in_flight(pool, 16));
		for (unsigned k = 0; k < 4; k++)
			cr_assert(kill(pids[k], SIGKILL) == 0);
		cr_assert(accounting_await(&account, pool, n + 24));
		cr_assert(account.n_fates[BROOD_CRASHED] == 4 * (i + 1));
	}
	kill_end(pool, counters, &account);
}

/*
 * The first worker is stopped, so of its request there is as much on the way as
 * the socket takes.  The rest is sent from where it is, until the worker has
 * died; then all of it goes to another worker.
 */
Test(pool_kill, worker_killed_while_a_long_request_is_on_its_way)
{
	enum { LONG = 4 << 20 };
	uint8_t *bytes = malloc(LONG);
	struct brood_message msg = { .code = METHOD_ECHO, .data = bytes,
	    .len = LONG };
	struct counters *counters;
	struct brood_pool *pool = kill_pool(&counters, 1,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_completion done;
	pid_t pid;

	for (size_t i = 0; i < LONG; i++)
		bytes[i] = (uint8_t)(i * 31 >> 8);
	for (unsigned i = 0; i < 3; i++) {
		pid = drain_echo(pool);
		cr_assert_gt(pid, 0);
		cr_assert_eq(kill(pid, SIGSTOP), 0);
		cr_assert_eq(brood_pool_submit(pool, &msg, NULL, NULL), 0);
		cr_assert(drain_in_flight(pool, 1));
		cr_assert_eq(kill(pid, SIGKILL), 0);
		cr_assert(drain_next(pool, &done));
		cr_assert_eq(done.fate, BROOD_DONE, "%s", done.text);
		cr_assert_eq(done.attempts, 2);
		cr_assert_eq(done.reply.len, LONG);
		cr_assert_eq(memcmp(done.reply.data, bytes, LONG), 0);
		brood_completion_fini(&done);
	}
	cr_assert_null(brood_pool_free(pool));
	(void)counters_free(counters);
	free(bytes);
}

static void
kill_the_supervisor(unsigned n_before)
{
	struct accounting account = accounting_new(60);
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
	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 60) == 0);
	cr_assert(accounting_await(&account, pool, n_before));
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(accounting_await(&account, pool, 60));
	cr_assert(drain_event(pool, BROOD_EVENT_BROKEN, &event));
	cr_assert(event.text[0] != '\0');
	cr_assert(drain_call(pool, METHOD_ECHO, "", &done) == 0);
	cr_assert(done.fate == BROOD_REFUSED && done.ran == BROOD_NOT_RUN);
	brood_completion_fini(&done);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(support_wait_gone(pids[i]));
	cr_assert(brood_pool_free(pool) == NULL);
	cr_assert(waitpid(stats.supervisor, NULL, WNOHANG) == -1);
	/* The orphans come to this process, because it is a subreaper. */
	(void)drain_children();
	kill_check(&account, counters);
	accounting_free(&account);
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

/*
 * The resize meets the dead supervisor first, before a dispatch could read the
 * end of the control channel.
 */
Test(pool_kill, supervisor_killed_shows_at_the_descriptor_and_can_be_stopped)
{
	struct accounting account = accounting_new(2);
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
	cr_assert(accounting_fill(&account, pool, METHOD_HOLD, 0, 2) == 0);
	cr_assert(counters_await(counters, pool, 1));
	brood_pool_stats(pool, &stats);
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(support_wait_gone(pid));
	cr_assert(brood_pool_resize(pool, 4) == 0);
	pfd.fd = brood_pool_fd(pool);
	cr_assert(pfd.fd < 0 || poll(&pfd, 1, 5000) == 1);
	cr_assert(accounting_await(&account, pool, 2));
	cr_assert(brood_pool_stop(pool, 30000) == 0);
	cr_assert(brood_pool_cancel(pool, 1) == -ENOENT);
	cr_assert(pfd.fd < 0 || poll(&pfd, 1, 5000) == 1);
	cr_assert(drain_stopped(pool));
	kill_end(pool, counters, &account);
	(void)drain_children();
}

/*
 * The host has not noticed yet that the supervisor is gone.  Without a signal
 * at a parent's death only the end of its channel ends a worker that waits: to
 * wait for the worker first would take the whole time limit, of five seconds.
 */
Test(pool_kill, supervisor_killed_before_free_leaves_no_worker)
{
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool;
	int64_t before_ms;
	pid_t pids[2];

	pool = kill_pool(&counters, 1,
	    (struct brood_pool_options){ .workers = 2 });
	cr_assert(drain_workers(pool, pids, 2));
	brood_pool_stats(pool, &stats);
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	before_ms = brood__now_ms();
	cr_assert(brood_pool_free(pool) == NULL);
	cr_expect(brood__now_ms() - before_ms < 4000);
	for (unsigned i = 0; i < 2; i++)
		cr_expect(support_wait_gone(pids[i]));
	(void)drain_children();
	(void)counters_free(counters);
}

Test(pool_kill, supervisor_killed_ends_workers_that_will_not_answer)
{
	struct accounting account = accounting_new(2);
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
	cr_assert(
	    accounting_fill(&account, pool, METHOD_PAUSE_HARD, 0, 2) == 0);
	cr_assert(counters_await(counters, pool, 2));
	brood_pool_stats(pool, &stats);
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(accounting_await(&account, pool, 2));
	cr_assert(support_wait_gone(pids[0]) && support_wait_gone(pids[1]));
	cr_assert(brood_pool_free(pool) == NULL);
	(void)drain_children();
	kill_check(&account, counters);
	cr_assert(account.entries[0].ran == BROOD_MAY_HAVE_RUN);
	cr_assert(account.entries[1].ran == BROOD_MAY_HAVE_RUN);
	accounting_free(&account);
	(void)counters_free(counters);
}

/*
 * A host that is to be killed.  It writes its supervisor's pid to the pipe,
 * then a byte for each completion.
 */
struct kill_host {
	int	 said[2];
	uint32_t method;	/* of one request in 64; the rest are echoes */
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
	pool = counters_pool(counters,
	    (struct brood_pool_options){ .workers = 4, .in_flight = 2 });
	DRAIN_CHECK(pool != NULL);
	brood_pool_stats(pool, &stats);
	DRAIN_CHECK(write(host->said[1], &stats.supervisor, sizeof(pid_t)) ==
	    sizeof(pid_t));
	for (unsigned n = 0;;) {
		msg.code = n % 64 == 63 ? host->method : METHOD_ECHO;
		r = brood_pool_submit(pool, &msg, NULL, NULL);
		DRAIN_CHECK(r == 0 || r == -EAGAIN);
		if (r == 0)
			n++;
		else
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

/* Wait until the host has n completions.  Gives its supervisor. */
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

/* Kill a host after n_before completions, or while it makes its pool if 0. */
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
	/* The supervisor reaps its workers; this process reaps it. */
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
	/* The supervisor and at least the worker that answered are adopted. */
	cr_assert(drain_children() >= 2);
	cr_assert(support_n_children() == 0);
	brood__fd_close_all(host.said, 2);
}

static int
kill_compare_pids(const void *a, const void *b)
{
	const struct accounting_entry *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

/*
 * More than may start at a time, and more descriptors than one byte can number.
 * With AddressSanitizer a fork takes several times as long.
 */
enum { MANY = SUPPORT_HAS_ASAN ? 150 : 300 };

static int
kill_none_of_many(void *arg)
{
	struct rlimit limit;
	struct accounting account = accounting_new(MANY);
	struct counters *counters = counters_new(MANY);
	struct brood_pool *pool;

	(void)arg;
	DRAIN_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 2 * MANY + 100;
	DRAIN_CHECK(support_n_children() == 0);
	DRAIN_CHECK(counters != NULL && account.n_entries == MANY);
	DRAIN_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	pool = counters_pool(counters, (struct brood_pool_options){
	    .workers = MANY, .shutdown_ms = 5000 });
	DRAIN_CHECK(pool != NULL);
	DRAIN_CHECK(drain_ready(pool, MANY));
	/* The gate is shut until all have begun, so each worker has one. */
	DRAIN_CHECK(accounting_fill(&account, pool, METHOD_HOLD, 0, MANY) == 0);
	DRAIN_CHECK(counters_await(counters, pool, MANY));
	counters_open(counters);
	DRAIN_CHECK(accounting_await(&account, pool, MANY));
	DRAIN_CHECK(accounting_fault(&account, counters) == NULL);
	DRAIN_CHECK(account.n_fates[BROOD_DONE] == MANY);
	qsort(account.entries, MANY, sizeof(*account.entries),
	    kill_compare_pids);
	for (unsigned i = 1; i < MANY; i++)
		DRAIN_CHECK(account.entries[i].pid !=
		    account.entries[i - 1].pid);
	DRAIN_CHECK(brood_pool_stop(pool, 30000) == 0);
	DRAIN_CHECK(drain_stopped(pool));
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	DRAIN_CHECK(support_n_children() == 0);
	accounting_free(&account);
	(void)counters_free(counters);
	return 0;
}

Test(pool_kill, many_workers_start_answer_and_stop)
{
	struct rlimit limit;

	cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_max < 2 * MANY + 100)
		cr_skip("the hard limit of descriptors is too low");
	support_in_child(kill_none_of_many, NULL);
}
