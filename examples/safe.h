/* SPDX-License-Identifier: ISC */
#ifndef SAFE_H
#define SAFE_H

/*
 * A stranger's bytes, fit to be printed: what could be an order to a terminal
 * is written as \n, ^[ and so on.  Knows nothing of brood.
 */

#define LIBBSD_OPENBSD_VIS	/* of two vis(3) that differ elsewhere */

#include <stddef.h>
#include <vis.h>

#define SAFE_BYTES	64

struct safe {
	char	 text[4 * SAFE_BYTES + 1];
};

/* Up to SAFE_BYTES bytes; the locale (LC_CTYPE) says which are letters. */
static inline struct safe
safe(const char *data, size_t len)
{
	struct safe safe;

	(void)strvisx(safe.text, data, len < SAFE_BYTES ? len : SAFE_BYTES,
	    VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_NOSLASH);
	return safe;
}

#endif
