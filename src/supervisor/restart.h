/* SPDX-License-Identifier: ISC */
#ifndef BROOD__RESTART_H
#define BROOD__RESTART_H

/*
 * When may a child that failed be started again?  Each slot has one record of
 * its failures.  Pure: the time is an argument, in milliseconds of any clock
 * that does not go backwards.
 *
 * After more than `intensity` failures within `period_ms` the slot is given up.
 * Before that, each failure delays the next start: by 100 ms, then twice as
 * long each time, up to 30 s.  The delay begins at 100 ms again when a child
 * was ready for at least 30 s, and at least twice the last delay, before it
 * failed: it was healthy, and its failure has another cause.
 */

#include <stdbool.h>
#include <stdint.h>

#define BROOD__RESTART_DELAY_MIN_MS	100
#define BROOD__RESTART_DELAY_MAX_MS	30000
#define BROOD__RESTART_HEALTHY_MS	30000
#define BROOD__RESTART_INTENSITY_MAX	1000

struct brood__restart_record {
	unsigned intensity;
	int	 period_ms;
	int	 delay_ms;	/* given last; 0: none was given yet */
	int64_t	 ready_ms;	/* when the child became ready; -1: it is not */
	int64_t	*failures;	/* a ring: times of the last intensity + 1 */
	unsigned n_failures;	/* how many times are in the ring */
	unsigned next;		/* where the next time is written */
};

/*
 * Memory is allocated here and nowhere else.
 *
 *   -EINVAL	intensity is over BROOD__RESTART_INTENSITY_MAX, or period_ms is
 *		negative
 *   -ENOMEM
 */
int	brood__restart_init(struct brood__restart_record *record,
	    unsigned intensity, int period_ms);
void	brood__restart_fini(struct brood__restart_record *record);

/* Forget all failures. */
void	brood__restart_forget(struct brood__restart_record *record);

/* The child has become ready. */
void	brood__restart_ready(struct brood__restart_record *record,
	    int64_t now_ms);

/*
 * The child has failed.  Gives the delay in milliseconds before the next start,
 * or -1: give up.
 */
int	brood__restart_failed(struct brood__restart_record *record,
	    int64_t now_ms);

#endif
