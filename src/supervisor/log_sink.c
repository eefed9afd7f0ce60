/* SPDX-License-Identifier: ISC */

/*
 * The sink of what children print.
 *
 * Owns its descriptor and what is left of a line.  Writes never wait:
 *
 *	1. On a socket, MSG_DONTWAIT.
 *	2. A pipe or terminal is opened once more by way of /proc, as an open
 *	   file of this process's own: O_NONBLOCK then is nobody else's.
 *	3. A file does not make anyone wait.
 *	4. A pipe or terminal that cannot be opened again (no /proc, another
 *	   uid's): after POLLOUT, at most PIPE_BUF bytes.  That waits on a pipe
 *	   if another writer was faster, and on a terminal with little room.
 */

#include "base/fd.h"
#include "supervisor/log_sink.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The controlling side of a terminal: to open it would make another one. */
static bool
sink_is_master(int fd)
{
	char name[64];

	return ptsname_r(fd, name, sizeof(name)) == 0;
}

/* Put an open file of this process's own in the place of fd. */
static bool
sink_reopen(int fd)
{
	char path[32];
	int own;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return false;
	if (dup3(own, fd, O_CLOEXEC) < 0) {
		(void)brood__fd_close(own);
		return false;
	}
	(void)brood__fd_close(own);
	return true;
}

void
brood__sink_init(struct brood__sink *sink, int fd)
{
	struct stat st;

	*sink = (struct brood__sink) { .fd = fd };
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	sink->is_socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || (isatty(fd) && !sink_is_master(fd)))
		sink->is_own = sink_reopen(fd);
}

static bool
sink_has_room(const struct brood__sink *sink)
{
	struct pollfd pfd = { .fd = sink->fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) != 0;
}

static ssize_t
sink_try(struct brood__sink *sink, const char *bytes, size_t n)
{
	ssize_t r;

	if (!sink->is_socket && !sink->is_own && !sink_has_room(sink))
		return -EAGAIN;
	do {
		r = sink->is_socket ?
		    send(sink->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) :
		    write(sink->fd, bytes, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* Keep what is left of a line; all others wait for it. */
static void
sink_keep(struct brood__sink *sink, const char *bytes, size_t n)
{
	memmove(sink->rest, bytes, n);
	sink->rest_len = n;
	sink->is_full = n > 0;
}

bool
brood__sink_flush(struct brood__sink *sink)
{
	ssize_t n;

	sink->is_full = false;
	if (sink->rest_len == 0)
		return true;
	n = sink_try(sink, sink->rest, sink->rest_len);
	if (n == -EAGAIN)
		n = 0;
	if (n < 0)
		n = (ssize_t)sink->rest_len;
	sink_keep(sink, sink->rest + n, sink->rest_len - (size_t)n);
	return !sink->is_full;
}

bool
brood__sink_write(struct brood__sink *sink, const char *bytes, size_t len)
{
	ssize_t n;

	assert(len <= sizeof(sink->rest));
	if (!brood__sink_flush(sink))
		return false;
	n = sink_try(sink, bytes, len);
	if (n == -EAGAIN) {
		sink->is_full = true;
		return false;
	}
	if (n > 0)
		sink_keep(sink, bytes + n, len - (size_t)n);
	return true;
}
