/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CPUS_H
#define BROOD__CPUS_H

/*
 * How many processors this process may use at a time, at least 1.  That is the
 * number of processors in its affinity mask (sched_getaffinity(2)), or the
 * quota of processor time of its control group (cgroups(7), cpu.max), rounded
 * up, if that is less.  Where the system has neither, all processors that are
 * on line.
 */
unsigned brood__cpus(void);

#endif
