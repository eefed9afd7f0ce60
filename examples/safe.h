/* SPDX-License-Identifier: ISC */
#ifndef SAFE_H
#define SAFE_H

/*
 * Bytes from an unknown sender, made safe to print: a control character, which
 * could be a command to the terminal, is written as \n, ^[ and so on.  This
 * file uses nothing of brood.
 */

#define LIBBSD_OPENBSD_VIS	/* libbsd has OpenBSD's and NetBSD's vis(3) */

#include <stddef.h>
#include <vis.h>

#define SAFE_BYTES	64

struct safe {
	char	 text[4 * SAFE_BYTES + 1];
};

/* Convert at most SAFE_BYTES bytes.  LC_CTYPE decides what is a letter. */
static inline struct safe
safe(const char *data, size_t len)
{
	struct safe safe;

	(void)strvisx(safe.text, data, len < SAFE_BYTES ? len : SAFE_BYTES,
	    VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_NOSLASH);
	return safe;
}

#endif
