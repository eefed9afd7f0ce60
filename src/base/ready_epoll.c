/* SPDX-License-Identifier: ISC */
/*
 * A readiness set in the kernel: one epoll instance, one timerfd in it.
 *
 * Owns those two descriptors and none of those it watches.  Knows nothing of
 * what a token means.
 *
 * Invariants: alarm_ms is what the alarm is set to, and BROOD__NEVER as soon as
 * a wait has seen it expire.  If the set is shared, the timer is set to it too.
 * After fork(2) the copy may only be freed, which takes nothing out of the set,
 * since parent and child share it.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "base/ready.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

/* The token of the timer.  The tokens of owners are much smaller. */
#define TOKEN_ALARM	UINT64_MAX

/* The most events of one wait, however many the caller has room for. */
#define N_EVENTS	64

struct brood__ready {
	int	 epoll_fd;
	int	 timer_fd;
	int64_t	 alarm_ms;
	bool	 is_shared;	/* the descriptor was asked for */
};

static uint32_t
ready_to_epoll(short events)
{
	assert((events & ~(POLLIN | POLLOUT)) == 0);
	return (events & POLLIN ? (uint32_t)EPOLLIN : 0) |
	    (events & POLLOUT ? (uint32_t)EPOLLOUT : 0);
}

static short
ready_from_epoll(uint32_t events)
{
	return (short)((events & EPOLLIN ? POLLIN : 0) |
	    (events & EPOLLOUT ? POLLOUT : 0) |
	    (events & EPOLLHUP ? POLLHUP : 0) |
	    (events & EPOLLERR ? POLLERR : 0));
}

static int
ready_control(struct brood__ready *ready, int op, int fd, uint32_t events,
    uint64_t token)
{
	struct epoll_event event = { .events = events, .data.u64 = token };

	return epoll_ctl(ready->epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

static int
ready_open(struct brood__ready *ready)
{
	ready->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ready->epoll_fd < 0)
		return -errno;
	ready->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (ready->timer_fd < 0)
		return -errno;
	return ready_control(ready, EPOLL_CTL_ADD, ready->timer_fd, EPOLLIN,
	    TOKEN_ALARM);
}

int
brood__ready_new(struct brood__ready **ret_ready)
{
	struct brood__ready *ready;
	int r;

	ready = malloc(sizeof(*ready));
	if (ready == NULL)
		return -ENOMEM;
	*ready = (struct brood__ready){
		.epoll_fd = -1,
		.timer_fd = -1,
		.alarm_ms = BROOD__NEVER,
	};
	r = ready_open(ready);
	if (r < 0) {
		brood__ready_free(ready);
		return r;
	}
	*ret_ready = ready;
	return 0;
}

/*
 * The timer is not removed from the set before it is closed: in a forked copy
 * that would remove it from the parent's set too.  Nor is that needed, since
 * the set itself is closed here.
 */
struct brood__ready *
brood__ready_free(struct brood__ready *ready)
{
	if (ready == NULL)
		return NULL;
	brood__fd_close(ready->epoll_fd);
	brood__fd_close(ready->timer_fd);
	free(ready);
	return NULL;
}

int
brood__ready_add(struct brood__ready *ready, int fd, short events,
    uint64_t token)
{
	assert(token != TOKEN_ALARM);
	return ready_control(ready, EPOLL_CTL_ADD, fd, ready_to_epoll(events),
	    token);
}

int
brood__ready_change(struct brood__ready *ready, int fd, short events,
    uint64_t token)
{
	assert(token != TOKEN_ALARM);
	return ready_control(ready, EPOLL_CTL_MOD, fd, ready_to_epoll(events),
	    token);
}

void
brood__ready_remove(struct brood__ready *ready, int fd)
{
	(void)ready_control(ready, EPOLL_CTL_DEL, fd, 0, 0);
}

/*
 * timerfd_settime(2) takes an expiry of 0 for "turn the timer off".  So an
 * instant before 1 ms becomes 1 ms, which is in the past as well.
 */
static int
ready_set_timer(const struct brood__ready *ready)
{
	struct itimerspec spec = { 0 };
	int64_t at_ms = brood__later(ready->alarm_ms, 1);

	if (at_ms != BROOD__NEVER) {
		spec.it_value.tv_sec = (time_t)(at_ms / 1000);
		spec.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000;
	}
	return timerfd_settime(ready->timer_fd, TFD_TIMER_ABSTIME, &spec,
	    NULL) < 0 ? -errno : 0;
}

int
brood__ready_fd(struct brood__ready *ready)
{
	int r = ready->is_shared ? 0 : ready_set_timer(ready);

	if (r < 0)
		return r;
	ready->is_shared = true;
	return ready->epoll_fd;
}

bool
brood__ready_is_shared(const struct brood__ready *ready)
{
	return ready->is_shared;
}

int
brood__ready_alarm(struct brood__ready *ready, int64_t at_ms)
{
	int64_t before_ms = ready->alarm_ms;
	int r = 0;

	ready->alarm_ms = at_ms;
	if (ready->is_shared && at_ms != before_ms)
		r = ready_set_timer(ready);
	if (r < 0)
		ready->alarm_ms = before_ms;
	return r;
}

int
brood__ready_alarm_by(struct brood__ready *ready, int64_t at_ms)
{
	return at_ms < ready->alarm_ms ? brood__ready_alarm(ready, at_ms) : 0;
}

/*
 * A timer that has expired is turned off.  Like reading it, that makes it not
 * ready again.
 */
int
brood__ready_wait(struct brood__ready *ready, int timeout_ms,
    struct brood__ready_event *ret_events, size_t max)
{
	struct epoll_event events[N_EVENTS];
	int n, n_events = 0, r = 0;

	assert(max > 0);
	if (!ready->is_shared)
		timeout_ms = brood__timeout_by(timeout_ms, ready->alarm_ms);
	n = epoll_wait(ready->epoll_fd, events,
	    max < N_EVENTS ? (int)max : N_EVENTS, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (!ready->is_shared && brood__has_come(ready->alarm_ms))
		ready->alarm_ms = BROOD__NEVER;
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == TOKEN_ALARM) {
			r = brood__ready_alarm(ready, BROOD__NEVER);
			continue;
		}
		ret_events[n_events++] = (struct brood__ready_event){
			.token = events[i].data.u64,
			.events = ready_from_epoll(events[i].events),
		};
	}
	return r < 0 ? r : n_events;
}
