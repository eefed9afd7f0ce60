/* SPDX-License-Identifier: ISC */
#ifndef BROOD__VIEW_H
#define BROOD__VIEW_H

/*
 * Replies that the program reads where the worker has written them: of requests
 * with BROOD_VIEW.
 *
 * A view is a result whose payload is in the ring of a worker.  The ring keeps
 * that frame, and nothing more is read from the worker, until the next turn: a
 * view that the program has taken by then is not valid any more, and one that
 * it has not taken becomes a result as any other, by a copy.
 */

#include "host/pool.h"

/*
 * Complete a request by a view, if its reply is in a ring and long enough for
 * that.  False: nothing was done.
 */
bool	brood__view_answer(struct brood_pool *pool,
	    struct brood__worker *worker, struct brood__pending *pending,
	    const struct brood_message *msg);

/*
 * A turn begins: no view is left after that, unless there is no memory for a
 * copy; then another turn is due soon.
 */
void	brood__views_end(struct brood_pool *pool);

/* The pool is freed: its results are not views of its workers any more. */
void	brood__views_forget(struct brood_pool *pool);

#endif
