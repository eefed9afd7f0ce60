/* SPDX-License-Identifier: ISC */
#ifndef BROOD__READY_H
#define BROOD__READY_H

/*
 * A readiness set: descriptors and one alarm behind a single descriptor.
 *
 * ready_epoll.c keeps it in the kernel (epoll, timerfd); ready_poll.c is the
 * portable one, which has no single descriptor to offer.  configure picks.
 *
 * Interest is level-triggered.  token comes back with the event: a number that
 * the owner can check for staleness (slot and generation), never a pointer.  A
 * descriptor is removed before it is closed, always: while any duplicate of it
 * lives, in a forked process even, the kernel would keep the registration and
 * nothing could remove it any more.
 */

#include <stddef.h>
#include <stdint.h>

struct brood__ready;

struct brood__ready_event {
	uint64_t token;
	short	 events;	/* POLLIN, POLLOUT, POLLHUP, POLLERR */
};

int	brood__ready_new(struct brood__ready **ret_ready);
struct brood__ready *
	brood__ready_free(struct brood__ready *ready);

/* The single descriptor, readable when a wait would not block; or -ENOSYS. */
int	brood__ready_fd(const struct brood__ready *ready);

/* events: POLLIN, POLLOUT or both; 0 reports POLLHUP and POLLERR alone. */
int	brood__ready_add(struct brood__ready *ready, int fd, short events,
	    uint64_t token);
int	brood__ready_change(struct brood__ready *ready, int fd, short events,
	    uint64_t token);
void	brood__ready_remove(struct brood__ready *ready, int fd);

/*
 * Set the alarm to an instant of brood__now_ms(), or BROOD__NEVER.  It makes
 * the set ready once; a wait that sees it rings it off.
 */
int	brood__ready_alarm(struct brood__ready *ready, int64_t at_ms);

/*
 * Be woken by at_ms at the latest: an alarm that is set for sooner stays, and
 * may wake for nothing.  Deadlines that come and go cost no system calls then.
 */
int	brood__ready_alarm_by(struct brood__ready *ready, int64_t at_ms);

/*
 * Wait up to timeout_ms.  Gives the number of events, which may be 0 when the
 * alarm rang; at most max.  A signal handler that ran does not end the wait
 * early by more than one return of 0.
 */
int	brood__ready_wait(struct brood__ready *ready, int timeout_ms,
	    struct brood__ready_event *ret_events, size_t max);

#endif
