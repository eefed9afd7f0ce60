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
#include <string.h>

enum {
	OUTPUT_FINISH = 64,	/* reads after its end: a full pipe, 64 KiB */
};

int
brood__output_init(struct brood__output *out, int *ret_child_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Of this end alone: the ends of a pipe are open files of their own. */
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		int r = -errno;

		brood__fd_close_all(fds, 2);
		return r;
	}
	memset(out, 0, sizeof(*out));
	out->fd = fds[0];
	*ret_child_fd = fds[1];
	return 0;
}

void
brood__output_fini(struct brood__output *out)
{
	out->fd = brood__fd_close(out->fd);
}

static void
output_keep_tail(struct brood__output *out, const char *bytes, size_t n)
{
	size_t over;

	if (n >= sizeof(out->tail)) {
		bytes += n - sizeof(out->tail);
		n = sizeof(out->tail);
	}
	over = out->tail_len + n > sizeof(out->tail) ?
	    out->tail_len + n - sizeof(out->tail) : 0;
	memmove(out->tail, out->tail + over, out->tail_len - over);
	memcpy(out->tail + out->tail_len - over, bytes, n);
	out->tail_len += n - over;
}

/* Write n bytes of the line buffer as one line.  0 if they must wait. */
static int
output_write_line(struct brood__output *out, struct brood__sink *sink,
    size_t n)
{
	char bytes[sizeof(out->prefix) + BROOD__LINE_MAX + 1];
	size_t len = out->prefix_len;

	_Static_assert(sizeof(bytes) <= BROOD__SINK_LINE, "a line fits");
	if (sink->fd >= 0) {
		memcpy(bytes, out->prefix, len);
		memcpy(bytes + len, out->line, n);
		len += n;
		if (bytes[len - 1] != '\n')
			bytes[len++] = '\n';
		if (!brood__sink_write(sink, bytes, len))
			return 0;
	}
	out->line_len -= n;
	memmove(out->line, out->line + n, out->line_len);
	return 1;
}

/* Pass on the lines that are complete; one longer than the buffer is cut. */
static int
output_write_lines(struct brood__output *out, struct brood__sink *sink)
{
	const char *end;
	size_t n;

	while (out->line_len > 0) {
		end = memchr(out->line, '\n', out->line_len);
		if (end == NULL && out->line_len < sizeof(out->line))
			return 1;
		n = end != NULL ? (size_t)(end - out->line) + 1 :
		    out->line_len;
		if (output_write_line(out, sink, n) == 0)
			return 0;
	}
	return 1;
}

int
brood__output_pump(struct brood__output *out, struct brood__sink *sink)
{
	char *free_line = out->line;
	ssize_t n;

	if (output_write_lines(out, sink) == 0)
		return -EAGAIN;
	free_line += out->line_len;
	do {
		n = read(out->fd, free_line, sizeof(out->line) - out->line_len);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -EPIPE : errno == EAGAIN ? 0 : -errno;
	output_keep_tail(out, free_line, (size_t)n);
	out->line_len += (size_t)n;
	return output_write_lines(out, sink) == 0 ? -EAGAIN : 1;
}

void
brood__output_finish(struct brood__output *out, struct brood__sink *sink)
{
	int r = 1, n = 0;

	while (out->fd >= 0 && r == 1 && n++ < OUTPUT_FINISH)
		r = brood__output_pump(out, sink);
	/* The sink takes no more: keep the end for the report at least. */
	while (r == -EAGAIN && n++ < 2 * OUTPUT_FINISH) {
		out->line_len = 0;
		r = brood__output_pump(out, sink);
	}
	if (out->line_len > 0 && r != -EAGAIN)
		(void)output_write_line(out, sink, out->line_len);
	out->line_len = 0;
}
