/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OWNER_H
#define BROOD__OWNER_H

/*
 * Which process this is, for objects that only the process that made them may
 * use.
 */

#include <sys/types.h>

/*
 * The number of this process, as getpid(2) gives it, but without a system call
 * where the kernel can tell a copy of a process from the first.  Not for a
 * child that shares the memory of its parent, as after vfork(2): it is told the
 * parent's number.
 */
pid_t	brood__owner_self(void);

#endif
