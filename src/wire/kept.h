/* SPDX-License-Identifier: ISC */
#ifndef BROOD__KEPT_H
#define BROOD__KEPT_H

/*
 * Messages that were received while another one was awaited: copies, kept in
 * order until they are asked for.
 */

#include <brood/message.h>
#include <sys/queue.h>

struct brood__kept {
	STAILQ_ENTRY(brood__kept) next;
	struct brood_message msg;	/* its data and fds are the copy's */
	int *fds;			/* -1: taken */
	uint8_t data[];
};

struct brood__kepts {
	STAILQ_HEAD(, brood__kept) list;
	size_t size;			/* of all, their headers included */
	struct brood__kept *given;	/* off the list: the program looks at it
					   until it receives again */
	struct brood__kept *held;	/* the one that was given when hold was
					   called, until unhold */
};

void	brood__kepts_init(struct brood__kepts *kepts);
void	brood__kepts_fini(struct brood__kepts *kepts);

/*
 * Keep a copy of msg behind the others.  Its descriptors are -1, and for the
 * caller to fill in.  NULL without memory.
 */
struct brood__kept *
	brood__kepts_add(struct brood__kepts *kepts,
	    const struct brood_message *msg);

/* The first of this kind, 0: of any; or NULL. */
struct brood__kept *
	brood__kepts_first(const struct brood__kepts *kepts, uint32_t kind);

/* The LINK to the child of this name, or NULL. */
struct brood__kept *
	brood__kepts_link(const struct brood__kepts *kepts, const void *name,
	    size_t len);

/* Take it off the list, and give it to the program; or free it. */
void	brood__kepts_give(struct brood__kepts *kepts, struct brood__kept *kept);
void	brood__kepts_drop(struct brood__kepts *kepts, struct brood__kept *kept);

/* The program does not look any more at the one that it was given last. */
void	brood__kepts_forget(struct brood__kepts *kepts);

/* Have the one that was given last stay valid until unhold. */
void	brood__kepts_hold(struct brood__kepts *kepts);
void	brood__kepts_unhold(struct brood__kepts *kepts);

#endif
