/* SPDX-License-Identifier: ISC */
#ifndef BROOD__TEXT_H
#define BROOD__TEXT_H

/*
 * Text from other processes, made fit to be printed.  After brood__text_clean()
 * and the functions below it no byte moves a cursor, sets a colour, ends a
 * string early or begins a line of its own.
 *
 * "Clean" text is UTF-8.  Letters of all languages stay.  A control character
 * of ASCII (NUL included) or of ISO 6429 (U+0080 to U+009F) becomes one '?' per
 * byte, and so does each byte that belongs to no character of UTF-8.  Nothing
 * here depends on the locale.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The length without one newline at the end, with which many programs end what
 * they say: as text of one line it would become a '?'.
 */
size_t	brood__text_chomp(const void *bytes, size_t len);

/* Clean a string in place. */
void	brood__text_clean(char *text);

/*
 * Copy len bytes, clean, into text, which has room for size bytes, and end them
 * with a NUL.  What does not fit is cut off between two characters.  text and
 * bytes may be the same memory.  Gives the length of the copy.
 */
size_t	brood__text_copy(char *text, size_t size, const void *bytes,
	    size_t len);

/* The same for text of several lines: '\n' and '\t' stay. */
size_t	brood__text_copy_lines(char *text, size_t size, const void *bytes,
	    size_t len);

/*
 * Write any bytes as they would stand in a string of C.  Printable ASCII stays;
 * other bytes become \n, \" or \xHH.  Stops before the column `width` is passed
 * (0: never).  Gives the number of bytes that were written.
 */
size_t	brood__text_escape(FILE *out, const uint8_t *bytes, size_t len,
	    size_t width);

#endif
