/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OWN_CGROUP_H
#define BROOD__OWN_CGROUP_H

/*
 * The control group of version 2 that this process is in, cgroups(7).
 */

#include <stddef.h>

/*
 * Its name, which is its path below the place where the hierarchy is mounted,
 * as "/system.slice/x.service".  0, or -1 if there is none.
 */
int	brood__own_cgroup(char *name, size_t size);

#endif
