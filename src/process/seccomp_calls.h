/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SECCOMP_CALLS_H
#define BROOD__SECCOMP_CALLS_H

/*
 * Which system calls a confined process is left.  Lists of names end with NULL;
 * a name that an architecture does not have is skipped.
 *
 * Calls in no list fail with ENOSYS, io_uring_setup(2) and clone3(2) among
 * them: no filter can look into their arguments, and the C library does
 * without.
 */

#include <stddef.h>

extern const char *const brood__calls_allowed[];
extern const char *const brood__calls_refused[];	/* EPERM */
extern const char *const brood__calls_deadly[];
/* Calls that take a path: allowed if files are, else EACCES. */
extern const char *const brood__calls_files[];

/* The operations that are allowed of these. */
extern const unsigned long brood__calls_fcntl[];
extern const size_t brood__calls_n_fcntl;
extern const unsigned long brood__calls_ioctl[];
extern const size_t brood__calls_n_ioctl;
extern const unsigned long brood__calls_prctl[];
extern const size_t brood__calls_n_prctl;
/* The options of level SOL_SOCKET that may be set. */
extern const unsigned long brood__calls_setsockopt[];
extern const size_t brood__calls_n_setsockopt;

/* Bits of arguments, from the headers of the kernel. */
#define BROOD__AT_EMPTY_PATH	0x1000UL
#define BROOD__CLONE_THREAD	0x00010000UL
/* CLONE_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET */
#define BROOD__CLONE_SPACES	0x7e020000UL
#define BROOD__PROT_EXEC	4UL

#if defined(__s390__) || defined(__CRIS__)
#define BROOD__CLONE_FLAGS_ARG	1
#else
#define BROOD__CLONE_FLAGS_ARG	0
#endif

#endif
