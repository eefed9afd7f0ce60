/* SPDX-License-Identifier: ISC */

/*
 * Claims about what a slot does after an end: who is blamed, and what restart
 * types, revisions and exit statuses decide.
 */

#include "supervisor/judge.h"
#include "support/support.h"

#include <signal.h>

BROOD_SUITE(judge);

enum { NOW = 1000, FAILED = 1 << 8, DONE = BROOD_EXIT_DONE << 8 };

/* An end, and what is to follow from it.  Zeroed: permanent, exit status 0. */
struct row {
	enum brood_restart restart;
	enum brood__slot_blame blame;
	enum brood__slot_progress progress;
	int status;
	bool is_asked;
	bool is_refill;
	bool is_outdated;	/* the slot has a newer revision by now */
	enum brood__slot_state state;
	int delay_ms;
};

static void
check(const struct row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		const struct row *row = &rows[i];
		struct brood__slot_spec spec = { .restart = row->restart };
		enum brood__slot_state state;
		struct brood__slot *slot;
		int delay_ms;

		cr_assert_eq(brood__slot_new(&slot, 0, &spec, 5, 30000), 0);
		slot->pid = 1;
		slot->blame = row->blame;
		slot->progress = row->progress;
		slot->status = row->status;
		slot->is_refill = row->is_refill;
		slot->revision = row->is_outdated;
		state = brood__judge_end(slot, row->is_asked, NOW, &delay_ms);
		cr_expect_eq(state, row->state, "row %zu: state %d", i,
		    (int)state);
		cr_expect_eq(delay_ms, row->delay_ms, "row %zu: %d ms", i,
		    delay_ms);
		(void)brood__slot_free(slot);
	}
}

#define CHECK(rows)	check(rows, sizeof(rows) / sizeof((rows)[0]))

#define NOW_AGAIN	.state = BROOD__SLOT_WAITING, .delay_ms = 0
#define COUNTS		.state = BROOD__SLOT_WAITING, .delay_ms = 100
#define NO_MORE		.state = BROOD__SLOT_EMPTY, .delay_ms = -1
#define IS_GIVEN_UP	.state = BROOD__SLOT_GIVEN_UP, .delay_ms = -1

Test(judge, own_end_counts_and_one_that_was_asked_for_does_not)
{
	static const struct row rows[] = {
		{ .status = FAILED, COUNTS },
		{ .status = SIGKILL, COUNTS },
		{ .status = 0, COUNTS },
		{ .is_asked = true, .is_refill = true, NOW_AGAIN },
		{ .is_asked = true, NO_MORE },
	};

	CHECK(rows);
}

Test(judge, request_and_shortage_are_nobodys_failure)
{
	static const struct row rows[] = {
		{ .blame = BROOD__BLAME_REQUEST, .status = SIGSEGV,
		    NOW_AGAIN },
		{ .blame = BROOD__BLAME_SHORTAGE, .status = FAILED,
		    NOW_AGAIN },
	};

	CHECK(rows);
}

Test(judge, process_that_was_killed_for_what_it_did_has_failed)
{
	static const struct row rows[] = {
		{ .blame = BROOD__BLAME_FAULT, .status = SIGKILL,
		    .is_asked = true, .is_refill = true, COUNTS },
		{ .blame = BROOD__BLAME_FAULT, .status = SIGKILL,
		    .is_asked = true, NO_MORE },
	};

	CHECK(rows);
}

Test(judge, end_of_an_older_revision_decides_nothing)
{
	static const struct row rows[] = {
		{ .status = FAILED, .is_outdated = true, NOW_AGAIN },
		{ .status = DONE, .is_outdated = true, NOW_AGAIN },
		{ .restart = BROOD_TEMPORARY, .is_outdated = true, NOW_AGAIN },
		{ .is_asked = true, .is_outdated = true, NO_MORE },
	};

	CHECK(rows);
}

Test(judge, status_125_is_never_restarted)
{
	static const struct row rows[] = {
		{ .status = DONE, IS_GIVEN_UP },
		{ .status = DONE, .blame = BROOD__BLAME_REQUEST, IS_GIVEN_UP },
		{ .status = DONE, .restart = BROOD_TEMPORARY, IS_GIVEN_UP },
		{ .status = DONE, .is_asked = true, .is_refill = true,
		    NOW_AGAIN },
	};

	CHECK(rows);
}

Test(judge, transient_is_restarted_after_an_abnormal_end)
{
	static const struct row rows[] = {
		{ .restart = BROOD_TRANSIENT, .status = 0,
		    .progress = BROOD__PROGRESS_HELLO, NO_MORE },
		{ .restart = BROOD_TRANSIENT, .status = 0, COUNTS },
		{ .restart = BROOD_TRANSIENT, .status = FAILED,
		    .progress = BROOD__PROGRESS_OFFERED, COUNTS },
		{ .restart = BROOD_TRANSIENT, .status = SIGTERM,
		    .progress = BROOD__PROGRESS_OFFERED, COUNTS },
	};

	CHECK(rows);
}

Test(judge, temporary_is_restarted_by_command_only)
{
	static const struct row rows[] = {
		{ .restart = BROOD_TEMPORARY, .status = FAILED, NO_MORE },
		{ .restart = BROOD_TEMPORARY, .is_asked = true,
		    .is_refill = true, NOW_AGAIN },
	};

	CHECK(rows);
}

Test(judge, too_many_failures_give_the_slot_up)
{
	static const struct brood__slot_spec spec;
	struct brood__slot *slot;
	int delay_ms;

	cr_assert_eq(brood__slot_new(&slot, 0, &spec, 1, 30000), 0);
	slot->pid = 1;
	cr_assert_eq(brood__judge_end(slot, false, NOW, &delay_ms),
	    BROOD__SLOT_WAITING);
	cr_assert_eq(brood__judge_end(slot, false, NOW, &delay_ms),
	    BROOD__SLOT_GIVEN_UP);
	(void)brood__slot_free(slot);
}
