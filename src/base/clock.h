/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CLOCK_H
#define BROOD__CLOCK_H

/*
 * Time as brood counts it: milliseconds of CLOCK_MONOTONIC, the same clock in
 * every process of the system.  An instant that never comes is BROOD__NEVER.
 */

#include <limits.h>
#include <stdbool.h>
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

static inline int64_t
brood__later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The instant at which a timeout ends; a negative timeout never ends. */
static inline int64_t
brood__deadline(int64_t now_ms, int timeout_ms)
{
	return timeout_ms < 0 ? BROOD__NEVER : now_ms + timeout_ms;
}

/* The same from now on, without reading the clock if it never ends. */
static inline int64_t
brood__deadline_from_now(int timeout_ms)
{
	return timeout_ms < 0 ? BROOD__NEVER :
	    brood__deadline(brood__now_ms(), timeout_ms);
}

/*
 * The time left until deadline_ms, as poll(2) takes it: -1 if that never comes,
 * 0 if it has passed.
 */
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

static inline int
brood__time_left_from_now(int64_t deadline_ms)
{
	return deadline_ms == BROOD__NEVER ? -1 :
	    brood__time_left(deadline_ms, brood__now_ms());
}

/* The earlier of a timeout and an instant, as poll(2) takes it. */
static inline int
brood__timeout_by(int timeout_ms, int64_t at_ms)
{
	int left_ms;

	if (at_ms == BROOD__NEVER || timeout_ms == 0)
		return timeout_ms;
	left_ms = brood__time_left_from_now(at_ms);
	return timeout_ms < 0 || left_ms < timeout_ms ? left_ms : timeout_ms;
}

static inline bool
brood__has_come(int64_t at_ms)
{
	return at_ms != BROOD__NEVER && at_ms <= brood__now_ms();
}

#endif
