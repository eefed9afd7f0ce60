/* SPDX-License-Identifier: ISC */

/*
 * See escape.h.  Judges bytes alone, whatever the locale: the same input is
 * the same output in a log, in a test and on a terminal.
 */

#include "command/escape.h"

#include <stdbool.h>
#include <string.h>

/* "\xHH" at most. */
enum { ESCAPE_MAX = 4 };

static size_t
escape_byte(char text[ESCAPE_MAX + 1], uint8_t byte)
{
	if (byte == '"' || byte == '\\')
		return (size_t)snprintf(text, ESCAPE_MAX + 1, "\\%c", byte);
	if (byte >= 0x20 && byte < 0x7f)
		return (size_t)snprintf(text, ESCAPE_MAX + 1, "%c", byte);
	if (byte >= '\a' && byte <= '\r')
		return (size_t)snprintf(text, ESCAPE_MAX + 1, "\\%c",
		    "abtnvfr"[byte - '\a']);
	return (size_t)snprintf(text, ESCAPE_MAX + 1, "\\x%02x", byte);
}

size_t
escape_bytes(FILE *out, const uint8_t *bytes, size_t len, size_t width)
{
	char text[ESCAPE_MAX + 1];
	size_t column = 0, i;

	for (i = 0; i < len; i++) {
		column += escape_byte(text, bytes[i]);
		if (width != 0 && column > width)
			break;
		fputs(text, out);
	}
	return i;
}

static bool
escape_is_tail(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the character that text begins with; 0: not to be seen. */
static size_t
escape_char_len(const unsigned char *text)
{
	size_t len = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 :
	    text[0] < 0xf0 ? 3 : 4;

	if (text[0] < 0x20 || text[0] == 0x7f)
		return 0;
	if (text[0] >= 0x80 && (text[0] < 0xc2 || text[0] > 0xf4))
		return 0;
	if (text[0] == 0xc2 && text[1] < 0xa0)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (!escape_is_tail(text[i]))
			return 0;
	return len;
}

void
escape_text(char *text)
{
	size_t len;

	while (*text != '\0') {
		len = escape_char_len((unsigned char *)text);
		if (len == 0) {
			*text = '?';
			len = 1;
		}
		text += len;
	}
}
