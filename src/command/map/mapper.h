/* SPDX-License-Identifier: ISC */
#ifndef BROOD__MAPPER_H
#define BROOD__MAPPER_H

/*
 * The work of `brood map`: lines to requests, answers to lines.
 */

#include "command/map/input.h"
#include "command/map/joblog.h"
#include "command/map/lines.h"
#include "command/map/progress.h"
#include "command/map/window.h"

#include <stdnoreturn.h>

struct mapper {
	/* What was asked for. */
	const char	*program;
	bool		 has_lines;
	unsigned	 retries;
	int		 timeout_ms;	/* -1: none */

	struct brood_pool *pool;
	struct input	 input;
	struct window	 window;
	struct joblog	 log;
	struct progress	 progress;
	struct progress_count count;
	uint64_t	 n_read;	/* lines */
	unsigned	 n_sent;	/* requests without an answer */
	size_t		 chunk_lines;	/* to put in one request */
	size_t		 chunk_bytes;
	bool		 is_suspect;	/* the filter prints too much */
};

/* Send what workers are free for. */
void	mapper_feed(struct mapper *mapper);

/* Take the answers that have come. */
void	mapper_take(struct mapper *mapper);

/* Is there nothing left to wait for? */
bool	mapper_is_finished(const struct mapper *mapper);

/* End workers and command: "brood: what: why", unless format is NULL. */
noreturn void
	mapper_die(struct mapper *mapper, int error, const char *format, ...)
	    __attribute__((__format__(__printf__, 3, 4)));

#endif
