/* SPDX-License-Identifier: ISC */
#ifndef BROOD__HALT_H
#define BROOD__HALT_H

/*
 * --halt: when so much has failed that the rest is not tried.
 */

#include <stdbool.h>
#include <stdint.h>

enum {
	HALT_DEFAULT_PERCENT = 10,
	HALT_MIN_LINES = 20,	/* with a percentage: failed lines, at least */
	HALT_MIN_REQUESTS = 3,	/* the same for requests */
};

struct halt {
	bool		 is_given;	/* by the user */
	bool		 is_percent;
	unsigned	 limit;		/* 0: never */
	uint64_t	 n_requests;	/* of several lines, answered */
	uint64_t	 n_suspect;	/* of those, failed, though each line
					   alone is done */
};

/* As option_spec.set: N or N%. */
const char *
	halt_parse(void *arg, const char *value);

/* Have so many lines failed? */
bool	halt_is_due(const struct halt *halt, uint64_t n_failed,
	    uint64_t n_lines);

/* Count a request that failed without its lines.  Is it one too many? */
bool	halt_suspect(struct halt *halt, bool is_proof);

#endif
