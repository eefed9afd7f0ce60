/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_COUNTERS_H
#define BROOD_TESTS_COUNTERS_H

/*
 * Memory and three pipes that a test shares with the workers of its pool,
 * without the library.  A test makes them before the pool, so that every worker
 * inherits them.
 *
 * - The handlers count in the memory what they do.  A test compares this with
 *   the completions, because a faulty library could report something else.
 * - A handler writes a byte into the pipe `entered' when it begins, so that the
 *   test can wait for that.
 * - A handler waits until it can read a byte from the pipe `gate', so that the
 *   test decides when the handler goes on.
 * - A setup function waits in the same way at the pipe `start', so that the
 *   test decides when a worker becomes ready.
 *
 * No function here asserts, because a host that a test has forked uses them
 * too, and an assertion in a forked process hangs Criterion.
 */

#include <brood/pool.h>
#include <stdatomic.h>

struct counters {
	unsigned	 n_runs;	/* elements of runs */
	int		 gate[2];	/* the handlers read gate[0] */
	int		 entered[2];	/* the handlers write entered[1] */
	int		 start[2];	/* the setup functions read start[0] */
	int		 keep_fds[3];	/* the workers' ends of the three */
	_Atomic int	 results[4];	/* set by METHOD_ANSWER_TWICE */
	_Atomic unsigned n_setups;	/* calls of a test's setup function */
	_Atomic unsigned runs[];	/* how often each request was run */
};

/* Make counters for n_runs requests.  Gives NULL where the system refuses. */
struct counters *
	counters_new(unsigned n_runs);
struct counters *
	counters_free(struct counters *counters);

/*
 * Make a pool whose workers run methods_handle() and share the counters.  The
 * handler, arg and keep_fds of the options are set here, and shutdown_ms is set
 * to 300 if it is 0.
 *
 * Returns NULL if brood_pool_new() failed.
 */
struct brood_pool *
	counters_pool(struct counters *counters,
	    struct brood_pool_options options);

/* Dispatch until n more handlers have begun.  Gives false after DRAIN_MS. */
bool	counters_await(struct counters *counters, struct brood_pool *pool,
	    unsigned n);

/* Let n of the handlers that wait at the gate go on. */
void	counters_release(struct counters *counters, unsigned n);

/* Let every handler go on, those that come later too. */
void	counters_open(struct counters *counters);

/*
 * For a setup function: count the call, and unless it is among the first n,
 * wait until the test has called counters_start().
 *
 * Returns 0, as the setup function should.
 */
int	counters_wait_to_start(struct counters *counters, unsigned n);

/* Let every worker that waits in its setup function become ready. */
void	counters_start(struct counters *counters);

#endif
