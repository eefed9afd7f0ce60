/* SPDX-License-Identifier: ISC */
/*
 * A pool in unusual hosts: with threads that hold locks, with SIGCHLD ignored,
 * with a thread that reaps every child, with thousands of descriptors.  What a
 * pool must not change in its host.  And that an idle pool uses no CPU.
 *
 * Each host is a child of the test, because it changes its own signals, limits
 * and descriptors.
 */

#include "base/fd.h"
#include "support/accounting.h"
#include "support/drain.h"
#include "support/methods.h"
#include "support/support.h"
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

BROOD_SUITE(pool_host);

/* What each host does: requests that are answered, crash, fail and expire. */
static int
host_use_pool(void)
{
	struct accounting account = accounting_new(2);
	struct counters *counters = counters_new(2);
	struct brood_completion done;
	struct brood_pool *pool;

	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(counters,
	    (struct brood_pool_options){ .workers = 2, .shutdown_ms = 2000 });
	DRAIN_CHECK(pool != NULL);
	DRAIN_CHECK(drain_echo(pool) > 0);
	DRAIN_CHECK(drain_call(pool, METHOD_ABORT, "", &done) == 0);
	DRAIN_CHECK(done.fate == BROOD_CRASHED);
	DRAIN_CHECK(WIFSIGNALED(done.status));
	DRAIN_CHECK(WTERMSIG(done.status) == SIGABRT);
	brood_completion_fini(&done);
	DRAIN_CHECK(drain_call(pool, METHOD_RETURN_ENOENT, "", &done) == 0);
	DRAIN_CHECK(done.fate == BROOD_FAILED);
	brood_completion_fini(&done);
	DRAIN_CHECK(
	    accounting_submit(&account, pool, METHOD_PAUSE, 0, 20) == 0);
	DRAIN_CHECK(accounting_await(&account, pool, 1));
	DRAIN_CHECK(account.entries[0].fate == BROOD_EXPIRED);
	DRAIN_CHECK(drain_echo(pool) > 0);
	DRAIN_CHECK(brood_pool_stop(pool, 30000) == 0);
	DRAIN_CHECK(drain_stopped(pool));
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	DRAIN_CHECK(accounting_fault(&account, counters) == NULL);
	accounting_free(&account);
	(void)counters_free(counters);
	return 0;
}

static int
host_use_program(void)
{
	const char *argv[] = { getenv("ECHO_WORKER"), NULL };
	struct brood_pool_options options = {
		.argv = argv, .workers = 1,
	};
	struct brood_pool *pool;

	DRAIN_CHECK(argv[0] != NULL);
	DRAIN_CHECK(brood_pool_new(&pool, &options, NULL) == 0);
	DRAIN_CHECK(drain_echo(pool) > 0);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	return 0;
}

static _Atomic bool host_is_ending;

/*
 * The malloc(3) of AddressSanitizer is not made for this: in a forked child its
 * locks stay as they are, so no other thread may call it while a pool is made.
 * A thread does while it starts: pthread_getattr_np(3), which tells the
 * sanitizer where the stack is, takes memory.  So wait until it has started.
 */
static sem_t n_started;

/* Start a thread, and wait until it says in n_started that it runs. */
static bool
host_start(pthread_t *ret_thread, void *(*run)(void *), void *arg)
{
	if (sem_init(&n_started, 0, 0) != 0 ||
	    pthread_create(ret_thread, NULL, run, arg) != 0)
		return false;
	while (sem_wait(&n_started) != 0)
		if (errno != EINTR)
			return false;
	return true;
}

/*
 * Take locks of the C library again and again.  A forked child inherits a lock
 * as it is, and waits for ever if another thread held it.
 */
static void *
host_be_busy(void *arg)
{
	time_t now = 1700000000;
	void *volatile memory;
	struct tm tm;
	unsigned i;

	(void)sem_post(&n_started);
	for (i = 0; !host_is_ending; i++) {
		(void)localtime_r(&now, &tm);
		if (SUPPORT_HAS_ASAN)
			continue;
		memory = malloc(i % 5000 + 1);
		free(memory);
		(void)setenv("BROOD_BUSY", i % 2 == 0 ? "a" : "b", 1);
		(void)setlocale(LC_ALL, "C");
	}
	return arg;
}

static int
host_with_threads(void *arg)
{
	pthread_t threads[3];
	int r = 0;

	(void)arg;
	/*
	 * setenv() moves the environment when it adds a variable, and could
	 * crash getenv() in another thread.  So add it before the threads.
	 */
	DRAIN_CHECK(setenv("BROOD_BUSY", "", 1) == 0);
	tzset();	/* or the first localtime_r() would take memory */
	for (unsigned i = 0; i < 3; i++)
		DRAIN_CHECK(host_start(&threads[i], host_be_busy, NULL));
	for (unsigned i = 0; i < 8 && r == 0; i++) {
		r = host_use_pool();
		if (r == 0)
			r = host_use_program();
	}
	host_is_ending = true;
	for (unsigned i = 0; i < 3; i++)
		(void)pthread_join(threads[i], NULL);
	return r;
}

Test(pool_host, works_where_threads_hold_every_lock)
{
	support_in_child(host_with_threads, NULL);
}

static int
host_ignoring_sigchld(void *arg)
{
	struct sigaction action;

	(void)arg;
	DRAIN_CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	for (unsigned i = 0; i < 3; i++)
		if (host_use_pool() != 0)
			return 1;
	DRAIN_CHECK(sigaction(SIGCHLD, NULL, &action) == 0);
	DRAIN_CHECK(action.sa_handler == SIG_IGN);
	return 0;
}

Test(pool_host, works_where_sigchld_is_ignored)
{
	support_in_child(host_ignoring_sigchld, NULL);
}

/*
 * Reap every child, as some programs do in a loop.  While there is none, look
 * again every millisecond, until the other end of the pipe is closed.
 */
static void *
host_wait_for_all(void *arg)
{
	struct pollfd pfd = { .fd = *(int *)arg, .events = POLLIN };

	(void)sem_post(&n_started);
	while (poll(&pfd, 1, 1) == 0)
		while (waitpid(-1, NULL, 0) > 0)
			continue;
	return NULL;
}

static int
host_with_wait_loop(void *arg)
{
	pthread_t thread;
	int fds[2], r = 0;

	(void)arg;
	DRAIN_CHECK(pipe2(fds, O_CLOEXEC) == 0);
	DRAIN_CHECK(host_start(&thread, host_wait_for_all, &fds[0]));
	for (unsigned i = 0; i < 5 && r == 0; i++)
		r = host_use_pool();
	(void)brood__fd_close(fds[1]);
	(void)pthread_join(thread, NULL);
	(void)brood__fd_close(fds[0]);
	return r;
}

Test(pool_host, works_where_a_thread_reaps_every_child)
{
	support_in_child(host_with_wait_loop, NULL);
}

static int
host_with_descriptors(void *arg)
{
	struct counters *counters = counters_new(1);
	struct rlimit limit;
	struct brood_pool *pool;
	pid_t pid;
	int fd;

	(void)arg;
	DRAIN_CHECK(counters != NULL);
	DRAIN_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 10200;
	DRAIN_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	do
		DRAIN_CHECK((fd = open("/dev/null", O_RDONLY)) >= 0);
	while (fd < 10000);
	if (host_use_pool() != 0)
		return 1;
	pool = counters_pool(
	    counters, (struct brood_pool_options){ .workers = 2 });
	DRAIN_CHECK(pool != NULL);
	pid = drain_echo(pool);
	DRAIN_CHECK(pid > 0);
	DRAIN_CHECK(support_n_fds_of(pid) < 10);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	return 0;
}

Test(pool_host, works_above_ten_thousand_descriptors)
{
	struct rlimit limit;

	cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_max < 10200)
		cr_skip("the hard limit of descriptors is under 10200");
	support_in_child(host_with_descriptors, NULL);
}

/* What a pool could change in its host, and must not. */
struct host_state {
	void		 (*handlers[64])(int);
	int		 sa_flags[64];
	sigset_t	 mask;
	sigset_t	 pending;
	struct rlimit	 limit;
	mode_t		 umask;
	pid_t		 group;
	int		 flags[3];
	int		 fd_flags[3];
	char		 cwd[1024];
	char		*locale;
	unsigned	 n_fds;
	unsigned	 n_children;
};

static void
host_remember(struct host_state *state)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	memset(state, 0, sizeof(*state));
	for (int sig = 1; sig < 64; sig++) {
		(void)sigaction(sig, NULL, &action);
		state->handlers[sig] = action.sa_handler;
		state->sa_flags[sig] = action.sa_flags;
	}
	(void)sigprocmask(SIG_BLOCK, NULL, &state->mask);
	(void)sigpending(&state->pending);
	(void)getrlimit(RLIMIT_NOFILE, &state->limit);
	state->umask = umask(0);
	(void)umask(state->umask);
	state->group = getpgrp();
	for (int fd = 0; fd < 3; fd++) {
		state->flags[fd] = fcntl(fd, F_GETFL);
		state->fd_flags[fd] = fcntl(fd, F_GETFD);
	}
	if (getcwd(state->cwd, sizeof(state->cwd)) == NULL)
		state->cwd[0] = '\0';
	state->locale = setlocale(LC_ALL, NULL);
	state->n_fds = support_n_fds();
	state->n_children = support_n_children();
}

static void
host_on_signal(int sig)
{
	(void)sig;
	_exit(97);
}

/*
 * A host whose signals are not the defaults, and which has a child of its own.
 * Its standard output and error go to the file arg.
 */
static int
host_particular(void *arg)
{
	static struct host_state before, after;
	const int *fds = arg;
	struct sigaction action = { .sa_handler = host_on_signal };
	sigset_t set;
	pid_t other;
	int status;

	DRAIN_CHECK(dup2(fds[0], 1) == 1 && dup2(fds[0], 2) == 2);
	/* If SIGPIPE or SIGTERM were raised, this host would exit with 97. */
	action.sa_flags = SA_RESTART;
	DRAIN_CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
	DRAIN_CHECK(sigaction(SIGTERM, &action, NULL) == 0);
	DRAIN_CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigaddset(&set, SIGHUP);
	DRAIN_CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	other = fork();
	if (other == 0)
		_exit(7);
	/* The child is a zombie now.  The pool must not reap it. */
	DRAIN_CHECK(waitid(P_PID, (id_t)other, &(siginfo_t){ 0 },
	    WEXITED | WNOWAIT) == 0);
	host_remember(&before);
	for (unsigned i = 0; i < 3; i++)
		if (host_use_pool() != 0)
			return 1;
	host_remember(&after);
	DRAIN_CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	DRAIN_CHECK(getenv("BROOD_FD") == NULL);
	DRAIN_CHECK(waitpid(other, &status, 0) == other);
	DRAIN_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return 0;
}

Test(pool_host, is_left_as_it_was_and_nothing_is_printed)
{
	int fd = memfd_create("brood-stdio", MFD_CLOEXEC);
	char text[500] = { 0 };
	int status;

	cr_assert(fd >= 0);
	status = support_join(support_fork(host_particular, &fd));
	cr_assert(pread(fd, text, sizeof(text) - 1, 0) >= 0);
	cr_assert(status == 0, "status %#x: %s", (unsigned)status, text);
	cr_assert(text[0] == '\0', "printed: %s", text);
	(void)brood__fd_close(fd);
}

static int64_t
host_cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) < 0)
		return -1;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t
host_cpu_ns_of_all(const pid_t *pids, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += host_cpu_ns(pids[i]);
	return sum;
}

static int
host_idle(void *arg)
{
	struct counters *counters = counters_new(1);
	struct brood_pool_stats stats;
	struct brood_pool *pool;
	struct pollfd pfd = { .events = POLLIN };
	int64_t used_ns;
	pid_t pids[5];

	(void)arg;
	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(
	    counters, (struct brood_pool_options){ .workers = 3 });
	DRAIN_CHECK(pool != NULL && drain_workers(pool, pids, 3));
	DRAIN_CHECK(drain_echo(pool) > 0);
	brood_pool_stats(pool, &stats);
	pids[3] = stats.supervisor;
	pids[4] = getpid();
	/* Let the pool finish what it has to do after the answer. */
	while (brood_pool_wait(pool, 100) == 1)
		continue;
	used_ns = host_cpu_ns_of_all(pids, 5);
	pfd.fd = brood_pool_fd(pool);
	if (pfd.fd >= 0)
		DRAIN_CHECK(poll(&pfd, 1, 1000) == 0);
	else
		DRAIN_CHECK(brood_pool_wait(pool, 1000) == 0);
	used_ns = host_cpu_ns_of_all(pids, 5) - used_ns;
	DRAIN_CHECK(host_cpu_ns(pids[0]) > 0 && host_cpu_ns(pids[3]) > 0);
	/* 1 ms in 1 s; this function itself uses most of that. */
	DRAIN_CHECK(used_ns < 1000000);
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
	return 0;
}

Test(pool_host, idle_pool_uses_no_cpu)
{
	support_in_child(host_idle, NULL);
}
