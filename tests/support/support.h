/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_SUPPORT_H
#define BROOD_TESTS_SUPPORT_H

/*
 * What every suite uses: counting descriptors and processes, and running code
 * in a forked child.  (Under Criterion a forked child must not return from the
 * test, or the run hangs.)
 *
 * Declare a suite with BROOD_SUITE(name).  Then each of its tests fails if it
 * ends with another number of descriptors or children than it began with, or if
 * it runs for longer than 30 s.
 */

#include "support/asan.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <sys/types.h>

/* Remember the numbers of descriptors and children.  BROOD_SUITE calls it. */
void	support_begin(void);

/* Compare them with the numbers now.  BROOD_SUITE calls it.  It never waits. */
void	support_end(void);

#define BROOD_SUITE(suite)						\
	TestSuite(suite, .init = support_begin, .fini = support_end,	\
	    .timeout = 30)

/* Give the number of descriptors that this process has open. */
unsigned support_n_fds(void);

/* Give that of another process. */
unsigned support_n_fds_of(pid_t pid);

/*
 * Give the number of processes that descend from this one, zombies included.
 * support_begin() makes this process a child subreaper (prctl(2)), so that it
 * adopts a descendant whose parent died.  No orphan is missed.
 */
unsigned support_n_children(void);

/*
 * Fork a child that runs fn(arg) and exits with what fn returns.  SIGALRM ends
 * the child after 20 s.
 *
 * Returns the child's pid.  Wait for the child with support_join().
 */
pid_t	support_fork(int (*fn)(void *arg), void *arg);

/* Wait for a child of support_fork().  Returns its status, as of wait(2). */
int	support_join(pid_t pid);

/* Run fn(arg) in a child, and check that it returns 0. */
void	support_in_child(int (*fn)(void *arg), void *arg);

/* Does the process exist, and is it no zombie? */
bool	support_is_alive(pid_t pid);

/*
 * Wait until the process sleeps in a system call.  Nothing tells of that, so it
 * is looked for.  Gives false after 10 s.
 */
bool	support_wait_asleep(pid_t pid);

/* Wait until the process is not alive.  Gives false after 10 s. */
bool	support_wait_gone(pid_t pid);

#endif
