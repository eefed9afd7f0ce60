/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LINES_H
#define BROOD__LINES_H

/*
 * The worker of `brood map --lines`, which keeps a line filter running.  A
 * request is any number of lines, each with its newline; its method is that
 * number, and LINES_TRIAL.  The reply is the lines that the filter printed for
 * them, if it is certain which line belongs to which, and behind those a struct
 * lines_report.
 */

#include <brood.h>

struct lines_options {
	const char *const *argv;	/* of the filter; a NULL last */
	int		 timeout_ms;	/* for a line; -1: none */
	const struct brood_confine *confine;	/* of the filter; NULL: none */
	size_t		 max_line;	/* bytes of one, its newline excluded */
};

struct lines_report {
	uint32_t	 result;	/* enum filter_result */
	uint32_t	 n_given;	/* lines that the filter was to read: the
					   first of the request */
	uint32_t	 n_printed;	/* lines */
	int32_t		 status;	/* FILTER_DIED: of wait(2) */
	uint32_t	 is_buffering;	/* the filter is started for each
					   request, because it keeps its output
					   until its input ends */
	uint32_t	 had_extra;	/* before this request, the filter had
					   printed more than it was asked for */
	uint32_t	 was_keeping;	/* a trial: the filter printed nothing
					   until its input ended, and then more
					   than LINES_KEPT bytes */
	int64_t		 start_us;	/* as lines_epoch_us() */
	int64_t		 runtime_us;
};

/*
 * No usual program keeps more bytes of output than this if it need not: stdio
 * keeps 4096, and Python 128 KiB since version 3.15.  One that does may have to
 * see all lines before it prints any, as sort(1) has to.
 */
enum { LINES_KEPT = 136 << 10 };

/*
 * A bit of the method: the request is a trial, to see whether the filter prints
 * anything before its input ends.  The reply may answer its first lines only.
 */
#define LINES_TRIAL	(UINT32_C(1) << 31)

/* Of the pool; arg is a struct lines_options. */
int	lines_setup(void *arg);
int	lines_handle(struct brood_request *request, void *arg);

/* Take the report off a reply; 0, or -EPROTO if there is none. */
int	lines_report_read(struct lines_report *ret_report,
	    const struct brood_message *reply);

/* Microseconds since the epoch. */
int64_t	lines_epoch_us(void);

#endif
