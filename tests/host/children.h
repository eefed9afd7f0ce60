/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_CHILDREN_H
#define BROOD_TESTS_CHILDREN_H

/*
 * What the suites of supervised children begin with.  These functions assert,
 * so they are for the test's own process only.
 */

#include "support/support.h"
#include "support/testchild.h"

#include <criterion/criterion.h>

#define N_OF(array)	(sizeof(array) / sizeof((array)[0]))

static struct testchild_event event;	/* the last that was read */

static inline struct brood_supervisor *
start(struct brood_supervisor_options options)
{
	struct brood_supervisor *sup;
	int r;

	if (options.stderr_fd == 0)
		options.stderr_fd = -1;
	r = brood_supervisor_new(&sup, &options, NULL);
	cr_assert_eq(r, 0, "brood_supervisor_new: %d", r);
	return sup;
}

static inline void
await(struct brood_supervisor *sup, enum brood_event_kind kind,
    const char *name)
{
	cr_assert(testchild_await(sup, kind, name, &event),
	    "event %u of %s never came", kind, name ? name : "any");
}

static struct brood_child_spec ab[2] = {
    { .name = "a", .fn = testchild_main },
    { .name = "b", .fn = testchild_main },
};

/* Start both, and wait until they are ready. */
static inline struct brood_supervisor *
start_ab(void)
{
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = ab,
	    .n_children = 2 });
	await(sup, BROOD_EVENT_READY, "b");
	return sup;
}

#endif
