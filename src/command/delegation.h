/* SPDX-License-Identifier: ISC */
#ifndef BROOD__DELEGATION_H
#define BROOD__DELEGATION_H

/*
 * Where the workers of this command can have control groups.
 */

#include <stddef.h>

/*
 * Find the directory of this process's own group.  0 or -ENOENT.
 */
int	delegation_find(char *path, size_t size);

/*
 * Make room for groups below that one: a group that gives controllers to others
 * may have no process itself.  So this process, if it is alone there, moves
 * into one below.  Nothing is to be done in the group at the root.
 *
 *   -EBUSY	it is not alone
 *   -EACCES, ...	the group is not the user's
 */
int	delegation_vacate(const char *path);

#endif
