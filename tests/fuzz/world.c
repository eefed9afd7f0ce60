/* SPDX-License-Identifier: ISC */

/*
 * Time and sleep as a script plays them; see world.h.
 */

#include "world.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#ifdef HAVE_EPOLL_CREATE1
#include <sys/epoll.h>
#include <sys/timerfd.h>
#endif

enum {
	WORLD_TIMERS = 4,
	WORLD_SLEEPS = 5000,		/* in one wait: it hangs */
	WORLD_IDLE = 200,		/* waits with an end, when the script is
					   over: somebody looks now and then */
};

static struct world *world;

unsigned __wrap_brood__cpus_known(void);
int	__real_clock_gettime(clockid_t clock, struct timespec *ts);
int	__wrap_clock_gettime(clockid_t clock, struct timespec *ts);
#ifdef HAVE_EPOLL_CREATE1
int	__real_timerfd_settime(int fd, int flags,
	    const struct itimerspec *spec, struct itimerspec *old);
int	__wrap_timerfd_settime(int fd, int flags,
	    const struct itimerspec *spec, struct itimerspec *old);
int	__real_epoll_wait(int fd, struct epoll_event *events, int max,
	    int timeout_ms);
int	__wrap_epoll_wait(int fd, struct epoll_event *events, int max,
	    int timeout_ms);
#endif
ssize_t	__real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t	__wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t	__real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t	__wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t	__real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t	__wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
int	__real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int	__wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);

static void	world_forget_timers(void);

void
world_set(struct world *new_world)
{
	world = new_world;
	world_forget_timers();
}

struct world *
world_get(void)
{
	return world;
}

/* As many as it says, on each machine. */
unsigned
__wrap_brood__cpus_known(void)
{
	return 2;
}

/* Time */

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (world == NULL || clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, ts);
	world->now_ns += 1000;
	ts->tv_sec = (time_t)(world->now_ns / 1000000000);
	ts->tv_nsec = (long)(world->now_ns % 1000000000);
	return 0;
}

#ifdef HAVE_EPOLL_CREATE1
/* Timers, which are set to the time that is played. */
static struct world_timer {
	int fd;				/* 0: it is free */
	int64_t at_ns;			/* 0: it is off */
} world_timers[WORLD_TIMERS];

static struct world_timer *
world_find_timer(int fd)
{
	struct world_timer *timer = NULL;

	for (int i = 0; i < WORLD_TIMERS; i++)
		if (world_timers[i].fd == fd)
			return &world_timers[i];
		else if (world_timers[i].fd == 0)
			timer = &world_timers[i];
	FUZZ_ASSERT(timer != NULL);
	timer->fd = fd;
	return timer;
}

/* A timer whose time has come expires in the real world too. */
static void
world_ring_timers(void)
{
	static const struct itimerspec soon = { .it_value.tv_nsec = 1 };

	for (int i = 0; i < WORLD_TIMERS; i++)
		if (world_timers[i].at_ns != 0 &&
		    world_timers[i].at_ns <= world->now_ns)
			(void)__real_timerfd_settime(world_timers[i].fd, 0,
			    &soon, NULL);
}

int
__wrap_timerfd_settime(int fd, int flags, const struct itimerspec *spec,
    struct itimerspec *old)
{
	static const struct itimerspec off;

	if (world == NULL)
		return __real_timerfd_settime(fd, flags, spec, old);
	world_find_timer(fd)->at_ns =
	    (int64_t)spec->it_value.tv_sec * 1000000000 +
	    spec->it_value.tv_nsec;
	(void)__real_timerfd_settime(fd, 0, &off, old);
	world_ring_timers();
	return 0;
}

static void
world_forget_timers(void)
{
	memset(world_timers, 0, sizeof(world_timers));
}
#else
static void
world_ring_timers(void)
{
}

static void
world_forget_timers(void)
{
}
#endif

void
world_pass_time(struct world *played, int64_t ms)
{
	played->now_ns += ms * 1000000;
	world_ring_timers();
}

/* Sleep */

/*
 * Nothing is ready.  False: the time is over.  A wait without an end is one for
 * the others: at last they are gone, and time passes; and a wait that even then
 * does not end is a hang.
 */
static bool
world_sleep(int64_t until_ns, int n)
{
	FUZZ_ASSERT(n < WORLD_SLEEPS);
	if (until_ns <= world->now_ns)
		return false;
	if (!fuzz_is_over(world->fuzz))
		world->act(world->arg);
	else if (until_ns != INT64_MAX && world->n_idle++ < WORLD_IDLE) {
		world->now_ns = until_ns;
		world_ring_timers();
	} else {
		world->die(world->arg);
		world_pass_time(world, 1000);
	}
	return true;
}

static int64_t
world_until(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX :
	    world->now_ns + (int64_t)timeout_ms * 1000000;
}

#ifdef HAVE_EPOLL_CREATE1
int
__wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int64_t until_ns;
	int r;

	if (world == NULL || timeout_ms == 0)
		return __real_epoll_wait(fd, events, max, timeout_ms);
	until_ns = world_until(timeout_ms);
	for (int n = 0; (r = __real_epoll_wait(fd, events, max, 0)) == 0; n++)
		if (!world_sleep(until_ns, n))
			break;
	return r;
}
#endif

int
__wrap_poll(struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
	int64_t until_ns;
	int r;

	if (world == NULL || timeout_ms == 0)
		return __real_poll(fds, n_fds, timeout_ms);
	until_ns = world_until(timeout_ms);
	for (int n = 0; (r = __real_poll(fds, n_fds, 0)) == 0; n++)
		if (!world_sleep(until_ns, n))
			break;
	return r;
}

static bool
world_is_blocked(ssize_t r)
{
	return r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t r;

	if (world == NULL || flags & MSG_DONTWAIT)
		return __real_recvmsg(fd, msg, flags);
	for (int n = 0; world_is_blocked(r = __real_recvmsg(fd, msg,
	    flags | MSG_DONTWAIT)); n++)
		(void)world_sleep(INT64_MAX, n);
	return r;
}

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	ssize_t r;

	if (world == NULL || flags & MSG_DONTWAIT)
		return __real_send(fd, bytes, len, flags);
	for (int n = 0; world_is_blocked(r = __real_send(fd, bytes, len,
	    flags | MSG_DONTWAIT)); n++)
		(void)world_sleep(INT64_MAX, n);
	return r;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t r;

	if (world == NULL || flags & MSG_DONTWAIT)
		return __real_sendmsg(fd, msg, flags);
	for (int n = 0; world_is_blocked(r = __real_sendmsg(fd, msg,
	    flags | MSG_DONTWAIT)); n++)
		(void)world_sleep(INT64_MAX, n);
	return r;
}
