/* SPDX-License-Identifier: ISC */
#ifndef BROOD__NOTICE_H
#define BROOD__NOTICE_H

/*
 * Notices on their way to the host.
 *
 * A notice cannot be taken back or done without: the host would wait for ever
 * for a process whose end it was not told.  So whoever is about to do something
 * that is told to the host first reserves room for the notices, and does it
 * later if there is no memory.  READY is different: it is sent when it can be,
 * and until then the state of its slot says that it is still to be sent.
 *
 * Once the host is gone, all of these do nothing and succeed.
 */

#include "supervisor/messages.h"
#include "supervisor/shared.h"

/*
 * Make room for the notices of one event: two, the end of a process and that
 * its slot was given up.  The room is good until the next flush.  0 or -ENOMEM.
 */
int	brood__notice_reserve(struct brood__shared *shared);

/* Queue a notice for which room was reserved. */
void	brood__notice_queue(struct brood__shared *shared,
	    const struct brood__notice *notice);

/*
 * Send a notice with two descriptors now, or do nothing.  The errors are those
 * of brood__channel_try().
 */
int	brood__notice_try(struct brood__shared *shared,
	    const struct brood__notice *notice, const int fds[2]);

#endif
