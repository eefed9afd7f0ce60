/* SPDX-License-Identifier: ISC */

/*
 * The failure of a step that failed.
 */

#include "process/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
brood__failure_set(struct brood__failure *failure, const char *step, int error,
    const char *format, ...)
{
	va_list ap;

	(void)strlcpy(failure->step, step, sizeof(failure->step));
	failure->error = error;
	va_start(ap, format);
	(void)vsnprintf(failure->text, sizeof(failure->text), format, ap);
	va_end(ap);
	return -error;
}
