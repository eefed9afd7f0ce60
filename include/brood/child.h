/* SPDX-License-Identifier: ISC */
#ifndef BROOD_CHILD_H
#define BROOD_CHILD_H

/*
 * One child process with a channel to it: socketpair, fork, and nothing else.
 * No supervision, no restart: those are brood/supervisor.h and brood/pool.h.
 *
 * In the child, before anything of the caller's runs: every signal has its
 * default disposition and none is blocked; of the descriptors only standard
 * input, output and error, the channel and the keep list are open; what the
 * parent had printed but not yet flushed to stdout is forgotten.
 *
 * brood_child_fork() in a program with threads: the child has one thread, and a
 * lock that another thread held stays locked for ever.  malloc and stdio are
 * safe with glibc, most other libraries are not: use brood_child_exec() there.
 */

#include <brood/channel.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_child;

/* Runs in the child; what it returns is the exit status. */
typedef int (*brood_child_fn)(struct brood_channel *channel, void *arg);

struct brood_child_options {
	struct brood_channel_options channel;	/* of both ends */
	const int	*keep_fds;	/* stay open, at their numbers, in a
					   forked child; at 4, 5, ... in order
					   in an exec'd one */
	size_t		 n_keep_fds;
	const char *const *env;		/* of an exec'd child: "NAME=value" and
					   a NULL last; NULL: the parent's */
	const char	*chdir;		/* of an exec'd child; NULL: stay */
};

/*
 * Start a child that runs fn(channel, arg) and exits with what it returns.
 *
 * The child leaves by _exit(2), its own stdout flushed: no atexit(3) handler of
 * the parent's runs twice.  NULL options are the defaults.
 *
 *   -EINVAL	no fn, or env or chdir, which are for programs
 *   -EBADF	a descriptor of keep_fds is not open
 */
int	brood_child_fork(struct brood_child **ret_child,
	    const struct brood_child_options *options, brood_child_fn fn,
	    void *arg);

/*
 * Start a program with the channel as descriptor 3 and BROOD_FD=3 in its
 * environment.  argv[0] is run as execvp(3) does: looked up in the PATH of that
 * environment when it has no slash, and given to sh when it is a text without
 * "#!".
 *
 * Returns when the program runs or could not be run: the errno of execve(2)
 * (-ENOENT, -EACCES, ...) or chdir(2) is the caller's.
 *
 *   -EINVAL	no argv[0]
 *   -EBADF	a descriptor of keep_fds is not open
 */
int	brood_child_exec(struct brood_child **ret_child,
	    const struct brood_child_options *options,
	    const char *const *argv);

/*
 * The parent's end of the channel; the child object owns it.
 */
struct brood_channel *
	brood_child_channel(struct brood_child *child);

pid_t	brood_child_pid(const struct brood_child *child);

/*
 * Send the child a signal.
 *
 *   -ESRCH	it was waited for already
 */
int	brood_child_kill(struct brood_child *child, int sig);

/*
 * Wait until the child has ended; gives the status of wait(2), if ret_status is
 * not NULL.  Asked again, it gives the same status again.
 *
 *   -ECHILD	someone else took the status: SIGCHLD is ignored, or the
 *		program waits for any child.  The child has ended.
 */
int	brood_child_wait(struct brood_child *child, int *ret_status);

/*
 * Close the channel; kill the child if it was not waited for, and reap it.
 * Takes NULL; gives NULL.
 */
struct brood_child *
	brood_child_free(struct brood_child *child);

#ifdef __cplusplus
}
#endif

#endif
