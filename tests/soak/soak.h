/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_SOAK_H
#define BROOD_TESTS_SOAK_H

/*
 * What the programs of this folder share: choices that follow from a seed,
 * time, and being told of every process that is left.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static uint64_t soak_state;		/* of chance(); never 0 */

/* A number below n. */
static inline uint32_t
chance(uint32_t n)
{
	/* xorshift64*, Vigna 2016 */
	soak_state ^= soak_state >> 12;
	soak_state ^= soak_state << 25;
	soak_state ^= soak_state >> 27;
	return (uint32_t)((soak_state * 0x2545f4914f6cdd1d) >> 32) % n;
}

static inline int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static inline void
nap_us(long us)
{
	const struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	(void)nanosleep(&ts, NULL);
}

/*
 * On Linux a process whose parent has died becomes a child of this one from now
 * on.  Elsewhere those cannot be seen.
 */
static inline bool
adopt_orphans(void)
{
#ifdef __linux__
	return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
#else
	return true;
#endif
}

/* A number of the command line; if it is none this process exits. */
static inline uint64_t
option_number(const char *program, const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (*text == '\0' || *end != '\0') {
		(void)fprintf(stderr, "%s: %s is not a number\n", program,
		    text);
		exit(2);
	}
	return n;
}

#endif
