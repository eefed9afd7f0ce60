/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PARENT_DEATH_H
#define BROOD__PARENT_DEATH_H

/*
 * Ask the kernel to send this process a signal when its parent dies: prctl(2)
 * PR_SET_PDEATHSIG, Linux.
 *
 * The kernel watches the thread that forked this process, so the parent must
 * have no other.  A change of uid or gid undoes the request.  If the parent has
 * died before, no signal comes: compare getppid(2) afterwards.
 *
 * Elsewhere -ENOSYS: a child then ends at the end-of-file of its channel.
 */

#include <errno.h>

#ifdef HAVE_PRCTL_PDEATHSIG
#include <sys/prctl.h>
#endif

static inline int
brood__parent_death_set(int sig)
{
#ifdef HAVE_PRCTL_PDEATHSIG
	return prctl(PR_SET_PDEATHSIG, sig) < 0 ? -errno : 0;
#else
	(void)sig;
	return -ENOSYS;
#endif
}

#endif
