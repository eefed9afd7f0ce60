/* SPDX-License-Identifier: ISC */

/*
 * Lines of a descriptor: how many are given at a time, and what becomes of a
 * line that is too long, or that has no newline.
 */

#include "command/map/input.h"
#include "support/support.h"

#include <string.h>
#include <unistd.h>

BROOD_SUITE(input);

/* An input whose lines have at most 8 bytes, and the pipe that feeds it. */
struct feed {
	struct input input;
	int fds[2];
};

static void
feed_open(struct feed *feed)
{
	cr_assert_eq(pipe(feed->fds), 0);
	feed->input = (struct input) { .fd = feed->fds[0], .max_line = 8 };
}

static void
feed_close(struct feed *feed)
{
	input_fini(&feed->input);
	(void)close(feed->fds[0]);
	if (feed->fds[1] >= 0)
		(void)close(feed->fds[1]);
}

static void
feed_write(struct feed *feed, const char *text)
{
	size_t len = strlen(text);

	cr_assert_eq(write(feed->fds[1], text, len), (ssize_t)len);
	cr_assert_eq(input_read(&feed->input), 0);
}

static void
feed_end(struct feed *feed)
{
	(void)close(feed->fds[1]);
	feed->fds[1] = -1;
	cr_assert_eq(input_read(&feed->input), 0);
	cr_expect(feed->input.is_ended);
}

/* The next lines are these, and are consumed. */
static void
feed_expect(struct feed *feed, size_t n_lines, size_t max, const char *want,
    size_t want_lines)
{
	const char *data;
	size_t len, n;

	cr_assert_eq(input_peek(&feed->input, n_lines, max, &data, &len, &n),
	    INPUT_LINES);
	cr_expect_eq(n, want_lines);
	cr_assert_eq(len, strlen(want));
	cr_expect_arr_eq(data, want, len);
	input_consume(&feed->input, len);
}

static enum input_found
feed_peek(struct feed *feed)
{
	const char *data;
	size_t len, n;

	return input_peek(&feed->input, 1, 8, &data, &len, &n);
}

Test(input, gives_as_many_lines_as_asked_for)
{
	struct feed feed;

	feed_open(&feed);
	feed_write(&feed, "a\nb\nc\nd");
	feed_expect(&feed, 2, 8, "a\nb\n", 2);
	feed_expect(&feed, 9, 8, "c\n", 1);
	cr_expect_eq(feed_peek(&feed), INPUT_NONE);
	feed_write(&feed, "e\n");
	feed_expect(&feed, 9, 8, "de\n", 1);
	cr_expect_eq(input_len(&feed.input), 0);
	feed_close(&feed);
}

Test(input, keeps_to_max_bytes_but_for_one_line)
{
	struct feed feed;

	feed_open(&feed);
	feed_write(&feed, "12\n34\n5678\n9\n");
	feed_expect(&feed, 9, 6, "12\n34\n", 2);
	feed_expect(&feed, 9, 3, "5678\n", 1);
	feed_expect(&feed, 9, 1, "9\n", 1);
	feed_close(&feed);
}

Test(input, adds_a_newline_that_is_missing_at_the_end)
{
	struct feed feed;

	feed_open(&feed);
	feed_write(&feed, "a\nb");
	feed_end(&feed);
	feed_expect(&feed, 9, 8, "a\nb\n", 2);
	cr_expect_eq(feed_peek(&feed), INPUT_NONE);
	cr_expect_eq(input_len(&feed.input), 0);
	feed_close(&feed);
}

Test(input, drops_a_line_that_is_too_long)
{
	struct feed feed;

	feed_open(&feed);
	feed_write(&feed, "12345678\n123456789\nx\n");
	feed_expect(&feed, 9, 8, "12345678\n", 1);
	cr_expect_eq(feed_peek(&feed), INPUT_TOO_LONG);
	feed_expect(&feed, 9, 8, "x\n", 1);
	feed_close(&feed);
}

Test(input, drops_a_line_that_is_too_long_before_its_end_has_come)
{
	struct feed feed;

	feed_open(&feed);
	feed_write(&feed, "12345678");
	cr_expect_eq(feed_peek(&feed), INPUT_NONE);
	feed_write(&feed, "9");
	cr_expect_eq(feed_peek(&feed), INPUT_TOO_LONG);
	cr_expect_eq(input_len(&feed.input), 0);
	feed_write(&feed, "more");
	cr_expect_eq(feed_peek(&feed), INPUT_NONE);
	cr_expect_eq(input_len(&feed.input), 0);
	feed_write(&feed, "and more\nx\n");
	feed_expect(&feed, 9, 8, "x\n", 1);
	feed_write(&feed, "123456789");
	cr_expect_eq(feed_peek(&feed), INPUT_TOO_LONG);
	feed_end(&feed);
	cr_expect_eq(feed_peek(&feed), INPUT_NONE);
	cr_expect_eq(input_len(&feed.input), 0);
	feed_close(&feed);
}
