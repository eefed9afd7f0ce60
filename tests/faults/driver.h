/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FAULTS_DRIVER_H
#define BROOD_TESTS_FAULTS_DRIVER_H

/*
 * Which cases there are, and running them: driver.c; one of them: case.c.
 */

#include "faults/scenario.h"

struct fault_case {
	unsigned scenario;
	struct fault faults[2];
	const struct fault_rest *rests;	/* to compare with; NULL: to be made */
};

struct fault_options {
	uint64_t seed;
	unsigned n_lanes;
	bool is_whole, is_listed;
};

/* Run a case in a process of its own.  False: it has failed; that was said. */
bool	fault_case_run(const struct fault_case *one);

void	fault_case_print(FILE *out, const struct fault_case *one);

/* The exit status. */
int	fault_run_all(const struct fault_options *options);

#endif
