/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FAULTS_POOL_H
#define BROOD_TESTS_FAULTS_POOL_H

/*
 * A pool with requests of which each must have exactly one completion, and one
 * that is true.
 */

#include "faults/scenario.h"

enum { TICKETS = 100 };

/* The options of most pools here. */
extern const struct brood_pool_options pool_usual;

struct ticket {
	uint64_t id;
	unsigned number;		/* in the whole case */
	enum method method;
	uint32_t flags;			/* of enum brood_request_flag */
	size_t len;
	size_t n_part_bytes;
	bool is_canceled, has_limit;
	unsigned n_completions;
	enum brood_fate fate;
	enum brood_ran ran;
};

struct work {
	struct brood_pool *pool;
	struct ticket tickets[TICKETS];
	unsigned n, n_done;
	bool is_polled;			/* by its descriptor */
	bool is_broken;			/* that was told */
	bool may_break;			/* the scenario is about that */
	bool has_ended;			/* nothing can come any more */
	bool has_lost_events;
	unsigned n_reloads;		/* that have ended, well or not */
};

int	work_start(struct work *work, const struct brood_pool_options *options);

/* Submit one.  fds: how many descriptors to attach. */
int	work_submit(struct work *work, enum method method, size_t len,
	    const struct brood_request_options *options, size_t n_fds);

/* Until every request has its completion. */
int	work_finish(struct work *work);

/* Until something is so.  False: it did not become so in time. */
bool	work_await(struct work *work, bool (*is_so)(const struct work *));

/* Nothing fails any more: requests must be answered, as in a new pool. */
void	work_check_alive(struct work *work);

/*
 * Finish, see that the pool is alive, and end.  Gives r, or -ESHUTDOWN if that
 * was 0 and not all could be finished.
 */
int	work_close(struct work *work, int r);

/* Stop in good order if it works still, free it, and judge. */
void	work_end(struct work *work);

#endif
