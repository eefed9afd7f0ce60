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
	bool		 is_terminal;	/* standard error is one */
	bool		 is_drawn;	/* the bar is on the terminal now */
	uint64_t	 total;		/* bytes of the input; 0: not known */
	int64_t		 start_ms;
	int64_t		 next_ms;	/* when to draw it again */
};

/* What mapper.c counts. */
struct progress_count {
	uint64_t	 n_lines;	/* done or failed */
	uint64_t	 n_failed;	/* lines */
	uint64_t	 n_bytes;	/* of the input, done or failed */
};

/*
 * Show progress if is_asked, or if standard error is a terminal and standard
 * output is not.  fd is the input; if it is a file, its size gives the total.
 */
void	progress_start(struct progress *progress, bool is_asked, int fd);

/* Milliseconds until progress_draw() has something to do; -1: never. */
int	progress_wait_ms(const struct progress *progress);

/* Draw it if it is time. */
void	progress_draw(struct progress *progress,
	    const struct progress_count *count);

/* Clear the line of the terminal, for a message. */
void	progress_clear(struct progress *progress);

/* Print the final counts. */
void	progress_end(struct progress *progress,
	    const struct progress_count *count);

#endif
