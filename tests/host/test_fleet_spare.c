/* SPDX-License-Identifier: ISC */

/*
 * Claims about the fleet's spares: who takes which place when, and that they are
 * made up.
 */

#include "host/scenario.h"

BROOD_SUITE(fleet_spare);

Test(fleet_spare, those_beyond_the_number_of_workers_are_spares)
{
	struct scenario s;

	begin_with_spares(&s, 2, 1);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r1; fill 1 r1; fill 2 r1");
	(void)ready(&s, 2);
	(void)ready(&s, 1);
	settled(&s);
	(void)ready(&s, 0);
	settled(&s);
	cr_assert_eq(s.workers[2].state, BROOD__WORKER_READY);
	cr_assert_eq(s.workers[1].state, BROOD__WORKER_READY);
	cr_assert_eq(s.workers[0].state, BROOD__WORKER_SPARE);
	end(&s);
}

Test(fleet_spare, spare_takes_the_place_of_a_dead_worker_and_the_next_is_the_spare)
{
	struct scenario s;

	begin_all_ready(&s, 2, 1);
	ended(&s, 0, 0);
	settled(&s);
	cr_assert_eq(s.workers[2].state, BROOD__WORKER_READY);
	(void)ready(&s, 0);
	settled(&s);
	cr_assert_eq(s.workers[0].state, BROOD__WORKER_SPARE);
	end(&s);
}

Test(fleet_spare, spare_takes_the_place_of_a_faulty_worker_before_that_has_ended)
{
	struct scenario s;

	begin_all_ready(&s, 1, 1);
	s.workers[0].fault = BROOD__FAULT_DEAF;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 kill refill");
	cr_assert_eq(s.workers[1].state, BROOD__WORKER_READY);
	end(&s);
}

Test(fleet_spare, faulty_spare_is_killed_and_takes_no_place)
{
	struct scenario s;

	begin_all_ready(&s, 1, 2);
	s.workers[1].fault = BROOD__FAULT_BROKEN;
	ended(&s, 0, 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.1 kill refill");
	cr_assert_eq(s.workers[2].state, BROOD__WORKER_READY);
	end(&s);
}

Test(fleet_spare, worker_at_its_limit_leaves_at_once_if_there_is_a_spare)
{
	struct scenario s;

	begin_all_ready(&s, 2, 1);
	s.workers[0].served = s.workers[0].served_limit = 10;
	s.workers[1].served = s.workers[1].served_limit = 10;
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye; fill 3 r1");
	cr_assert_eq(s.workers[2].state, BROOD__WORKER_READY);
	cr_assert_eq(s.workers[1].state, BROOD__WORKER_READY);
	settled(&s);			/* the second one waits */
	(void)ready(&s, 3);
	settled(&s);			/* the first one is there still */
	ended(&s, 0, -1);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r1; stop 1.1 bye");
	cr_assert_eq(s.workers[3].state, BROOD__WORKER_READY);
	ended(&s, 1, -1);
	(void)ready(&s, 0);
	settled(&s);
	cr_assert_eq(s.workers[0].state, BROOD__WORKER_SPARE);
	end(&s);
}

Test(fleet_spare, reload_begins_with_a_new_worker_and_replaces_spares_too)
{
	struct scenario s;

	begin_all_ready(&s, 1, 1);
	brood__fleet_reload(&s.fleet);
	cr_assert_str_eq(reconcile(&s, 0), "fill 0 r2; fill 1 r2; fill 2 r2");
	settled(&s);			/* no old spare is a replacement */
	(void)ready(&s, 2);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.1 bye");
	settled(&s);
	ended(&s, 1, -1);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye; fill 1 r2");
	cr_assert_eq(s.workers[2].state, BROOD__WORKER_READY);
	ended(&s, 0, -1);
	settled(&s);
	cr_assert_eq(s.news, 0);
	(void)ready(&s, 1);
	settled(&s);
	cr_assert_eq(s.news, BROOD__FLEET_RELOADED);
	cr_assert_eq(s.workers[1].state, BROOD__WORKER_SPARE);
	end(&s);
}

Test(fleet_spare, new_spare_is_preferred_to_an_outdated_one)
{
	struct scenario s;

	begin_all_ready(&s, 1, 2);
	brood__fleet_reload(&s.fleet);
	(void)reconcile(&s, 0);
	ended(&s, 0, 0);
	(void)ready(&s, 3);
	(void)reconcile(&s, 0);
	cr_assert_eq(s.workers[3].state, BROOD__WORKER_READY);
	end(&s);
}

Test(fleet_spare, outdated_spare_takes_a_place_if_there_is_no_new_one)
{
	struct scenario s;

	begin_all_ready(&s, 1, 1);
	brood__fleet_reload(&s.fleet);
	(void)reconcile(&s, 0);
	ended(&s, 0, 0);
	settled(&s);
	cr_assert_eq(s.workers[1].state, BROOD__WORKER_READY);
	end(&s);
}

Test(fleet_spare, fewer_workers_are_as_many_spares_and_more_take_them)
{
	struct scenario s;

	begin_all_ready(&s, 3, 1);
	s.workers[0].load = 1;
	cr_assert_eq(brood__fleet_resize(&s.fleet, 2), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 1.1 bye");
	cr_assert_eq(s.workers[3].state, BROOD__WORKER_SPARE);
	ended(&s, 1, -1);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 4), 0);
	cr_assert_str_eq(reconcile(&s, 0), "fill 1 r1; fill 4 r1");
	cr_assert_eq(s.workers[3].state, BROOD__WORKER_READY);
	end(&s);
}

Test(fleet_spare, spare_slot_that_is_given_up_breaks_nothing)
{
	struct scenario s;

	begin_with_spares(&s, 1, 1);
	(void)reconcile(&s, 0);
	(void)ready(&s, 1);
	given_up(&s, 0, 1);
	settled(&s);
	cr_assert_eq(s.workers[1].state, BROOD__WORKER_READY);
	cr_assert_not(brood__fleet_is_broken(&s.fleet));
	end(&s);
}

Test(fleet_spare, stop_empties_the_slots_of_spares_too)
{
	struct scenario s;

	begin_all_ready(&s, 1, 1);
	cr_assert_eq(brood__fleet_resize(&s.fleet, 0), 0);
	cr_assert_str_eq(reconcile(&s, 0), "stop 0.1 bye; stop 1.1 bye");
	end(&s);
}

/* Giving up, stopping, losing */
