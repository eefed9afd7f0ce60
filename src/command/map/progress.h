/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PROGRESS_H
#define BROOD__PROGRESS_H

/*
 * A line on standard error that says how far the work has come.
 */

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool		 is_on;
	bool		 is_terminal;	/* the line is drawn over itself */
	bool		 is_drawn;	/* ... and stands there now */
	uint64_t	 total;		/* bytes; 0: not known */
	int64_t		 start_ms;
	int64_t		 next_ms;	/* when to draw it again */
};

/* What is known now. */
struct progress_count {
	uint64_t	 n_lines;	/* done */
	uint64_t	 n_failed;
	uint64_t	 n_bytes;	/* of the input, done */
};

/*
 * On if standard error is a terminal that standard output is not on, and if
 * is_asked.  fd is the input: if it is a file its size is the total.
 */
void	progress_start(struct progress *progress, bool is_asked, int fd);

/* Milliseconds until progress_draw() has something to do; -1: never. */
int	progress_wait_ms(const struct progress *progress);

/* Draw it if it is time. */
void	progress_draw(struct progress *progress,
	    const struct progress_count *count);

/* Make way for a message. */
void	progress_clear(struct progress *progress);

/* The last words. */
void	progress_end(struct progress *progress,
	    const struct progress_count *count);

#endif
