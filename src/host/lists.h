/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LISTS_H
#define BROOD__LISTS_H

/*
 * Workers by what may be done with them.  A worker is in one list at most,
 * which follows from its state, fault, load and gate.  It is put there by
 * brood__lists_update(); a worker whose state has changed since is found out by
 * brood__lists_pick().
 *
 * Besides, workers are touched: to be flushed at the end of the turn, and
 * polled for anew.
 */

#include "host/worker.h"

struct brood__lists {
	unsigned in_flight;		/* requests at one worker, at most */
	struct brood__workers by_load[BROOD__IN_FLIGHT_MAX];
	uint64_t loads;			/* bit i: by_load[i] is not empty */
	struct brood__workers spares;	/* there was no place for them yet */
	struct brood__workers gated;	/* their gate is not passed yet */
	struct brood__workers ended;	/* last replies are to be read */
	struct brood__workers lost;	/* ENDED by the loss of the supervisor:
					   kept until the pool is freed */
	struct brood__workers touched;
	struct brood__workers ringed;	/* they owe an answer, and give it
					   through a ring ... */
	struct brood__workers awake;	/* ... and were not asked to wake this
					   process by it */
	unsigned n_ringed;
	struct brood__workers viewed;	/* see view.h */
};

void	brood__lists_init(struct brood__lists *lists, unsigned in_flight);

/* Free the workers that have ended: no slot of the fleet has them any more. */
void	brood__lists_fini(struct brood__lists *lists);

/*
 * Put the worker into the list that it belongs to; sent is how far the control
 * channel has been sent (see the worker's gate).
 */
void	brood__lists_update(struct brood__lists *lists,
	    struct brood__worker *worker, uint64_t sent);

/* The same for the spares that the fleet has given places. */
void	brood__lists_place_spares(struct brood__lists *lists, uint64_t sent);

/* The same for all whose gate has been passed; gives whether there were any. */
bool	brood__lists_open_gates(struct brood__lists *lists, uint64_t sent);

/* Out of every list, to be freed or to be put into lost. */
void	brood__lists_remove(struct brood__lists *lists,
	    struct brood__worker *worker);
void	brood__lists_set_lost(struct brood__lists *lists,
	    struct brood__worker *worker);

void	brood__lists_touch(struct brood__lists *lists,
	    struct brood__worker *worker);
void	brood__lists_untouch(struct brood__lists *lists,
	    struct brood__worker *worker);

/* A worker that may be given a request, the least loaded; NULL: none. */
struct brood__worker *
	brood__lists_pick(struct brood__lists *lists, uint64_t sent);

#endif
