/* SPDX-License-Identifier: ISC */
#ifndef BROOD__MAPPER_H
#define BROOD__MAPPER_H

/*
 * The work of `brood map`: requests are made of lines, and lines of answers.
 */

#include "command/command.h"
#include "command/map/input.h"
#include "command/map/joblog.h"
#include "command/map/lines.h"
#include "command/map/outcome.h"
#include "command/map/pace.h"
#include "command/map/progress.h"
#include "command/map/reasons.h"
#include "command/map/window.h"

#include <stdnoreturn.h>

struct mapper {
	/* What the user asked for; set by map.c. */
	bool		 has_lines;	/* --lines: the program is a filter */
	unsigned	 retries;
	int		 timeout_ms;	/* for a line; -1: none */

	struct brood_pool *pool;
	struct input	 input;
	struct window	 window;
	struct joblog	 log;
	struct progress	 progress;
	struct progress_count count;
	struct reasons	 reasons;
	struct pace	 pace;
	struct outcome	 outcome;
	uint64_t	 n_read;	/* lines taken from the input */
	unsigned	 n_sent;	/* requests without an answer */
};

/* Send as many requests as the workers have use for. */
void	mapper_feed(struct mapper *mapper);

/* Take the answers that have come. */
void	mapper_take(struct mapper *mapper);

/* Was everything read, answered and printed?  Or is the rest not tried? */
bool	mapper_is_finished(const struct mapper *mapper);

/* Print what is left to tell: of lines that failed, and why it was stopped. */
void	mapper_tell(struct mapper *mapper);

/*
 * Print "brood: what: why", unless format is NULL; end the workers, and the
 * command with COMMAND_UNUSABLE.
 */
noreturn void
	mapper_die(struct mapper *mapper, int error, const char *format, ...)
	    __attribute__((__format__(__printf__, 3, 4)));

#endif
