/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CLOCK_H
#define BROOD__CLOCK_H

/*
 * Time as brood counts it: milliseconds of CLOCK_MONOTONIC, the same clock in
 * every process of the system.  An instant that never comes is BROOD__NEVER.
 */

#include <limits.h>
#include <stdint.h>
#include <time.h>

#define BROOD__NEVER	INT64_MAX

static inline int64_t
brood__now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline int64_t
brood__earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The instant a timeout from now ends; a negative timeout never does. */
static inline int64_t
brood__deadline(int64_t now_ms, int timeout_ms)
{
	return timeout_ms < 0 ? BROOD__NEVER : now_ms + timeout_ms;
}

/* What is left, as poll(2) takes it: -1 for never, 0 for past. */
static inline int
brood__time_left(int64_t deadline_ms, int64_t now_ms)
{
	if (deadline_ms == BROOD__NEVER)
		return -1;
	if (deadline_ms <= now_ms)
		return 0;
	if (deadline_ms - now_ms > INT_MAX)
		return INT_MAX;
	return (int)(deadline_ms - now_ms);
}

#endif
