/* SPDX-License-Identifier: ISC */
#ifndef QUOTE_H
#define QUOTE_H

/*
 * A file name as GNU wc prints it in a message in the C locale: quoted, if a
 * shell would need that.  This file uses nothing of brood.
 *
 *	1. A name of plain characters only is printed as it is.
 *	2. A name of plain characters, spaces and apostrophes is printed between
 *	   double quotes: "it's".
 *	3. Any other name is printed between single quotes.  In it, an
 *	   apostrophe becomes '\'', and unprintable bytes become '$'\n\001''.
 *
 * (For a name with both apostrophes and unprintable bytes, wc sometimes prints
 * something else, which looks like a fault.  This file does not do the same.)
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define QUOTE_PLAIN							\
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"		\
	"0123456789%+,-./@]_"

static inline int
quote_is_plain(const char *name)
{
	if (strchr("#~", name[0]) != NULL)	/* true if name is "", too */
		return 0;
	if (strcmp(name, "{") == 0 || strcmp(name, "}") == 0)
		return 0;
	return name[strspn(name, QUOTE_PLAIN "#~{}")] == '\0';
}

static inline int
quote_is_mild(const char *name)
{
	if (*name == '#' || *name == '~')
		name++;
	return name[strspn(name, QUOTE_PLAIN " :'")] == '\0';
}

static inline void
quote_byte(FILE *out, unsigned char c)
{
	const char *letters = "abtnvfr";	/* \a is 7, \b is 8, ... */

	if (c >= '\a' && c <= '\r')
		fprintf(out, "\\%c", letters[c - '\a']);
	else
		fprintf(out, "\\%03o", c);
}

/* Print the name, quoted if need be. */
static inline void
quote(FILE *out, const char *name)
{
	int is_escape = 0;	/* the last byte was unprintable */

	if (quote_is_plain(name)) {
		fputs(name, out);
		return;
	}
	if (strchr(name, '\'') != NULL && quote_is_mild(name)) {
		fprintf(out, "\"%s\"", name);
		return;
	}
	fputc('\'', out);
	for (; *name != '\0'; name++) {
		if (!isprint((unsigned char)*name)) {
			fputs(is_escape ? "" : "'$'", out);
			quote_byte(out, (unsigned char)*name);
			is_escape = 1;
			continue;
		}
		fputs(is_escape ? "''" : "", out);
		is_escape = 0;
		if (*name == '\'')
			fputs("'\\''", out);
		else
			fputc(*name, out);
	}
	fputc('\'', out);
}

#endif
