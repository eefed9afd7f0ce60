/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SETTLE_H
#define BROOD__SETTLE_H

/*
 * How requests complete that no answer completes: deadlines, cancellation, and
 * the end of their worker.
 */

#include "host/pool.h"

/*
 * Complete every request of which a limit of time has passed.  The worker that
 * has one is marked by its oldest request's state, and stopped by the fleet.
 */
void	brood__settle_expire(struct brood_pool *pool, int64_t now_ms);

/* Cancel one request for text's reason: 0, or -ENOENT if it has completed. */
int	brood__settle_cancel(struct brood_pool *pool, uint64_t id,
	    const char *text);

/* Cancel every request that a worker has. */
void	brood__settle_cancel_all(struct brood_pool *pool, const char *text);

/*
 * Read the last answers of each worker that has ended, a bounded amount; when
 * all are read, settle its requests: those that it provably did not begin go
 * back to the queue, the others complete.
 *
 * Frees the worker.  But if the supervisor process is gone, nothing is proved,
 * and the worker, without requests, is kept until the pool is freed.
 */
void	brood__settle_ended(struct brood_pool *pool);

/*
 * Cancel the request of brood_pool_call() if it cannot go on before parts of
 * other replies are taken, which nobody does during that call.
 */
void	brood__settle_unblock(struct brood_pool *pool);

#endif
