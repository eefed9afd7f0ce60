/* SPDX-License-Identifier: ISC */
/*
 * The restart policy over virtual time: each test is a story told as a table of
 * failures.  No clock is read and nothing waits.
 */

#include "supervisor/restart.h"
#include "support/support.h"

#include <errno.h>
#include <limits.h>

BROOD_SUITE(restart);

#define MANY	BROOD__RESTART_INTENSITY_MAX
#define N_ROWS(rows)	(sizeof(rows) / sizeof((rows)[0]))

struct failure {
	int64_t	ready_ms;	/* became ready then; -1: failed before */
	int64_t	failed_ms;
	int	delay_ms;	/* expected; -1: give up */
};

static void
check_story(unsigned intensity, int period_ms, const struct failure *rows,
    size_t n_rows)
{
	struct brood__restart_record record;

	cr_assert_eq(brood__restart_init(&record, intensity, period_ms), 0);
	for (size_t i = 0; i < n_rows; i++) {
		int delay_ms;

		if (rows[i].ready_ms >= 0)
			brood__restart_ready(&record, rows[i].ready_ms);
		delay_ms = brood__restart_failed(&record, rows[i].failed_ms);
		cr_expect_eq(delay_ms, rows[i].delay_ms,
		    "row %zu: %d, not %d", i, delay_ms, rows[i].delay_ms);
	}
	brood__restart_fini(&record);
}

Test(restart, delays_double_from_100_ms_to_30_s)
{
	static const struct failure rows[] = {
		{ -1, 0, 100 }, { -1, 1, 200 }, { -1, 2, 400 },
		{ -1, 3, 800 }, { -1, 4, 1600 }, { -1, 5, 3200 },
		{ -1, 6, 6400 }, { -1, 7, 12800 }, { -1, 8, 25600 },
		{ -1, 9, 30000 }, { -1, 10, 30000 }, { -1, 11, 30000 },
	};

	check_story(MANY, 30000, rows, N_ROWS(rows));
}

Test(restart, delay_starts_over_after_30_s_of_health)
{
	static const struct failure rows[] = {
		{ -1, 0, 100 },
		{ -1, 10, 200 },
		{ 1000, 30999, 400 },	/* 29,999 ms: not yet */
		{ 40000, 70000, 100 },	/* 30,000 ms */
		{ 80000, 80001, 200 },
		{ 90000, 990000, 100 },
	};

	check_story(MANY, 0, rows, N_ROWS(rows));
}

Test(restart, health_is_twice_the_last_delay_where_that_is_longer)
{
	static const struct failure rows[] = {
		{ -1, 0, 100 }, { -1, 1, 200 }, { -1, 2, 400 },
		{ -1, 3, 800 }, { -1, 4, 1600 }, { -1, 5, 3200 },
		{ -1, 6, 6400 }, { -1, 7, 12800 }, { -1, 8, 25600 },
		{ 10000, 61199, 30000 },	/* 51,199 ms after 25,600 */
		{ 100000, 159999, 30000 },	/* 59,999 ms after 30,000 */
		{ 200000, 260000, 100 },
	};

	check_story(MANY, 0, rows, N_ROWS(rows));
}

/* Booting slowly is not health, however long it takes. */
Test(restart, time_before_ready_does_not_count_as_health)
{
	static const struct failure rows[] = {
		{ -1, 0, 100 },
		{ -1, 100000, 200 },
		{ 200000, 200001, 400 },
		/* The one before was ready; this one never was. */
		{ -1, 900000, 800 },
	};

	check_story(MANY, 0, rows, N_ROWS(rows));
}

Test(restart, a_child_ready_at_instant_0_can_become_healthy)
{
	static const struct failure rows[] = {
		{ -1, 0, 100 }, { 0, 30000, 100 },
	};

	check_story(MANY, 0, rows, N_ROWS(rows));
}

Test(restart, the_failure_after_intensity_within_the_period_gives_up)
{
	static const struct failure rows[] = {
		{ -1, 1000, 100 }, { -1, 1100, 200 }, { -1, 1300, 400 },
		{ -1, 1700, 800 }, { -1, 2500, 1600 }, { -1, 4100, -1 },
	};

	check_story(5, 30000, rows, N_ROWS(rows));
}

Test(restart, the_period_includes_its_last_millisecond)
{
	static const struct failure within[] = {
		{ -1, 0, 100 }, { -1, 1, 200 }, { -1, 30000, -1 },
	};
	static const struct failure beyond[] = {
		{ -1, 0, 100 }, { -1, 1, 200 }, { -1, 30001, 400 },
	};

	check_story(2, 30000, within, N_ROWS(within));
	check_story(2, 30000, beyond, N_ROWS(beyond));
}

/* No three failures are within 1 s until the last three. */
Test(restart, the_window_slides)
{
	static const struct failure rows[] = {
		{ -1, 0, 100 }, { -1, 600, 200 }, { -1, 1200, 400 },
		{ -1, 1800, 800 }, { -1, 2400, 1600 }, { -1, 3000, 3200 },
		{ -1, 3600, 6400 }, { -1, 4000, -1 },
	};

	check_story(2, 1000, rows, N_ROWS(rows));
}

Test(restart, failures_at_one_instant_are_counted_one_by_one)
{
	static const struct failure rows[] = {
		{ -1, 7, 100 }, { -1, 7, 200 }, { -1, 7, 400 }, { -1, 7, -1 },
	};

	check_story(3, 0, rows, N_ROWS(rows));
}

/* A crash every minute is a loop too, to whom gives an hour as the period. */
Test(restart, health_resets_the_delay_and_not_the_window)
{
	static const struct failure rows[] = {
		{ 0, 60000, 100 }, { 60100, 120100, 100 },
		{ 120200, 180200, -1 },
	};

	check_story(2, 3600000, rows, N_ROWS(rows));
}

Test(restart, intensity_0_gives_up_at_the_first_failure)
{
	static const struct failure rows[] = {
		{ -1, 5, -1 }, { 10, 900000, -1 },
	};

	check_story(0, 30000, rows, N_ROWS(rows));
	check_story(0, 0, rows, N_ROWS(rows));
}

Test(restart, the_largest_intensity_is_exact)
{
	struct brood__restart_record record;

	cr_assert_eq(brood__restart_init(&record, MANY, INT_MAX), 0);
	for (int i = 0; i < MANY; i++)
		cr_assert_gt(brood__restart_failed(&record, i), 0, "%d", i);
	cr_assert_eq(brood__restart_failed(&record, MANY), -1);
	brood__restart_fini(&record);
}

Test(restart, the_end_of_time_is_an_instant_like_others)
{
	static const struct failure rows[] = {
		{ -1, 0, 100 },
		{ INT64_MAX - 60000, INT64_MAX - 30000, 100 },
		{ INT64_MAX - 20000, INT64_MAX - 1, 200 },
		{ INT64_MAX, INT64_MAX, -1 },
	};

	check_story(2, INT_MAX, rows, N_ROWS(rows));
}

Test(restart, an_argument_out_of_range_is_refused)
{
	struct brood__restart_record record = { .intensity = 77 };

	cr_assert_eq(brood__restart_init(&record, MANY + 1, 0), -EINVAL);
	cr_assert_eq(brood__restart_init(&record, UINT_MAX, 0), -EINVAL);
	cr_assert_eq(brood__restart_init(&record, 5, -1), -EINVAL);
	cr_assert_eq(record.intensity, 77u);
}
