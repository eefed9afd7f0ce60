/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CASES_H
#define BROOD__CASES_H

/*
 * What is asked of a worker, one claim each.  A case gets a program that was
 * just started, and leaves it to be stopped by the caller.
 */

#include "command/conformance/target.h"

enum verdict {
	CASE_NOT_OK = 0,	/* subject's why says what went wrong */
	CASE_OK = 1,
	CASE_SKIPPED,		/* why says what it would need */
};

struct conformance_case {
	const char *claim;
	enum verdict (*run)(struct subject *s, uint32_t argument);
	uint32_t argument;
	bool is_kept;		/* the program's end stays open here */
};

extern const struct conformance_case conformance_cases[];
extern const size_t n_conformance_cases;

#endif
