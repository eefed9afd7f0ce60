/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_PLACE_H
#define BROOD_TESTS_PLACE_H

/*
 * A directory of a test's own, that anyone may use, and paths in it.  A test
 * declares what is left in it at the end: nothing, or place_end() fails.
 */

#include <stdbool.h>
#include <sys/types.h>

void	place_begin(void);	/* with support_begin() */
void	place_end(void);	/* with support_end() */

#define PLACE_SUITE(suite)						\
	TestSuite(suite, .init = place_begin, .fini = place_end,	\
	    .timeout = 30)

/* Two at a time are good: the third takes the room of the first. */
const char *place_path(const char *name);
const char *place_dir(void);

bool	place_has(const char *name);
mode_t	place_mode(const char *name);	/* permissions; 0 if not there */
void	place_remove(const char *name);

/* A socket bound and closed: what a killed program leaves. */
void	place_leave_stale(const char *name, int type);

/* A socket bound by hand, without a lock; stream sockets do not listen yet. */
int	place_bind(const char *name, int type);

/* To run as nobody does, where there is a difference; false if not possible. */
bool	place_become_nobody(void);

#endif
