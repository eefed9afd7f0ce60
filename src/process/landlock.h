/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LANDLOCK_H
#define BROOD__LANDLOCK_H

/*
 * Landlock, landlock(7): files, TCP, abstract sockets and signals that a
 * process can no longer reach.  Linux; elsewhere nothing can be had.
 *
 * What a kernel has is found by asking for it, never by its version.
 */

#include "process/failure.h"

#include <brood/confine.h>
#include <stdbool.h>

/*
 * Prepare rules: everything that this kernel can deny is denied, but for what
 * is below the paths ro and rw.  With has_programs, programs and libraries of
 * the system and `program` can be read and executed as well.
 *
 * Gives a descriptor for brood__landlock_restrict() in ret_fd; -1: this kernel
 * has no Landlock.  That is a fault, ENOSYS, only if there are paths.
 */
int	brood__landlock_open(int *ret_fd, const struct brood_confine *confine,
	    const char *program, struct brood__failure *failure);

/*
 * Put the rules into force, for ever, for this thread and all it starts.  Needs
 * PR_SET_NO_NEW_PRIVS.  Closes fd.
 */
int	brood__landlock_restrict(int fd, struct brood__failure *failure);

#endif
