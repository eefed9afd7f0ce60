/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FORK_H
#define BROOD__FORK_H

/*
 * The one way to fork in brood.
 */

#include "base/fd.h"
#include "base/pidfd.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/*
 * fork(2) with all signals blocked, so that no signal handler of the parent
 * ever runs in the child.
 *
 * Gives 0 in the child, where all signals are still blocked: the child resets
 * their dispositions first, and then sets the mask.  Gives the pid in the
 * parent, where the mask is as it was, or a negative errno.
 *
 * *ret_pidfd, unless ret_pidfd is NULL, is set in the parent to a descriptor of
 * pidfd.h, or -1 if there can be none that is of use.  It is opened before the
 * mask is restored, so that no signal handler of this thread can have reaped
 * the child.
 */
static inline pid_t
brood__fork(int *ret_pidfd)
{
	sigset_t all, mask;
	pid_t pid;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &mask);
	pid = fork();
	if (pid == 0)
		return 0;
	if (pid < 0)
		pid = -errno;
	if (ret_pidfd != NULL)
		*ret_pidfd = pid > 0 ? brood__pidfd_open(pid) : -1;
	if (ret_pidfd != NULL && *ret_pidfd < 0)
		*ret_pidfd = -1;
	else if (ret_pidfd != NULL && !brood__pidfd_is_usable(*ret_pidfd))
		*ret_pidfd = brood__fd_close(*ret_pidfd);
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return pid;
}

#endif
