/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LINES_H
#define BROOD__LINES_H

/*
 * A worker that keeps a line filter running: a request is any number of lines,
 * each with its newline, the reply the lines that the filter printed for them
 * and, behind those, a struct lines_report.
 */

#include <brood.h>

struct lines_options {
	const char *const *argv;	/* of the filter; a NULL last */
	int		 timeout_ms;	/* for a line; -1: none */
	size_t		 max_line;	/* bytes of one, its newline excluded */
};

/* Why a reply has no more lines than it has. */
enum lines_cause {
	LINES_DONE = 1,
	LINES_ENDED,		/* the filter did: see status */
	LINES_FEWER,		/* it ended well, and lines are missing: which,
				   nobody can tell */
	LINES_MORE,		/* it printed more than it was given */
	LINES_TIMEOUT,
	LINES_TOO_LONG,		/* a printed line is longer than max_line */
	LINES_PART,		/* nothing is wrong: ask for the rest again */
};

struct lines_report {
	uint32_t	 cause;
	uint32_t	 n_done;	/* lines in the reply */
	uint32_t	 n_printed;
	int32_t		 status;	/* ENDED: of wait(2) */
	uint32_t	 is_restarting;	/* it is started for each request */
	uint32_t	 was_talking;	/* it had printed too much before this
					   request */
	int64_t		 start_us;	/* since the epoch */
	int64_t		 runtime_us;
};

/* Of the pool; arg is a struct lines_options. */
int	lines_setup(void *arg);
int	lines_handle(struct brood_request *request, void *arg);

/* Take the report off a reply; 0, or -EPROTO if there is none. */
int	lines_report_read(struct lines_report *ret_report,
	    const struct brood_message *reply);

/* Count the newlines. */
size_t	lines_count(const char *data, size_t len);

/* How long are the first n_lines? */
size_t	lines_len(const char *data, size_t len, size_t n_lines);

#endif
