/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_COUNTERS_H
#define BROOD_TESTS_COUNTERS_H

/*
 * What a test and the workers of its pool share behind the library's back: a
 * page of counters, made before the pool so that every worker has it, and two
 * pipes.  Workers say through one that they have entered a handler and wait at
 * the other, the gate, to be let go.  What a handler really did is read here
 * and nowhere else: a completion may lie.
 *
 * Nothing here asserts: a test's forked host uses it too.
 */

#include <brood/pool.h>
#include <stdatomic.h>

struct counters {
	unsigned	 n_runs;
	int		 gate[2];
	int		 entered[2];
	int		 keep_fds[2];	/* the workers' ends of both */
	_Atomic int	 results[4];
	_Atomic unsigned n_setups;
	_Atomic unsigned runs[];	/* how often each request was run */
};

/* Counters for n_runs requests; NULL if there is no memory or descriptor. */
struct counters *
	counters_new(unsigned n_runs);
struct counters *
	counters_free(struct counters *counters);

/*
 * Make a pool of methods_handle() workers that have the counters: the options
 * plus handler, arg and keep_fds, and a shutdown_ms of 300 where it is 0.
 * Gives NULL where brood_pool_new() failed.
 */
struct brood_pool *
	counters_pool(struct counters *counters, struct brood_pool_options options);

/* Dispatch until n more handlers have been entered, up to 10 s. */
bool	counters_await(struct counters *counters, struct brood_pool *pool, unsigned n);

/* Let n of those that wait at the gate go; or all, for good. */
void	counters_release(struct counters *counters, unsigned n);
void	counters_open(struct counters *counters);

#endif
