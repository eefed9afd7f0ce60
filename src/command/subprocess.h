/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SUBPROCESS_H
#define BROOD__SUBPROCESS_H

/*
 * A program that the command runs as a child of its own, in a process group of
 * its own: a filter of `brood map --lines`, or what `brood conformance` tests.
 *
 * It is a struct brood_child, so brood_child_wait() and brood_child_free() work
 * as ever.  But the program does not get the child's channel: that only brings
 * back the errno of an exec that failed.
 *
 * For processes with one thread: SIGCHLD is blocked from the first start on,
 * because subprocess_await() waits for it.
 */

#include <brood.h>

/* Descriptor numbers of the program that a caller can choose: 0 to 3. */
enum { SUBPROCESS_N_FDS = 4 };

/*
 * Run a program, found as execvp(3) does.  In the program, descriptor i is a
 * copy of fds[i]; -1 means: this process's own for 0 to 2, none for 3.  Nothing
 * else is open.  The kernel kills the program if this process dies (Linux).
 *
 * confine: NULL, or what the program is confined to, at most to level 1.
 *
 * Returns when the program runs.  The errno of execve(2) is the caller's.
 */
int	subprocess_start(struct brood_child **ret_child,
	    const char *const *argv, const int fds[SUBPROCESS_N_FDS],
	    const struct brood_confine *confine);

/*
 * Wait for the program to end, until an instant of brood__now_ms().  True: it
 * has ended, and brood_child_wait() will not block.
 */
bool	subprocess_await(struct brood_child *child, int64_t deadline_ms);

/*
 * Kill the program if it still runs, and every process of its group; free the
 * child.  Gives the program's status of wait(2).
 */
int	subprocess_stop(struct brood_child *child);

#endif
