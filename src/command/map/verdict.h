/* SPDX-License-Identifier: ISC */
#ifndef BROOD__VERDICT_H
#define BROOD__VERDICT_H

/*
 * What a completion says about the lines of its request: which are done, and
 * who is to blame if some are not.
 */

#include <brood.h>

enum verdict_blame {
	BLAME_NONE = 1,		/* nobody: send the request again */
	BLAME_WORKER,		/* its worker: the same, but not for ever */
	BLAME_LINE,		/* one of its lines */
	BLAME_SIZE,		/* nobody: too much was asked for at once */
	BLAME_END,		/* one of its lines; if it is none of them, then
				   the filter, which has ended badly */
	BLAME_COUNT,		/* the same for one that printed another number
				   of lines: once is enough */
	BLAME_POOL,		/* there are no workers any more */
};

struct verdict {
	size_t		 n_done;	/* first lines that are done; none, or
					   all that were run */
	enum verdict_blame blame;	/* if none is done */
	size_t		 out_len;	/* bytes of the reply to be printed */
	enum brood_fate	 fate;		/* of the lines, for the job log */
	int		 status;	/* of wait(2); 0: nothing died */
	uint32_t	 code;		/* of the worker's reply; 0: of none */
	int64_t		 start_us;	/* since the epoch; 0: not known */
	int64_t		 runtime_us;
	bool		 is_buffering;	/* as in struct lines_report */
	bool		 had_extra;	/* as in struct lines_report */
	bool		 was_keeping;	/* as in struct lines_report */
	char		 text[256];	/* why, fit for a terminal */
};

/* Of a request that is one line, for a worker that speaks the protocol. */
void	verdict_of_reply(struct verdict *verdict,
	    const struct brood_completion *done);

/* Of a request of n_lines lines, for a worker of lines.c. */
void	verdict_of_lines(struct verdict *verdict,
	    const struct brood_completion *done, size_t n_lines);

#endif
