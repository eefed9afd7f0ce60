/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_CONFINED_H
#define BROOD_TESTS_CONFINED_H

/*
 * Pools whose workers are confined: what they are told to try, and what can be
 * seen of them from outside.  These functions assert, so they are for the
 * test's own process only.
 */

#include "support/drain.h"
#include "support/support.h"

/* What a worker does: the method of a request.  Its payload is a path. */
enum confined_method {
	CONFINED_ECHO,
	CONFINED_READ,		/* open it to read */
	CONFINED_WRITE,		/* open it to write */
	CONFINED_TRUNCATE,
	CONFINED_RENAME,	/* payload "FROM TO" */
	CONFINED_ROOT,		/* become root again */
	CONFINED_SOCKET,
	CONFINED_SYNC,		/* sync(2): in no list of calls */
	CONFINED_UNSHARE,	/* ends a worker from level 2 on */
	CONFINED_RAISE,		/* send itself the signal of that */
	CONFINED_LIE,		/* say that it was ended so, and be ended */
	CONFINED_GIVE,		/* answer with a descriptor */
	CONFINED_THREAD,	/* start one, and wait for it */
};

/* Skip the test unless this build, kernel and user have the level. */
void	confined_needs(unsigned level);

/* Can Landlock deny this right to files?  CONFINED_LANDLOCK: is it there? */
#define CONFINED_LANDLOCK	1ULL
bool	confined_landlock(uint64_t right);

/* Skip the test unless paths can be kept out of reach. */
void	confined_needs_landlock(void);

/* The handler, for tests that make a pool by themselves. */
int	confined_handle(struct brood_request *request, void *arg);

/* A pool of one worker, which tries what requests say. */
struct brood_pool *
	confined_pool(const struct brood_confine *confine,
	    struct brood_pool_options options);

/*
 * Wait until the worker is ready, and check its level.  Gives its pid.  If it
 * cannot start, the test fails with the reason.
 */
pid_t	confined_ready(struct brood_pool *pool, unsigned level);

/* Check that the start fails, with this step and with these words. */
void	confined_refused(struct brood_pool *pool, const char *step,
	    const char *words);

/* Have the worker try something.  Gives 0 or a negative errno. */
int	confined_try(struct brood_pool *pool, enum confined_method method,
	    const char *path);

/* A line of /proc/PID/status, without its name and blanks. */
const char *
	confined_status(pid_t pid, const char *name);

#endif
