/* SPDX-License-Identifier: ISC */
#ifndef BROOD__WAKER_H
#define BROOD__WAKER_H

/*
 * A pipe by which another thread, or a signal handler, wakes the one that
 * polls.  However often it was written to, it is read empty at once.
 */

#include "base/fd.h"

struct brood__waker {
	int fds[2];			/* poll the first for POLLIN */
};

#define BROOD__WAKER_NONE	((struct brood__waker){ { -1, -1 } })

static inline int
brood__waker_open(struct brood__waker *waker)
{
	return pipe2(waker->fds, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

static inline void
brood__waker_close(struct brood__waker *waker)
{
	brood__fd_close_all(waker->fds, 2);
}

/* From any thread.  A full pipe wakes as well. */
static inline void
brood__waker_wake(const struct brood__waker *waker)
{
	int saved = errno;

	if (write(waker->fds[1], "", 1) < 0)
		errno = saved;
}

static inline void
brood__waker_drain(const struct brood__waker *waker)
{
	char bytes[64];
	int saved = errno;

	while (read(waker->fds[0], bytes, sizeof(bytes)) == sizeof(bytes))
		continue;
	errno = saved;
}

#endif
