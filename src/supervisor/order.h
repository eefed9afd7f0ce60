/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ORDER_H
#define BROOD__ORDER_H

/*
 * Which slots must stop now, and which may start now.  Pure: the time is an
 * argument, and nothing here knows a process or a descriptor.
 *
 * The rules:
 *
 *	1. Slots start in the order of the list.  A slot that holds the later
 *	   ones back does so until its process is ready, or until the slot is
 *	   empty or given up.  In an ordered list each slot does that when it is
 *	   filled; with a strategy, so do the slots that are restarted together.
 *	2. Slots stop from the last to the first; in an ordered list each waits
 *	   until the one behind it has ended.
 *	3. When a process has ended and is to be restarted, the strategy says
 *	   which other slots are restarted with it.  None of them starts before
 *	   all of them have stopped.
 *	4. Only so many processes are being started at a time, and only so many
 *	   are held for a host that has not adopted them.
 *	5. When the kernel is short of descriptors or memory for a start,
 *	   nothing is started for some time.  That time grows with each such
 *	   failure.
 */

#include <brood/restart.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * The states of a slot.
 *
 *	EMPTY ---> WAITING ---> STARTING ---> OFFERING <--> OFFERED ---> ADOPTED
 *	  ^	      ^            |             |            |             |
 *	  |	      |            +-------------+------------+-------------+
 *	  |	      |            |	the process ended by itself, or ...
 *	  |	      |            |	... STOP: STOPPING, until it ended
 *	  |	      |            v
 *	  +-----------+---- on exit ---> GIVEN_UP
 */
enum brood__slot_state {
	BROOD__SLOT_EMPTY,	/* no process is wanted */
	BROOD__SLOT_WAITING,	/* to be started at due_ms or later */
	BROOD__SLOT_STARTING,	/* HELLO must come by due_ms */
	BROOD__SLOT_OFFERING,	/* said HELLO; READY is to be sent at due_ms */
	BROOD__SLOT_OFFERED,	/* READY was sent; the host has not answered */
	BROOD__SLOT_ADOPTED,	/* the host holds the process's channel */
	BROOD__SLOT_STOPPING,	/* at due_ms comes the next phase */
	BROOD__SLOT_GIVEN_UP,	/* failed too often: not started any more */
};

/* What is to be done with a slot's process when its turn to stop comes. */
enum brood__order_stop {
	BROOD__ORDER_KEEP,	/* nothing */
	BROOD__ORDER_REPLACE,	/* stop the process, then start another */
	BROOD__ORDER_REMOVE,	/* stop it for good */
};

/* What order knows of a slot: a part of struct brood__slot. */
struct brood__order_slot {
	TAILQ_ENTRY(brood__order_slot) next;
	unsigned index;			/* of the slot, for the caller */
	enum brood_restart restart;
	enum brood__slot_state state;	/* changed by brood__order_enter() */
	int64_t due_ms;			/* see the states; or BROOD__NEVER */
	/*
	 * Set by the functions below.  The caller acts on it when
	 * brood__order_next_stop() gives the slot, and then sets it to KEEP.
	 */
	enum brood__order_stop stop_pending;
	/* Rule 1.  Set by the functions below, cleared by a change of state. */
	bool holds_later;
};

TAILQ_HEAD(brood__order_slots, brood__order_slot);

struct brood__order {
	struct brood__order_slots slots;
	bool is_ordered;		/* rules 1 and 2 */
	enum brood_strategy strategy;	/* rule 3 */
	unsigned max_starting;		/* rule 4 */
	unsigned max_held;
	int shortage_ms;		/* rule 5: the last pause; 0: none */
	int64_t resume_ms;		/* nothing starts before this time */
};

void	brood__order_init(struct brood__order *order, bool is_ordered,
	    enum brood_strategy strategy);

/* Add a slot behind the others: EMPTY, with index and restart set. */
void	brood__order_add(struct brood__order *order,
	    struct brood__order_slot *slot);

/* Change a slot's state; due_ms is what the new state says. */
void	brood__order_enter(struct brood__order_slot *slot,
	    enum brood__slot_state state, int64_t due_ms);

/* Has the slot a process? */
bool	brood__order_is_alive(const struct brood__order_slot *slot);

/* The host wants this slot filled: call this before the state is changed. */
void	brood__order_filled(struct brood__order *order,
	    struct brood__order_slot *slot);

/* The host has told the slot's process to end and be replaced. */
void	brood__order_replaced(struct brood__order *order,
	    struct brood__order_slot *slot);

/* The slot's process has ended by itself, and the slot is WAITING now. */
void	brood__order_restarted(struct brood__order *order,
	    struct brood__order_slot *slot);

/* Everything is to stop for good. */
void	brood__order_stop_all(struct brood__order *order);

/*
 * The next slot that must be stopped now; NULL: none.  prev is the slot given
 * before in this turn, which has been stopped meanwhile; NULL for the first.
 */
struct brood__order_slot *
	brood__order_next_stop(struct brood__order *order,
	    struct brood__order_slot *prev);

/*
 * One look at the list for what may start.  The slot that is given is to be
 * started before the next call.  A start that has failed by then does not count
 * among those under way.
 */
struct brood__order_pass {
	struct brood__order_slot *last;	/* given last; NULL: none yet */
	unsigned n_starting;		/* by rule 4, up to `last` included */
	unsigned n_held;
	bool is_blocked;		/* nothing behind `last` may start */
};

void	brood__order_begin(const struct brood__order *order,
	    struct brood__order_pass *ret_pass, int64_t now_ms);
struct brood__order_slot *
	brood__order_next_start(const struct brood__order *order,
	    struct brood__order_pass *pass, int64_t now_ms);

/*
 * When time alone makes something due: the earliest due_ms that is still to
 * come, or the end of a pause.  What is due and not done by now waits for an
 * event, and that event is always under way:
 *
 *	held back by another slot	HELLO, or the end of its process
 *	others must stop first		the end of their processes
 *	too many are starting		HELLO or the end of one of them
 *	too many are held		ADOPTED, or the end of one of them
 */
int64_t	brood__order_next_due(const struct brood__order *order,
	    int64_t now_ms);

/*
 * The kernel was short of something when a process was started; or a process
 * has started well.
 */
void	brood__order_set_short(struct brood__order *order, int64_t now_ms);
void	brood__order_clear_short(struct brood__order *order);

#endif
