/* SPDX-License-Identifier: ISC */
#ifndef BROOD__HOSTFD_H
#define BROOD__HOSTFD_H

/*
 * A descriptor that becomes readable when this process has ended, for the
 * process that is about to be forked from it: pidfd_open(2), Linux 5.3.
 *
 * It is opened before the fork: a process looks for its parent too late when
 * the parent has died already, and by a number that may mean another one in
 * another pid namespace.  PR_SET_PDEATHSIG would watch a thread of the host's.
 *
 * Elsewhere, and where the call is forbidden or unknown (old kernels, seccomp,
 * valgrind), -ENOSYS: the end of the host is then the end-of-file of the
 * control channel alone, which a process forked from the host by hand puts off.
 */

#include <errno.h>
#include <unistd.h>

#ifdef HAVE_PIDFD_OPEN
#include <sys/syscall.h>
#endif

/* Gives a descriptor, close-on-exec, or a negative errno. */
static inline int
brood__hostfd_open(void)
{
#ifdef HAVE_PIDFD_OPEN
	long fd = syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0)
		return (int)fd;
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
	    -errno : -ENOSYS;
#else
	return -ENOSYS;
#endif
}

#endif
