/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CPUS_H
#define BROOD__CPUS_H

/*
 * How many processors this process may use at a time, at least 1: those of its
 * affinity mask (sched_getaffinity(2)), or fewer if its control group has a
 * quota of processor time (cgroups(7), cpu.max), rounded up.  Where there is
 * neither, those that are on line.
 */
unsigned brood__cpus(void);

#endif
