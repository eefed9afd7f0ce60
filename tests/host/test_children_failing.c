/* SPDX-License-Identifier: ISC */

/*
 * Supervised children that fail or have ended for good: when they are given up,
 * how they are started again, and what the functions that wait say of it.
 */

#include <brood.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/children.h"

BROOD_SUITE(children_failing);

Test(children_failing, child_that_has_ended_for_good_is_started_again_on_request)
{
	struct brood_child_spec specs[] = {
	    { .name = "a", .fn = testchild_main },
	    { .name = "b", .fn = testchild_main, .restart = BROOD_TEMPORARY },
	};
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2 });
	await(sup, BROOD_EVENT_READY, "b");
	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_EXIT, 0));
	await(sup, BROOD_EVENT_ENDED, "b");
	cr_assert_eq(brood_supervisor_wait_ready(sup, 0), -ESHUTDOWN);
	cr_assert_eq(brood_supervisor_restart(sup, "b"), 0);
	cr_assert_eq(brood_supervisor_restart(sup, "b"), -EALREADY);
	await(sup, BROOD_EVENT_READY, "b");
	cr_assert_eq(event.event.generation, 2);
	cr_assert_eq(brood_supervisor_wait_ready(sup, 0), 0);
	cr_assert_eq(brood_supervisor_restart(sup, "c"), -ENOENT);
	cr_assert_eq(brood_supervisor_stop(sup), 0);
	cr_assert_eq(brood_supervisor_restart(sup, "b"), -ESHUTDOWN);
	brood_supervisor_free(sup);
}

/* It has no request to wait for: the fourth run stays, by the memory shared. */
static int
die_three_times(struct brood_channel *channel, void *arg)
{
	if (++*(_Atomic int *)arg <= 3)
		return 1;
	return testchild_main(channel, NULL);
}

Test(children_failing, child_that_was_given_up_is_started_again_on_request)
{
	_Atomic int *n_runs = mmap(NULL, sizeof(*n_runs),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct brood_child_spec spec = {
	    .name = "a", .fn = die_three_times };
	struct brood_supervisor *sup;
	struct testchild_who who;

	cr_assert_neq(n_runs, MAP_FAILED);
	memcpy(&spec.arg, &n_runs, sizeof(spec.arg));
	sup = start((struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1, .intensity = 2 });
	await(sup, BROOD_EVENT_GIVEN_UP, "a");
	cr_assert_eq(*n_runs, 3);
	await(sup, BROOD_EVENT_BROKEN, NULL);
	cr_assert_eq(brood_supervisor_wait(sup, -1), -ESHUTDOWN);
	cr_assert_eq(brood_supervisor_restart(sup, "a"), 0);
	cr_assert_eq(brood_supervisor_wait_ready(sup, TESTCHILD_PATIENCE), 0);
	cr_assert(testchild_who(sup, "a", &who));
	cr_assert_eq(*n_runs, 4);
	/* BROKEN was no last word: what comes later is told. */
	cr_assert(testchild_tell_byte(sup, "a", TESTCHILD_EXIT, 1));
	await(sup, BROOD_EVENT_ENDED, "a");
	cr_assert_eq(event.event.delay_ms, 100);
	brood_supervisor_free(sup);
	(void)munmap(n_runs, sizeof(*n_runs));
}

static int
die_at_once(struct brood_channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return 1;
}

Test(children_failing, no_failure_is_allowed_with_intensity_none)
{
	struct brood_child_spec spec = { .name = "a", .fn = die_at_once };
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1, .intensity = -1 });
	await(sup, BROOD_EVENT_ENDED, "a");
	cr_assert_eq(event.event.delay_ms, -1);
	await(sup, BROOD_EVENT_GIVEN_UP, "a");
	brood_supervisor_free(sup);
}

/* The stop may come when the child waits to be started, and has no process. */
Test(children_failing, stop_just_after_a_restart_ends_all_the_same)
{
	struct brood_child_spec spec = { .name = "a", .fn = die_at_once };
	struct brood_supervisor *sup;
	int r;

	for (int i = 0; i < 20; i++) {
		sup = start((struct brood_supervisor_options){
		    .children = &spec, .n_children = 1, .intensity = -1 });
		await(sup, BROOD_EVENT_GIVEN_UP, "a");
		cr_assert_eq(brood_supervisor_restart(sup, "a"), 0);
		cr_assert_eq(brood_supervisor_stop(sup), 0);
		do {
			r = brood_supervisor_wait(sup, TESTCHILD_PATIENCE);
			while (brood_supervisor_next_event(sup,
			    &event.event) == 1)
				continue;
		} while (r == 1);
		cr_assert_eq(r, -ESHUTDOWN, "it does not end: %d", r);
		brood_supervisor_free(sup);
	}
}

Test(children_failing, wait_ready_waits_for_all_and_says_if_that_cannot_be)
{
	const char *missing[] = { "/no/such/program", NULL };
	struct brood_child_spec specs[] = {
	    { .name = "a", .fn = testchild_main },
	    { .name = "b", .fn = testchild_main },
	};
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2 });
	cr_assert_eq(brood_supervisor_wait_ready(sup, TESTCHILD_PATIENCE), 0);
	cr_assert_not_null(brood_supervisor_channel(sup, "a"));
	cr_assert_not_null(brood_supervisor_channel(sup, "b"));
	brood_supervisor_free(sup);

	specs[1] = (struct brood_child_spec){ .name = "b", .argv = missing };
	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2, .intensity = -1 });
	cr_assert_eq(brood_supervisor_wait_ready(sup, TESTCHILD_PATIENCE),
	    -ESHUTDOWN);
	await(sup, BROOD_EVENT_GIVEN_UP, "b");
	brood_supervisor_free(sup);
}

/* One event at a time is read, and each wait tells of the others. */
Test(children_failing, wait_tells_of_each_event_that_is_left)
{
	struct pollfd pfd = { .events = POLLIN };
	struct brood_supervisor *sup;
	struct brood_event next;
	static const struct brood_child_spec specs[] = {
	    { .name = "a", .fn = testchild_main },
	    { .name = "b", .fn = testchild_main },
	};

	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2 });
	cr_assert_eq(brood_supervisor_wait_ready(sup, TESTCHILD_PATIENCE), 0);
	/* What came during that wait shows at the descriptor. */
	pfd.fd = brood_supervisor_fd(sup);
	cr_assert(pfd.fd < 0 || poll(&pfd, 1, 0) == 1);
	cr_assert_eq(brood_supervisor_wait(sup, -1), 1);
	cr_assert_eq(brood_supervisor_next_event(sup, &next), 1);
	cr_assert_eq(brood_supervisor_wait(sup, -1), 1);
	cr_assert_eq(brood_supervisor_next_event(sup, &next), 1);
	cr_assert_eq(brood_supervisor_wait(sup, 0), 0);
	brood_supervisor_free(sup);
}

Test(children_failing, child_that_fails_too_often_is_given_up_and_others_run_on)
{
	struct brood_child_spec specs[] = {
	    { .name = "good", .fn = testchild_main },
	    { .name = "bad", .fn = die_at_once },
	};
	struct brood_supervisor *sup;
	int n_ended = 0, n_ready = 0;
	struct testchild_who who;

	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2, .intensity = 2 });
	do {
		cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
		cr_assert_neq(event.event.kind, BROOD_EVENT_BROKEN);
		if (strcmp(event.name, "bad") != 0)
			continue;
		n_ready += event.event.kind == BROOD_EVENT_READY;
		n_ended += event.event.kind == BROOD_EVENT_ENDED;
	} while (event.event.kind != BROOD_EVENT_GIVEN_UP);
	cr_assert_str_eq(event.name, "bad");
	cr_assert_eq(n_ready, 3);
	cr_assert_eq(n_ended, 3);
	cr_assert_null(brood_supervisor_channel(sup, "bad"));
	cr_assert(testchild_who(sup, "good", &who));
	brood_supervisor_free(sup);
}

static int
fail_setup(void *arg)
{
	(void)arg;
	return -EACCES;
}

static void
expect_setup_failed(struct brood_supervisor *sup)
{
	cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
	cr_assert_eq(event.event.kind, BROOD_EVENT_NOT_STARTED);
	cr_assert_str_eq(event.name, "a");
	cr_assert_str_eq(event.step, "setup");
	cr_assert_eq(event.event.error, EACCES);
	cr_assert_gt(strlen(event.text), 0);
}

Test(children_failing, failed_setup_is_reported_retried_and_in_the_end_breaks)
{
	struct brood_child_spec spec = { .name = "a", .fn = testchild_main,
	    .setup = fail_setup };
	struct brood_supervisor *sup;

	sup = start((struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1, .intensity = 1 });
	expect_setup_failed(sup);
	cr_assert_geq(event.event.delay_ms, 0);
	expect_setup_failed(sup);
	cr_assert_eq(event.event.delay_ms, -1);
	cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
	cr_assert_eq(event.event.kind, BROOD_EVENT_GIVEN_UP);
	cr_assert(testchild_next(sup, TESTCHILD_PATIENCE, &event));
	cr_assert_eq(event.event.kind, BROOD_EVENT_BROKEN);
	cr_assert_null(brood_supervisor_channel(sup, "a"));
	brood_supervisor_free(sup);
}
