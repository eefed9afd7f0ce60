/* SPDX-License-Identifier: ISC */
#ifndef BROOD_CHILD_H
#define BROOD_CHILD_H

/*
 * A child: one process with a channel to it, made by socketpair(2) and fork(2).
 * A child that ends is not started again; for that see brood/supervisor.h and
 * brood/pool.h.
 *
 * Before any code of the caller runs in the child, this is true there:
 *
 *   - Every signal has its default action, and no signal is blocked.
 *   - Of the descriptors only standard input, output and error, the channel and
 *     those of keep_fds are open.
 *   - Output that the parent had printed to stdout but not flushed is removed
 *     from the child's copy of stdout, so that it is not printed twice.
 *
 * In a program with threads, a child of brood_child_fork() has only the thread
 * that called it, and a lock that another thread held at that moment stays
 * locked in the child for ever.  With glibc malloc and stdio are safe all the
 * same; most other libraries are not.  Use brood_child_exec() there.
 */

#include <brood/channel.h>
#include <brood/confine.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_child;

/*
 * A function that runs in the child.  The channel leads to the parent.  The
 * child exits with the status that the function returns.
 */
typedef int (*brood_child_fn)(struct brood_channel *channel, void *arg);

struct brood_child_options {
	/* Options of the channel, for both of its ends. */
	struct brood_channel_options channel;
	/*
	 * Descriptors that stay open in the child, besides 0 to 2.  In a child
	 * that runs a function they keep their numbers; in a program they get
	 * the numbers 4, 5, 6, ... in the order of this list.
	 */
	const int	*keep_fds;
	size_t		 n_keep_fds;
	/*
	 * Only for a program: its environment, strings "NAME=value" and a NULL
	 * last.  NULL: the environment of the parent.
	 */
	const char *const *env;
	/* Only for a program: its working directory.  NULL: the parent's. */
	const char	*chdir;
	/* What it is confined to: brood/confine.h.  NULL: nothing. */
	const struct brood_confine *confine;
	uint64_t	 reserved[7];
};

/*
 * Start a child that runs fn(channel, arg).
 *
 * When fn returns, the child flushes its stdout and leaves by _exit(2), so no
 * atexit(3) handler of the parent runs in it.  options may be NULL: then every
 * option has its default.
 *
 *   -EINVAL	fn is NULL; env or chdir is set; or an option of the channel is
 *		out of range
 *   -EBADF	a descriptor of keep_fds is not open
 *   -EAGAIN	fork(2) failed: the limit of processes is reached
 */
int	brood_child_fork(struct brood_child **ret_child,
	    const struct brood_child_options *options, brood_child_fn fn,
	    void *arg);

/*
 * Start a program.  Waits until the program runs or could not be run.
 *
 * argv[0] is the program, and a NULL ends the list.  The program is found as by
 * execvp(3): if argv[0] has no slash, in the PATH of the program's environment;
 * and a text file without "#!" is given to sh.  In the program the channel is
 * descriptor 3, and the environment has BROOD_FD=3; see
 * brood_channel_inherit().
 *
 * options may be NULL: then every option has its default.
 *
 *   -ENOENT, -EACCES, ...	what execve(2) or chdir(2) said
 *   -EINVAL	argv or argv[0] is NULL; an option of the channel is out of
 *		range; or the level of confine is above BROOD_CONFINE_FILES: how
 *		far the program goes on by itself, with up_to, is not known here
 *   -EBADF	a descriptor of keep_fds is not open
 *   -EAGAIN	fork(2) failed: the limit of processes is reached
 */
int	brood_child_exec(struct brood_child **ret_child,
	    const struct brood_child_options *options,
	    const char *const *argv);

/*
 * Get the parent's end of the channel.  It belongs to the child object.
 */
struct brood_channel *
	brood_child_channel(struct brood_child *child);

/*
 * Get the process id.
 */
pid_t	brood_child_pid(const struct brood_child *child);

/*
 * Send a signal to the child.
 *
 *   -ESRCH	the child was waited for already, here or by another part of the
 *		program; its process id may belong to another process by now
 */
int	brood_child_kill(struct brood_child *child, int sig);

/*
 * Wait, without limit, until the child has ended.  Its status, as of wait(2),
 * is stored in ret_status, which may be NULL.  A second call returns at once,
 * with the same result.
 *
 *   -ECHILD	the child has ended, but its status is lost: the program ignores
 *		SIGCHLD, or another part of it waits for any child
 */
int	brood_child_wait(struct brood_child *child, int *ret_status);

/*
 * Close the channel and free the child object.  A child that was not waited for
 * is killed by SIGKILL, and this call waits for its end.
 *
 * child may be NULL.  Returns NULL.
 */
struct brood_child *
	brood_child_free(struct brood_child *child);

#ifdef __cplusplus
}
#endif

#endif
