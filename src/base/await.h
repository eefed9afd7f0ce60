/* SPDX-License-Identifier: ISC */
#ifndef BROOD__AWAIT_H
#define BROOD__AWAIT_H

/*
 * Wait until a descriptor is ready or the deadline, an instant of
 * brood__now_ms(), has passed.  Gives 1 when the descriptor is ready, 0 when
 * the time is over, or a negative errno.
 */

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

static inline int
brood__await(int fd, short events, int64_t deadline_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int r;

	do {
		r = poll(&pfd, 1, deadline_ms == BROOD__NEVER ? -1 :
		    brood__time_left(deadline_ms, brood__now_ms()));
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

#endif
