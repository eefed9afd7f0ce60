/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CASES_H
#define BROOD__CASES_H

/*
 * What a worker has to do, one claim per case.
 *
 * Before run is called, HELLO was exchanged with a program that was just
 * started.  run is true if the claim holds, and also if the case cannot be
 * tried with this program; then target->skipped says why.  NULL: the exchange
 * of HELLO is all.  The caller stops the program.
 */

#include "command/conformance/target.h"

struct conformance_case {
	const char *claim;
	bool (*run)(struct target *target, const struct conformance_case *c);

	/* What run reads. */
	uint32_t n;		/* bytes, requests or descriptors */
	struct brood__frame frame;	/* one that no host may send ... */
	uint8_t reserved;	/* ... and its reserved byte */

	/* What the caller does before run. */
	const char *magic;	/* of this side's HELLO; NULL: "BROD" */
	uint16_t version;	/* of this side's HELLO; 0: BROOD__VERSION */
	bool is_kept;		/* see target_start() */
};

extern const struct conformance_case conformance_cases[];
extern const size_t n_conformance_cases;

#endif
