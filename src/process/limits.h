/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LIMITS_H
#define BROOD__LIMITS_H

/*
 * What a confined process may use: setrlimit(2), nice(2), sched(7), processors,
 * umask(2).
 */

#include "process/failure.h"

#include <brood/confine.h>

/* Are these numbers possible?  0, or -EINVAL with a failure. */
int	brood__limits_check(const struct brood_confine *confine,
	    struct brood__failure *failure);

int	brood__limits_set_scheduling(const struct brood_confine *confine,
	    struct brood__failure *failure);
int	brood__limits_set(const struct brood_confine *confine,
	    struct brood__failure *failure);

#endif
