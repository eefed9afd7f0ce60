/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PDEATHSIG_H
#define BROOD__PDEATHSIG_H

/*
 * Ask the kernel for a signal when this process's parent dies: prctl(2)
 * PR_SET_PDEATHSIG, Linux.  It watches the thread that forked, not its process,
 * so the parent must have but one; a change of uid clears it; and it says
 * nothing of a parent that has died before: ask getppid(2) afterwards.
 *
 * Elsewhere -ENOSYS: a child then ends at the end-of-file of its channel.
 */


#include <errno.h>

#ifdef HAVE_PRCTL_PDEATHSIG
#include <sys/prctl.h>
#endif

static inline int
brood__pdeathsig_set(int sig)
{
#ifdef HAVE_PRCTL_PDEATHSIG
	return prctl(PR_SET_PDEATHSIG, sig) < 0 ? -errno : 0;
#else
	(void)sig;
	return -ENOSYS;
#endif
}

#endif
