/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SECCOMP_LEARN_H
#define BROOD__SECCOMP_LEARN_H

/*
 * Which calls would a filter deny?  The kernel asks a thread of the process
 * about each of them (seccomp_unotify(2)); the thread writes the call's name to
 * standard error, the first time, and lets it pass.
 *
 * The thread must be there before the filter: it is not subject to it.
 */

struct brood__learner {
	int fd;			/* to tell the thread of the listener */
};

/* Start the thread: 0, or a negative errno. */
int	brood__learner_start(struct brood__learner *learner);

/* The filter is in force, and asks by this descriptor. */
int	brood__learner_watch(struct brood__learner *learner, int listener);

#endif
