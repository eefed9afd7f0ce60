/* SPDX-License-Identifier: ISC */
#ifndef BROOD__POOL_H
#define BROOD__POOL_H

/*
 * What a pool is made of.  Each part has its own struct and interface, and
 * calls only parts that stand below it here:
 *
 *	pool, pool_stats	the interface
 *	turn			the steps of one turn, in order
 *	lifecycle		how a pool stops or breaks
 *	settle			completions that no worker's answer brings
 *	arrival			how it learns that answers have come
 *	exchange		requests to workers and answers from them
 *	queue			what is owed to the program
 *	fleet  lists		which workers are wanted; which may do what
 *	control			the supervisor process
 *	reply  worker  event
 *	pending
 *
 * Nothing is called back.  What happens is put where the program takes it:
 * results and events.
 */

#include "base/clock.h"
#include "base/ready.h"
#include "base/spin.h"
#include "base/waker.h"
#include "host/control.h"
#include "host/event.h"
#include "host/fleet.h"
#include "host/lists.h"
#include "host/queue.h"

/*
 *	RUNNING ---> DRAINING ---> STOPPING ---> STOPPED
 *
 * RUNNING	accepts requests.
 * DRAINING	brood_pool_stop() was called: no more is accepted, but all goes on
 *		until nothing is left to do or drain_ms is reached.
 * STOPPING	what is left was completed, and all workers are told to go.
 * STOPPED	no process is left.
 */
enum brood__pool_state {
	BROOD__POOL_RUNNING,
	BROOD__POOL_DRAINING,
	BROOD__POOL_STOPPING,
	BROOD__POOL_STOPPED,
};

struct brood_pool {
	pid_t owner;			/* the process that may use it */
	char *name;
	enum brood__pool_state state;
	int64_t drain_ms;		/* when DRAINING ends at the latest */

	unsigned max_queued;
	size_t max_payload;
	bool fds_from_worker;
	size_t ring_bytes;		/* 0: no rings are offered */
	unsigned ring_after;		/* answers of a worker */
	struct brood_request_options usual; /* limits of a request that names
					   none */
	size_t n_keep_fds;		/* how many the supervisor keeps open */

	struct brood__ready *ready;
	struct brood__waker waker;	/* brood_pool_wake() */
	bool is_woken;			/* by that, and the program was not
					   told yet */
	struct brood__control *control;
	struct brood__queue queue;
	struct brood__fleet fleet;
	struct brood__lists lists;
	struct brood__events events;
	char failure[512];		/* why the last slot was given up */

	size_t n_read_bytes;		/* received, and of messages, since it
					   was set to 0: a turn reads until
					   exchange.h says that it is enough */
	unsigned read_first;		/* which of the workers that are ready
					   is read first in the next turn: this
					   one had enough before */
	unsigned n_in_flight;		/* requests in workers' lists */
	unsigned n_cpus;
	struct brood__spin spin;
	int64_t polled_ms;		/* when the kernel was last asked for
					   readiness */
	uint64_t called;		/* the request of brood_pool_call(); 0:
					   that is not running */
	int64_t wake_ms;		/* a turn is due then, whatever is
					   readable; 0: at once */
	uint64_t n_started;
	uint64_t n_ended;
};

/* The two in the readiness set that are no worker's: no slot is so high. */
#define BROOD__POOL_CONTROL_TOKEN	((uint64_t)UINT32_MAX)
#define BROOD__POOL_WAKER_TOKEN		((uint64_t)UINT32_MAX - 1)

/* The program has called: this is the instant of all that the call does. */
static inline int64_t
brood__pool_set_now(struct brood_pool *pool)
{
	return pool->queue.now_ms = brood__now_ms();
}

/* A turn is due after this many milliseconds at the latest; 0: at once. */
void	brood__pool_turn_in(struct brood_pool *pool, int in_ms);

#endif
