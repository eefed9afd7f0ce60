/* SPDX-License-Identifier: ISC */

/*
 * Limits and scheduling of a confined process.
 */

#include "process/limits.h"

#include "base/reserved.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <sched.h>
#include <unistd.h>

int
brood__limits_check(const struct brood_confine *confine,
    struct brood__failure *failure)
{
	if ((confine->n_rlimits > 0 && confine->rlimits == NULL) ||
	    (confine->n_cpus > 0 && confine->cpus == NULL))
		return brood__failure_set(failure, "confine", EINVAL,
		    "rlimits or cpus is not set");
	if (confine->scheduling > BROOD_SCHEDULING_IDLE)
		return brood__failure_set(failure, "confine", EINVAL,
		    "scheduling is %u, which is unknown", confine->scheduling);
	if (confine->umask > 0777)
		return brood__failure_set(failure, "confine", EINVAL,
		    "umask is over 0777");
	if (confine->nice < -40 || confine->nice > 40)
		return brood__failure_set(failure, "confine", EINVAL,
		    "nice is %d, not -40 to 40", confine->nice);
	for (size_t i = 0; i < confine->n_rlimits; i++)
		if (confine->rlimits[i].reserved_1 != 0 ||
		    !BROOD__RESERVED_IS_ZERO(&confine->rlimits[i]) ||
		    confine->rlimits[i].soft > confine->rlimits[i].hard)
			return brood__failure_set(failure, "confine", EINVAL,
			    "the soft limit of resource %d is over its hard "
			    "one", confine->rlimits[i].resource);
	return 0;
}

static int
limits_set_policy(const struct brood_confine *confine,
    struct brood__failure *failure)
{
#if defined(SCHED_BATCH) && defined(SCHED_IDLE)
	const struct sched_param none = { .sched_priority = 0 };
	int policy = confine->scheduling == BROOD_SCHEDULING_IDLE ?
	    SCHED_IDLE : SCHED_BATCH;

	if (confine->scheduling == 0 ||
	    sched_setscheduler(0, policy, &none) == 0)
		return 0;
#else
	if (confine->scheduling == 0)
		return 0;
	errno = ENOSYS;
#endif
	return brood__failure_set(failure, "scheduling", errno, "policy %u",
	    confine->scheduling);
}

static int
limits_set_cpus(const struct brood_confine *confine,
    struct brood__failure *failure)
{
#ifdef CPU_SET
	cpu_set_t set;

	if (confine->n_cpus == 0)
		return 0;
	CPU_ZERO(&set);
	for (size_t i = 0; i < confine->n_cpus; i++) {
		if (confine->cpus[i] >= CPU_SETSIZE)
			return brood__failure_set(failure, "cpus", EINVAL,
			    "processor %u", confine->cpus[i]);
		CPU_SET(confine->cpus[i], &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		return 0;
#else
	if (confine->n_cpus == 0)
		return 0;
	errno = ENOSYS;
#endif
	return brood__failure_set(failure, "cpus", errno,
	    "none of these processors may be used");
}

int
brood__limits_set_scheduling(const struct brood_confine *confine,
    struct brood__failure *failure)
{
	int r;

	errno = 0;
	if (confine->nice != 0 && nice(confine->nice) == -1 && errno != 0)
		return brood__failure_set(failure, "nice", errno, "%d",
		    confine->nice);
	r = limits_set_policy(confine, failure);
	return r < 0 ? r : limits_set_cpus(confine, failure);
}

static rlim_t
limits_value(uint64_t value)
{
	return value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
}

int
brood__limits_set(const struct brood_confine *confine,
    struct brood__failure *failure)
{
	if (confine->umask != 0)
		(void)umask((mode_t)confine->umask);
	for (size_t i = 0; i < confine->n_rlimits; i++) {
		const struct brood_rlimit *wanted = &confine->rlimits[i];
		const struct rlimit limit = {
			.rlim_cur = limits_value(wanted->soft),
			.rlim_max = limits_value(wanted->hard),
		};

		if (setrlimit(wanted->resource, &limit) < 0)
			return brood__failure_set(failure, "rlimit", errno,
			    "resource %d", wanted->resource);
	}
	return 0;
}
