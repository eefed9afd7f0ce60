/* SPDX-License-Identifier: ISC */
#ifndef BROOD__INSTANT_H
#define BROOD__INSTANT_H

/*
 * Instants of the command's own timers: milliseconds of CLOCK_MONOTONIC.
 */

#include <limits.h>
#include <stdint.h>
#include <time.h>

#define INSTANT_NEVER	INT64_MAX

static inline int64_t
instant_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline int64_t
instant_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What is left until then, as poll(2) takes it. */
static inline int
instant_left_ms(int64_t at_ms)
{
	int64_t left_ms;

	if (at_ms == INSTANT_NEVER)
		return -1;
	left_ms = at_ms - instant_now_ms();
	return left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

#endif
