/* SPDX-License-Identifier: ISC */

/*
 * What `brood map` tells about lines: each reason once, and then the lines that
 * had it too.
 */

#include "command/command.h"
#include "command/map/reasons.h"
#include "support/support.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

BROOD_SUITE(reasons);

/* What was printed. */
static char said[4096];

void
command_warn(int error, const char *format, ...)
{
	size_t len = strlen(said);
	va_list ap;

	cr_assert_eq(error, 0);
	va_start(ap, format);
	(void)vsnprintf(said + len, sizeof(said) - len, format, ap);
	va_end(ap);
	(void)strlcat(said, "\n", sizeof(said));
}

Test(reasons, tells_a_reason_once)
{
	struct reasons reasons = { .n = 0 };

	cr_expect(reasons_add(&reasons, 3, "bad"));
	cr_expect_not(reasons_add(&reasons, 4, "bad"));
	cr_expect(reasons_add(&reasons, 5, "worse"));
	reasons_end(&reasons);
	cr_expect_str_eq(said, "1 more like line 3: 4\n");
}

Test(reasons, keeps_the_lowest_numbers_in_order)
{
	static const uint64_t numbers[] = { 20, 3, 17, 4, 12, 5, 30, 6, 7, 8 };
	struct reasons reasons = { .n = 0 };

	cr_expect(reasons_add(&reasons, 9, "bad"));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cr_expect_not(reasons_add(&reasons, numbers[i], "bad"));
	reasons_end(&reasons);
	cr_expect_str_eq(said,
	    "10 more like line 9: 3, 4, 5, 6, 7, 8, 12, 17, ...\n");
}

Test(reasons, has_room_for_the_longest_numbers)
{
	struct reasons reasons = { .n = 0 };

	cr_expect(reasons_add(&reasons, 1, "bad"));
	for (uint64_t i = 0; i < REASONS_LINES + 1; i++)
		cr_expect_not(reasons_add(&reasons, UINT64_MAX, "bad"));
	reasons_end(&reasons);
	cr_expect_not_null(strstr(said, "18446744073709551615, ...\n"));
}

/* Else every line of a long input could be told. */
Test(reasons, counts_lines_with_further_reasons_together)
{
	struct reasons reasons = { .n = 0 };
	char text[32];

	for (uint64_t i = 1; i <= REASONS_MAX + 3; i++) {
		(void)snprintf(text, sizeof(text), "reason %d", (int)i);
		cr_expect_eq(reasons_add(&reasons, i, text),
		    i <= REASONS_MAX);
	}
	/* One that was told stays known. */
	cr_expect_not(reasons_add(&reasons, 1000, "reason 64"));
	reasons_end(&reasons);
	cr_expect_str_eq(said, "1 more like line 64: 1000\n"
	    "3 more, for other reasons: 65, 66, 67\n");
}
