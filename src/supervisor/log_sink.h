/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SINK_H
#define BROOD__SINK_H

/*
 * Where all children's lines go.
 *
 * It is shared with other programs (a terminal, a log's pipe) and is never made
 * non-blocking for them; nor may a write ever wait, for whoever reads it may
 * have stopped, and the supervisor has more to do.
 */

#include <stdbool.h>
#include <stddef.h>

enum { BROOD__SINK_LINE = 1200 };	/* the longest line, prefix included */

struct brood__sink {
	int fd;			/* -1: discard */
	bool is_socket;
	bool is_own;		/* an open file of this process, non-blocking */
	bool is_full;		/* wait for POLLOUT, then flush and go on */
	size_t rest_len;	/* of a line that was written in part */
	char rest[BROOD__SINK_LINE];
};

/*
 * Takes fd, or -1; standard descriptors must be open.  Its number stays.
 */
void	brood__sink_init(struct brood__sink *sink, int fd);

/* Write what was left over.  False: it is still full. */
bool	brood__sink_flush(struct brood__sink *sink);

/*
 * Write a line, of at most BROOD__SINK_LINE bytes.  False: not a byte of it was
 * taken, and is_full.  An error loses it: there is nobody to tell.
 */
bool	brood__sink_write(struct brood__sink *sink, const char *bytes,
	    size_t n);

#endif
