/* SPDX-License-Identifier: ISC */
#ifndef BROOD__INPUT_H
#define BROOD__INPUT_H

/*
 * Lines of a descriptor, in bounded memory.  getline(3) does not fit: it waits
 * for the end of a line however long that is, and gives one line at a time.
 */

#include "base/buffer.h"

#include <stdbool.h>

struct input {
	int		 fd;
	size_t		 max_line;	/* bytes, its newline excluded */
	bool		 is_ended;	/* set at the end of file */

	struct brood__buffer buf;	/* read, and not yet consumed */
	size_t		 n_scanned;	/* this many bytes at its beginning
					   have no newline */
	bool		 is_skipping;	/* the rest of a line that is too long
					   is being dropped */
};

enum input_found {
	INPUT_NONE = 0,		/* no whole line has come */
	INPUT_LINES,
	INPUT_TOO_LONG,		/* one line, which was dropped */
};

void	input_fini(struct input *input);

/* Is it time to read more? */
bool	input_wants(const struct input *input);

/* Read once, when poll(2) has said that it will not wait; 0 or an errno. */
int	input_read(struct input *input);

/* Bytes that were read and not yet consumed. */
size_t	input_len(const struct input *input);

/*
 * Look at up to n_lines lines of at most max bytes altogether, but at one line
 * however long it is.  max is not over max_line.  Every line has its newline,
 * the last one of the input too.  Valid until the next call for this input.
 */
enum input_found
	input_peek(struct input *input, size_t n_lines, size_t max,
	    const char **ret_data, size_t *ret_len, size_t *ret_n_lines);

/* Drop the first len bytes, which are whole lines. */
void	input_consume(struct input *input, size_t len);

#endif
