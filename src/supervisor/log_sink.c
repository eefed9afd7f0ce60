/* SPDX-License-Identifier: ISC */

/*
 * The sink of what children print.
 *
 * Owns its descriptor and what is left of a line that was written in part.
 * Writes never wait.  How, depends on what the descriptor is:
 *
 *	1. A socket: MSG_DONTWAIT.
 *	2. A pipe or terminal: this process opens it again by way of /proc.
 *	   That gives an open file of its own, whose O_NONBLOCK nobody else
 *	   sees.
 *	3. A file: writing to it does not wait.
 *	4. A pipe or terminal that cannot be opened again (there is no /proc, or
 *	   it belongs to another user): write after poll(2) has said POLLOUT.
 *	   That can wait if another writer was faster, or if a terminal has
 *	   little room.
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

/*
 * Is this the controlling side of a pseudo-terminal?  Opening that again by its
 * name in /proc would make another pseudo-terminal.
 */
static bool
log_sink_is_master(int fd)
{
	char name[64];

	return ptsname_r(fd, name, sizeof(name)) == 0;
}

/* Replace fd, at its number, by an open file that only this process has. */
static bool
log_sink_reopen(int fd)
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
brood__log_sink_init(struct brood__log_sink *sink, int fd)
{
	struct stat st;

	*sink = (struct brood__log_sink) { .fd = fd };
	if (fd < 0)
		return;
	sink->kind = BROOD__LOG_SINK_SHARED;
	if (fstat(fd, &st) < 0)
		return;
	if (S_ISSOCK(st.st_mode))
		sink->kind = BROOD__LOG_SINK_SOCKET;
	else if ((S_ISFIFO(st.st_mode) ||
	    (isatty(fd) && !log_sink_is_master(fd))) && log_sink_reopen(fd))
		sink->kind = BROOD__LOG_SINK_OWN;
}

static bool
log_sink_has_room(const struct brood__log_sink *sink)
{
	struct pollfd pfd = { .fd = sink->fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) != 0;
}

static ssize_t
log_sink_try(struct brood__log_sink *sink, const char *bytes, size_t n)
{
	bool is_socket = sink->kind == BROOD__LOG_SINK_SOCKET;
	ssize_t r;

	if (sink->kind == BROOD__LOG_SINK_SHARED && !log_sink_has_room(sink))
		return -EAGAIN;
	do {
		r = is_socket ?
		    send(sink->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) :
		    write(sink->fd, bytes, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* Keep what is left of a line; no other line is written before it. */
static void
log_sink_keep(struct brood__log_sink *sink, const char *bytes, size_t n)
{
	memmove(sink->rest, bytes, n);
	sink->rest_len = n;
	sink->is_full = n > 0;
}

bool
brood__log_sink_flush(struct brood__log_sink *sink)
{
	ssize_t n;

	sink->is_full = false;
	if (sink->rest_len == 0)
		return true;
	n = log_sink_try(sink, sink->rest, sink->rest_len);
	if (n == -EAGAIN)
		n = 0;
	if (n < 0)		/* another error: the rest is lost */
		n = (ssize_t)sink->rest_len;
	log_sink_keep(sink, sink->rest + n, sink->rest_len - (size_t)n);
	return !sink->is_full;
}

bool
brood__log_sink_write(struct brood__log_sink *sink, const char *bytes,
    size_t len)
{
	ssize_t n;

	assert(len <= sizeof(sink->rest));
	if (sink->kind == BROOD__LOG_SINK_NONE)
		return true;
	if (!brood__log_sink_flush(sink))
		return false;
	n = log_sink_try(sink, bytes, len);
	if (n == -EAGAIN) {
		sink->is_full = true;
		return false;
	}
	if (n > 0)
		log_sink_keep(sink, bytes + n, len - (size_t)n);
	return true;
}
