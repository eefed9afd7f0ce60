/* SPDX-License-Identifier: ISC */
#ifndef BROOD__RSS_H
#define BROOD__RSS_H

/*
 * How much memory does a process have, as the kernel counts it: its resident
 * set size, proc(5) statm, Linux.  That includes what it shares with others,
 * such as the pages that a forked process has from its parent.
 */

#include <stdint.h>
#include <sys/types.h>

/* 0 with the bytes.  -ENOENT: no such process, or no /proc. */
int	brood__rss_read(pid_t pid, uint64_t *ret_bytes);

#endif
