/* SPDX-License-Identifier: ISC */

/*
 * Claims about a pool that runs out of something: processes, descriptors in the
 * program or in the supervisor process, descriptors under way between the two.
 * A pool gets over it, and blames no worker for it; or it says that it cannot.
 *
 * Limits bind the process that they are set for, and some count all processes
 * of a user.  So each test forks a host, which may take a uid of its own.
 */

#include "support/accounting.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"

#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(pool_shortage);

/* Take a uid that no other process has; this needs root. */
static int
shortage_become_nobody(void)
{
	uid_t uid = 61000 + (uid_t)getpid() % 4000;

	return setresgid(uid, uid, uid) < 0 ? -errno :
	    setresuid(uid, uid, uid) < 0 ? -errno : 0;
}

static int
shortage_limit(int resource, rlim_t value)
{
	struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	return setrlimit((__rlimit_resource_t)resource, &limit);
}

static int
shortage_submit(struct brood_pool *pool, enum method method, uint64_t *ret_id)
{
	struct brood_message msg = { .code = method };

	return brood_pool_submit(pool, &msg, NULL, ret_id);
}

/* Dispatch for so long. */
static void
shortage_pass(struct brood_pool *pool, int ms)
{
	struct pollfd pfd = { .fd = brood_pool_fd(pool), .events = POLLIN };
	int64_t end_ms = brood__now_ms() + ms;

	while (brood__now_ms() < end_ms) {
		(void)poll(&pfd, 1, 5);
		(void)brood_pool_dispatch(pool);
	}
}

/* Processes */

enum { SLOTS = 40 };	/* more than are started at a time */

static int
shortage_of_processes(void *arg)
{
	struct brood_completion done;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool;
	unsigned n_given_up = 0;

	(void)arg;
	DRAIN_CHECK(shortage_become_nobody() == 0);
	/* This process and the supervisor. */
	DRAIN_CHECK(shortage_limit(RLIMIT_NPROC, 2) == 0);
	counters = counters_new(1);
	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(counters, (struct brood_pool_options) {
	    .workers = SLOTS, .intensity = 1 });
	DRAIN_CHECK(pool != NULL);
	DRAIN_CHECK(shortage_submit(pool, METHOD_ECHO, NULL) == 0);
	DRAIN_CHECK(drain_next(pool, &done));
	DRAIN_CHECK(done.fate == BROOD_REFUSED);
	brood_completion_fini(&done);
	while (brood_pool_next_event(pool, &event) == 1 &&
	    event.kind != BROOD_EVENT_BROKEN) {
		DRAIN_CHECK(event.error == EAGAIN);
		n_given_up += event.kind == BROOD_EVENT_GIVEN_UP;
	}
	DRAIN_CHECK(event.kind == BROOD_EVENT_BROKEN);
	DRAIN_CHECK(n_given_up == SLOTS);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
	return 0;
}

Test(pool_shortage, every_slot_is_tried_where_no_process_can_be_forked)
{
	if (getuid() != 0)
		cr_skip("needs a uid of its own");
	support_in_child(shortage_of_processes, NULL);
}

/* Descriptors of the program */

/* Let this process open no more descriptors; gives the limit to go back to. */
static int
shortage_of_own_begin(struct rlimit *ret_before)
{
	struct rlimit none;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, ret_before) < 0)
		return -errno;
	/* The lowest number that is free is the first that may not be used. */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	none = *ret_before;
	none.rlim_cur = (rlim_t)fd;
	return setrlimit(RLIMIT_NOFILE, &none);
}

static int
shortage_in_the_host(void *arg)
{
	struct counters *counters = counters_new(1);
	struct brood_event event;
	struct rlimit before;
	struct brood_pool *pool;

	(void)arg;
	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(counters, (struct brood_pool_options) {
	    .workers = 2, .intensity = 1 });
	DRAIN_CHECK(pool != NULL);
	DRAIN_CHECK(shortage_of_own_begin(&before) == 0);
	/* The workers are offered several times. */
	shortage_pass(pool, 500);
	DRAIN_CHECK(brood_pool_next_event(pool, &event) == 0);
	DRAIN_CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	for (int i = 0; i < 2; i++) {
		while (brood_pool_next_event(pool, &event) == 0)
			DRAIN_CHECK(brood_pool_wait(pool, DRAIN_MS) >= 0);
		DRAIN_CHECK(event.kind == BROOD_EVENT_READY);
		DRAIN_CHECK(event.generation == 1);
	}
	DRAIN_CHECK(drain_echo(pool) > 0);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
	return 0;
}

Test(pool_shortage, worker_that_the_program_cannot_take_yet_waits_for_it)
{
	support_in_child(shortage_in_the_host, NULL);
}

/* Descriptors under way */

enum { UNDER_WAY = 100 };

/*
 * Send descriptors that nobody receives, until the kernel lets this user send
 * no more: unix(7), ETOOMANYREFS.
 */
static int
shortage_stuff(int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = control, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	while (sendmsg(fd, &msg, MSG_DONTWAIT) > 0)
		continue;
	return errno == ETOOMANYREFS ? 0 : -errno;
}

static int
setup_counts(void *arg)
{
	struct counters *counters = arg;

	atomic_fetch_add(&counters->n_setups, 1);
	return 0;
}

static int
shortage_under_way(void *arg)
{
	struct brood_completion done;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool;
	pid_t pids[2];
	int fds[2];

	(void)arg;
	DRAIN_CHECK(shortage_become_nobody() == 0);
	DRAIN_CHECK(shortage_limit(RLIMIT_NOFILE, UNDER_WAY) == 0);
	counters = counters_new(1);
	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(counters, (struct brood_pool_options) {
	    .workers = 2, .setup = setup_counts });
	DRAIN_CHECK(pool != NULL && drain_workers(pool, pids, 2));
	DRAIN_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds) == 0);
	DRAIN_CHECK(shortage_stuff(fds[0]) == 0);

	/* The worker that follows it cannot be handed over. */
	(void)kill(pids[0], SIGKILL);
	DRAIN_CHECK(drain_event(pool, BROOD_EVENT_ENDED, &event));
	while (atomic_load(&counters->n_setups) < 3)
		shortage_pass(pool, 10);
	shortage_pass(pool, 200);
	/* The next death is told all the same, before that can change. */
	DRAIN_CHECK(drain_call(pool, METHOD_ABORT, "", &done) == 0);
	DRAIN_CHECK(done.fate == BROOD_CRASHED);
	brood_completion_fini(&done);
	DRAIN_CHECK(shortage_stuff(fds[0]) == 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	DRAIN_CHECK(drain_ready(pool, 2));
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
	return 0;
}

Test(pool_shortage, crash_is_told_while_no_worker_can_be_handed_over)
{
	if (getuid() != 0)
		cr_skip("needs a uid of its own");
	support_in_child(shortage_under_way, NULL);
}

/* Descriptors of the supervisor process */

/* All workers of a pool become ready, none by a second try. */
static int
shortage_check_starts(struct brood_pool *pool, unsigned n)
{
	struct brood_event event;

	for (unsigned i = 0; i < n; i++) {
		while (brood_pool_next_event(pool, &event) == 0)
			DRAIN_CHECK(brood_pool_wait(pool, DRAIN_MS) >= 0);
		DRAIN_CHECK(event.kind == BROOD_EVENT_READY);
	}
	return 0;
}

static int
shortage_of_25(void *arg)
{
	struct brood_pool_options options = {
		.handler = methods_handle,
		.workers = 25,
		.intensity = 1,
	};
	struct brood_pool *pool;

	(void)arg;
	closefrom(3);
	DRAIN_CHECK(shortage_limit(RLIMIT_NOFILE, 64) == 0);
	DRAIN_CHECK(brood_pool_new(&pool, &options, NULL) == 0);
	DRAIN_CHECK(shortage_check_starts(pool, 25) == 0);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	return 0;
}

Test(pool_shortage, as_many_workers_start_as_the_limit_leaves_room_for)
{
	support_in_child(shortage_of_25, NULL);
}

/* Under each limit, a pool is refused or it comes up. */
static int
shortage_of_any(void *arg)
{
	struct brood_pool_options options = {
		.handler = methods_handle,
		.workers = 2,
		.intensity = 1,
		.stderr_fd = -1,
	};
	unsigned n_refused = 0, n_made = 0;
	struct brood_pool *pool;
	int r;

	(void)arg;
	closefrom(3);
	for (rlim_t max = 60; max >= 8; max--) {
		DRAIN_CHECK(shortage_limit(RLIMIT_NOFILE, max) == 0);
		r = brood_pool_new(&pool, &options, NULL);
		DRAIN_CHECK(r == 0 || r == -EMFILE);
		n_refused += r < 0;
		if (r < 0)
			continue;
		n_made++;
		DRAIN_CHECK(shortage_check_starts(pool, 2) == 0);
		DRAIN_CHECK(brood_pool_free(pool) == NULL);
	}
	DRAIN_CHECK(n_refused > 0 && n_made > 0);
	return 0;
}

Test(pool_shortage, pool_that_is_accepted_comes_up)
{
	support_in_child(shortage_of_any, NULL);
}

/* A worker dies while the supervisor process can open nothing. */
static int
shortage_in_the_supervisor(void *arg)
{
	struct counters *counters = counters_new(1);
	struct brood_pool_stats stats;
	struct rlimit few = { .rlim_cur = 3 }, before;
	struct brood_event event;
	struct brood_pool *pool;
	pid_t pid;

	(void)arg;
	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(counters, (struct brood_pool_options) {
	    .workers = 1, .intensity = 1 });
	DRAIN_CHECK(pool != NULL && drain_workers(pool, &pid, 1));
	brood_pool_stats(pool, &stats);
	DRAIN_CHECK(prlimit(stats.supervisor, RLIMIT_NOFILE, NULL,
	    &before) == 0);
	few.rlim_max = before.rlim_max;
	DRAIN_CHECK(prlimit(stats.supervisor, RLIMIT_NOFILE, &few,
	    NULL) == 0);
	(void)kill(pid, SIGKILL);
	DRAIN_CHECK(drain_event(pool, BROOD_EVENT_ENDED, &event));
	/* Longer than the delays before a second and a third try. */
	shortage_pass(pool, 500);
	DRAIN_CHECK(brood_pool_next_event(pool, &event) == 0);
	DRAIN_CHECK(prlimit(stats.supervisor, RLIMIT_NOFILE, &before,
	    NULL) == 0);
	DRAIN_CHECK(drain_echo(pool) > 0);
	while (brood_pool_next_event(pool, &event) == 1)
		DRAIN_CHECK(event.kind == BROOD_EVENT_READY);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
	return 0;
}

Test(pool_shortage, supervisor_without_descriptors_gives_no_slot_up)
{
	support_in_child(shortage_in_the_supervisor, NULL);
}

/* Stopping */

static int
setup_fails(void *arg)
{
	(void)arg;
	return -EACCES;
}

Test(pool_shortage, stop_while_a_slot_waits_is_no_failed_start)
{
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options) { .workers = 1,
	    .setup = setup_fails });

	/* The second delay is 200 ms: the slot waits when the pool stops. */
	for (int i = 0; i < 2; i++)
		cr_assert(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	cr_assert(brood_pool_stop(pool, 0) == 0);
	cr_assert(drain_stopped(pool));
	while (brood_pool_next_event(pool, &event) == 1)
		cr_assert(event.kind == BROOD_EVENT_STOPPED, "event %d: '%s'",
		    (int)event.kind, event.text);
	fixture_end(pool, counters);
}
