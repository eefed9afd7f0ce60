/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OOM_H
#define BROOD__OOM_H

/*
 * Was a process killed for lack of memory?  The kernel says so to nobody, but
 * it counts how many it has killed: oom_kill in /proc/vmstat, proc(5), Linux.
 * If the number has grown when a process was killed that nobody had told to
 * end, that is likely, not certain.
 */

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: what the kernel has counted is not known yet. */
struct brood__oom {
	uint64_t n_killed;	/* when it was looked at last */
};

/* Look at the count, to compare with it later. */
void	brood__oom_init(struct brood__oom *oom);

/* Look again: has it grown since? */
bool	brood__oom_has_killed(struct brood__oom *oom);

/* The number behind "oom_kill " in a text like /proc/vmstat; 0 if it has none. */
uint64_t brood__oom_parse(const char *text);

#endif
