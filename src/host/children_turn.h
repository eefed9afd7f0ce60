/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CHILDREN_TURN_H
#define BROOD__CHILDREN_TURN_H

/*
 * The supervised children of a program, and what goes on with them by itself.
 *
 *	A child:	ABSENT ---> JOINING ---> RUNNING ---> ABSENT
 *	All of them:	RUNNING ---> STOPPING ---> STOPPED
 *			RUNNING ---> BROKEN
 */

#include "base/ready.h"
#include "host/control.h"
#include "host/event.h"
#include "host/link.h"

enum child_state {
	CHILD_ABSENT,			/* not ready, or its end was reported */
	CHILD_JOINING,			/* ready, but its links are not made:
					   the program does not see it yet */
	CHILD_RUNNING,
};

/* What the supervisor process will do for this child. */
enum child_outlook {
	CHILD_KEPT,			/* it runs, or will run again */
	CHILD_OVER,			/* it has ended for good */
	CHILD_GIVEN_UP,			/* it has failed too often */
};

struct child {
	char *name;
	struct brood_channel_options options;
	enum child_state state;
	enum child_outlook outlook;
	struct brood_channel *channel;	/* of one that has ended too, until the
					   next turn: the program may use it */
	uint32_t generation;
	uint32_t level;			/* of confinement */
	uint32_t revision;		/* of the last FILL.  What is told of an
					   older one does not change outlook */
	pid_t pid;
	uint64_t goodbye_gate;		/* GOODBYE is to be said when so many
					   bytes of control are sent; 0: not */
};

enum children_state {
	CHILDREN_RUNNING,
	CHILDREN_BROKEN,		/* BROKEN was told */
	CHILDREN_STOPPING,		/* brood_supervisor_stop() was called */
	CHILDREN_STOPPED,		/* STOPPED was told */
};

struct brood_supervisor {
	pid_t owner;
	enum children_state state;
	struct child *children;
	unsigned n_children;
	struct brood__link *links;
	size_t n_links;
	struct brood__ready *ready;
	struct brood__control *control;
	struct brood__events events;
	struct brood_channel *called;	/* of brood_supervisor_call(): no turn
					   frees it.  Between two calls: one
					   that is no child's any more, but
					   holds the last answer; or NULL */
	struct brood_channel *answered;	/* the one that the last answer of
					   brood_supervisor_call() is in; NULL:
					   it is not looked at any more */
};

/* The last answer is not looked at any more: the program calls again. */
void	brood__children_forget_answer(struct brood_supervisor *sup);

/*
 * Events may have come while the program waited for something else: have the
 * descriptor say so.
 */
void	brood__children_tell(struct brood_supervisor *sup);

/* By its name, or NULL. */
struct child *
	brood__children_find(const struct brood_supervisor *sup,
	    const char *name);

/* Can the program use the child: is it running, and its channel not ended? */
bool	brood__child_is_usable(const struct child *child);

/* Take a turn, waiting up to timeout_ms for something to do. */
int	brood__children_turn(struct brood_supervisor *sup, int timeout_ms);

/* Send what is queued for the supervisor process, and what waited for that. */
void	brood__children_flush(struct brood_supervisor *sup);

/*
 * Is no child running, and will none be started?  Then no event can come any
 * more but those that wait to be read.
 */
bool	brood__children_is_over(const struct brood_supervisor *sup);

#endif
