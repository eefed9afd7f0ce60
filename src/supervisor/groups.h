/* SPDX-License-Identifier: ISC */
#ifndef BROOD__GROUPS_H
#define BROOD__GROUPS_H

/*
 * The directories in which a supervisor process has control groups made.  It
 * removes the groups at its end; if it is killed, the host does.
 */

#include "supervisor/slot.h"

#include <sys/queue.h>

struct brood__group;
SLIST_HEAD(brood__groups, brood__group);

/* Zeroed, there are none.  0 or -ENOMEM; then fini is due as well. */
int	brood__groups_init(struct brood__groups *groups,
	    const struct brood__slot_spec *specs, size_t n_specs);
void	brood__groups_fini(struct brood__groups *groups);

/*
 * No child of this supervisor process is alive: end all that is left in its
 * groups, and in those of parents that are gone.
 */
void	brood__groups_sweep(const struct brood__groups *groups,
	    pid_t supervisor, int64_t deadline_ms);

#endif
