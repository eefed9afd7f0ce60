/* SPDX-License-Identifier: ISC */

/*
 * The turn of a pool: that whatever it waits for wakes it, that it does not
 * wake for nothing, and that one turn stays short.
 *
 * send(2), sendmsg(2) and recvmsg(2) are replaced here, so that the kernel can
 * be short of memory; and getpid(2), malloc(3) and calloc(3), to count their calls.
 */

#include "base/clock.h"
#include "support/accounting.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"

#include <brood/pool.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

BROOD_SUITE(turn);

static bool is_short;			/* of memory: all say ENOBUFS */
static unsigned n_tries;		/* to send or receive meanwhile */

ssize_t	__real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t	__wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t	__real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t	__wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t	__real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t	__wrap_recvmsg(int fd, struct msghdr *msg, int flags);

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	if (!is_short)
		return __real_send(fd, bytes, len, flags);
	n_tries++;
	errno = ENOBUFS;
	return -1;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!is_short)
		return __real_sendmsg(fd, msg, flags);
	n_tries++;
	errno = ENOBUFS;
	return -1;
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (!is_short)
		return __real_recvmsg(fd, msg, flags);
	n_tries++;
	errno = ENOBUFS;
	return -1;
}

static unsigned n_getpid;

pid_t	__real_getpid(void);
pid_t	__wrap_getpid(void);

pid_t
__wrap_getpid(void)
{
	n_getpid++;
	return __real_getpid();
}

static unsigned n_allocations;

void	*__real_malloc(size_t size);
void	*__wrap_malloc(size_t size);
void	*__real_calloc(size_t n, size_t size);
void	*__wrap_calloc(size_t n, size_t size);

void *
__wrap_malloc(size_t size)
{
	n_allocations++;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	n_allocations++;
	return __real_calloc(n, size);
}

static pid_t
supervisor_of(const struct brood_pool *pool)
{
	struct brood_pool_stats stats;

	brood_pool_stats(pool, &stats);
	return stats.supervisor;
}

/* Every UNIX socket of this process takes as few bytes as the kernel allows. */
static void
shrink_sockets(void)
{
	for (int fd = 3; fd < 256; fd++) {
		socklen_t len = sizeof(int);
		int domain, size = 1;

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		    domain == AF_UNIX)
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
			    sizeof(size));
	}
}

/* Dispatch only when the pool's descriptor asks for it, until n have begun. */
static bool
await_entered(struct brood_pool *pool, const struct counters *counters,
    unsigned n, int timeout_ms)
{
	struct pollfd pfds[2] = {
		{ .fd = brood_pool_fd(pool), .events = POLLIN },
		{ .fd = counters->entered[0], .events = POLLIN },
	};
	char byte;

	while (n > 0) {
		if (poll(pfds, 2, timeout_ms) <= 0)
			return false;
		if (pfds[0].revents != 0 && brood_pool_dispatch(pool) < 0)
			return false;
		if (pfds[1].revents != 0 &&
		    read(counters->entered[0], &byte, 1) == 1)
			n--;
	}
	return true;
}

/*
 * A worker gets its first request only after the supervisor's socket has the
 * message USED for it.  The supervisor is stopped and its socket full; when it
 * goes on, the requests that waited must leave, though nothing else happens.
 */
Test(turn, requests_that_wait_for_the_control_channel_leave_when_it_has_room)
{
	enum { N = 16 };
	struct accounting accounting = accounting_new(N);
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool;

	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = N });
	if (brood_pool_fd(pool) < 0) {
		fixture_end(pool, counters);
		cr_skip("no one descriptor for a pool here");
	}
	cr_assert(drain_ready(pool, N));
	shrink_sockets();
	cr_assert_eq(kill(supervisor_of(pool), SIGSTOP), 0);
	cr_assert_eq(accounting_fill(&accounting, pool, METHOD_HOLD, 0, N), 0);
	brood_pool_stats(pool, &stats);
	cr_assert_gt(stats.queued, 0, "the control channel was not full");
	cr_assert(await_entered(pool, counters, stats.in_flight, 10000));
	cr_assert_eq(kill(supervisor_of(pool), SIGCONT), 0);
	cr_assert(await_entered(pool, counters, stats.queued, 10000),
	    "nothing woke the pool");
	counters_open(counters);
	cr_assert(accounting_await(&accounting, pool, N));
	cr_assert_null(accounting_fault(&accounting, counters));
	accounting_free(&accounting);
	fixture_end(pool, counters);
}

/* Retries are a matter of milliseconds, not of a loop as fast as it goes. */
static void
wait_while_short(struct brood_pool *pool)
{
	int64_t end_ms = brood__now_ms() + 500;

	while (brood__now_ms() < end_ms)
		cr_assert_geq(brood_pool_wait(pool,
		    brood__time_left(end_ms, brood__now_ms())), 0);
	is_short = false;
	cr_assert_lt(n_tries, 200, "%u tries in half a second", n_tries);
}

Test(turn, kernel_without_memory_to_send_does_not_make_the_host_spin)
{
	struct brood_message msg = { .data = "0", .len = 1 };
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool;

	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = 1 });
	cr_assert_gt(drain_echo(pool), 0);
	is_short = true;
	cr_assert_eq(brood_pool_submit(pool, &msg, NULL, NULL), 0);
	wait_while_short(pool);
	cr_assert(drain_next(pool, &done));
	cr_assert_eq(done.fate, BROOD_DONE);
	brood_completion_fini(&done);
	fixture_end(pool, counters);
}

Test(turn, kernel_without_memory_to_receive_a_notice_does_not_make_the_host_spin)
{
	struct counters *counters;
	struct brood_pool *pool;
	pid_t pid;

	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = 1 });
	pid = drain_echo(pool);
	cr_assert_gt(pid, 0);
	is_short = true;
	cr_assert_eq(kill(pid, SIGKILL), 0);
	wait_while_short(pool);
	cr_assert_neq(drain_echo(pool), pid);
	fixture_end(pool, counters);
}

/* Its workers reach max_requests while it drains, and are replaced. */
Test(turn, draining_pool_replaces_workers_and_finishes_what_it_has)
{
	enum { N = 40 };
	struct accounting accounting = accounting_new(N);
	struct counters *counters;
	struct brood_pool *pool;

	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = 1, .max_requests = 10 });
	cr_assert_eq(accounting_fill(&accounting, pool, METHOD_COUNT, 0, N), 0);
	cr_assert_eq(brood_pool_stop(pool, 20000), 0);
	cr_assert(accounting_await(&accounting, pool, N));
	cr_assert_eq(accounting.n_fates[BROOD_DONE], N, "%zu were refused",
	    accounting.n_fates[BROOD_REFUSED]);
	cr_assert_null(accounting_fault(&accounting, counters));
	cr_assert(drain_stopped(pool));
	accounting_free(&accounting);
	fixture_end(pool, counters);
}

/* Nothing can come of it any more, unless the program does something. */
Test(turn, wait_for_a_broken_pool_without_requests_does_not_block)
{
	const char *argv[] = { "/no/such/program", NULL };
	struct brood_pool_options options = {
		.argv = argv, .workers = 1, .intensity = 1,
	};
	struct brood_event event;
	struct brood_pool *pool;
	int r;

	cr_assert_eq(brood_pool_new(&pool, &options, NULL), 0);
	cr_assert(drain_event(pool, BROOD_EVENT_BROKEN, &event));
	do {
		r = brood_pool_wait(pool, -1);
	} while (r == 1);
	cr_assert_eq(r, -ESHUTDOWN);
	cr_assert_null(brood_pool_free(pool));
}

/*
 * A worker dies and leaves processes behind that write to its channel as fast
 * as they can.  Only what it had sent at its death is read, and no more of it
 * than the limit of parts that wait to be taken: so a turn stays short, and
 * memory bounded.  See flooding_worker.c.
 */
Test(turn, processes_left_by_a_dead_worker_cannot_keep_the_host)
{
	const char *argv[] = { getenv("FLOODING_WORKER"), NULL };
	struct brood_pool_options options = { .argv = argv, .workers = 1 };
	struct brood_message msg = { .data = "x", .len = 1 };
	enum brood_fate fate = BROOD_PROGRESS;
	struct brood_completion done;
	struct brood_pool *pool;
	struct brood_pool_stats stats;
	unsigned most = 0;

	cr_assert_not_null(argv[0]);
	cr_assert_eq(brood_pool_new(&pool, &options, NULL), 0);
	cr_assert_eq(brood_pool_submit(pool, &msg,
	    &(struct brood_request_options){
	    .flags = BROOD_STREAM, .expire_ms = 10000 }, NULL), 0);
	while (fate == BROOD_PROGRESS) {
		cr_assert_geq(brood_pool_dispatch(pool), 0);
		brood_pool_stats(pool, &stats);
		if (stats.untaken > most)
			most = stats.untaken;
		while (brood_pool_take(pool, &done) == 1) {
			fate = done.fate;
			brood_completion_fini(&done);
		}
		cr_assert_geq(brood_pool_wait(pool, 100), 0);
	}
	cr_assert_eq(fate, BROOD_CRASHED);
	cr_assert_lt(most, 6000, "%u parts in one turn", most);
	cr_assert_null(brood_pool_free(pool));
	(void)drain_children();
}

#ifdef HAVE_MADV_WIPEONFORK
/* Each function of the interface asks whose pool it is. */
Test(turn, no_request_costs_a_call_of_getpid)
{
	struct counters *counters;
	struct brood_pool *pool;
	unsigned before;

	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = 1 });
	cr_assert_gt(drain_echo(pool), 0);
	before = n_getpid;
	for (int i = 0; i < 10; i++)
		cr_assert_gt(drain_echo(pool), 0);
	cr_assert_eq(n_getpid, before);
	fixture_end(pool, counters);
}
#endif

/* Requests, their results and the buffers of the channel are used again. */
Test(turn, no_small_request_costs_an_allocation)
{
	struct counters *counters;
	struct brood_pool *pool;
	unsigned before;

	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = 1 });
	for (int i = 0; i < 10; i++)
		cr_assert_gt(drain_echo(pool), 0);
	before = n_allocations;
	for (int i = 0; i < 10; i++)
		cr_assert_gt(drain_echo(pool), 0);
	cr_assert_eq(n_allocations, before);
	fixture_end(pool, counters);
}
