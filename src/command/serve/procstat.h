/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PROCESS_H
#define BROOD__PROCESS_H

/*
 * What the kernel knows of a process, where it tells: proc(5) of Linux.
 */

#include <stdint.h>
#include <sys/types.h>

struct process_usage {
	double	 cpu_s;		/* user and system */
	uint64_t rss;		/* bytes */
};

/* 0, or a negative errno if it cannot be known. */
int	process_usage(pid_t pid, struct process_usage *ret_usage);

#endif
