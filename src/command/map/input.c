/* SPDX-License-Identifier: ISC */

/*
 * Lines of standard input.  The buffer grows beyond two blocks only for a line
 * that does not fit, up to the longest that is allowed; the bytes of a longer
 * line are dropped as they come.
 */

#include "command/map/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_BLOCK = 1 << 18 };		/* bytes in one read */

void
input_fini(struct input *input)
{
	brood__buffer_fini(&input->buf);
}

size_t
input_len(const struct input *input)
{
	return brood__buffer_len(&input->buf);
}

bool
input_wants(const struct input *input)
{
	return !input->is_ended && (input_len(input) < INPUT_BLOCK ||
	    input->n_scanned == input_len(input));
}

int
input_read(struct input *input)
{
	struct brood__buffer *buf = &input->buf;
	ssize_t n;
	int r;

	/* There is one byte more, for a newline that the input lacks at its end. */
	r = brood__buffer_reserve(buf, INPUT_BLOCK + 1);
	if (r < 0)
		return r;
	n = read(input->fd, buf->bytes + buf->end, INPUT_BLOCK);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	buf->end += (size_t)n;
	if (n > 0)
		return 0;
	input->is_ended = true;
	if (input_len(input) > 0 && buf->bytes[buf->end - 1] != '\n')
		brood__buffer_append(buf, "\n", 1);
	return 0;
}

void
input_consume(struct input *input, size_t len)
{
	brood__buffer_consume(&input->buf, len);
	input->n_scanned = 0;
}

/* How long is the first line, with its newline?  0: it has not come whole. */
static size_t
input_line_len(struct input *input)
{
	const uint8_t *data, *newline;

	if (input->n_scanned == input_len(input))
		return 0;
	data = input->buf.bytes + input->buf.start;
	newline = memchr(data + input->n_scanned, '\n',
	    input_len(input) - input->n_scanned);
	if (newline == NULL) {
		input->n_scanned = input_len(input);
		return 0;
	}
	input->n_scanned = (size_t)(newline - data);
	return input->n_scanned + 1;
}

/* Drop what is there of a line that is too long. */
static void
input_skip(struct input *input)
{
	size_t len = input_line_len(input);

	input->is_skipping = len == 0;
	input_consume(input, len > 0 ? len : input_len(input));
}

enum input_found
input_peek(struct input *input, size_t n_lines, size_t max,
    const char **ret_data, size_t *ret_len, size_t *ret_n_lines)
{
	const char *data, *newline;
	size_t len, n = 1;

	if (input->is_skipping)
		input_skip(input);
	if (input->is_skipping)
		return INPUT_NONE;
	len = input_line_len(input);
	if (input->n_scanned > input->max_line) {
		input_skip(input);
		return INPUT_TOO_LONG;
	}
	if (len == 0)
		return INPUT_NONE;

	data = (const char *)input->buf.bytes + input->buf.start;
	if (max > input_len(input))
		max = input_len(input);
	while (n < n_lines && len < max &&
	    (newline = memchr(data + len, '\n', max - len)) != NULL) {
		len = (size_t)(newline + 1 - data);
		n++;
	}
	*ret_data = data;
	*ret_len = len;
	*ret_n_lines = n;
	return INPUT_LINES;
}
