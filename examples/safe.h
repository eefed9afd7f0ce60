/* SPDX-License-Identifier: ISC */
#ifndef SAFE_H
#define SAFE_H

/*
 * Bytes from an unknown sender, made safe to print: a control character, which
 * could be a command to the terminal, is written as \n, ^[ or \233.  This file
 * uses nothing of brood.
 */

#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#define SAFE_BYTES	64

struct safe {
	char	 text[4 * SAFE_BYTES + 1];
};

/* Write one byte that is no part of a letter. */
static inline size_t
safe_byte(char *at, unsigned char c)
{
	if (c == '\n')
		return (size_t)sprintf(at, "\\n");
	if (c < 0x20 || c == 0x7f)
		return (size_t)sprintf(at, "^%c", c ^ 0x40);
	return (size_t)sprintf(at, "\\%03o", c);
}

/* Convert at most SAFE_BYTES bytes.  LC_CTYPE decides what is a letter. */
static inline struct safe
safe(const char *data, size_t len)
{
	mbstate_t state = { 0 };
	struct safe safe;
	size_t out = 0, n;
	wchar_t letter;

	if (len > SAFE_BYTES)
		len = SAFE_BYTES;
	for (size_t i = 0; i < len; i += n) {
		n = mbrtowc(&letter, data + i, len - i, &state);
		if (n > 0 && n <= len - i && iswprint((wint_t)letter)) {
			memcpy(safe.text + out, data + i, n);
			out += n;
		} else {
			memset(&state, 0, sizeof(state));
			n = 1;
			out += safe_byte(safe.text + out,
			    (unsigned char)data[i]);
		}
	}
	safe.text[out] = '\0';
	return safe;
}

#endif
