/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SPIN_H
#define BROOD__SPIN_H

/*
 * Whether to look again and again for a short time before sleeping.  It pays
 * when the other side runs on another processor and answers within that time:
 * to be woken takes longer.  It costs a processor when it does not.
 *
 * So one that had no success is not repeated the next time, then not the next
 * three times, and so on; one success, and it is tried each time.
 *
 * A side that sleeps is awake again only after some time, and then answers at
 * once.  If both sides gave up before that, each would find the other asleep,
 * for ever.  So the one that has woken the other looks for longer than that
 * takes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum {
	BROOD__SPIN_NS = 10000,		/* more costs more than it saves */
	BROOD__SPIN_WAKING_NS = 100000,	/* if the other side is waking up, which
					   takes 5 us, or 50 on a virtual
					   machine */
	BROOD__SPIN_LOOKS = 16,		/* between two looks at the clock */
	BROOD__SPIN_MISSES_MAX = 8,	/* then one sleep in 256 is tried */
};

struct brood__spin {
	unsigned n_misses;		/* one after another */
	unsigned n_skipped;		/* sleeps since the last one */
};

/* Is it worth it this time?  n_cpus: those that this process may use. */
static inline bool
brood__spin_may(struct brood__spin *spin, unsigned n_cpus)
{
	if (n_cpus < 2)
		return false;
	if (++spin->n_skipped < 1U << spin->n_misses)
		return false;
	spin->n_skipped = 0;
	return true;
}

static inline void
brood__spin_learn(struct brood__spin *spin, bool is_hit)
{
	if (is_hit)
		spin->n_misses = 0;
	else if (spin->n_misses < BROOD__SPIN_MISSES_MAX)
		spin->n_misses++;
}

static inline int64_t
brood__spin_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Let the other thread of this processor, and its bus, have a moment. */
static inline void
brood__spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/*
 * Look until `is_there' says so, or limit_ns are over.  Gives whether it is
 * there; false at once if it is not worth looking.
 */
static inline bool
brood__spin(struct brood__spin *spin, unsigned n_cpus, int64_t limit_ns,
    bool (*is_there)(const void *), const void *arg)
{
	bool is_hit = false;
	int64_t end_ns;

	if (!brood__spin_may(spin, n_cpus))
		return false;
	end_ns = brood__spin_now_ns() + limit_ns;
	do {
		for (int i = 0; i < BROOD__SPIN_LOOKS && !is_hit; i++) {
			is_hit = is_there(arg);
			if (!is_hit)
				brood__spin_pause();
		}
	} while (!is_hit && brood__spin_now_ns() < end_ns);
	brood__spin_learn(spin, is_hit);
	return is_hit;
}

#endif
