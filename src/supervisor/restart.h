/* SPDX-License-Identifier: ISC */
#ifndef BROOD__RESTART_H
#define BROOD__RESTART_H

/*
 * When may a child that failed be started again?  One of these per slot.  Pure:
 * the time is an argument (milliseconds of any steady clock).
 *
 * More than `intensity` failures within `period_ms` and the slot is given up.
 * Until then each failure delays the next start: 100 ms, doubling to 30 s.  The
 * delay starts over when a child has been ready for max(30 s, twice the last
 * delay): by then it is healthy, and its end is a new story.
 */

#include <stdbool.h>
#include <stdint.h>

#define BROOD__RESTART_DELAY_MIN_MS	100
#define BROOD__RESTART_DELAY_MAX_MS	30000
#define BROOD__RESTART_HEALTHY_MS	30000
#define BROOD__RESTART_INTENSITY_MAX	1000

struct brood__restart {
	unsigned intensity;
	int	 period_ms;
	int	 delay_ms;	/* the last one given; 0 none */
	int64_t	 ready_ms;	/* when the child became ready; -1 not yet */
	int64_t	*failures;	/* the last intensity + 1, oldest overwritten */
	unsigned n_failures;
	unsigned next;
};

/*
 * Memory is allocated here and nowhere else.
 *
 *   -EINVAL	intensity over BROOD__RESTART_INTENSITY_MAX; a negative period
 *   -ENOMEM
 */
int	brood__restart_init(struct brood__restart *restart, unsigned intensity,
	    int period_ms);
void	brood__restart_fini(struct brood__restart *restart);

/* Start anew, as if nothing had ever failed. */
void	brood__restart_forget(struct brood__restart *restart);

void	brood__restart_ready(struct brood__restart *restart, int64_t now_ms);

/*
 * A child has failed.  Gives the delay in milliseconds before the next start,
 * or -1: give up.
 */
int	brood__restart_failed(struct brood__restart *restart, int64_t now_ms);

#endif
