/* SPDX-License-Identifier: ISC */

/*
 * See pace.h.  The first requests have one line each, which spreads the lines
 * of a slow program over all workers.
 *
 * When a request fails, its lines are run again one by one.  If the filter is
 * started for each of them, that takes long: so how long such a request may be
 * depends on how many lines have been done without a failure.  Lines that are
 * run again are then a small part of all, and so are starts of the filter.
 */

#include "command/map/pace.h"

/* How much a request should be; more of it if each one starts the filter. */
enum {
	PACE_REQUEST_US = 50000,
	PACE_BUFFERING_US = 1000000,
	PACE_REQUEST_BYTES = 1 << 16,		/* at most */
	PACE_BUFFERING_BYTES = 1 << 18,		/* at most */
	PACE_REQUEST_LINES = 1 << 14,		/* at most */
	PACE_BUFFERING_LINES = 256,		/* if each starts the filter:
						   as many, or ... */
	PACE_PART = 32,				/* ... this part of those that
						   were done */
	PACE_TRIAL_LINES = 64,			/* of the request before, at
						   least */
	PACE_TRIAL_US = 2000000,		/* expected, at most */
};

void
pace_start(struct pace *pace)
{
	*pace = (struct pace) {
		.n_lines = 1,
		.n_bytes = 1,
	};
}

/* How many lines may a request have? */
static size_t
pace_limit(const struct pace *pace, bool is_buffering)
{
	uint64_t limit = pace->n_done / PACE_PART;

	if (!is_buffering || limit > PACE_REQUEST_LINES)
		return PACE_REQUEST_LINES;
	return limit < PACE_BUFFERING_LINES ? PACE_BUFFERING_LINES :
	    (size_t)limit;
}

/* Take note of how long a request took; gives that without its fixed part. */
static int64_t
pace_note(struct pace *pace, const struct pace_request *request)
{
	int64_t us = request->runtime_us > 0 ? request->runtime_us : 1;

	pace->n_bytes = request->is_buffering ? PACE_BUFFERING_BYTES :
	    PACE_REQUEST_BYTES;
	if (!request->is_buffering)
		pace->start_us = 0;
	else if (pace->start_us == 0 || us < pace->start_us)
		pace->start_us = us;
	return us - pace->start_us;
}

void
pace_done(struct pace *pace, const struct pace_request *request)
{
	int64_t want_us = request->is_buffering ? PACE_BUFFERING_US :
	    PACE_REQUEST_US;
	int64_t us = pace_note(pace, request);
	size_t n = request->n_lines, limit;

	pace->n_done += n;
	limit = pace_limit(pace, request->is_buffering);
	if (us > 2 * want_us) {
		n = (size_t)((int64_t)n * want_us / us);
		if (n < pace->n_lines)
			pace->n_lines = n > 0 ? n : 1;
	} else if (us < want_us / 4 && 4 * n > pace->n_lines)
		pace->n_lines = 4 * n;
	if (pace->n_lines > limit)
		pace->n_lines = limit;
	pace->is_cheap = request->is_buffering && request->n_lines >=
	    PACE_TRIAL_LINES && us * PACE_TRIAL_BYTES <=
	    PACE_TRIAL_US * (int64_t)request->n_bytes;
}

bool
pace_wants_trial(const struct pace *pace)
{
	return pace->is_cheap && pace->trial == TRIAL_NOT_YET;
}

void
pace_begin_trial(struct pace *pace)
{
	pace->trial = TRIAL_UNDER_WAY;
}

void
pace_end_trial(struct pace *pace)
{
	if (pace->trial == TRIAL_UNDER_WAY)
		pace->trial = TRIAL_OVER;
}

void
pace_failed(struct pace *pace, size_t n_lines)
{
	size_t n = n_lines / 8;

	pace->n_done = 0;
	if (n < pace->n_lines)
		pace->n_lines = n > 0 ? n : 1;
}
