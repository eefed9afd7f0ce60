/* SPDX-License-Identifier: ISC */
#ifndef BROOD__GROUPS_H
#define BROOD__GROUPS_H

/*
 * The directories in which a supervisor process makes control groups.  If it is
 * killed, the host removes them.
 */

#include "supervisor/main.h"

#include <sys/queue.h>

struct brood__group;
SLIST_HEAD(brood__groups, brood__group);

/* Zeroed, there are none.  0 or -ENOMEM; then fini is due as well. */
int	brood__groups_init(struct brood__groups *groups,
	    const struct brood__supervisor_config *config);
void	brood__groups_fini(struct brood__groups *groups);

/* This supervisor process was reaped: end all that is left in its groups. */
void	brood__groups_sweep(const struct brood__groups *groups,
	    pid_t supervisor, int64_t deadline_ms);

#endif
