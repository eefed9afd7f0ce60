/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CONFINE_H
#define BROOD__CONFINE_H

/*
 * Confinement, as <brood/confine.h> describes it: which steps there are, in
 * which order, and what is to be done if one of them fails.
 *
 * There are two ways.  A forked process that goes on with a function does it
 * all after its set-up: brood__confine_enter(), then brood__confine_seal().  A
 * program is confined to level 1, and to what has no level, before it is
 * executed: brood__confine_enter() with its name.  For the rest it is told by
 * BROOD_CONFINE in its environment; brood_worker_main() does that.
 */

#include "process/failure.h"

#include <brood/confine.h>
#include <stdbool.h>

#define BROOD__ENV_CONFINE	"BROOD_CONFINE"

/* What a process knows of its confinement.  Zeroed: it has none. */
struct brood__confined {
	unsigned least;		/* the level that must be reached */
	unsigned up_to;		/* the level to go on to, at least least */
	unsigned reached;	/* no step of this level or below has failed */
	bool has_files;		/* there are paths: files can be opened */
	bool sends_fds;		/* over its channel */
	bool is_learning;
	const char *const *syscalls;	/* to be allowed too */
};

/*
 * Are these options possible?  confine may be NULL.  is_program: for a program,
 * not for a function.  0, or -EINVAL with a failure.
 */
int	brood__confine_check(const struct brood_confine *confine,
	    bool is_program, struct brood__failure *failure);

/*
 * All steps but the filter of system calls.  program: its path, if one is
 * executed next, else NULL.
 *
 * After that the process must ask again to die with its parent: a change of
 * user has undone that.
 */
int	brood__confine_enter(struct brood__confined *ret_confined,
	    const struct brood_confine *confine, const char *program,
	    struct brood__failure *failure);

/* The filter of system calls, as the last step.  First set sends_fds. */
int	brood__confine_seal(struct brood__confined *confined,
	    struct brood__failure *failure);

/*
 * Make what a program is told, "BROOD_CONFINE=..."; NULL if there is nothing.
 * To be freed.  What it has reached is known later, and written into the string
 * by the second function.
 */
int	brood__confine_env_new(char **ret_string,
	    const struct brood_confine *confine, bool sends_fds);
void	brood__confine_env_set(char *string,
	    const struct brood__confined *confined);

/*
 * In a program: do the rest of what BROOD_CONFINE says.  Without that variable
 * nothing is done.  -EINVAL if it says nonsense.
 */
int	brood__confine_from_env(struct brood__confined *ret_confined,
	    struct brood__failure *failure);

#endif
