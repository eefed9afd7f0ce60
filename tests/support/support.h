/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_SUPPORT_H
#define BROOD_TESTS_SUPPORT_H

/*
 * What every suite shares: counting descriptors and processes, and running code
 * in another process under Criterion, where a forked child must never return
 * from the test.
 *
 * A suite is declared with BROOD_SUITE(name): each of its tests ends with as
 * many descriptors and children as it began with, or fails, and is ended after
 * 30 s.
 */

#include <criterion/criterion.h>
#include <stdbool.h>
#include <sys/types.h>

void	support_begin(void);	/* remember the counts */
void	support_end(void);	/* compare them; wait for no one */

#define BROOD_SUITE(suite)						\
	TestSuite(suite, .init = support_begin, .fini = support_end,	\
	    .timeout = 30)

/* How many descriptors this process has open; of another by its pid. */
unsigned support_n_fds(void);
unsigned support_n_fds_of(pid_t pid);

/*
 * How many processes descend from this one, zombies included.  Descendants
 * whose parent died and who were adopted by this process (it makes itself a
 * child subreaper, prctl(2)) count too: no orphan goes unseen.
 */
unsigned support_n_children(void);

/*
 * Run fn(arg) in a child that never returns into Criterion: it ends by _exit
 * with what fn returns, or by SIGALRM after 20 s.  Gives the child's pid, to be
 * waited for with support_join().
 */
pid_t	support_fork(int (*fn)(void *arg), void *arg);

/* Wait for a child of support_fork(); gives the status of wait(2). */
int	support_join(pid_t pid);

/* Shorthand: fork, join, and check that fn returned 0. */
void	support_in_child(int (*fn)(void *arg), void *arg);

/* Is the process there and not a zombie? */
bool	support_is_alive(pid_t pid);

/* Wait until it is not there, or a zombie, up to 10 s: false if it still is. */
bool	support_wait_gone(pid_t pid);

#endif
