/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PACE_H
#define BROOD__PACE_H

/*
 * How many lines a request of `brood map --lines` has, by how long earlier
 * ones took.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
	size_t		 n_lines;	/* that the next request has at most */
	size_t		 n_bytes;	/* the same */
	uint64_t	 n_done;	/* lines since the last failed request */
	int64_t		 start_us;	/* the shortest request for which the
					   filter was started; 0: none was */
	bool		 may_try;	/* a trial would not take long ... */
	bool		 was_tried;	/* ... and there was one */
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

/*
 * Is the next request to be a trial, which shows whether the filter prints
 * anything before its input ends?  There is one, when so many bytes of input
 * are enough.
 */
bool	pace_wants_trial(const struct pace *pace, size_t n_bytes);

/* Begin it; gives its size. */
void	pace_try(struct pace *pace, size_t *ret_lines, size_t *ret_bytes);

/* A request of n_lines lines failed. */
void	pace_failed(struct pace *pace, size_t n_lines);

#endif
