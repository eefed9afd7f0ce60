/* SPDX-License-Identifier: ISC */

#include "soak/turn.h"

#include <sys/mman.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct turn {
	_Atomic int64_t longest_us, longest_cpu_us;
};

static struct turn *turns;	/* TURN_KINDS of them, of all processes */
static pid_t host;
static int64_t began_us, began_cpu_us;

static int64_t
read_us(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

bool
turn_watch(void)
{
	turns = mmap(NULL, TURN_KINDS * sizeof(*turns), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (turns == MAP_FAILED)
		turns = NULL;
	host = getpid();
	return turns != NULL;
}

void
turn_begin(void)
{
	began_us = read_us(CLOCK_MONOTONIC);
	began_cpu_us = read_us(CLOCK_THREAD_CPUTIME_ID);
}

/* Only one process notes turns of one kind at a time. */
static void
keep_longest(_Atomic int64_t *longest, int64_t us)
{
	if (us > *longest)
		*longest = us;
}

int
turn_end(enum turn_kind kind, int r)
{
	int64_t cpu_us = read_us(CLOCK_THREAD_CPUTIME_ID) - began_cpu_us;

	keep_longest(&turns[kind].longest_us,
	    read_us(CLOCK_MONOTONIC) - began_us);
	keep_longest(&turns[kind].longest_cpu_us, cpu_us);
	return r;
}

int64_t
turn_longest_us(enum turn_kind kind)
{
	return turns[kind].longest_us;
}

int64_t
turn_longest_cpu_us(enum turn_kind kind)
{
	return turns[kind].longest_cpu_us;
}

bool
turn_report(int64_t max_us, int64_t max_cpu_us)
{
	static const char *const names[] = {
		[TURN_DISPATCH] = "dispatch", [TURN_SUBMIT] = "submit",
		[TURN_CALL] = "other call", [TURN_SUPERVISOR] = "supervisor",
	};
	bool is_short = true;

	(void)printf("longest turns in ms (processor):");
	for (unsigned i = 0; i < TURN_KINDS; i++) {
		is_short &= turns[i].longest_us <= max_us &&
		    turns[i].longest_cpu_us <= max_cpu_us;
		(void)printf(" %s %.1f (%.1f)%s", names[i],
		    (double)turns[i].longest_us / 1e3,
		    (double)turns[i].longest_cpu_us / 1e3,
		    i < TURN_KINDS - 1 ? "," : "\n");
		turns[i].longest_us = turns[i].longest_cpu_us = 0;
	}
	(void)fflush(stdout);
	return is_short;
}

/* The supervisor process */

/* A child of the host that waits as a pool does is its supervisor process. */
static bool
is_supervisor(void)
{
	return turns != NULL && getppid() == host;
}

static pid_t waiter;		/* the process that has begun a turn */

static void
before_wait(void)
{
	/* A process that was just forked has the time of its parent there. */
	if (is_supervisor() && waiter == getpid())
		(void)turn_end(TURN_SUPERVISOR, 0);
}

static void
after_wait(void)
{
	if (!is_supervisor())
		return;
	waiter = getpid();
	turn_begin();
}

#ifdef __linux__
int
epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int n;

	before_wait();
	n = epoll_pwait(fd, events, max, timeout_ms, NULL);
	after_wait();
	return n;
}
#endif

int
poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
	const struct timespec ts = {
		timeout_ms / 1000, timeout_ms % 1000 * 1000000L
	};
	bool is_wait = n_fds > 1;	/* the other ones look at one thing */
	int n;

	if (is_wait)
		before_wait();
	n = ppoll(fds, n_fds, timeout_ms < 0 ? NULL : &ts, NULL);
	if (is_wait)
		after_wait();
	return n;
}
