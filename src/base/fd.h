/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FD_H
#define BROOD__FD_H

/*
 * Descriptors: closing and copying them.  Everything is close-on-exec from
 * birth.
 */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * Close fd unless it is negative.  Gives -1, to be stored in the variable that
 * held fd.  errno stays as it was.  close(2) is not repeated after EINTR: on
 * Linux the descriptor is closed then, and its number may be in use again.
 */
static inline int
brood__fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -1;
}

static inline void
brood__fd_close_all(int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = brood__fd_close(fds[i]);
}

/* Take number i out of an array, where -1 stays: gives it, or -EBADF. */
static inline int
brood__fd_take(int *fds, size_t n_fds, size_t i)
{
	int fd;

	if (i >= n_fds || fds[i] < 0)
		return -EBADF;
	fd = fds[i];
	fds[i] = -1;
	return fd;
}

/*
 * How many bytes wait in a stream socket to be received, those with descriptors
 * included.  Without SO_OOBINLINE, which a channel sets, there may be fewer:
 * Linux goes on counting out-of-band data after it has thrown the data away.
 */
static inline int
brood__fd_unread(int fd, size_t *ret_n)
{
	int n;

	if (ioctl(fd, FIONREAD, &n) < 0)
		return -errno;
	*ret_n = (size_t)n;
	return 0;
}

/* 0 or a negative errno. */
static inline int
brood__fd_set_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return -errno;
	if (flags & FD_CLOEXEC)
		return 0;
	return fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0 ? -errno : 0;
}

/* Gives a copy of fd, above the standard descriptors, or a negative errno. */
static inline int
brood__fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

/* Copy all of them, or none: 0 or a negative errno. */
static inline int
brood__fd_dup_all(int *ret_fds, const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++) {
		ret_fds[i] = brood__fd_dup(fds[i]);
		if (ret_fds[i] < 0) {
			int r = ret_fds[i];

			brood__fd_close_all(ret_fds, i);
			return r;
		}
	}
	return 0;
}

#endif
