/* SPDX-License-Identifier: ISC */

/*
 * How many processors this process may use.  Linux knows the affinity mask and
 * the quota of a control group; elsewhere sysconf(3) knows how many there are.
 */

#include "base/cpus.h"

#include "base/own_cgroup.h"

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_SCHED_GETAFFINITY

static unsigned
cpus_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 0;
	return (unsigned)CPU_COUNT(&set);
}

/* ceil(quota / period) of one control group; UINT_MAX if it has no quota. */
static unsigned
cpus_of_group(const char *group)
{
	char path[PATH_MAX];
	unsigned long quota, period;
	unsigned n = UINT_MAX;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
	file = fopen(path, "re");
	if (file == NULL)
		return n;
	if (fscanf(file, "%lu %lu", &quota, &period) == 2 && period > 0)
		n = (unsigned)((quota + period - 1) / period);
	(void)fclose(file);
	return n;
}

/* The least quota of the group and of those above it: each of them holds. */
static unsigned
cpus_quota(void)
{
	char group[PATH_MAX - 32], *slash;
	unsigned n, least = UINT_MAX;

	if (brood__own_cgroup(group, sizeof(group)) < 0)
		return least;
	while ((slash = strrchr(group, '/')) != NULL) {
		n = cpus_of_group(group);
		if (n > 0 && n < least)
			least = n;
		*slash = '\0';
	}
	return least;
}

#else

static unsigned
cpus_allowed(void)
{
	return 0;
}

static unsigned
cpus_quota(void)
{
	return UINT_MAX;
}

#endif

static atomic_uint cpus_last;		/* 0: they were never counted */

unsigned
brood__cpus(void)
{
	unsigned n = cpus_allowed(), quota = cpus_quota();
	long online;

	if (n == 0) {
		online = sysconf(_SC_NPROCESSORS_ONLN);
		n = online > 0 ? (unsigned)online : 1;
	}
	if (n > quota)
		n = quota;
	atomic_store_explicit(&cpus_last, n, memory_order_relaxed);
	return n;
}

unsigned
brood__cpus_known(void)
{
	unsigned n = atomic_load_explicit(&cpus_last, memory_order_relaxed);

	return n != 0 ? n : brood__cpus();
}
