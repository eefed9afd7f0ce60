/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FILTER_H
#define BROOD__FILTER_H

/*
 * One line filter: a program behind two pipes that reads lines and prints a
 * line for each.  The process that uses it has to ignore SIGPIPE; the filter
 * dies with that process.
 *
 * What a filter printed for a task means something only after FILTER_DONE: if
 * the numbers differ, or if the filter ended badly, nobody can tell which line
 * belongs to which.
 */

#include "base/buffer.h"

#include <brood.h>

/* Lines to put through a filter. */
struct filter_task {
	const char	*data;		/* the last byte is a newline */
	size_t		 len;
	size_t		 n_lines;
	size_t		 max_out;	/* bytes that the filter may print */
	int		 silence_ms;	/* how long the filter may print
					   nothing when it has all lines; then
					   its input is closed; 0: at once */
	int		 keep_ms;	/* 0, or this is a trial, with a
					   silence_ms of 0: if anything is
					   printed, no more lines are written;
					   else, when it has all lines, wait so
					   long before the input is closed */
	int		 linger_ms;	/* how long the filter may run on when
					   it has closed its output, or has
					   printed all and its input is closed */
	int		 timeout_ms;	/* to wait for a line; -1: for ever */
};

/* How silent was a filter that had all lines? */
enum filter_silence {
	SILENCE_NONE,		/* it printed in time, or did not get so far */
	SILENCE_LONG,		/* it printed nothing for silence_ms */
	SILENCE_TRIAL,		/* it had read the whole trial, and had printed
				   nothing at all in keep_ms */
};

struct filter {
	struct brood_child *child;	/* NULL: it does not run */
	int		 in_fd;		/* -1: its input was closed */
	int		 kept_fd;	/* the other end of that pipe, to ask how
					   much the filter has left unread */
	int		 out_fd;
	int64_t		 start_ms;
	int		 status;	/* of wait(2), when child is NULL */

	/* The task at hand; filter_run() begins a new one. */
	const struct filter_task *task;
	size_t		 n_given;	/* lines of it that it is to read, all
					   unless a trial was cut short ... */
	size_t		 given_len;	/* ... and their bytes */
	struct brood__buffer out;	/* what the filter printed */
	size_t		 lines_len;	/* bytes of whole lines in out ... */
	size_t		 n_lines;	/* ... and the number of those lines */
	size_t		 n_written;	/* bytes of the task ... */
	size_t		 n_unread;	/* ... and of those that it left, at the
					   end of the task */
	int64_t		 active_ms;	/* when it last read or printed */
	int64_t		 line_ms;	/* when its last line was whole */
	enum filter_silence silence;
	bool		 was_lingering;	/* it ran on, and was killed */
};

enum filter_result {
	FILTER_DONE = 1,	/* a line for each line, of n_given */
	FILTER_DIED,		/* it ended badly: see status */
	FILTER_FEWER,		/* it ended well, and printed too few lines */
	FILTER_CLOSED,		/* it printed too few lines, closed its output
				   and ran on */
	FILTER_MORE,		/* it printed more lines than it was given */
	FILTER_UNREAD,		/* it printed, but has read nothing */
	FILTER_TIMEOUT,		/* no line came in time */
	FILTER_TOO_LONG,	/* what it printed for one line is more than
				   max_out */
	FILTER_PART,		/* the same for several lines: nothing need be
				   wrong, but there were too many */
};

/* Returns 0, or the negative errno with which the program could not be run. */
int	filter_start(struct filter *filter, const char *const *argv,
	    const struct brood_confine *confine);

/* Put lines through it.  After any result but FILTER_DONE, stop it. */
enum filter_result
	filter_run(struct filter *filter, const struct filter_task *task);

/* What has a filter done since its last task? */
enum filter_state {
	FILTER_IDLE = 1,
	FILTER_GONE,		/* it has ended, or its input was closed */
	FILTER_EXTRA,		/* it has printed more than it was asked for */
};

enum filter_state
	filter_check(const struct filter *filter);

/* Kill it, and what it has started, if it still runs. */
void	filter_stop(struct filter *filter);

/* Append to the whole lines in out, in place of half a line; 0 or -ENOMEM. */
int	filter_append(struct filter *filter, const void *data, size_t len);

/* Empty out. */
void	filter_forget(struct filter *filter);

#endif
