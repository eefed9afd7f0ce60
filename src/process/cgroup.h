/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CGROUP_H
#define BROOD__CGROUP_H

/*
 * Control groups of version 2: cgroups(7), and the kernel's own
 * Documentation/admin-guide/cgroup-v2.rst.
 *
 * A process that is to have one makes it and enters it, before any code of the
 * user's runs: DIRECTORY/brood-PARENT-PID, with the limits.  Its parent removes
 * the group when the process has ended, and kills what the process has left in
 * it.  The name tells a later parent of groups whose own one is gone.
 *
 * A directory that is NULL has no groups: then nothing is done.
 */

#include "process/failure.h"

#include <brood/confine.h>
#include <stdbool.h>

/* Are these options possible?  May be NULL.  0, or -EINVAL with a failure. */
int	brood__cgroup_check(const struct brood_cgroup *cgroup,
	    struct brood__failure *failure);

/* In the child of parent.  May be NULL. */
int	brood__cgroup_enter(const struct brood_cgroup *cgroup, pid_t parent,
	    struct brood__failure *failure);

/* What these options of confinement name, or NULL.  May be NULL. */
static inline const char *
brood__cgroup_directory(const struct brood_confine *confine)
{
	return confine != NULL && confine->cgroup != NULL ?
	    confine->cgroup->directory : NULL;
}

/*
 * Has the kernel killed in the group of this child for lack of memory?  To be
 * asked before the group is removed.
 */
bool	brood__cgroup_has_killed(const char *directory, pid_t pid);

/*
 * This child was reaped: kill what it has left, and remove its group.  What was
 * killed may take a moment to end, and until then the group stays.  To wait for
 * that at most so long: timeout_ms.
 */
void	brood__cgroup_remove(const char *directory, pid_t pid, int timeout_ms);

/* The same for all groups of this process, and of those that are gone. */
void	brood__cgroup_sweep(const char *directory, int timeout_ms);

#endif
