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

/* Write n bytes of the line buffer as one line.  False: the sink is full. */
static bool
log_stream_write_line(struct brood__log_stream *stream,
    struct brood__log_sink *sink, size_t n)
{
	char bytes[sizeof(stream->prefix) + BROOD__LOG_STREAM_LINE + 1];
	size_t len = stream->prefix_len;

	_Static_assert(sizeof(bytes) <= BROOD__LOG_SINK_LINE, "a line fits");
	memcpy(bytes, stream->prefix, len);
	memcpy(bytes + len, stream->line, n);
	len += n;
	if (bytes[len - 1] != '\n')
		bytes[len++] = '\n';
	if (!brood__log_sink_write(sink, bytes, len))
		return false;
	stream->line_len -= n;
	memmove(stream->line, stream->line + n, stream->line_len);
	return true;
}

/* Pass on the lines that are complete; one that fills the buffer is cut. */
static bool
log_stream_write_lines(struct brood__log_stream *stream,
    struct brood__log_sink *sink)
{
	const char *end;
	size_t n;

	while (stream->line_len > 0) {
		end = memchr(stream->line, '\n', stream->line_len);
		if (end == NULL && stream->line_len < sizeof(stream->line))
			return true;
		n = end != NULL ? (size_t)(end - stream->line) + 1 :
		    stream->line_len;
		if (!log_stream_write_line(stream, sink, n))
			return false;
	}
	return true;
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

	if (!log_stream_write_lines(stream, sink))
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
	return log_stream_write_lines(stream, sink) ? 1 : -EAGAIN;
}

/* Write the last line, complete or not, if the sink has room. */
static void
log_stream_end(struct brood__log_stream *stream, struct brood__log_sink *sink)
{
	if (stream->line_len > 0)
		(void)log_stream_write_line(stream, sink, stream->line_len);
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
	    !log_stream_write_lines(stream, sink))
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
