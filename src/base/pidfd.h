/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PIDFD_H
#define BROOD__PIDFD_H

/*
 * A process by a descriptor instead of by its number: pidfd_open(2), Linux 5.3,
 * with waitid(2) P_PIDFD, Linux 5.4.  A number is reused once the process has
 * been reaped; a descriptor never means another process.
 *
 * Elsewhere, and where the calls are forbidden or unknown (old kernels,
 * seccomp, valgrind), -ENOSYS: the caller falls back on the number.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_PIDFD_OPEN
#include <sys/syscall.h>
#ifndef P_PIDFD
#define P_PIDFD	3		/* glibc 2.36 has it in an enum of its own */
#endif
#endif

/* Gives a descriptor, close-on-exec, or a negative errno. */
static inline int
brood__pidfd_open(pid_t pid)
{
#ifdef HAVE_PIDFD_OPEN
	long fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0)
		return (int)fd;
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
	    -errno : -ENOSYS;
#else
	(void)pid;
	return -ENOSYS;
#endif
}

/*
 * Can a child be signalled and waited for by this descriptor of it?  Linux 5.3
 * cannot wait so, and a filter of system calls may let one of the three pass
 * and not the others.  That somebody else has reaped the child meanwhile is no
 * reason to say no: the number is worth less then.
 */
static inline bool
brood__pidfd_is_usable(int pidfd)
{
#ifdef HAVE_PIDFD_OPEN
	siginfo_t info;

	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 &&
	    errno != ESRCH)
		return false;
	return waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info,
	    WEXITED | WNOHANG | WNOWAIT) == 0 || errno == ECHILD;
#else
	(void)pidfd;
	return false;
#endif
}

/* As kill(2): 0 or a negative errno. */
static inline int
brood__pidfd_kill(int pidfd, int sig)
{
#ifdef HAVE_PIDFD_OPEN
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ?
	    -errno : 0;
#else
	(void)pidfd;
	(void)sig;
	return -ENOSYS;
#endif
}

/* Wait for this child and reap it; -ECHILD if someone else has done so. */
static inline int
brood__pidfd_wait(int pidfd)
{
#ifdef HAVE_PIDFD_OPEN
	siginfo_t info;
	int r;

	do {
		r = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
#else
	(void)pidfd;
	return -ENOSYS;
#endif
}

#endif
