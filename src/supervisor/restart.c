/* SPDX-License-Identifier: ISC */
/*
 * The restart policy of one slot.
 *
 * Owns the ring of failure times and the delay.  Knows no clock and no
 * process, and not who was to blame: the caller tells it only of failures that
 * count.
 *
 * Invariants: the ring holds the last intensity + 1 failures, so that the slot
 * is given up exactly when it is full and its oldest entry is still within the
 * period; delay_ms is 0 or within the two bounds.
 */

#include "supervisor/restart.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Gives whether that was one too many. */
static bool
restart_record(struct brood__restart *restart, int64_t now_ms)
{
	unsigned size = restart->intensity + 1;

	restart->failures[restart->next] = now_ms;
	restart->next = (restart->next + 1) % size;
	if (restart->n_failures < size)
		restart->n_failures++;
	if (restart->n_failures < size)
		return false;
	return now_ms - restart->failures[restart->next] <= restart->period_ms;
}

/* Was the child that failed ready for so long that the past is forgotten? */
static bool
restart_was_healthy(const struct brood__restart *restart, int64_t now_ms)
{
	int64_t healthy_ms = 2 * (int64_t)restart->delay_ms;

	if (restart->ready_ms < 0)
		return false;
	if (healthy_ms < BROOD__RESTART_HEALTHY_MS)
		healthy_ms = BROOD__RESTART_HEALTHY_MS;
	return now_ms - restart->ready_ms >= healthy_ms;
}

static int
restart_next_delay(int delay_ms)
{
	if (delay_ms == 0)
		return BROOD__RESTART_DELAY_MIN_MS;
	if (delay_ms > BROOD__RESTART_DELAY_MAX_MS / 2)
		return BROOD__RESTART_DELAY_MAX_MS;
	return delay_ms * 2;
}

int
brood__restart_init(struct brood__restart *restart, unsigned intensity,
    int period_ms)
{
	int64_t *failures;

	if (intensity > BROOD__RESTART_INTENSITY_MAX || period_ms < 0)
		return -EINVAL;
	failures = calloc(intensity + 1, sizeof(*failures));
	if (failures == NULL)
		return -ENOMEM;
	*restart = (struct brood__restart){
		.intensity = intensity,
		.period_ms = period_ms,
		.ready_ms = -1,
		.failures = failures,
	};
	return 0;
}

void
brood__restart_fini(struct brood__restart *restart)
{
	free(restart->failures);
	restart->failures = NULL;
}

void
brood__restart_forget(struct brood__restart *restart)
{
	restart->delay_ms = 0;
	restart->ready_ms = -1;
	restart->n_failures = restart->next = 0;
}

void
brood__restart_ready(struct brood__restart *restart, int64_t now_ms)
{
	assert(now_ms >= 0);
	restart->ready_ms = now_ms;
}

/*
 * Health resets the delay alone: the window of failures slides by itself, and
 * a period longer than the healthy time is there to see slow crash loops.
 */
int
brood__restart_failed(struct brood__restart *restart, int64_t now_ms)
{
	assert(now_ms >= 0);
	if (restart_was_healthy(restart, now_ms))
		restart->delay_ms = 0;
	restart->ready_ms = -1;
	if (restart_record(restart, now_ms))
		return -1;
	restart->delay_ms = restart_next_delay(restart->delay_ms);
	return restart->delay_ms;
}
