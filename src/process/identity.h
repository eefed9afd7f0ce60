/* SPDX-License-Identifier: ISC */
#ifndef BROOD__IDENTITY_H
#define BROOD__IDENTITY_H

/*
 * Who a confined process is, and where: its user and groups, its capabilities,
 * and its root directory.
 */

#include "process/failure.h"

#include <brood/confine.h>
#include <stdbool.h>

/*
 * Change the root directory to confine->chroot; NULL: to an empty directory in
 * which nothing can be made, as it has been removed.  Needs CAP_SYS_CHROOT.
 */
int	brood__identity_set_root(const struct brood_confine *confine,
	    struct brood__failure *failure);

/*
 * Become confine's user and groups, as far as it names any, for good:
 * setgroups, setresgid, setresuid, in this order, and then it is tried to go
 * back.
 */
int	brood__identity_set_user(const struct brood_confine *confine,
	    struct brood__failure *failure);

/*
 * Give up every capability for good.  With PR_SET_NO_NEW_PRIVS no program that
 * is executed gets one back.
 */
int	brood__identity_drop_capabilities(struct brood__failure *failure);

/*
 * Leave the namespaces of the parent: a new user namespace in which this user
 * is mapped to itself, and others with it.  Needs no privilege where the system
 * lets users have user namespaces.
 */
int	brood__identity_leave_namespaces(struct brood__failure *failure);

#endif
