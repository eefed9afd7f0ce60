/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REASONS_H
#define BROOD__REASONS_H

/*
 * What is told about single lines.  Each of the first reasons is printed for the
 * first line that has it; how many more lines had it is printed at the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REASONS_MAX = 64,	/* that are remembered, and told; lines with
				   other reasons are counted together */
	REASONS_LINES = 8,	/* numbers that are printed at the end */
};

struct reason {
	char		 text[256];
	uint64_t	 first;		/* the line that was told */
	uint64_t	 n_more;	/* lines that were not ... */
	uint64_t	 more[REASONS_LINES];	/* ... and the
					   lowest numbers of them */
};

struct reasons {
	struct reason	 table[REASONS_MAX];
	size_t		 n;
	struct reason	 others;	/* counts lines with further reasons */
};

/* Count a line.  True: it is to be told, the caller prints it. */
bool	reasons_add(struct reasons *reasons, uint64_t number,
	    const char *text);

/* Print what was not told. */
void	reasons_end(const struct reasons *reasons);

#endif
