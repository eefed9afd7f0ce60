/* SPDX-License-Identifier: ISC */

/*
 * The fleet: state in, commands out.  No process, no channel and no clock:
 * workers here are structs, and the time is a number.
 */

#include "host/scenario.h"

BROOD_SUITE(fleet);

Test(fleet, new_one_fills_its_slots_once)
{
	struct scenario s;

	begin(&s, 3);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r1; fill 1 r1; fill 2 r1");
	settled(&s);
	all_ready(&s);
	settled(&s);
	end(&s);
}

Test(fleet, idle_worker_too_many_is_told_goodbye_and_the_busy_one_stays)
{
	struct scenario s;

	begin_ready(&s, 2);
	s.workers[0].load = 1;
	cr_assert_eq(brood__fleet_resize(&s.fleet, 1), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.1 bye");
	cr_assert_eq(s.workers[1].state, BROOD__WORKER_STOPPING);
	settled(&s);
	ended(&s, 1, -1);
	settled(&s);
	cr_assert_not(s.fleet.slots[1].is_wanted);
	cr_assert_eq(s.fleet.slots[1].seen, BROOD__SEEN_EMPTY);
	end(&s);
}

Test(fleet, busy_worker_too_many_drains_and_is_terminated_after_retire_ms)
{
	struct scenario s;

	begin_ready(&s, 2);
	s.workers[0].load = s.workers[1].load = 1;
	s.fleet.retire_ms = 100;
	cr_assert_eq(brood__fleet_resize(&s.fleet, 1), 0);
	cr_assert_str_eq(reconcile(&s, 1000), "");
	cr_assert_eq(s.workers[0].state, BROOD__WORKER_DRAINING);
	cr_assert_eq(s.fleet.due_ms, 1100);
	cr_assert_str_eq(reconcile(&s, 1099), "");
	cr_assert_str_eq(reconcile(&s, 1100), "stop 0.1 term");
	end(&s);
}

Test(fleet, draining_worker_that_finished_is_told_goodbye)
{
	struct scenario s;

	begin_ready(&s, 1);
	s.workers[0].load = 1;
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0), "");
	s.workers[0].load = 0;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	end(&s);
}

Test(fleet, draining_worker_that_died_is_not_replaced)
{
	struct scenario s;

	begin_ready(&s, 1);
	s.workers[0].load = 1;
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0), "");
	ended(&s, 0, 0);	/* the supervisor was not told, and refills */
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.0 term");
	settled(&s);
	brood__fleet_emptied(&s.fleet, 0);
	cr_assert(brood__fleet_is_empty(&s.fleet));
	end(&s);
}

Test(fleet, worker_that_became_ready_in_an_unwanted_slot_is_told_goodbye)
{
	struct scenario s;

	begin(&s, 1);
	(void)reconcile(&s, 0);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.0 term");
	(void)ready(&s, 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	end(&s);
}

Test(fleet, slot_is_not_wanted_again_before_it_is_empty)
{
	struct scenario s;

	begin_ready(&s, 1);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	cr_assert_eq(brood__fleet_resize(&s.fleet, 1), 0);
	cr_assert_str_eq(reconcile(&s, 0), "fill 1 r1");
	ended(&s, 0, -1);
	settled(&s);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 2), 0);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r1");
	end(&s);
}

Test(fleet, dead_worker_needs_no_command)
{
	struct scenario s;

	begin_ready(&s, 2);
	ended(&s, 0, 0);
	settled(&s);
	(void)ready(&s, 0);
	settled(&s);
	end(&s);
}

/* Faults */

Test(fleet, faulty_worker_is_killed_once_and_replaced)
{
	struct scenario s;

	begin_ready(&s, 1);
	s.workers[0].fault = BROOD__FAULT_DEAF;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 kill refill");
	settled(&s);
	ended(&s, 0, 0);
	(void)ready(&s, 0);
	settled(&s);
	end(&s);
}

Test(fleet, worker_that_runs_an_overdue_request_is_terminated)
{
	struct brood__pending pending = { .state = BROOD__PENDING_OVERDUE };
	struct scenario s;

	begin_ready(&s, 1);
	TAILQ_INSERT_TAIL(&s.workers[0].requests, &pending, next);
	s.workers[0].load = 1;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 term refill");
	settled(&s);
	end(&s);
}

Test(fleet, overdue_request_that_is_not_the_oldest_stops_nobody)
{
	struct brood__pending first = { .state = BROOD__PENDING_SENT };
	struct brood__pending second = { .state = BROOD__PENDING_OVERDUE };
	struct scenario s;

	begin_ready(&s, 1);
	TAILQ_INSERT_TAIL(&s.workers[0].requests, &first, next);
	TAILQ_INSERT_TAIL(&s.workers[0].requests, &second, next);
	s.workers[0].load = 2;
	settled(&s);
	TAILQ_REMOVE(&s.workers[0].requests, &first, next);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 term refill");
	end(&s);
}

Test(fleet, stop_is_told_again_only_if_it_is_harder_or_for_good)
{
	struct brood__pending pending = { .state = BROOD__PENDING_OVERDUE };
	struct scenario s;

	begin_ready(&s, 1);
	TAILQ_INSERT_TAIL(&s.workers[0].requests, &pending, next);
	s.workers[0].load = 1;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 term refill");
	s.workers[0].fault = BROOD__FAULT_BROKEN;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 kill refill");
	s.workers[0].fault = BROOD__FAULT_NONE;
	settled(&s);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 kill");
	settled(&s);
	end(&s);
}

Test(fleet, command_that_could_not_be_sent_is_written_again)
{
	struct scenario s;

	begin(&s, 1);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r1");
	brood__fleet_take_back(&s.fleet, &s.fleet.commands[0]);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r1");
	(void)ready(&s, 0);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	brood__fleet_take_back(&s.fleet, &s.fleet.commands[0]);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	settled(&s);
	end(&s);
}

/* Reloading */

Test(fleet, reload_replaces_one_by_one_and_never_has_more_than_one_too_many)
{
	struct scenario s;

	begin_ready(&s, 2);
	brood__fleet_reload(&s.fleet);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r2; fill 1 r2; fill 2 r2");
	settled(&s);			/* the new one is starting */
	(void)ready(&s, 2);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	settled(&s);			/* the old one is leaving */
	ended(&s, 0, -1);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r2");
	(void)ready(&s, 0);
	cr_assert_eq(s.news, 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.1 bye");
	cr_assert_eq(s.news, 0);
	ended(&s, 1, -1);
	settled(&s);
	cr_assert_eq(s.news, BROOD__FLEET_RELOADED);
	cr_assert_not(brood__fleet_is_reloading(&s.fleet));
	end(&s);
}

Test(fleet, reload_waits_for_a_busy_old_worker_before_the_next)
{
	struct scenario s;

	begin_ready(&s, 2);
	s.workers[0].load = s.workers[1].load = 1;
	brood__fleet_reload(&s.fleet);
	(void)reconcile(&s, 0);
	(void)ready(&s, 2);
	cr_assert_str_eq(reconcile(&s, 0), "");
	cr_assert_eq(s.workers[0].state, BROOD__WORKER_DRAINING);
	cr_assert_str_eq(reconcile(&s, 0), "");
	cr_assert_eq(n_wanted(&s), 2);
	s.workers[0].load = 0;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	ended(&s, 0, -1);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r2");
	end(&s);
}

Test(fleet, reload_starts_a_slot_again_that_was_given_up)
{
	struct scenario s;

	begin(&s, 1);
	(void)reconcile(&s, 0);
	given_up(&s, 0, 1);
	settled(&s);
	cr_assert(brood__fleet_is_broken(&s.fleet));
	brood__fleet_reload(&s.fleet);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r2");
	cr_assert_not(brood__fleet_is_broken(&s.fleet));
	given_up(&s, 0, 1);		/* it crossed the FILL */
	settled(&s);
	cr_assert_not(brood__fleet_is_broken(&s.fleet));
	(void)ready(&s, 0);
	settled(&s);
	cr_assert_eq(s.news, BROOD__FLEET_RELOADED);
	end(&s);
}

Test(fleet, process_forked_before_the_reload_is_replaced_when_it_is_ready)
{
	struct scenario s;

	begin(&s, 1);
	(void)reconcile(&s, 0);
	brood__fleet_reload(&s.fleet);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r2");
	ready(&s, 0)->revision = 1;
	cr_assert_str_eq(reconcile(&s, 0), "fill 1 r2");
	(void)ready(&s, 1);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye");
	ended(&s, 0, -1);
	settled(&s);
	cr_assert_eq(s.news, BROOD__FLEET_RELOADED);
	end(&s);
}

/* Has the reload failed, now that a process of this revision has not started? */
static bool
fails_reload(struct scenario *s, uint32_t revision, bool is_asked)
{
	return brood__fleet_fail_reload(&s->fleet, &(struct brood__notice) {
	    .kind = BROOD__NOTICE_NOT_STARTED, .revision = revision,
	    .is_asked = is_asked });
}

Test(fleet, reload_that_fails_keeps_the_old_and_drops_the_new_slot)
{
	struct scenario s;

	begin_ready(&s, 2);
	cr_assert_not(fails_reload(&s, 1, false));	/* there is none */
	brood__fleet_reload(&s.fleet);
	(void)reconcile(&s, 0);
	cr_assert_not(fails_reload(&s, 1, false));
	cr_assert_not(fails_reload(&s, 2, true));
	cr_assert(fails_reload(&s, 2, false));
	cr_assert_not(fails_reload(&s, 2, false));	/* told once */
	cr_assert_str_eq(reconcile(&s, 0), "stop 2.0 term");
	brood__fleet_emptied(&s.fleet, 2);
	settled(&s);
	cr_assert_eq(n_wanted(&s), 2);
	cr_assert_eq(s.news, 0);
	end(&s);
}

Test(fleet, old_worker_that_dies_during_a_reload_is_not_replaced_twice)
{
	struct scenario s;

	begin_ready(&s, 2);
	brood__fleet_reload(&s.fleet);
	(void)reconcile(&s, 0);		/* slot 2 is starting */
	ended(&s, 0, 0);		/* and filled again, as revision 2 */
	(void)ready(&s, 0);
	settled(&s);			/* 1 is old still, 2 is for it */
	(void)ready(&s, 2);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.1 bye");
	ended(&s, 1, -1);
	settled(&s);
	cr_assert_eq(s.news, BROOD__FLEET_RELOADED);
	end(&s);
}

/* Workers that have served their time */

Test(fleet, worker_at_its_limit_leaves_when_its_replacement_is_ready)
{
	struct scenario s;

	begin_ready(&s, 2);
	s.workers[1].served = s.workers[1].served_limit = 10;
	cr_assert_str_eq(reconcile(&s, 0), "fill 2 r1");
	settled(&s);
	(void)ready(&s, 2);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.1 bye");
	ended(&s, 1, -1);
	settled(&s);
	end(&s);
}

Test(fleet, worker_whose_replacement_was_given_up_stays_with_a_new_limit)
{
	struct scenario s;

	begin_ready(&s, 1);
	s.fleet.max_requests = 10;
	s.workers[0].served = s.workers[0].served_limit = 10;
	cr_assert_str_eq(reconcile(&s, 0), "fill 1 r1");
	given_up(&s, 1, 1);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.0 term");
	cr_assert(s.fleet.slots[0].is_wanted);
	cr_assert_gt(s.workers[0].served_limit, 10);
	settled(&s);
	cr_assert_not(brood__fleet_is_broken(&s.fleet));
	end(&s);
}

/* Spares */

Test(fleet, is_broken_when_every_wanted_slot_is_given_up)
{
	struct scenario s;

	begin(&s, 2);
	(void)reconcile(&s, 0);
	given_up(&s, 0, 1);
	settled(&s);
	cr_assert_not(brood__fleet_is_broken(&s.fleet));
	given_up(&s, 1, 1);
	settled(&s);
	cr_assert(brood__fleet_is_broken(&s.fleet));
	end(&s);
}

Test(fleet, given_up_slots_go_first_when_there_are_too_many)
{
	struct scenario s;

	begin(&s, 3);
	(void)reconcile(&s, 0);
	(void)ready(&s, 0);
	given_up(&s, 2, 1);
	settled(&s);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 2), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 2.0 term");
	cr_assert_eq(brood__fleet_resize(&s.fleet, 1), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.0 term");
	end(&s);
}

Test(fleet, stop_empties_every_kind_of_slot)
{
	struct scenario s;

	begin(&s, 4);
	(void)reconcile(&s, 0);
	(void)ready(&s, 0);
	ready(&s, 1)->load = 1;
	given_up(&s, 2, 1);		/* and 3 is starting */
	s.fleet.retire_ms = 0;
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0),
	    "stop 0.1 bye; stop 1.1 term; stop 2.0 term; stop 3.0 term");
	cr_assert_not(brood__fleet_is_empty(&s.fleet));
	ended(&s, 0, -1);
	ended(&s, 1, -1);
	brood__fleet_emptied(&s.fleet, 3);
	settled(&s);
	cr_assert(brood__fleet_is_empty(&s.fleet));
	end(&s);
}

Test(fleet, loss_of_the_supervisor_empties_all)
{
	struct scenario s;

	begin_ready(&s, 3);
	brood__fleet_lost(&s.fleet);
	cr_assert(brood__fleet_is_empty(&s.fleet));
	end(&s);
}
