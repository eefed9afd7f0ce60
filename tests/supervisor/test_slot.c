/* SPDX-License-Identifier: ISC */

/*
 * Claims about a slot: what it does in each state at each event.  Nothing is
 * forked.  The process of the slot is one that was reaped, so that no signal is
 * sent to anybody; the host is gone, so that notices go nowhere.
 */

#include "base/clock.h"
#include "supervisor/slot.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

BROOD_SUITE(slot);

enum { NOW = 1000, SHUTDOWN_MS = 50 };

enum { N_STATES = BROOD__SLOT_GIVEN_UP + 1 };

/* Short names for the table. */
#define EMPTY		BROOD__SLOT_EMPTY
#define WAITING		BROOD__SLOT_WAITING
#define STARTING	BROOD__SLOT_STARTING
#define OFFERING	BROOD__SLOT_OFFERING
#define OFFERED		BROOD__SLOT_OFFERED
#define ADOPTED		BROOD__SLOT_ADOPTED
#define STOPPING	BROOD__SLOT_STOPPING
#define GIVEN_UP	BROOD__SLOT_GIVEN_UP

static struct brood__shared shared = { .host = BROOD__HOST_GONE };
static const struct brood_child_options options;
static struct brood__slot_spec spec = {
	.spawn.options = &options,
	.shutdown_ms = SHUTDOWN_MS,
};

static struct brood__slot *
new_slot(enum brood__slot_state state)
{
	struct brood__slot *slot;

	cr_assert_eq(brood__slot_new(&slot, 0, &spec, 5, 30000), 0);
	slot->generation = slot->revision = slot->process_revision = 1;
	slot->pid = 1;
	slot->is_reaped = true;
	if (state >= OFFERING && state <= STOPPING)
		slot->progress = BROOD__PROGRESS_OFFERED;
	brood__order_enter(&slot->order, state, NOW);
	return slot;
}

enum event {
	FILL,			/* of the revision that the slot has */
	FILL_NEWER,
	IS_ADOPTED,
	LATER,
	REMOVE,			/* STOP, GOODBYE, without refill */
	REPLACE,		/* the same with refill */
	TIMEOUT,
	EXIT,			/* status 1 */
	N_EVENTS
};

static void
apply(struct brood__slot *slot, enum event event)
{
	switch (event) {
	case FILL:
		brood__slot_fill(slot, 1, NOW);
		break;
	case FILL_NEWER:
		brood__slot_fill(slot, 2, NOW);
		break;
	case IS_ADOPTED:
		brood__slot_adopted(slot);
		break;
	case LATER:
		brood__slot_later(slot, NOW);
		break;
	case REMOVE:
		brood__slot_stop(slot, &shared, BROOD__STOP_GOODBYE, false,
		    NOW);
		break;
	case REPLACE:
		brood__slot_stop(slot, &shared, BROOD__STOP_GOODBYE, true,
		    NOW);
		break;
	case TIMEOUT:
		brood__slot_on_timeout(slot, NOW);
		break;
	case EXIT:
		slot->status = 1 << 8;
		if (brood__order_is_alive(&slot->order))
			brood__slot_on_exit(slot, &shared, NOW);
		break;
	case N_EVENTS:
		break;
	}
}

Test(slot, every_state_answers_every_event)
{
	/* From the state of the column, by the event of the row. */
	static const enum brood__slot_state
	    next[N_EVENTS][N_STATES] = {
		[FILL] = { WAITING, WAITING, STARTING, OFFERING, OFFERED,
		    ADOPTED, STOPPING, WAITING },
		[FILL_NEWER] = { WAITING, WAITING, STARTING, OFFERING, OFFERED,
		    ADOPTED, STOPPING, WAITING },
		[IS_ADOPTED] = { EMPTY, WAITING, STARTING, OFFERING, ADOPTED,
		    ADOPTED, STOPPING, GIVEN_UP },
		[LATER] = { EMPTY, WAITING, STARTING, OFFERING, OFFERING,
		    ADOPTED, STOPPING, GIVEN_UP },
		[REMOVE] = { EMPTY, EMPTY, STOPPING, STOPPING, STOPPING,
		    STOPPING, STOPPING, EMPTY },
		[REPLACE] = { EMPTY, WAITING, STOPPING, STOPPING, STOPPING,
		    STOPPING, STOPPING, GIVEN_UP },
		[TIMEOUT] = { EMPTY, WAITING, STARTING, OFFERING, OFFERED,
		    ADOPTED, STOPPING, GIVEN_UP },
		[EXIT] = { EMPTY, WAITING, WAITING, WAITING, WAITING,
		    WAITING, EMPTY, GIVEN_UP },
	};

	for (int event = 0; event < N_EVENTS; event++)
		for (int state = 0; state < N_STATES; state++) {
			struct brood__slot *slot =
			    new_slot((enum brood__slot_state)state);

			apply(slot, (enum event)event);
			cr_expect_eq(slot->order.state,
			    next[event][state], "event %d in state %d: %d",
			    event, state, (int)slot->order.state);
			(void)brood__slot_free(slot);
		}
}

static enum brood__stop_phase
first_phase(enum brood__slot_state state)
{
	struct brood__slot *slot = new_slot(state);
	enum brood__stop_phase phase;

	apply(slot, REMOVE);
	phase = slot->phase;
	(void)brood__slot_free(slot);
	return phase;
}

Test(slot, goodbye_is_for_processes_that_the_host_has_adopted)
{
	cr_assert_eq(first_phase(BROOD__SLOT_STARTING), BROOD__STOP_TERM);
	cr_assert_eq(first_phase(BROOD__SLOT_OFFERING), BROOD__STOP_TERM);
	cr_assert_eq(first_phase(BROOD__SLOT_OFFERED), BROOD__STOP_TERM);
	cr_assert_eq(first_phase(BROOD__SLOT_ADOPTED), BROOD__STOP_GOODBYE);
}

Test(slot, phases_of_stopping_follow_in_time_and_never_go_back)
{
	struct brood__slot *slot = new_slot(BROOD__SLOT_ADOPTED);

	apply(slot, REMOVE);
	cr_assert_eq(slot->order.due_ms, NOW + SHUTDOWN_MS);
	apply(slot, TIMEOUT);
	cr_assert_eq(slot->phase, BROOD__STOP_GOODBYE);
	brood__slot_on_timeout(slot, NOW + SHUTDOWN_MS);
	cr_assert_eq(slot->phase, BROOD__STOP_TERM);
	cr_assert_eq(slot->order.due_ms, NOW + 2 * SHUTDOWN_MS);
	apply(slot, REMOVE);
	cr_assert_eq(slot->phase, BROOD__STOP_TERM);
	cr_assert_eq(slot->order.due_ms, NOW + 2 * SHUTDOWN_MS);
	brood__slot_on_timeout(slot, NOW + 2 * SHUTDOWN_MS);
	cr_assert_eq(slot->phase, BROOD__STOP_KILL);
	cr_assert_eq(slot->order.due_ms, BROOD__NEVER);
	(void)brood__slot_free(slot);
}

Test(slot, later_asks_again_in_100_ms)
{
	struct brood__slot *slot = new_slot(BROOD__SLOT_OFFERED);

	apply(slot, LATER);
	cr_assert_eq(slot->order.due_ms, NOW + 100);
	(void)brood__slot_free(slot);
}

Test(slot, newer_revision_forgets_failures_and_starts_at_once)
{
	struct brood__slot *slot = new_slot(BROOD__SLOT_WAITING);

	cr_assert_eq(brood__restart_failed(&slot->record, NOW), 100);
	slot->order.due_ms = NOW + 100;
	apply(slot, FILL);
	cr_assert_eq(slot->order.due_ms, NOW + 100);
	apply(slot, FILL_NEWER);
	cr_assert_eq(slot->order.due_ms, NOW);
	cr_assert_eq(brood__restart_failed(&slot->record, NOW), 100);
	(void)brood__slot_free(slot);
}

Test(slot, fill_while_the_process_stops_brings_another)
{
	struct brood__slot *slot = new_slot(BROOD__SLOT_ADOPTED);

	apply(slot, REMOVE);
	apply(slot, FILL);
	apply(slot, EXIT);
	cr_assert_eq(slot->order.state, BROOD__SLOT_WAITING);
	cr_assert_eq(slot->order.due_ms, NOW);
	(void)brood__slot_free(slot);
}

Test(slot, stop_for_good_takes_a_refill_back)
{
	struct brood__slot *slot = new_slot(BROOD__SLOT_ADOPTED);

	apply(slot, REPLACE);
	apply(slot, REMOVE);
	apply(slot, EXIT);
	cr_assert_eq(slot->order.state, BROOD__SLOT_EMPTY);
	(void)brood__slot_free(slot);
}
