/* SPDX-License-Identifier: ISC */
#ifndef BROOD__VERDICT_H
#define BROOD__VERDICT_H

/*
 * What a completion says about the lines of its request.
 */

#include <brood.h>

enum verdict_blame {
	BLAME_NONE = 1,		/* lines not done are to be sent again */
	BLAME_WORKER,		/* the same, but not for ever */
	BLAME_LINE,		/* one of the lines that are not done */
	BLAME_POOL,		/* there are no workers any more */
};

struct verdict {
	enum verdict_blame blame;
	size_t		 n_done;	/* lines, the first of the request */
	size_t		 out_len;	/* of the reply, to be printed */
	enum brood_fate	 fate;
	int		 status;	/* of wait(2), of what has died */
	int64_t		 start_us;	/* since the epoch; 0: not said */
	int64_t		 runtime_us;
	bool		 is_restarting;	/* as in struct lines_report */
	bool		 was_talking;
	char		 text[256];	/* why, without control characters */
};

/* Of a request that is one line, for a worker that speaks the protocol. */
void	verdict_of_reply(struct verdict *verdict,
	    const struct brood_completion *done);

/* Of a request for lines.c. */
void	verdict_of_lines(struct verdict *verdict,
	    const struct brood_completion *done, size_t n_lines);

#endif
