/* SPDX-License-Identifier: ISC */
#ifndef BROOD__INPUT_H
#define BROOD__INPUT_H

/*
 * Lines of a descriptor, in bounded memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
	int		 fd;
	char		*buf;
	size_t		 start;		/* of what has not been taken */
	size_t		 end;
	size_t		 scanned;	/* up to here is no newline */
	size_t		 size;
	size_t		 max_line;	/* bytes, its newline excluded */
	bool		 is_ended;
	bool		 is_skipping;	/* the rest of a line too long */
	uint64_t	 n_bytes;	/* read so far */
};

enum input_found {
	INPUT_NONE = 0,		/* not yet, or not any more: is_ended */
	INPUT_LINES,
	INPUT_TOO_LONG,		/* one line, which is passed over */
};

int	input_init(struct input *input, int fd, size_t max_line);
void	input_fini(struct input *input);

/* Is there room, and use, for more? */
bool	input_wants(const struct input *input);

/* Read once, as poll(2) has said that it will not wait; 0 or negative errno. */
int	input_read(struct input *input);

/* Bytes that are there to be taken. */
size_t	input_len(const struct input *input);

/*
 * Look at up to n_lines lines in up to max bytes, but at one line however long
 * it is.  Every line has its newline, the last one of the input too.  Valid
 * until the next call for this input.
 */
enum input_found
	input_take(struct input *input, size_t n_lines, size_t max,
	    const char **ret_data, size_t *ret_len, size_t *ret_n_lines);

#endif
