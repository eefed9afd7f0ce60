/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ARRIVAL_H
#define BROOD__ARRIVAL_H

/*
 * How a pool learns that answers have come: from the kernel, and by looking
 * into the rings of workers, of which the kernel tells only if the worker was
 * asked to wake this process.
 */

#include "host/pool.h"

/*
 * As brood__ready_wait(), but ends too when an answer is in a ring.  While
 * answers come by rings, the kernel is asked once in a millisecond only, since
 * that takes a system call.
 */
int	brood__arrival_wait(struct brood_pool *pool, int timeout_ms,
	    struct brood__ready_event *ret_events, size_t max);

/* Read the answers that are in rings. */
void	brood__arrival_read(struct brood_pool *pool);

/*
 * The program goes on.  If it may poll(2) next, because it has asked for the
 * pool's descriptor: have each worker that owes an answer wake this process, or
 * if an answer is there already, make the descriptor readable.
 */
int	brood__arrival_leave(struct brood_pool *pool);

#endif
