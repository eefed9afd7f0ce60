/* SPDX-License-Identifier: ISC */

/*
 * The window of `brood map`: in which order chunks are sent and printed,
 * whatever happens to them in between.
 */

#include "command/map/window.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

BROOD_SUITE(window);

static void
window_fill(struct window *window, bool is_unordered)
{
	window_init(window, is_unordered);
	cr_assert_eq(window_add(window, 1, "1\n2\n3\n4\n5\n", 10, 5), 0);
	cr_assert_eq(window_add(window, 6, "6\n", 2, 1), 0);
	cr_assert_eq(window_add(window, 7, "7\n", 2, 1), 0);
}

/* Take the chunk that is to be sent; its first line and its bytes are these. */
static struct chunk *
window_expect(struct window *window, uint64_t first, const char *data)
{
	struct chunk *chunk = window_waiting(window);

	cr_assert_not_null(chunk);
	cr_expect_eq(chunk->first, first);
	cr_assert_eq(chunk->len, strlen(data));
	cr_expect_arr_eq(chunk->data, data, chunk->len);
	window_sent(window, chunk);
	return chunk;
}

/* All that can be printed is the chunks that begin with these lines. */
static void
window_expect_printable(struct window *window, const char *firsts)
{
	struct chunk *chunk;
	char text[16] = "";
	size_t n = 0;

	while ((chunk = window_printable(window)) != NULL) {
		text[n++] = (char)('0' + chunk->first);
		window_remove(window, chunk);
	}
	cr_expect_str_eq(text, firsts);
}

Test(window, prints_in_the_order_of_the_input)
{
	struct window window;
	struct chunk *a, *b, *c;

	window_fill(&window, false);
	a = window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	b = window_expect(&window, 6, "6\n");
	c = window_expect(&window, 7, "7\n");
	cr_expect_null(window_waiting(&window));
	window_done(&window, b, NULL, 0);
	window_expect_printable(&window, "");
	window_done(&window, a, NULL, 0);
	window_expect_printable(&window, "16");
	window_done(&window, c, NULL, 0);
	window_expect_printable(&window, "7");
	cr_expect_eq(window.n_chunks, 0);
	cr_expect_eq(window.n_bytes, 0);
}

Test(window, prints_in_the_order_of_answers_if_unordered)
{
	struct window window;
	struct chunk *a, *b;

	window_fill(&window, true);
	a = window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	b = window_expect(&window, 6, "6\n");
	window_done(&window, b, NULL, 0);
	window_expect_printable(&window, "6");
	window_done(&window, a, NULL, 0);
	window_expect_printable(&window, "1");
	window_fini(&window);
}

Test(window, sends_again_before_all_that_wait)
{
	struct window window;
	struct chunk *a;

	window_fill(&window, false);
	a = window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	window_again(&window, a);
	(void)window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	(void)window_expect(&window, 6, "6\n");
	window_fini(&window);
}

Test(window, splits_off_lines_that_keep_their_place)
{
	struct window window;
	struct chunk *a, *b, *c;

	window_fill(&window, false);
	a = window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	cr_assert_eq(window_split(&window, a, 3), 0);
	cr_assert_eq(window_split(&window, a, 1), 0);
	cr_expect_eq(a->len, 2);
	b = window_expect(&window, 2, "2\n3\n");
	c = window_expect(&window, 4, "4\n5\n");
	(void)window_expect(&window, 6, "6\n");
	window_done(&window, c, NULL, 0);
	window_done(&window, a, NULL, 0);
	window_expect_printable(&window, "1");
	window_done(&window, b, NULL, 0);
	window_expect_printable(&window, "24");
	window_fini(&window);
	cr_expect_eq(window.n_bytes, 0);
}

Test(window, splits_off_all_lines)
{
	struct window window;
	struct chunk *a;

	window_fill(&window, false);
	a = window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	cr_assert_eq(window_split(&window, a, 0), 0);
	window_done(&window, a, NULL, 0);
	window_expect_printable(&window, "1");
	(void)window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	window_fini(&window);
}

Test(window, has_no_room_beyond_its_bytes)
{
	size_t len = 1 << 24;
	char *data = malloc(len);
	struct window window;

	cr_assert_not_null(data);
	memset(data, '\n', len);
	window_init(&window, false);
	cr_assert_eq(window_add(&window, 1, data, len, len), 0);
	cr_expect(window_has_room(&window));
	cr_assert_eq(window_add(&window, 1, data, len, len), 0);
	cr_expect_not(window_has_room(&window));
	window_remove(&window, window_waiting(&window));
	cr_expect(window_has_room(&window));
	window_fini(&window);
	free(data);
}

Test(window, scatters_lines_that_keep_their_place)
{
	struct window window;
	struct chunk *a, *lines[5];
	struct suspect *suspect;
	char text[3] = "?\n";

	window_fill(&window, false);
	a = window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	suspect = window_scatter(&window, a);
	cr_assert_not_null(suspect);
	cr_expect_eq(suspect->n_chunks, 5);
	for (unsigned i = 0; i < 5; i++) {
		text[0] = (char)('1' + i);
		lines[i] = window_expect(&window, i + 1, text);
		cr_expect_eq(lines[i]->suspect, suspect);
	}
	(void)window_expect(&window, 6, "6\n");
	for (unsigned i = 5; i > 0; i--)
		window_done(&window, lines[i - 1], NULL, 0);
	window_expect_printable(&window, "12345");
	window_fini(&window);
	cr_expect_eq(window.n_bytes, 0);
}

Test(window, gives_up_all_that_is_not_answered)
{
	struct window window;
	struct chunk *a, *b;

	window_fill(&window, false);
	a = window_expect(&window, 1, "1\n2\n3\n4\n5\n");
	cr_assert_not_null(window_scatter(&window, a));
	(void)window_expect(&window, 1, "1\n");
	b = window_expect(&window, 2, "2\n");
	window_done(&window, b, NULL, 0);
	window_give_up(&window);
	window_expect_printable(&window, "2");
	cr_expect_null(window_waiting(&window));
	cr_expect_eq(window.n_chunks, 0);
	cr_expect_eq(window.n_bytes, 0);
}
