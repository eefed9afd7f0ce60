/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SECCOMP_H
#define BROOD__SECCOMP_H

/*
 * The system calls of a confined process, seccomp(2), by libseccomp.  Where
 * that is missing every function here fails with ENOSYS.
 *
 * A call is allowed; or it fails, with the errno that a program expects of it
 * and goes on from; or, if only an attack makes it, it ends the process.
 * Before that its name is written to standard error, see
 * brood__seccomp_words().  Calls that are not known here fail with ENOSYS, as
 * on an older kernel.
 */

#include "process/failure.h"

#include <stdbool.h>
#include <stddef.h>

struct brood__seccomp {
	/* NULL, or more calls to allow: a list of names with a NULL last. */
	const char *const *names;
	bool has_files;		/* files may be opened; Landlock says which */
	bool sends_fds;		/* over its channel */
	/*
	 * Deny nothing: write the name of each call that would have been denied
	 * to standard error, once.
	 */
	bool is_learning;
};

/* Is every name that of a system call?  If not, the failure says which. */
int	brood__seccomp_check(const char *const *names,
	    struct brood__failure *failure);

/*
 * Put the filter into force, for ever, for this thread and all it starts.
 * Needs PR_SET_NO_NEW_PRIVS.
 */
int	brood__seccomp_load(const struct brood__seccomp *seccomp,
	    struct brood__failure *failure);

/*
 * Find in the last output of a process that was ended by SIGSYS the words that
 * it wrote, as in "ended for calling ptrace (seccomp)".  Gives false if there
 * are none.
 */
bool	brood__seccomp_words(char *text, size_t size, const char *output,
	    size_t len);

#endif
