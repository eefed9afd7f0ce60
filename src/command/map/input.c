/* SPDX-License-Identifier: ISC */

/*
 * Lines of standard input.
 *
 * Owns one buffer.  It grows only for a line that does not fit, up to the
 * longest that is allowed; the bytes of a longer one are dropped as they come.
 *
 * Invariant: start <= scanned <= end <= size, and no newline is in front of
 * scanned.
 */

#include "command/map/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_BLOCK = 1 << 18 };		/* bytes in one read */

int
input_init(struct input *input, int fd, size_t max_line)
{
	*input = (struct input) {
		.fd = fd,
		.max_line = max_line,
		.size = 2 * INPUT_BLOCK,
	};
	input->buf = malloc(input->size);
	return input->buf == NULL ? -ENOMEM : 0;
}

void
input_fini(struct input *input)
{
	free(input->buf);
	input->buf = NULL;
}

size_t
input_len(const struct input *input)
{
	return input->end - input->start;
}

/* Find the first newline; NULL if it has not come. */
static char *
input_newline(struct input *input)
{
	char *newline = memchr(input->buf + input->scanned, '\n',
	    input->end - input->scanned);

	input->scanned = newline != NULL ?
	    (size_t)(newline - input->buf) : input->end;
	return newline;
}

bool
input_wants(const struct input *input)
{
	if (input->is_ended)
		return false;
	return input_len(input) < INPUT_BLOCK || input->scanned == input->end;
}

/* Room for a block and, at the end, a newline that is missing. */
static int
input_reserve(struct input *input)
{
	size_t size = input->size;
	char *buf;

	if (input->start > 0) {
		memmove(input->buf, input->buf + input->start,
		    input_len(input));
		input->scanned -= input->start;
		input->end -= input->start;
		input->start = 0;
	}
	while (size - input->end < INPUT_BLOCK + 1)
		size *= 2;
	/* A long line has gone. */
	if (input->end < INPUT_BLOCK)
		size = 2 * INPUT_BLOCK;
	if (size == input->size)
		return 0;
	buf = realloc(input->buf, size);
	if (buf == NULL)
		return -ENOMEM;
	input->buf = buf;
	input->size = size;
	return 0;
}

int
input_read(struct input *input)
{
	ssize_t n;
	int r;

	r = input_reserve(input);
	if (r < 0)
		return r;
	n = read(input->fd, input->buf + input->end, INPUT_BLOCK);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		input->is_ended = true;
		if (input_len(input) > 0 && input->buf[input->end - 1] != '\n')
			input->buf[input->end++] = '\n';
	}
	input->end += (size_t)n;
	input->n_bytes += (size_t)n;
	return 0;
}

/* Drop what belongs to a line that was too long. */
static void
input_skip(struct input *input)
{
	const char *newline = input_newline(input);

	input->start = input->scanned;
	if (newline == NULL)
		return;
	input->start++;
	input->scanned++;
	input->is_skipping = false;
}

static enum input_found
input_pass_over(struct input *input)
{
	input->is_skipping = true;
	input_skip(input);
	return INPUT_TOO_LONG;
}

enum input_found
input_take(struct input *input, size_t n_lines, size_t max,
    const char **ret_data, size_t *ret_len, size_t *ret_n_lines)
{
	const char *newline;
	size_t first = input->start, len, n = 0;

	if (input->is_skipping)
		input_skip(input);
	if (n_lines == 0 || input->is_skipping)
		return INPUT_NONE;
	first = input->start;
	while (n < n_lines && (newline = input_newline(input)) != NULL) {
		len = input->scanned - input->start;
		if (len > input->max_line ||
		    (n > 0 && input->scanned + 1 - first > max))
			break;
		n++;
		input->start = ++input->scanned;
	}
	if (n == 0)
		return input->scanned - input->start > input->max_line ?
		    input_pass_over(input) : INPUT_NONE;
	*ret_data = input->buf + first;
	*ret_len = input->start - first;
	*ret_n_lines = n;
	return INPUT_LINES;
}
