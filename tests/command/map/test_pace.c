/* SPDX-License-Identifier: ISC */

/*
 * How many lines a request of `brood map --lines` has.
 */

#include "command/map/pace.h"
#include "support/support.h"

BROOD_SUITE(pace);

static void
done(struct pace *pace, size_t n_lines, int64_t runtime_us, bool is_buffering)
{
	pace_done(pace, &(struct pace_request) {
	    .n_lines = n_lines,
	    .n_bytes = 10 * n_lines,
	    .runtime_us = runtime_us,
	    .is_buffering = is_buffering });
}

Test(pace, grows_while_requests_are_short)
{
	struct pace pace;

	pace_start(&pace);
	cr_expect_eq(pace.n_lines, 1);
	done(&pace, 1, 10, false);
	cr_expect_eq(pace.n_lines, 4);
	done(&pace, 4, 1000000, false);
	cr_expect_eq(pace.n_lines, 1);
}

Test(pace, does_not_count_the_start_of_the_filter)
{
	struct pace pace;

	pace_start(&pace);
	done(&pace, 1, 5000000, true);
	done(&pace, 4, 5000100, true);
	cr_expect_eq(pace.n_lines, 16);
}

Test(pace, keeps_lines_that_may_run_again_a_part_of_those_done)
{
	struct pace pace;
	size_t n_done = 0, n;

	pace_start(&pace);
	for (int i = 0; i < 1000; i++) {
		n = pace.n_lines;
		cr_assert(n <= 256 || n <= n_done / 32);
		done(&pace, n, 1000, true);
		n_done += n;
	}
	cr_expect_gt(n, 1000);
	pace_failed(&pace, n);
	cr_expect_eq(pace.n_lines, n / 8);
	done(&pace, n / 8, 1000, true);
	cr_expect_eq(pace.n_lines, 256);
}

Test(pace, wants_one_trial)
{
	struct pace pace;

	pace_start(&pace);
	pace_end_trial(&pace);
	done(&pace, 64, 1000, false);
	cr_expect_not(pace_wants_trial(&pace));
	done(&pace, 64, 1000, true);
	cr_expect(pace_wants_trial(&pace));
	pace_begin_trial(&pace);
	cr_expect_not(pace_wants_trial(&pace));
	pace_end_trial(&pace);
	done(&pace, 64, 1000, true);
	cr_expect_not(pace_wants_trial(&pace));
}

Test(pace, wants_no_trial_that_takes_long)
{
	struct pace pace;

	pace_start(&pace);
	done(&pace, 64, 1000, true);
	done(&pace, 64, 1000000, true);
	cr_expect_not(pace_wants_trial(&pace));
}
