/* SPDX-License-Identifier: ISC */

/*
 * Supervised children that are confined.
 */

#include "support/confined.h"

#include "host/children.h"

#include <string.h>

BROOD_SUITE(children_confine);

static void
check_pair(unsigned level)
{
	const struct brood_confine confine = { .level = level };
	const struct brood_link link = { .a = "a", .b = "b" };
	struct brood_child_spec specs[2];
	struct brood_supervisor *sup;
	struct brood_message reply;
	struct testchild_who a, b;

	confined_needs(level);
	memcpy(specs, ab, sizeof(specs));
	specs[0].options.confine = specs[1].options.confine = &confine;
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2, .links = &link, .n_links = 1 });
	await(sup, BROOD_EVENT_READY, "a");
	cr_assert(event.event.level == level);
	await(sup, BROOD_EVENT_READY, "b");
	cr_assert(event.event.level == level);
	cr_assert(testchild_ask(sup, "a", TESTCHILD_ECHO, "hello", 5, &reply));
	cr_assert(reply.len == 5 && memcmp(reply.data, "hello", 5) == 0);
	cr_assert(testchild_who(sup, "b", &b));
	cr_assert(testchild_link(sup, "a", b.pid, &a));
	cr_assert(a.peer == b.pid);
	cr_assert(brood_supervisor_free(sup) == NULL);
}

Test(children_confine, siblings_of_level_1_talk_to_each_other)
{
	check_pair(BROOD_CONFINE_FILES);
}

Test(children_confine, siblings_of_level_2_talk_to_each_other)
{
	check_pair(BROOD_CONFINE_CALLS);
}

Test(children_confine, child_that_cannot_be_confined_is_not_started)
{
	static const char *const paths[] = { "/no/such/path", NULL };
	const struct brood_confine confine = { .level = 1, .ro = paths };
	struct brood_child_spec spec = ab[0];
	struct brood_supervisor *sup;

	confined_needs_landlock();
	spec.options.confine = &confine;
	sup = start((struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1 });
	await(sup, BROOD_EVENT_NOT_STARTED, "a");
	cr_assert_str_eq(event.step, "landlock");
	cr_assert(strstr(event.text, "/no/such/path") != NULL);
	cr_assert(brood_supervisor_free(sup) == NULL);
}
