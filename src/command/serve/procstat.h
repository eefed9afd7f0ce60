/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PROCSTAT_H
#define BROOD__PROCSTAT_H

/*
 * What a process uses, where the kernel tells: /proc/PID/stat of Linux.
 */

#include <stdint.h>
#include <sys/types.h>

struct procstat {
	double	 cpu_s;		/* processor time, user and system */
	uint64_t rss;		/* bytes of memory */
};

/* 0, or a negative errno if it cannot be known. */
int	procstat_read(pid_t pid, struct procstat *ret_stat);

#endif
