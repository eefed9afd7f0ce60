/* SPDX-License-Identifier: ISC */
#ifndef BROOD__VERDICT_H
#define BROOD__VERDICT_H

/*
 * What a completion says about the lines of its request: which are done, and
 * who is to blame if some are not.
 */

#include <brood.h>

enum verdict_blame {
	BLAME_NONE = 1,		/* nobody: send again the lines not done */
	BLAME_WORKER,		/* its worker: the same, but not for ever */
	BLAME_LINE,		/* one of the lines that are not done */
	BLAME_POOL,		/* there are no workers any more */
};

struct verdict {
	enum verdict_blame blame;	/* means nothing if all are done */
	size_t		 n_done;	/* number of first lines done */
	size_t		 out_len;	/* bytes of the reply to be printed */
	enum brood_fate	 fate;		/* of the lines, for the job log */
	int		 status;	/* of wait(2); 0: nothing died */
	int64_t		 start_us;	/* since the epoch; 0: not known */
	int64_t		 runtime_us;
	bool		 is_buffering;	/* as in struct lines_report */
	bool		 had_extra;	/* as in struct lines_report */
	char		 text[256];	/* why, fit for a terminal */
};

/* Of a request that is one line, for a worker that speaks the protocol. */
void	verdict_of_reply(struct verdict *verdict,
	    const struct brood_completion *done);

/* Of a request of n_lines lines, for a worker of lines.c. */
void	verdict_of_lines(struct verdict *verdict,
	    const struct brood_completion *done, size_t n_lines);

#endif
