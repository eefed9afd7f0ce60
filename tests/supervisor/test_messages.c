/* SPDX-License-Identifier: ISC */

/*
 * Claims about what the supervisor process answers to which command.  The test
 * is the host: it forks a supervisor, writes commands to it and reads notices.
 *
 * The children's setup tells the test that it has begun, by a byte in a pipe,
 * and waits at a gate for a byte of the test's: 'g' lets it go on, 'f' makes it
 * fail.  A child that goes on waits for the end of its channel.
 *
 * The program is linked with --wrap: a test decides when the supervisor process
 * has no memory.  That process then says in the same pipe each time it asks for
 * some, and can be waited for.
 */

#include "supervisor/messages_fixture.h"

BROOD_SUITE(messages);

/* Offers */

Test(messages, later_makes_the_same_process_be_offered_again)
{
	struct brood__notice first, second;
	struct fixture fix;

	start(&fix, NULL, 0);
	fill(&fix, 0, 7);
	first = expect(&fix, BROOD__NOTICE_READY, 0);
	cr_assert_eq(first.revision, 7);
	for (int i = 0; i < 3; i++) {
		answer(&fix, &first, BROOD__COMMAND_LATER);
		second = expect(&fix, BROOD__NOTICE_READY, 0);
		cr_assert_eq(second.pid, first.pid);
		cr_assert_eq(second.generation, 1);
	}
	answer(&fix, &second, BROOD__COMMAND_ADOPTED);
	expect_silence(&fix);
	finish(&fix);
}

Test(messages, process_that_ends_before_adoption_is_not_offered_again)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 5);
	fill(&fix, 0, 1);
	ready = expect(&fix, BROOD__NOTICE_READY, 0);
	answer(&fix, &ready, BROOD__COMMAND_LATER);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_eq(ended.generation, 1);
	ready = expect(&fix, BROOD__NOTICE_READY, 0);
	cr_assert_eq(ready.generation, 2);
	finish(&fix);
}

Test(messages, ready_needs_no_descriptor_of_the_supervisor)
{
	struct rlimit few = { .rlim_cur = 3, .rlim_max = 3 }, before;
	struct fixture fix;

	start(&fix, setup_at_gate, 0);
	fill(&fix, 0, 1);
	await_told(&fix, SETUP, 1);
	/* With this limit poll(2) would refuse to wait for so many. */
	cr_assert(support_wait_asleep(fix.pid));
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, NULL, &before), 0);
	few.rlim_max = before.rlim_max;
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, &few, NULL), 0);
	open_gate(&fix, 'g');
	(void)adopt(&fix, 0);
	finish(&fix);
}

/* Stopping */

Test(messages, slot_that_waits_says_that_it_was_emptied)
{
	struct brood__notice notice;
	struct fixture fix;

	start(&fix, setup_at_gate, 5);
	fill(&fix, 0, 1);
	open_gate(&fix, 'f');
	notice = expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	cr_assert_eq(notice.delay_ms, 100);
	say(&fix, (struct brood__command) { .kind = BROOD__COMMAND_STOP,
	    .generation = 1 });
	notice = expect(&fix, BROOD__NOTICE_EMPTIED, 0);
	expect_silence(&fix);
	finish(&fix);
}

Test(messages, stop_for_good_ends_whatever_process_the_slot_has)
{
	struct brood__notice notice;
	struct fixture fix;

	start(&fix, setup_at_gate, 5);
	fill(&fix, 0, 1);
	await_told(&fix, SETUP, 1);
	say(&fix, (struct brood__command) { .kind = BROOD__COMMAND_STOP,
	    .generation = 77, .phase = BROOD__STOP_GOODBYE });
	notice = expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	cr_assert_eq(notice.delay_ms, -1);
	cr_assert(notice.is_asked);
	cr_assert(WIFSIGNALED(notice.status));
	cr_assert_eq(WTERMSIG(notice.status), SIGTERM);
	expect_silence(&fix);
	finish(&fix);
}

Test(messages, stop_with_refill_of_an_earlier_process_is_void)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 5);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	say(&fix, (struct brood__command) { .kind = BROOD__COMMAND_STOP,
	    .generation = ready.generation - 1, .phase = BROOD__STOP_KILL,
	    .is_refill = true });
	expect_silence(&fix);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_not(ended.is_asked);
	finish(&fix);
}

/* Revisions */

Test(messages, failure_of_an_older_revision_does_not_count)
{
	struct brood__notice notice;
	struct fixture fix;

	/* One failure would be too many. */
	start(&fix, setup_at_gate, 0);
	fill(&fix, 0, 1);
	await_told(&fix, SETUP, 1);
	/* A supervisor reads what was said before a death, then judges that. */
	fill(&fix, 0, 2);
	open_gate(&fix, 'f');
	notice = expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	cr_assert_eq(notice.revision, 1);
	cr_assert_eq(notice.delay_ms, 0);
	open_gate(&fix, 'g');
	notice = adopt(&fix, 0);
	cr_assert_eq(notice.revision, 2);
	finish(&fix);
}

Test(messages, newer_revision_starts_a_slot_that_was_given_up)
{
	struct brood__notice notice;
	struct fixture fix;

	start(&fix, setup_at_gate, 0);
	fill(&fix, 0, 1);
	open_gate(&fix, 'f');
	(void)expect(&fix, BROOD__NOTICE_NOT_STARTED, 0);
	notice = expect(&fix, BROOD__NOTICE_GIVEN_UP, 0);
	cr_assert_eq(notice.revision, 1);
	cr_assert_str_eq(notice.step, "setup");
	open_gate(&fix, 'g');
	fill(&fix, 0, 2);
	notice = adopt(&fix, 0);
	cr_assert_eq(notice.revision, 2);
	cr_assert_eq(notice.generation, 2);
	finish(&fix);
}

Test(messages, process_keeps_the_revision_it_was_forked_with)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 5);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	fill(&fix, 0, 2);
	expect_silence(&fix);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_eq(ended.revision, 1);
	ready = adopt(&fix, 0);
	cr_assert_eq(ready.revision, 2);
	finish(&fix);
}
