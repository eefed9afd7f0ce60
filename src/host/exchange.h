/* SPDX-License-Identifier: ISC */
#ifndef BROOD__EXCHANGE_H
#define BROOD__EXCHANGE_H

/*
 * Requests on their way to workers, and answers on their way back: the only
 * code that gives a request to a worker.
 */

#include "host/pool.h"

/* Send waiting requests to workers with room, in order. */
void	brood__exchange_assign(struct brood_pool *pool, int64_t now_ms);

/* Offer it rings, if it has answered as many requests as that takes. */
void	brood__exchange_offer_rings(const struct brood_pool *pool,
	    struct brood__worker *worker);

/* Read from a worker, a bounded amount, and handle what it says. */
void	brood__exchange_read(struct brood_pool *pool,
	    struct brood__worker *worker);

/* The same from its ring alone, without a system call. */
void	brood__exchange_read_ring(struct brood_pool *pool,
	    struct brood__worker *worker);

/*
 * Was so much read since pool->n_read_bytes was 0 that the rest can wait for
 * the next turn?
 */
bool	brood__exchange_is_enough(const struct brood_pool *pool);

/*
 * Complete a request that a worker has, without an answer.  It stays with the
 * worker, so that the answer is known when it comes, and is dropped.
 */
void	brood__exchange_complete(struct brood_pool *pool,
	    struct brood__worker *worker, struct brood__pending *pending,
	    enum brood_fate fate, const char *text);

/* May its answers be read, or have too many parts to be taken first? */
bool	brood__exchange_may_read(const struct brood_pool *pool,
	    const struct brood__worker *worker);

#endif
