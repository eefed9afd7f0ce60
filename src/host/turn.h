/* SPDX-License-Identifier: ISC */
#ifndef BROOD__TURN_H
#define BROOD__TURN_H

/*
 * One turn of a pool: everything that it does on its own, in one order.
 *
 *	1 wait for readiness		6 hand waiting requests to workers
 *	2 read notices: what is so	7 flush: the control channel, then the
 *	3 read workers: complete, and	  workers
 *	  settle those that ended	8 derive what to poll for, set the alarm
 *	4 expire what is due
 *	5 stop the pool if it is drained; reconcile the fleet
 *
 * No step calls an earlier one.  What is found out too late in a turn, such as
 * a worker that receives no more, makes the next turn due at once.
 */

#include "host/pool.h"

/* Take a turn, waiting up to timeout_ms for something to do. */
int	brood__turn(struct brood_pool *pool, int timeout_ms);

/*
 * Steps 5 to 8, after a function of the interface has changed something, at the
 * instant that brood__pool_set_now() has set.  If that brings results or
 * events, the pool's descriptor becomes readable: the program may poll(2) next.
 */
int	brood__turn_act(struct brood_pool *pool);

/* Another turn is due at once, and the pool's descriptor says so. */
int	brood__turn_now(struct brood_pool *pool);

/* Parts were taken: read those workers again that had to wait for that. */
void	brood__turn_resume(struct brood_pool *pool);

#endif
