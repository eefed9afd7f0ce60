/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FAULTS_CALL_H
#define BROOD_TESTS_FAULTS_CALL_H

/*
 * How a call is written that fails on purpose.
 */

#include "faults/inject.h"

#include <fcntl.h>
#include <stdbool.h>

#define E(name)	(1u << FAULT_##name)

/* No descriptor is left for this process, for all, or no memory for one. */
#define NO_FD	(E(EMFILE) | E(ENFILE) | E(ENOMEM))

/*
 * A call that either fails, without an effect, or does what it does.  The
 * prototype is here, not in a header: calls.h has it for the library, and it
 * would have its macros for this file.
 */
#define CALL(type, name, parameters, arguments, errors, failure)	\
	type fault_##name parameters;					\
	type								\
	fault_##name parameters						\
	{								\
		return fault_due(site, errors) >= 0 ? (failure) :	\
		    name arguments;					\
	}

/* Does a call with this descriptor wait? */
static inline bool
fault_fd_waits(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

#endif
