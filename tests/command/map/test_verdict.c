/* SPDX-License-Identifier: ISC */

/*
 * What an answer says about the lines of a request of `brood map`.
 */

#include "command/map/filter.h"
#include "command/map/lines.h"
#include "command/map/verdict.h"
#include "support/support.h"

#include <signal.h>
#include <string.h>

BROOD_SUITE(verdict);

enum { EXIT_3 = 3 << 8 };		/* as of wait(2) */

/* The verdict of a reply to one line. */
static struct verdict
replied(const char *text)
{
	struct brood_completion done = {
		.fate = BROOD_DONE,
		.ran = BROOD_RAN,
		.reply = { .data = text, .len = strlen(text), .code = 7 },
		.text = "",
	};
	struct verdict verdict;

	verdict_of_reply(&verdict, &done);
	return verdict;
}

/* The verdict of a request without a reply. */
static struct verdict
ended(enum brood_fate fate, enum brood_ran ran, bool has_lines)
{
	struct brood_completion done = {
		.fate = fate,
		.ran = ran,
		.status = SIGKILL,
		.text = "its \033[31mend",
	};
	struct verdict verdict;

	if (has_lines)
		verdict_of_lines(&verdict, &done, 2);
	else
		verdict_of_reply(&verdict, &done);
	return verdict;
}

/* The verdict of a report on n_lines lines, of which n_printed were printed. */
static struct verdict
reported(enum filter_result result, uint32_t n_printed, int status,
    size_t n_lines)
{
	struct {
		char out[4];
		struct lines_report report;
	} data = {
		.out = "a\nb\n",
		.report = { .result = result, .n_given = 2,
		    .n_printed = n_printed, .status = status, .start_us = 5,
		    .runtime_us = 6 },
	};
	char bytes[sizeof(data.out) + sizeof(data.report)];
	struct brood_completion done = {
		.fate = BROOD_DONE,
		.ran = BROOD_RAN,
		.reply = { .data = bytes, .len = sizeof(bytes) },
		.text = "",
	};
	struct verdict verdict;

	memcpy(bytes, data.out, sizeof(data.out));
	memcpy(bytes + sizeof(data.out), &data.report, sizeof(data.report));
	verdict_of_lines(&verdict, &done, n_lines);
	return verdict;
}

Test(verdict, reply_of_one_line_is_done)
{
	static const char *const texts[] = { "", "\n", "abc", "abc\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct verdict verdict = replied(texts[i]);

		cr_expect_eq(verdict.n_done, 1);
		cr_expect_eq(verdict.out_len, strcspn(texts[i], "\n"));
		cr_expect_eq(verdict.code, 7);
		cr_expect_eq(verdict.fate, BROOD_DONE);
	}
}

Test(verdict, reply_of_two_lines_is_the_fault_of_its_line)
{
	static const char *const texts[] = { "a\nb", "a\n\n", "\n\n", "\nb" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct verdict verdict = replied(texts[i]);

		cr_expect_eq(verdict.n_done, 0);
		cr_expect_eq(verdict.blame, BLAME_LINE);
		cr_expect_eq(verdict.fate, BROOD_FAILED);
	}
}

Test(verdict, line_that_ran_is_to_blame_for_its_worker)
{
	struct verdict verdict = ended(BROOD_CRASHED, BROOD_MAY_HAVE_RUN,
	    false);

	cr_expect_eq(verdict.blame, BLAME_LINE);
	cr_expect_eq(verdict.status, SIGKILL);
	cr_expect_str_eq(verdict.text, "its ?[31mend");
	verdict = ended(BROOD_CRASHED, BROOD_NOT_RUN, false);
	cr_expect_eq(verdict.blame, BLAME_NONE);
	verdict = ended(BROOD_EXPIRED, BROOD_MAY_HAVE_RUN, false);
	cr_expect_eq(verdict.blame, BLAME_LINE);
	cr_expect_eq(verdict.status, 0);
}

Test(verdict, worker_with_a_filter_is_to_blame_for_itself)
{
	cr_expect_eq(ended(BROOD_CRASHED, BROOD_MAY_HAVE_RUN, true).blame,
	    BLAME_WORKER);
	cr_expect_eq(ended(BROOD_CRASHED, BROOD_NOT_RUN, true).blame,
	    BLAME_NONE);
}

Test(verdict, pool_that_has_no_worker_is_to_blame)
{
	for (int has_lines = 0; has_lines < 2; has_lines++) {
		cr_expect_eq(ended(BROOD_REFUSED, BROOD_NOT_RUN,
		    has_lines).blame, BLAME_POOL);
		cr_expect_eq(ended(BROOD_CANCELED, BROOD_NOT_RUN,
		    has_lines).blame, BLAME_POOL);
	}
}

Test(verdict, report_that_is_cut_off_is_the_fault_of_the_worker)
{
	struct brood_completion done = {
		.fate = BROOD_DONE,
		.ran = BROOD_RAN,
		.reply = { .data = "short", .len = 5 },
		.text = "",
	};
	struct verdict verdict;

	verdict_of_lines(&verdict, &done, 2);
	cr_expect_eq(verdict.blame, BLAME_WORKER);
	cr_expect_eq(verdict.n_done, 0);
}

Test(verdict, report_of_a_line_for_each_line_is_done)
{
	struct verdict verdict = reported(FILTER_DONE, 2, 0, 2);

	cr_expect_eq(verdict.n_done, 2);
	cr_expect_eq(verdict.out_len, 4);
	cr_expect_eq(verdict.fate, BROOD_DONE);
	cr_expect_eq(verdict.start_us, 5);
	cr_expect_eq(verdict.runtime_us, 6);
	/* Of a trial that was cut short, the first lines. */
	cr_expect_eq(reported(FILTER_DONE, 2, 0, 9).n_done, 2);
}

static const struct {
	enum filter_result result;
	uint32_t	 n_printed;
	int		 status;
	size_t		 n_lines;
	enum verdict_blame blame;
	enum brood_fate	 fate;
	const char	*text;
} failures[] = {
	{ FILTER_FEWER, 1, 0, 4, BLAME_COUNT, BROOD_FAILED,
	    "printed 1 line for 4" },
	{ FILTER_FEWER, 0, 0, 1, BLAME_COUNT, BROOD_FAILED,
	    "printed no line" },
	{ FILTER_CLOSED, 2, 0, 4, BLAME_COUNT, BROOD_FAILED,
	    "printed 2 lines for 4 and closed its output" },
	{ FILTER_MORE, 5, 0, 4, BLAME_COUNT, BROOD_FAILED,
	    "printed more than 4 lines for 4" },
	{ FILTER_MORE, 2, 0, 1, BLAME_COUNT, BROOD_FAILED,
	    "printed more than one line" },
	{ FILTER_DIED, 1, EXIT_3, 4, BLAME_END, BROOD_FAILED,
	    "printed 1 line for 4 and exited with status 3" },
	{ FILTER_DIED, 4, EXIT_3, 4, BLAME_END, BROOD_FAILED,
	    "exited with status 3" },
	{ FILTER_DIED, 0, SIGSEGV, 4, BLAME_END, BROOD_CRASHED,
	    "killed by signal 11 (Segmentation fault)" },
	{ FILTER_UNREAD, 1, 0, 4, BLAME_LINE, BROOD_FAILED,
	    "printed without reading its input" },
	{ FILTER_TIMEOUT, 0, 0, 4, BLAME_LINE, BROOD_EXPIRED,
	    "no line came in time" },
	{ FILTER_TOO_LONG, 0, 0, 1, BLAME_LINE, BROOD_FAILED,
	    "its output is too long for a line" },
	{ FILTER_PART, 1, 0, 4, BLAME_SIZE, BROOD_FAILED, "" },
};

Test(verdict, report_of_a_failure_tells_who_is_to_blame)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct verdict verdict = reported(failures[i].result,
		    failures[i].n_printed, failures[i].status,
		    failures[i].n_lines);

		cr_expect_eq(verdict.n_done, 0);
		cr_expect_eq(verdict.blame, failures[i].blame, "%zu", i);
		cr_expect_eq(verdict.fate, failures[i].fate, "%zu", i);
		cr_expect_str_eq(verdict.text, failures[i].text);
	}
}
