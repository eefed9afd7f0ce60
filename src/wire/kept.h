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
	struct brood__kept *given;	/* taken off the list; the program
					   looks at it until the next one */
};

void	brood__kepts_init(struct brood__kepts *kepts);
void	brood__kepts_fini(struct brood__kepts *kepts);

/* Keep a copy of msg behind the others: 0 or -ENOMEM.  Takes fds, if 0. */
int	brood__kepts_add(struct brood__kepts *kepts,
	    const struct brood_message *msg, const int *fds);

/* Give this one, or with NULL the first; false if there is none. */
bool	brood__kepts_give(struct brood__kepts *kepts, struct brood__kept *kept,
	    struct brood_message *ret_msg);

/* The one that was given last is not looked at any more. */
void	brood__kepts_forget(struct brood__kepts *kepts);

/* Keep descriptor i of the one that was given last: gives it, or -EBADF. */
int	brood__kepts_take_fd(struct brood__kepts *kepts, size_t i);

#endif
