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

/*
 * The number that was counted last, by this process or by one that it was
 * forked from: so a worker need not read files for it.  If it never was, it is
 * now.
 */
unsigned brood__cpus_known(void);

#endif
