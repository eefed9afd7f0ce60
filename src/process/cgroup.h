/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CGROUP_H
#define BROOD__CGROUP_H

/*
 * Control groups of version 2: cgroups(7), and the kernel's own
 * Documentation/admin-guide/cgroup-v2.rst.
 *
 * A process that is to have one makes it and enters it, before any code of the
 * user's runs: DIRECTORY/brood-PARENT-NUMBER, with the limits.  PARENT is the
 * pid of its parent, which gives each of its children another NUMBER.  When the
 * process has ended, the parent removes the group, and kills what is left in
 * it.  If the parent itself has ended before, its pid in the name shows that
 * the group can be removed.
 *
 * A directory that is NULL has no groups: then nothing is done.
 */

#include "process/failure.h"

#include <brood/confine.h>
#include <stdbool.h>
#include <stdint.h>

/* Are these options possible?  May be NULL.  0, or -EINVAL with a failure. */
int	brood__cgroup_check(const struct brood_cgroup *cgroup,
	    struct brood__failure *failure);

/* A number for the group of the next child of this process.  Never 0. */
unsigned
	brood__cgroup_number(void);

/* In the child of parent.  cgroup may be NULL. */
int	brood__cgroup_enter(const struct brood_cgroup *cgroup, pid_t parent,
	    unsigned number, struct brood__failure *failure);

/* What these options of confinement name, or NULL.  May be NULL. */
static inline const char *
brood__cgroup_directory(const struct brood_confine *confine)
{
	return confine != NULL && confine->cgroup != NULL ?
	    confine->cgroup->directory : NULL;
}

/*
 * Has the kernel killed in the group of this child because its memory did not
 * suffice?  To be asked before the group is removed.
 */
bool	brood__cgroup_has_killed(const char *directory, unsigned number);

/*
 * This child was reaped: kill what is left in its group, and remove that.  What
 * was killed may take a moment to end.  That is waited for until deadline_ms, an
 * instant of base/clock.h.  False: the group is still there.
 */
bool	brood__cgroup_remove(const char *directory, unsigned number,
	    int64_t deadline_ms);

/*
 * The same for all groups of this parent, none of whose children may live any
 * more, and of parents that are gone.
 */
void	brood__cgroup_sweep(const char *directory, pid_t parent,
	    int64_t deadline_ms);

#endif
