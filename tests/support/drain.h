/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_DRAIN_H
#define BROOD_TESTS_DRAIN_H

/*
 * Getting out of a pool what a test waits for: the next completion, an event, a
 * count of workers.  Every wait ends by DRAIN_MS at the latest, far beyond what
 * a busy machine needs, so that a lost wake-up fails a test and hangs none.
 *
 * Nothing here asserts: a test's forked host uses it too.
 */

#include "base/clock.h"
#include <brood/pool.h>
#include <stdio.h>

#define DRAIN_MS	10000

/*
 * For a function that runs in a forked child: leave it, saying where, unless
 * condition holds.
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
 * Dispatch once; wait a little for the pool, or for fd (-1: none) to have
 * input.  Gives whether fd has.
 */
bool	drain_turn(struct brood_pool *pool, int fd);

/* The next completion or part. */
bool	drain_next(struct brood_pool *pool, struct brood_completion *ret_done);

/* The next event of a kind; those before it are read and forgotten. */
bool	drain_event(struct brood_pool *pool, enum brood_event_kind kind,
	    struct brood_event *ret_event);

/* The pids of the next n workers that become ready. */
bool	drain_workers(struct brood_pool *pool, pid_t *ret_pids, unsigned n);

/* Wait until exactly n workers are in service. */
bool	drain_ready(struct brood_pool *pool, unsigned n);

/* Wait until a pool that was told to stop has; completions are dropped. */
bool	drain_stopped(struct brood_pool *pool);

/* Submit text to a method and wait for its completion. */
int	drain_call(struct brood_pool *pool, uint32_t method, const char *text,
	    struct brood_completion *ret_done);

/* Does the pool still answer, and rightly?  Gives the worker's pid, or 0. */
pid_t	drain_echo(struct brood_pool *pool);

/* Is this the payload of a reply? */
bool	drain_is_text(const struct brood_completion *done, const char *text);

/*
 * Wait for every child that this process has, adopted ones included; gives how
 * many there were.  Blocks for ever if one does not end.
 */
unsigned drain_children(void);

#endif
