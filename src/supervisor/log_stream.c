/* SPDX-License-Identifier: ISC */

/*
 * What one child prints, on its way to the sink.
 *
 * Owns the reading end of the child's pipe, the line that is not complete yet
 * and the last bytes of all.  Knows nothing of what a child is.
 */

#include "base/fd.h"
#include "supervisor/log_stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/*
 * How often the pipe of a child that has ended is read.  A full pipe has 64
 * KiB, in lines of 1 KiB.  The child's own children may still be writing to it,
 * so its end may never come.
 */
enum { LOG_STREAM_LAST_READS = 64 };

int
brood__log_stream_open(struct brood__log_stream *stream,
    struct brood__ready *ready, uint64_t token, int *ret_child_fd)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Both ends of a pipe are open files: this is about one of them. */
	r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno :
	    brood__ready_add(ready, fds[0], POLLIN, token);
	if (r < 0) {
		brood__fd_close_all(fds, 2);
		return r;
	}
	*stream = (struct brood__log_stream) {
		.state = BROOD__LOG_STREAM_READING,
		.fd = fds[0],
		.ready = ready,
		.token = token,
	};
	*ret_child_fd = fds[1];
	return 0;
}

static void
log_stream_pause(struct brood__log_stream *stream)
{
	if (stream->state == BROOD__LOG_STREAM_READING)
		brood__ready_remove(stream->ready, stream->fd);
	stream->state = BROOD__LOG_STREAM_PAUSED;
}

void
brood__log_stream_close(struct brood__log_stream *stream)
{
	if (stream->state == BROOD__LOG_STREAM_CLOSED)
		return;
	if (stream->state == BROOD__LOG_STREAM_READING)
		brood__ready_remove(stream->ready, stream->fd);
	stream->fd = brood__fd_close(stream->fd);
	stream->state = BROOD__LOG_STREAM_CLOSED;
}

static void
log_stream_keep_tail(struct brood__log_stream *stream, const char *bytes,
    size_t n)
{
	size_t over;

	if (n >= sizeof(stream->tail)) {
		bytes += n - sizeof(stream->tail);
		n = sizeof(stream->tail);
	}
	over = stream->tail_len + n > sizeof(stream->tail) ?
	    stream->tail_len + n - sizeof(stream->tail) : 0;
	memmove(stream->tail, stream->tail + over, stream->tail_len - over);
	memcpy(stream->tail + stream->tail_len - over, bytes, n);
	stream->tail_len += n - over;
}

/*
 * The length of the line at this place of the buffer, its end included; 0 if it
 * is not complete.  One that fills the buffer is cut; is_last: there is no more
 * to come.
 */
static size_t
log_stream_line_len(const struct brood__log_stream *stream, size_t at,
    bool is_last)
{
	size_t left = stream->line_len - at;
	const char *line = stream->line + at, *end;

	end = left > 0 ? memchr(line, '\n', left) : NULL;
	if (end != NULL)
		return (size_t)(end - line) + 1;
	return is_last || left == sizeof(stream->line) ? left : 0;
}

/* Append a line of n bytes to bytes, of which len are there: the new length. */
static size_t
log_stream_add_line(const struct brood__log_stream *stream, const char *line,
    size_t n, char *bytes, size_t len)
{
	memcpy(bytes + len, stream->prefix, stream->prefix_len);
	len += stream->prefix_len;
	memcpy(bytes + len, line, n);
	len += n;
	if (bytes[len - 1] != '\n')
		bytes[len++] = '\n';
	return len;
}

/*
 * Pass on as many lines as one write takes, so that many short ones do not cost
 * a system call each.  Gives 1 if a line is left, 0 if not, -EAGAIN if the sink
 * is full.
 */
static int
log_stream_write_some(struct brood__log_stream *stream,
    struct brood__log_sink *sink, bool is_last)
{
	char bytes[BROOD__LOG_SINK_MAX];
	size_t len = 0, at = 0, n;

	_Static_assert(sizeof(bytes) >= sizeof(stream->prefix) +
	    sizeof(stream->line) + 1, "a line fits");
	while ((n = log_stream_line_len(stream, at, is_last)) > 0 &&
	    len + stream->prefix_len + n < sizeof(bytes)) {
		len = log_stream_add_line(stream, stream->line + at, n, bytes,
		    len);
		at += n;
	}
	if (len > 0 && !brood__log_sink_write(sink, bytes, len))
		return -EAGAIN;
	stream->line_len -= at;
	memmove(stream->line, stream->line + at, stream->line_len);
	return n > 0;
}

/* Pass on the lines that are complete.  False: the sink is full. */
static bool
log_stream_write_lines(struct brood__log_stream *stream,
    struct brood__log_sink *sink, bool is_last)
{
	int r;

	do {
		r = log_stream_write_some(stream, sink, is_last);
	} while (r == 1);
	return r == 0;
}

/*
 * Pass on and read once.  Gives 1 if there may be more, 0 if not now, -EAGAIN
 * if the sink is full, -EPIPE at the end of the pipe.
 */
static int
log_stream_step(struct brood__log_stream *stream,
    struct brood__log_sink *sink)
{
	char *end;
	ssize_t n;

	if (!log_stream_write_lines(stream, sink, false))
		return -EAGAIN;
	end = stream->line + stream->line_len;
	do {
		n = read(stream->fd, end,
		    sizeof(stream->line) - stream->line_len);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -EPIPE : errno == EAGAIN ? 0 : -errno;
	log_stream_keep_tail(stream, end, (size_t)n);
	stream->line_len += (size_t)n;
	return log_stream_write_lines(stream, sink, false) ? 1 : -EAGAIN;
}

/* Write the last line, complete or not, if the sink has room. */
static void
log_stream_end(struct brood__log_stream *stream, struct brood__log_sink *sink)
{
	(void)log_stream_write_lines(stream, sink, true);
	stream->line_len = 0;
	brood__log_stream_close(stream);
}

void
brood__log_stream_read(struct brood__log_stream *stream,
    struct brood__log_sink *sink)
{
	int r;

	if (stream->state != BROOD__LOG_STREAM_READING)
		return;
	r = log_stream_step(stream, sink);
	if (r == -EAGAIN)
		log_stream_pause(stream);
	else if (r < 0)
		log_stream_end(stream, sink);
}

int
brood__log_stream_resume(struct brood__log_stream *stream,
    struct brood__log_sink *sink)
{
	int r;

	if (stream->state != BROOD__LOG_STREAM_PAUSED ||
	    !log_stream_write_lines(stream, sink, false))
		return 0;
	r = brood__ready_add(stream->ready, stream->fd, POLLIN,
	    stream->token);
	if (r == 0)
		stream->state = BROOD__LOG_STREAM_READING;
	return r;
}

void
brood__log_stream_finish(struct brood__log_stream *stream,
    struct brood__log_sink *sink)
{
	int r = 1;

	if (stream->state == BROOD__LOG_STREAM_CLOSED)
		return;
	for (int i = 0; i < LOG_STREAM_LAST_READS && r == 1; i++)
		r = log_stream_step(stream, sink);
	/*
	 * The sink takes no more.  What the child printed last is still wanted
	 * for the tail: drop the lines, and read on.
	 */
	for (int i = 0; i < LOG_STREAM_LAST_READS && r == -EAGAIN; i++) {
		stream->line_len = 0;
		r = log_stream_step(stream, sink);
		if (r == 1)
			r = -EAGAIN;
	}
	log_stream_end(stream, sink);
}
