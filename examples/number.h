/* SPDX-License-Identifier: ISC */
#ifndef NUMBER_H
#define NUMBER_H

/*
 * Numbers on the command line.  This file uses nothing of brood.
 */

#include <err.h>
#include <errno.h>
#include <stdlib.h>

/* A whole number from 1 to max; anything else ends the program. */
static inline long
number(const char *name, const char *text, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value < 1 ||
	    value > max)
		errx(2, "%s '%s' is not a number from 1 to %ld", name, text,
		    max);
	return value;
}

#endif
