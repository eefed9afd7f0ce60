/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FILTER_H
#define BROOD__FILTER_H

/*
 * One process that reads lines and prints a line for each, at the far end of
 * two pipes.  It belongs to the process that started it, which has to ignore
 * SIGPIPE, to block SIGCHLD and to have but one thread, and it dies with it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct filter {
	pid_t		 pid;		/* 0: none */
	int		 in_fd;		/* -1: it was told the end */
	int		 out_fd;
	int64_t		 start_ms;
	int		 status;	/* of wait(2), once it has ended */

	/* What it has printed for the task at hand. */
	char		*out;
	size_t		 len;
	size_t		 size;
	size_t		 lines_len;	/* of that, whole lines ... */
	size_t		 n_lines;	/* ... and their number */
	bool		 is_hurried;	/* told the end for its silence */
};

/* Lines to put through a filter; the last byte is a newline. */
struct filter_task {
	const char	*data;
	size_t		 len;
	size_t		 n_lines;
	size_t		 max_out;	/* bytes it may print */
	int		 patience_ms;	/* of silence when it has all lines,
					   then its input ends; 0: at once */
	int		 timeout_ms;	/* to wait for a line; -1: for ever */
};

enum filter_end {
	FILTER_DONE = 1,	/* a line for each line */
	FILTER_ENDED,		/* it ended with fewer lines: see status */
	FILTER_TIMEOUT,		/* no line came in time */
	FILTER_TOO_MANY,	/* more lines came than it was given */
	FILTER_FULL,		/* more than max_out bytes */
};

/* Milliseconds of the clock that start_ms is of. */
int64_t	filter_now_ms(void);

/* 0, or the negative errno with which the program could not be run. */
int	filter_start(struct filter *filter, const char *const *argv);

/* Put lines through it.  After anything but FILTER_DONE, stop it. */
enum filter_end
	filter_run(struct filter *filter, const struct filter_task *task);

/* What it did since its last task. */
enum filter_state {
	FILTER_IDLE = 1,
	FILTER_GONE,
	FILTER_TALKING,		/* it has printed what nobody asked for */
};

enum filter_state
	filter_check(const struct filter *filter);

/* Kill it, and what it has started, if it still runs. */
void	filter_stop(struct filter *filter);

/* Add to what was printed, behind the whole lines; 0, or -ENOMEM. */
int	filter_append(struct filter *filter, const void *data, size_t len);

#endif
