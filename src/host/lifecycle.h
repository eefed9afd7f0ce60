/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LIFECYCLE_H
#define BROOD__LIFECYCLE_H

/*
 * The states of a pool (enum brood__pool_state), and its two ways to end: the
 * program stops it, or it breaks, because no worker can start or the supervisor
 * process is gone.  Called by the turn, once each.
 */

#include "host/pool.h"

/* DRAINING to STOPPING; before the fleet is reconciled. */
void	brood__lifecycle_check_drained(struct brood_pool *pool,
	    int64_t now_ms);

/* STOPPING to STOPPED; after the fleet is reconciled. */
void	brood__lifecycle_check_stopped(struct brood_pool *pool);

/*
 * Break the pool if every wanted slot is given up; mend it if one is not any
 * more.  After the fleet is reconciled.
 */
void	brood__lifecycle_check_broken(struct brood_pool *pool);

/* Is the supervisor gone, and the pool not broken for it yet? */
bool	brood__lifecycle_is_losing(const struct brood_pool *pool);

/* Break the pool: the supervisor is gone, and with it all workers. */
void	brood__lifecycle_lose_supervisor(struct brood_pool *pool,
	    int64_t now_ms);

#endif
