/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PACE_H
#define BROOD__PACE_H

/*
 * How many lines a request of `brood map --lines` has, by how long earlier
 * ones took.
 */

#include "command/map/lines.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A trial is longer than LINES_KEPT, but, if lines are short, not by much. */
enum { PACE_TRIAL_BYTES = LINES_KEPT + (LINES_KEPT >> 3) };

/*
 * The trial of a filter that is started for each request: one request that is
 * longer than any usual buffer.  It shows whether the filter prints anything
 * before its input ends.  There is one; it is under way until its lines are
 * done, or are run again one by one.
 */
enum pace_trial { TRIAL_NOT_YET, TRIAL_UNDER_WAY, TRIAL_OVER };

struct pace {
	size_t		 n_lines;	/* that the next request has at most */
	size_t		 n_bytes;	/* the same */
	uint64_t	 n_done;	/* lines since the last failed request */
	int64_t		 start_us;	/* the shortest request for which the
					   filter was started; 0: none was */
	bool		 is_cheap;	/* a trial would not take long */
	enum pace_trial	 trial;
};

void	pace_start(struct pace *pace);

/* A request that is done. */
struct pace_request {
	size_t		 n_lines;
	size_t		 n_bytes;
	int64_t		 runtime_us;
	bool		 is_buffering;	/* the filter was started for it */
};

void	pace_done(struct pace *pace, const struct pace_request *request);

/* Is the next request to be the trial, if it can have PACE_TRIAL_BYTES? */
bool	pace_wants_trial(const struct pace *pace);

/* The trial begins, or is over; an end without a trial changes nothing. */
void	pace_begin_trial(struct pace *pace);
void	pace_end_trial(struct pace *pace);

/* A request of n_lines lines failed. */
void	pace_failed(struct pace *pace, size_t n_lines);

#endif
