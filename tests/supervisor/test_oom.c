/* SPDX-License-Identifier: ISC */
/*
 * The kernel's count of processes that it has killed for lack of memory.
 */

#include "supervisor/oom.h"

#include "support/support.h"

BROOD_SUITE(oom);

Test(oom, count_is_found_by_its_whole_name)
{
	cr_expect_eq(brood__oom_parse("pgfault 17\noom_kill 42\nx 1\n"), 42u);
	cr_expect_eq(brood__oom_parse("x 1\nnot_oom_kill 42\n"), 0u);
	cr_expect_eq(brood__oom_parse("x 1\noom_kill_disable 42\n"), 0u);
	cr_expect_eq(brood__oom_parse("oom_killer 3\n"), 0u);
	cr_expect_eq(brood__oom_parse(""), 0u);
}

Test(oom, count_that_does_not_grow_is_no_kill)
{
	struct brood__oom oom = { .n_killed = UINT64_MAX };

	cr_expect_not(brood__oom_has_killed(&oom));
	brood__oom_init(&oom);
	/* Another process of the machine may be killed just now, not twice. */
	cr_expect(!brood__oom_has_killed(&oom) || !brood__oom_has_killed(&oom));
}
