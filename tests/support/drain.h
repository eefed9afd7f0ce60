/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_DRAIN_H
#define BROOD_TESTS_DRAIN_H

/*
 * Waiting for what a pool has to give: the next completion, an event, a number
 * of workers.  Each wait ends after DRAIN_MS at the latest.  That is far more
 * than a busy machine needs, so a wake-up that the library has lost makes a
 * test fail and does not hang it.
 *
 * No function here asserts, because a host that a test has forked uses them
 * too, and an assertion in a forked process hangs Criterion.
 */

#include "base/clock.h"
#include <brood/pool.h>
#include <stdio.h>

#define DRAIN_MS	10000

/*
 * An assertion for a function that runs in a forked child: if condition is
 * false, print where, and return 1 from the function.
 */
#define DRAIN_CHECK(condition)						\
	do {								\
		if (!(condition)) {					\
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__,	\
			    __LINE__, #condition);			\
			return 1;					\
		}							\
	} while (0)

/*
 * Wait until the pool has something to do or fd has input, at most DRAIN_MS,
 * then dispatch.  An fd of -1 means none.  Call it only when something is still
 * to come.
 *
 * Returns true if fd has input.
 */
bool	drain_turn(struct brood_pool *pool, int fd);

/* Wait for the next completion or part, and take it. */
bool	drain_next(struct brood_pool *pool, struct brood_completion *ret_done);

/* Read events, up to the next of this kind. */
bool	drain_event(struct brood_pool *pool, enum brood_event_kind kind,
	    struct brood_event *ret_event);

/* Read the pids of the next n workers that become ready. */
bool	drain_workers(struct brood_pool *pool, pid_t *ret_pids, unsigned n);

/*
 * Wait until exactly n workers are ready.  Here DRAIN_MS counts from the last
 * worker that became ready.
 */
bool	drain_ready(struct brood_pool *pool, unsigned n);

/* The same for spares. */
bool	drain_spare(struct brood_pool *pool, unsigned n);

/* Wait until at least n requests are at workers. */
bool	drain_in_flight(struct brood_pool *pool, unsigned n);

/* Wait until at least n completions and parts wait to be taken. */
bool	drain_untaken(struct brood_pool *pool, unsigned n);

/*
 * Wait until a pool that was told to stop has stopped.  Completions are taken
 * and dropped.
 */
bool	drain_stopped(struct brood_pool *pool);

/* Submit text to a method and wait for the completion. */
int	drain_call(struct brood_pool *pool, uint32_t method, const char *text,
	    struct brood_completion *ret_done);

/*
 * Check that the pool answers METHOD_ECHO rightly.
 *
 * Returns the pid of the worker that answered, or 0.
 */
pid_t	drain_echo(struct brood_pool *pool);

/* Is the reply's payload this text? */
bool	drain_is_text(const struct brood_completion *done, const char *text);

/*
 * Wait for every child of this process, those that it has adopted included.
 * Blocks for ever if a child does not end.
 *
 * Returns how many there were.
 */
unsigned drain_children(void);

#endif
