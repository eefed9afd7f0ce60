/* SPDX-License-Identifier: ISC */

/*
 * --halt of `brood map`: what it accepts, and when so much has failed that the
 * rest is not tried.
 */

#include "command/map/halt.h"
#include "support/support.h"

BROOD_SUITE(halt);

Test(halt, takes_a_number_or_a_percentage)
{
	static const char *const wrong[] = { "", "%", "-1", "x", "1x", "1%%",
	    "101%", "4294967296", "99999999999999999999" };
	struct halt halt = { 0 };

	cr_expect_null(halt_parse(&halt, "0"));
	cr_expect(halt.is_given && !halt.is_percent && halt.limit == 0);
	cr_expect_null(halt_parse(&halt, "4294967295"));
	cr_expect_eq(halt.limit, 4294967295u);
	cr_expect_null(halt_parse(&halt, "100%"));
	cr_expect(halt.is_percent && halt.limit == 100);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_not_null(halt_parse(&halt, wrong[i]), "%s",
		    wrong[i]);
}

Test(halt, counts_failed_lines)
{
	struct halt halt = { .limit = 3 };

	cr_expect_not(halt_is_due(&halt, 2, 2));
	cr_expect(halt_is_due(&halt, 3, 1000000));
	halt.limit = 0;
	cr_expect_not(halt_is_due(&halt, 1000, 1000));
}

Test(halt, needs_some_lines_for_a_percentage)
{
	struct halt halt = { .is_percent = true, .limit = 10 };

	cr_expect_not(halt_is_due(&halt, HALT_MIN_LINES - 1, 19));
	cr_expect(halt_is_due(&halt, HALT_MIN_LINES, 200));
	cr_expect_not(halt_is_due(&halt, HALT_MIN_LINES, 201));
	halt.limit = 0;
	cr_expect_not(halt_is_due(&halt, 100, 100));
}

Test(halt, is_due_at_once_if_the_program_is_no_filter)
{
	struct halt halt = { .limit = 1 };

	cr_expect(halt_suspect(&halt, true));
	halt.limit = 0;
	cr_expect_not(halt_suspect(&halt, true));
}

Test(halt, lets_pass_requests_that_fail_now_and_then)
{
	struct halt halt = { .limit = 1, .n_requests = 30 };

	cr_expect_not(halt_suspect(&halt, false));
	cr_expect_not(halt_suspect(&halt, false));
	cr_expect(halt_suspect(&halt, false));
	halt.n_requests = 41;
	cr_expect_not(halt_suspect(&halt, false));
}
