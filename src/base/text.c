/* SPDX-License-Identifier: ISC */

/*
 * The one filter for text from other processes.
 *
 * libbsd's vis(3) was considered and not used: it asks the locale which
 * characters can be printed, its results are up to four times as long as the
 * text, and its escapes are octal.
 */

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

/* The longest escape is "\xHH". */
enum { TEXT_ESCAPE_MAX = 4 };

static bool
text_is_between(uint8_t byte, uint8_t low, uint8_t high)
{
	return byte >= low && byte <= high;
}

/*
 * How many bytes the character has that begins with this byte of UTF-8, and
 * which second bytes are allowed.  The limits of the second byte exclude what
 * could be written shorter, surrogates, what is beyond U+10FFFF, and the
 * controls U+0080 to U+009F.  0: no character to be shown begins so.
 */
static size_t
text_begin(uint8_t byte, uint8_t *ret_low, uint8_t *ret_high)
{
	*ret_low = byte == 0xc2 || byte == 0xe0 ? 0xa0 :
	    byte == 0xf0 ? 0x90 : 0x80;
	*ret_high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	if (text_is_between(byte, 0x20, 0x7e))
		return 1;
	if (text_is_between(byte, 0xc2, 0xdf))
		return 2;
	if (text_is_between(byte, 0xe0, 0xef))
		return 3;
	return text_is_between(byte, 0xf0, 0xf4) ? 4 : 0;
}

/* The length of the character that bytes begin with; 0: not to be shown. */
static size_t
text_char_len(const uint8_t *bytes, size_t len)
{
	uint8_t low, high;
	size_t n = text_begin(bytes[0], &low, &high);

	if (n > len)
		return 0;
	if (n > 1 && !text_is_between(bytes[1], low, high))
		return 0;
	for (size_t i = 2; i < n; i++)
		if (!text_is_between(bytes[i], 0x80, 0xbf))
			return 0;
	return n;
}

/* keep: further ASCII characters that stay. */
static size_t
text_copy(char *text, size_t size, const uint8_t *bytes, size_t len,
    const char *keep)
{
	size_t at = 0, n;

	while (at < len) {
		n = text_char_len(bytes + at, len - at);
		if (at + (n > 0 ? n : 1) >= size)
			break;
		if (n > 0)
			memmove(text + at, bytes + at, n);
		else if (bytes[at] != '\0' && strchr(keep, bytes[at]) != NULL)
			text[at] = (char)bytes[at];
		else
			text[at] = '?';
		at += n > 0 ? n : 1;
	}
	text[at] = '\0';
	return at;
}

size_t
brood__text_chomp(const void *bytes, size_t len)
{
	return len > 0 && ((const char *)bytes)[len - 1] == '\n' ? len - 1 :
	    len;
}

void
brood__text_clean(char *text)
{
	size_t len = strlen(text);

	(void)brood__text_copy(text, len + 1, text, len);
}

size_t
brood__text_copy(char *text, size_t size, const void *bytes, size_t len)
{
	return text_copy(text, size, bytes, len, "");
}

size_t
brood__text_copy_lines(char *text, size_t size, const void *bytes, size_t len)
{
	return text_copy(text, size, bytes, len, "\n\t");
}

static size_t
text_escape_byte(char text[TEXT_ESCAPE_MAX + 1], uint8_t byte)
{
	const size_t size = TEXT_ESCAPE_MAX + 1;

	if (byte == '"' || byte == '\\')
		return (size_t)snprintf(text, size, "\\%c", byte);
	if (text_is_between(byte, 0x20, 0x7e))
		return (size_t)snprintf(text, size, "%c", byte);
	if (text_is_between(byte, '\a', '\r'))
		return (size_t)snprintf(text, size, "\\%c",
		    "abtnvfr"[byte - '\a']);
	return (size_t)snprintf(text, size, "\\x%02x", byte);
}

size_t
brood__text_escape(FILE *out, const uint8_t *bytes, size_t len, size_t width)
{
	char text[TEXT_ESCAPE_MAX + 1];
	size_t column = 0, i;

	for (i = 0; i < len; i++) {
		column += text_escape_byte(text, bytes[i]);
		if (width != 0 && column > width)
			break;
		fputs(text, out);
	}
	return i;
}
