/* SPDX-License-Identifier: ISC */

/*
 * Claims about the order in which slots start and stop.  There is no process
 * and no clock: the test sets the states, one letter for each slot, and asks
 * which slots may start or must stop.
 *
 *	E EMPTY   W WAITING, due   L WAITING, due later   S STARTING
 *	O OFFERED   A ADOPTED   X STOPPING   G GIVEN_UP
 */

#include "base/clock.h"
#include "supervisor/order.h"
#include "support/support.h"

#include <string.h>

BROOD_SUITE(order);

enum { NOW = 1000, LATER = 5000, MAX_SLOTS = 16 };

static struct brood__order order;
static struct brood__order_slot slots[MAX_SLOTS];
static unsigned n_slots;

static void
set_state(unsigned i, char letter)
{
	static const char letters[] = "EWLSOAXG";
	static const enum brood__slot_state states[] = {
		BROOD__SLOT_EMPTY, BROOD__SLOT_WAITING, BROOD__SLOT_WAITING,
		BROOD__SLOT_STARTING, BROOD__SLOT_OFFERED, BROOD__SLOT_ADOPTED,
		BROOD__SLOT_STOPPING, BROOD__SLOT_GIVEN_UP,
	};
	const char *at = strchr(letters, letter);
	int64_t due_ms = BROOD__NEVER;

	cr_assert_not_null(at);
	if (letter == 'W' || letter == 'L')
		due_ms = letter == 'W' ? NOW : LATER;
	brood__order_enter(&slots[i], states[at - letters], due_ms);
}

static void
set_states(const char *letters)
{
	cr_assert_eq(strlen(letters), n_slots);
	for (unsigned i = 0; i < n_slots; i++)
		set_state(i, letters[i]);
}

static void
begin(bool is_ordered, enum brood_strategy strategy, const char *letters)
{
	memset(slots, 0, sizeof(slots));
	brood__order_init(&order, is_ordered, strategy);
	n_slots = (unsigned)strlen(letters);
	for (unsigned i = 0; i < n_slots; i++) {
		slots[i].index = i;
		brood__order_add(&order, &slots[i]);
	}
	set_states(letters);
}

/* The host fills every slot. */
static void
fill_all(void)
{
	for (unsigned i = 0; i < n_slots; i++)
		brood__order_filled(&order, &slots[i]);
}

/* Which slots may start?  Each of them enters the state of this letter. */
static void
expect_starts(const char *indexes, char letter)
{
	struct brood__order_pass pass;
	struct brood__order_slot *slot;
	char got[MAX_SLOTS + 1] = "";
	size_t n = 0;

	brood__order_begin(&order, &pass, NOW);
	while ((slot = brood__order_next_start(&order, &pass, NOW)) != NULL) {
		got[n++] = (char)('0' + slot->index);
		set_state(slot->index, letter);
	}
	cr_assert_str_eq(got, indexes);
}

/*
 * Which slots must stop?  Each stops as a slot does: one that has a process is
 * STOPPING, one that waits is EMPTY if it is to be removed.
 */
static void
expect_stops(const char *indexes)
{
	struct brood__order_slot *slot = NULL;
	char got[MAX_SLOTS + 1] = "";
	size_t n = 0;

	while ((slot = brood__order_next_stop(&order, slot)) != NULL) {
		bool is_removed = slot->stop_pending == BROOD__ORDER_REMOVE;

		got[n++] = (char)('0' + slot->index);
		slot->stop_pending = BROOD__ORDER_KEEP;
		if (brood__order_is_alive(slot))
			set_state(slot->index, 'X');
		else if (is_removed)
			set_state(slot->index, 'E');
	}
	cr_assert_str_eq(got, indexes);
}

/* Starting */

Test(order, slots_of_a_pool_start_together)
{
	begin(false, BROOD_ONE_FOR_ONE, "WEWGW");
	fill_all();
	expect_starts("024", 'S');
}

Test(order, ordered_slots_start_one_after_the_other)
{
	begin(true, BROOD_ONE_FOR_ONE, "WWW");
	fill_all();
	expect_starts("0", 'S');
	expect_starts("", 'S');
	set_state(0, 'O');
	expect_starts("1", 'S');
	set_state(1, 'A');
	expect_starts("2", 'S');
}

Test(order, later_slots_wait_while_an_earlier_one_tries_again)
{
	begin(true, BROOD_ONE_FOR_ONE, "WW");
	fill_all();
	expect_starts("0", 'L');
	expect_starts("", 'S');
	set_state(0, 'G');
	expect_starts("1", 'S');
}

Test(order, slot_that_restarts_alone_holds_nobody_back)
{
	begin(true, BROOD_ONE_FOR_ONE, "WW");
	fill_all();
	set_states("AA");
	set_states("LW");
	brood__order_restarted(&order, &slots[0]);
	expect_starts("1", 'S');
}

Test(order, only_so_many_are_starting_at_a_time)
{
	begin(false, BROOD_ONE_FOR_ONE, "SWWWW");
	order.max_starting = 3;
	expect_starts("12", 'S');
	set_state(0, 'O');
	expect_starts("3", 'S');
}

Test(order, failed_starts_do_not_count_among_those_under_way)
{
	begin(false, BROOD_ONE_FOR_ONE, "WWWWWWWW");
	order.max_starting = 2;
	expect_starts("01234567", 'L');
}

Test(order, only_so_many_are_held_for_the_host)
{
	begin(false, BROOD_ONE_FOR_ONE, "OSWW");
	order.max_held = 2;
	expect_starts("", 'S');
	set_state(0, 'A');
	expect_starts("2", 'S');
}

/* Stopping */

Test(order, slots_of_a_pool_stop_together)
{
	begin(false, BROOD_ONE_FOR_ONE, "AEAWS");
	brood__order_stop_all(&order);
	expect_stops("4320");
	expect_stops("");
}

Test(order, ordered_slots_stop_one_after_the_other_the_last_first)
{
	begin(true, BROOD_ONE_FOR_ONE, "AAA");
	brood__order_stop_all(&order);
	expect_stops("2");
	expect_stops("");
	set_state(2, 'E');
	expect_stops("1");
	set_state(1, 'E');
	expect_stops("0");
}

Test(order, slot_that_waits_does_not_start_when_all_are_to_stop)
{
	begin(true, BROOD_ONE_FOR_ONE, "WA");
	brood__order_stop_all(&order);
	expect_starts("", 'S');
	expect_stops("1");
	set_state(1, 'E');
	expect_stops("0");
	expect_starts("", 'S');
	cr_assert_eq(slots[0].state, BROOD__SLOT_EMPTY);
}

Test(order, slot_that_ends_before_its_turn_to_stop_is_emptied)
{
	begin(true, BROOD_ONE_FOR_ONE, "AA");
	brood__order_stop_all(&order);
	expect_stops("1");
	set_state(0, 'W');
	expect_starts("", 'S');
	set_state(1, 'E');
	expect_stops("0");
	cr_assert_eq(slots[0].state, BROOD__SLOT_EMPTY);
}

/* Strategies */

Test(order, one_for_one_restarts_no_other)
{
	begin(true, BROOD_ONE_FOR_ONE, "AWA");
	brood__order_restarted(&order, &slots[1]);
	expect_stops("");
	expect_starts("1", 'S');
}

Test(order, one_for_all_stops_all_in_reverse_then_starts_all_in_order)
{
	begin(true, BROOD_ONE_FOR_ALL, "AWA");
	brood__order_restarted(&order, &slots[1]);
	expect_starts("", 'S');
	expect_stops("2");
	expect_starts("", 'S');
	set_state(2, 'W');
	expect_stops("0");
	expect_starts("", 'S');
	set_state(0, 'W');
	expect_starts("0", 'S');
	set_state(0, 'A');
	expect_starts("1", 'S');
	set_state(1, 'A');
	expect_starts("2", 'S');
}

Test(order, rest_for_one_leaves_the_earlier_ones_alone)
{
	begin(true, BROOD_REST_FOR_ONE, "AWA");
	brood__order_restarted(&order, &slots[1]);
	expect_stops("2");
	set_state(2, 'W');
	expect_starts("1", 'S');
	set_state(1, 'A');
	expect_starts("2", 'S');
}

Test(order, host_restarts_a_group_as_a_death_does)
{
	begin(true, BROOD_REST_FOR_ONE, "AAA");
	brood__order_replaced(&order, &slots[1]);
	set_state(1, 'X');
	expect_stops("2");
	set_states("AWW");
	expect_starts("1", 'S');
}

Test(order, temporary_slot_of_a_group_is_removed)
{
	begin(true, BROOD_ONE_FOR_ALL, "WAA");
	slots[1].restart = BROOD_TEMPORARY;
	brood__order_restarted(&order, &slots[0]);
	cr_assert_eq(slots[1].stop_pending, BROOD__ORDER_REMOVE);
	cr_assert_eq(slots[2].stop_pending, BROOD__ORDER_REPLACE);
}

Test(order, slots_without_a_process_are_no_part_of_a_group)
{
	begin(true, BROOD_ONE_FOR_ALL, "WEG");
	brood__order_restarted(&order, &slots[0]);
	expect_stops("");
	expect_starts("0", 'S');
}

/* Time */

Test(order, alarm_is_for_what_is_still_to_come)
{
	begin(false, BROOD_ONE_FOR_ONE, "WLA");
	cr_assert_eq(brood__order_next_due(&order, NOW), LATER);
	slots[2].due_ms = LATER - 1;
	cr_assert_eq(brood__order_next_due(&order, NOW), LATER - 1);
	set_states("WAA");
	cr_assert_eq(brood__order_next_due(&order, NOW), BROOD__NEVER);
}

Test(order, nothing_starts_while_the_kernel_is_short)
{
	begin(false, BROOD_ONE_FOR_ONE, "WW");
	brood__order_set_short(&order, NOW);
	expect_starts("", 'S');
	cr_assert_eq(brood__order_next_due(&order, NOW), order.resume_ms);
	order.resume_ms = NOW;
	expect_starts("01", 'S');
}

Test(order, pause_doubles_up_to_a_second_and_a_good_start_ends_that)
{
	static const int pauses[] = { 10, 20, 40, 80, 160, 320, 640, 1000,
		1000 };

	begin(false, BROOD_ONE_FOR_ONE, "W");
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		brood__order_set_short(&order, NOW);
		cr_assert_eq(order.resume_ms, NOW + pauses[i]);
	}
	brood__order_clear_short(&order);
	brood__order_set_short(&order, NOW);
	cr_assert_eq(order.resume_ms, NOW + 10);
}

Test(order, start_that_finds_the_kernel_short_is_the_last_of_its_turn)
{
	struct brood__order_pass pass;

	begin(false, BROOD_ONE_FOR_ONE, "WWW");
	brood__order_begin(&order, &pass, NOW);
	cr_assert_eq(brood__order_next_start(&order, &pass, NOW), &slots[0]);
	brood__order_set_short(&order, NOW);
	cr_assert_null(brood__order_next_start(&order, &pass, NOW));
}
