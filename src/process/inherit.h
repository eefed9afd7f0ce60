/* SPDX-License-Identifier: ISC */
#ifndef BROOD__INHERIT_H
#define BROOD__INHERIT_H

/*
 * What a worker is told by the process that started it, besides its channel:
 * its slot and its generation.  A program finds all three in its environment;
 * in a forked process they are set here.
 */

#include <stdint.h>

/* The variables of a program's environment. */
#define BROOD__ENV_FD		"BROOD_FD"
#define BROOD__ENV_SLOT		"BROOD_SLOT"
#define BROOD__ENV_GENERATION	"BROOD_GENERATION"

/* slot -1: this process is in none. */
void	brood__inherit_set(int slot, uint32_t generation);

#endif
