/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OUTPUT_H
#define BROOD__OUTPUT_H

/*
 * What one child prints: read from a pipe, passed on by lines, its end kept.
 *
 * While the sink takes no line, nothing more is read, and a child that prints
 * waits, as if it held the sink itself.
 */

#include "supervisor/log_sink.h"
#include "supervisor/messages.h"

enum { BROOD__LINE_MAX = 1024 };

struct brood__output {
	int fd;
	char prefix[96];
	size_t prefix_len;
	char line[BROOD__LINE_MAX];	/* not yet passed on */
	size_t line_len;
	char tail[BROOD__TAIL_MAX];
	size_t tail_len;
};

/* Gives the end for the child to write to. */
int	brood__output_init(struct brood__output *output, int *ret_child_fd);
void	brood__output_fini(struct brood__output *output);

/*
 * Read what there is, a bounded amount.  1 if there may be more, 0 if not now,
 * -EAGAIN if the sink is full, -EPIPE at the end.
 */
int	brood__output_pump(struct brood__output *output,
	    struct brood__sink *sink);

/* The child has ended: read the rest, whole lines or not. */
void	brood__output_finish(struct brood__output *output,
	    struct brood__sink *sink);

#endif
