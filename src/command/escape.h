/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ESCAPE_H
#define BROOD__ESCAPE_H

/*
 * What others sent, made fit for a terminal and for one line of output: no
 * byte of it moves a cursor, sets a colour or begins a line of its own.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Any bytes, as in a string of C: ASCII stands as it is, the rest as \n, \"
 * or \xHH.  Stops before the column `width` is passed (0: never) and gives the
 * number of bytes that were written.
 */
size_t	escape_bytes(FILE *out, const uint8_t *bytes, size_t len,
	    size_t width);

/*
 * A text in UTF-8: letters of all languages stand as they are, a control
 * character of ASCII or of ISO 6429 (U+0080 to U+009F) becomes '?', and so
 * does each byte that is not UTF-8.  Works in place.
 */
void	escape_text(char *text);

#endif
