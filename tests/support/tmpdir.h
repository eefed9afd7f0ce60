/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_TMPDIR_H
#define BROOD_TESTS_TMPDIR_H

/*
 * A directory of a test's own, that anyone may use, and paths in it.  A test
 * declares what is left in it at the end: nothing, or tmpdir_end() fails.
 */

#include <stdbool.h>
#include <sys/types.h>

void	tmpdir_begin(void);	/* with support_begin() */
void	tmpdir_end(void);	/* with support_end() */

#define TMPDIR_SUITE(suite)						\
	TestSuite(suite, .init = tmpdir_begin, .fini = tmpdir_end,	\
	    .timeout = 30)

/* Two at a time are good: the third takes the room of the first. */
const char *tmpdir_path(const char *name);
const char *tmpdir_dir(void);

bool	tmpdir_has(const char *name);
mode_t	tmpdir_mode(const char *name);	/* permissions; 0 if not there */
void	tmpdir_remove(const char *name);

/* A socket bound and closed: what a killed program leaves. */
void	tmpdir_leave_stale(const char *name, int type);

/* A socket bound by hand, without a lock; stream sockets do not listen yet. */
int	tmpdir_bind(const char *name, int type);

/* To run as nobody does, where there is a difference; false if not possible. */
bool	tmpdir_become_nobody(void);

#endif
