/* SPDX-License-Identifier: ISC */

/*
 * Claims about the filter for text from other processes: what stays, what
 * becomes '?', and that no length or NUL leads it astray.
 */

#include "base/text.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

BROOD_SUITE(text);

static void
expect_clean(const char *text, const char *want)
{
	char copy[64];

	(void)snprintf(copy, sizeof(copy), "%s", text);
	brood__text_clean(copy);
	cr_expect_str_eq(copy, want, "\"%s\" is not \"%s\"", copy, want);
}

Test(text, letters_of_all_languages_stay)
{
	static const char *const texts[] = {
		"", "plain ASCII ~!", "caf\xc3\xa9", "\xc2\xa0", "\xdf\xbf",
		"\xe0\xa0\x80", "\xe6\x97\xa5\xe6\x9c\xac", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbd", "\xf0\x90\x80\x80",
		"\xf0\x9f\x90\xa3", "\xf4\x8f\xbf\xbf",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_clean(texts[i], texts[i]);
}

Test(text, controls_become_question_marks)
{
	expect_clean("a\x1b[31mb\r\n\t\x7f", "a?[31mb????");
	/* U+0080 and U+009F, which begins a command for some terminals. */
	expect_clean("a\xc2\x80\xc2\x9f", "a????");
}

Test(text, bytes_that_are_no_utf_8_become_question_marks)
{
	expect_clean("\x80\xbf", "??");			/* no beginning */
	expect_clean("\xc3", "?");			/* no end */
	expect_clean("\xc3(", "?(");
	expect_clean("\xe2\x82", "??");
	expect_clean("\xe2\x82z", "??z");
	expect_clean("\xf0\x9f\x90", "???");
	expect_clean("\xc0\xaf\xc1\xbf", "????");	/* too long a form */
	expect_clean("\xe0\x9f\xbf", "???");
	expect_clean("\xf0\x8f\xbf\xbf", "????");
	expect_clean("\xed\xa0\x80", "???");		/* a surrogate */
	expect_clean("\xf4\x90\x80\x80", "????");	/* over U+10FFFF */
	expect_clean("\xf5\xff", "??");
}

Test(text, a_copy_goes_on_behind_a_nul)
{
	char text[16];

	cr_assert_eq(brood__text_copy(text, sizeof(text), "a\0b\nc\0", 6), 6);
	cr_assert_str_eq(text, "a?b?c?");
	cr_assert_eq(brood__text_copy_lines(text, sizeof(text),
	    "a\0\n\tc\r", 6), 6);
	cr_assert_str_eq(text, "a?\n\tc?");
}

Test(text, a_copy_is_cut_between_two_characters)
{
	static const char three[] = "\xe6\x97\xa5\xe6\x9c\xac!";
	static const size_t want[] = { 0, 0, 0, 3, 3, 3, 6, 7, 7 };
	char text[10];

	for (size_t size = 1; size < 10; size++) {
		memset(text, 'X', sizeof(text));
		cr_expect_eq(brood__text_copy(text, size, three, 7),
		    want[size - 1], "size %zu", size);
		cr_expect_eq(strlen(text), want[size - 1], "size %zu", size);
		cr_expect(memchr(text + size, '\0', sizeof(text) - size) ==
		    NULL, "size %zu: it wrote too far", size);
	}
}

Test(text, a_copy_reads_no_byte_behind_the_last)
{
	/* malloc: for the sanitizers, and the memory checker. */
	char *bytes = malloc(2), text[8];

	cr_assert_not_null(bytes);
	memcpy(bytes, "a\xe6", 2);
	cr_assert_eq(brood__text_copy(text, sizeof(text), bytes, 2), 2);
	cr_assert_str_eq(text, "a?");
	cr_assert_eq(brood__text_copy(text, sizeof(text), bytes, 0), 0);
	cr_assert_str_eq(text, "");
	free(bytes);
}

static void
expect_escaped(const char *bytes, size_t len, size_t width, const char *want,
    size_t want_n)
{
	char *text = NULL;
	size_t size, n;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	n = brood__text_escape(out, (const uint8_t *)bytes, len, width);
	fclose(out);
	cr_expect_str_eq(text, want);
	cr_expect_eq(n, want_n, "%s: %zu bytes", want, n);
	free(text);
}

Test(text, escaped_bytes_stand_as_in_a_string_of_c)
{
	expect_escaped("a\"\\\n\t\0\x7f\xc3\xa9", 9, 0,
	    "a\\\"\\\\\\n\\t\\x00\\x7f\\xc3\\xa9", 9);
	expect_escaped("", 0, 0, "", 0);
}

Test(text, no_escape_is_cut_by_the_width)
{
	expect_escaped("ab\ncd", 5, 3, "ab", 2);
	expect_escaped("ab\ncd", 5, 4, "ab\\n", 3);
	expect_escaped("ab\ncd", 5, 6, "ab\\ncd", 5);
}

Test(text, chomp_drops_one_newline_at_the_end)
{
	cr_expect_eq(brood__text_chomp("a\nb\n", 4), 3);
	cr_expect_eq(brood__text_chomp("a\n\n", 3), 2);
	cr_expect_eq(brood__text_chomp("a\r", 2), 2);
	cr_expect_eq(brood__text_chomp("\n", 1), 0);
	cr_expect_eq(brood__text_chomp(NULL, 0), 0);
}
