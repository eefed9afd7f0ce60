/* SPDX-License-Identifier: ISC */
/*
 * The restart policy of one slot.
 *
 * Owns the ring of failure times and the delay.  Knows no clock and no process,
 * and does not judge who was to blame: its caller tells it only of failures
 * that count.
 *
 * Invariants: the ring holds the last intensity + 1 failures, so a slot is
 * given up when the ring is full and its oldest entry still lies within the
 * period; delay_ms is 0 or within the two bounds.
 */

#include "supervisor/restart.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Write down a failure; true if it is one too many. */
static bool
restart_add(struct brood__restart_record *record, int64_t now_ms)
{
	unsigned size = record->intensity + 1;

	record->failures[record->next] = now_ms;
	record->next = (record->next + 1) % size;
	if (record->n_failures < size)
		record->n_failures++;
	if (record->n_failures < size)
		return false;
	/* The ring is full, so the entry to be replaced next is the oldest. */
	return now_ms - record->failures[record->next] <= record->period_ms;
}

static bool
restart_was_healthy(const struct brood__restart_record *record, int64_t now_ms)
{
	int64_t healthy_ms = 2 * (int64_t)record->delay_ms;

	if (record->ready_ms < 0)
		return false;
	if (healthy_ms < BROOD__RESTART_HEALTHY_MS)
		healthy_ms = BROOD__RESTART_HEALTHY_MS;
	return now_ms - record->ready_ms >= healthy_ms;
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
brood__restart_init(struct brood__restart_record *record, unsigned intensity,
    int period_ms)
{
	int64_t *failures;

	if (intensity > BROOD__RESTART_INTENSITY_MAX || period_ms < 0)
		return -EINVAL;
	failures = calloc(intensity + 1, sizeof(*failures));
	if (failures == NULL)
		return -ENOMEM;
	*record = (struct brood__restart_record){
		.intensity = intensity,
		.period_ms = period_ms,
		.ready_ms = -1,
		.failures = failures,
	};
	return 0;
}

void
brood__restart_fini(struct brood__restart_record *record)
{
	free(record->failures);
	record->failures = NULL;
}

void
brood__restart_forget(struct brood__restart_record *record)
{
	record->delay_ms = 0;
	record->ready_ms = -1;
	record->n_failures = record->next = 0;
}

void
brood__restart_ready(struct brood__restart_record *record, int64_t now_ms)
{
	assert(now_ms >= 0);
	record->ready_ms = now_ms;
}

/*
 * A healthy child resets the delay, but takes no failure off the ring: a
 * program that crashes once an hour is to be found out by a period of some
 * hours.
 */
int
brood__restart_failed(struct brood__restart_record *record, int64_t now_ms)
{
	assert(now_ms >= 0);
	if (restart_was_healthy(record, now_ms))
		record->delay_ms = 0;
	record->ready_ms = -1;
	if (restart_add(record, now_ms))
		return -1;
	record->delay_ms = restart_next_delay(record->delay_ms);
	return record->delay_ms;
}
