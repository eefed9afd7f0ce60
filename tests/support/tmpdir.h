/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_TMPDIR_H
#define BROOD_TESTS_TMPDIR_H

/*
 * A directory of the test's own, and paths in it.  Its mode is 0777, so that
 * other users can use it too.  A test removes all that it made there, or
 * tmpdir_end() makes the test fail.
 */

#include <stdbool.h>
#include <sys/types.h>

void	tmpdir_begin(void);	/* calls support_begin() too */
void	tmpdir_end(void);	/* calls support_end() too */

#define TMPDIR_SUITE(suite)						\
	TestSuite(suite, .init = tmpdir_begin, .fini = tmpdir_end,	\
	    .timeout = 30)

/*
 * Give the path of a name in the directory.  The third call overwrites the
 * result of the first.
 */
const char *tmpdir_path(const char *name);

/* Give the path of the directory. */
const char *tmpdir_dir(void);

/* Is there a file of that name? */
bool	tmpdir_has(const char *name);

/* Give the permissions of a file, 0 if there is none. */
mode_t	tmpdir_mode(const char *name);

/* Remove a file or an empty directory. */
void	tmpdir_remove(const char *name);

/* Bind a socket and close it: the file stays, as after a killed program. */
void	tmpdir_leave_stale(const char *name, int type);

/*
 * Bind a socket, without brood's lock file and without listen(2).
 *
 * Returns the descriptor.
 */
int	tmpdir_bind(const char *name, int type);

/*
 * If this process is root, become the user nobody, for good.
 *
 * Returns false if that failed.
 */
bool	tmpdir_become_nobody(void);

#endif
