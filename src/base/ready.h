/* SPDX-License-Identifier: ISC */
#ifndef BROOD__READY_H
#define BROOD__READY_H

/*
 * A readiness set: descriptors and one alarm behind a single descriptor.
 *
 * ready_epoll.c keeps the set in the kernel (epoll, timerfd).  ready_poll.c is
 * portable, and has no single descriptor to offer.  configure picks one.
 *
 * Events are level-triggered: they are reported for as long as they last.  The
 * token that a descriptor was added with comes back with its events.  A token
 * is a number by which the owner recognizes an event that is out of date (slot
 * and generation), never a pointer.
 *
 * Remove a descriptor before closing it, always.  While a duplicate of it
 * lives, even in a forked process, the kernel keeps the registration, and
 * nothing can remove that any more.
 */

#include <stdbool.h>
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

/*
 * The single descriptor, which is readable when brood__ready_wait() would not
 * block; -ENOSYS if there is none.
 *
 * Ask for it only on behalf of someone who polls it.  Until then the alarm
 * needs no timer in the kernel: brood__ready_wait() does without one.
 */
int	brood__ready_fd(struct brood__ready *ready);

/* Was it asked for?  Then someone may poll it at any time. */
bool	brood__ready_is_shared(const struct brood__ready *ready);

/* events is POLLIN, POLLOUT or both; with 0, POLLHUP and POLLERR are told. */
int	brood__ready_add(struct brood__ready *ready, int fd, short events,
	    uint64_t token);
int	brood__ready_change(struct brood__ready *ready, int fd, short events,
	    uint64_t token);
void	brood__ready_remove(struct brood__ready *ready, int fd);

/*
 * Set the alarm to an instant of brood__now_ms(), or to BROOD__NEVER.  At that
 * instant the set becomes ready, once: the next brood__ready_wait() turns the
 * alarm off.
 */
int	brood__ready_alarm(struct brood__ready *ready, int64_t at_ms);

/*
 * Set the alarm to at_ms unless it is set to an earlier instant.  The earlier
 * one may then wake the owner for nothing, but deadlines that come and go cost
 * no system calls.
 */
int	brood__ready_alarm_by(struct brood__ready *ready, int64_t at_ms);

/*
 * Wait up to timeout_ms for events.  Gives their number, at most max.  0 means
 * that the time is over, that the alarm rang, or that a signal handler has run.
 */
int	brood__ready_wait(struct brood__ready *ready, int timeout_ms,
	    struct brood__ready_event *ret_events, size_t max);

#endif
