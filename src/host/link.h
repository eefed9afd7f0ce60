/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LINK_H
#define BROOD__LINK_H

/*
 * A link: two children of a supervisor that get one end each of a socketpair,
 * in a message of kind LINK whose payload is the other's name.
 *
 * Nothing of it is lost when this process is short of descriptors or memory:
 * an end that could not be queued for its child stays here, and is queued by a
 * later call.
 */

#include <brood/channel.h>

struct brood__link {
	unsigned child[2];		/* the two, as numbers of their slots */
	enum brood__link_state {
		BROOD__LINK_UNMADE,	/* no socketpair yet */
		BROOD__LINK_MADE,	/* ends in fd wait to be queued */
		BROOD__LINK_QUEUED,	/* both have left */
	} state;
	int fd[2];			/* the end for each; -1: queued */
};

void	brood__link_init(struct brood__link *link, unsigned a, unsigned b);

/* Close what is here and begin anew, because a child has ended. */
void	brood__link_reset(struct brood__link *link);

/*
 * Make the socketpair, if that was not done, and queue each end on its child's
 * channel, in front of whatever the program sends later.  0 when both are
 * queued; after an error call it again.
 *
 *   -EMFILE, -ENFILE, -ENOMEM	short of that now
 *   -EPIPE	a child is gone; its end will be reported
 */
int	brood__link_queue(struct brood__link *link,
	    struct brood_channel *const channels[2],
	    const char *const names[2]);

#endif
