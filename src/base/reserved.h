/* SPDX-License-Identifier: ISC */
#ifndef BROOD__RESERVED_H
#define BROOD__RESERVED_H

/*
 * The check of what a caller fills in: fields that a later version may give a
 * meaning must be 0 today, or a program that is newer than the library would be
 * misunderstood.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool
brood__reserved_is_zero(const uint64_t *reserved, size_t n)
{
	uint64_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= reserved[i];
	return any == 0;
}

/* Are the reserved fields at the end of a struct of the interface 0? */
#define BROOD__RESERVED_IS_ZERO(s)	\
	brood__reserved_is_zero((s)->reserved, \
	    sizeof((s)->reserved) / sizeof((s)->reserved[0]))

#endif
