/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ENVIRONMENT_H
#define BROOD__ENVIRONMENT_H

/*
 * The environment of a program that is started: the caller's, with what brood
 * tells the program (inherit.h, confine.h), and how many threads it should use.
 */

#include "process/spawn.h"

/*
 * It is made before the fork: the child only reads it, but for what
 * brood__confine_env_set() writes.  Zeroed, it is empty.
 */
struct brood__environment {
	char **strings;		/* a NULL last */
	char *confine;		/* one of them, or NULL */
	char slot[32];
	char generation[40];
	char *threads;		/* the strings of all the variables for that */
};

/* 0 or -ENOMEM.  To be released after an error too. */
int	brood__environment_init(struct brood__environment *environment,
	    const struct brood__spawn *spawn);
void	brood__environment_fini(struct brood__environment *environment);

#endif
