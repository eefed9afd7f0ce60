/* SPDX-License-Identifier: ISC */

/*
 * What follows from the state of a fleet: which slots are wanted, and what the
 * supervisor process is to be told; see fleet.h.
 *
 * Invariants: at most target + 1 slots are wanted after reconciling, and of
 * their workers no more are READY than `workers` says; a slot becomes wanted
 * only when it is empty, so that a command never crosses an older one of the
 * other kind for the same slot.
 */

#include "base/clock.h"
#include "host/fleet.h"

#include <limits.h>

/* Looking at slots */

static bool
fleet_is_overdue(const struct brood__worker *worker)
{
	const struct brood__pending *oldest = brood__worker_oldest(worker);

	return oldest != NULL && oldest->state == BROOD__PENDING_OVERDUE;
}

/* Does it get requests, or could it, and is no reason to stop it known? */
static bool
fleet_is_usable(const struct brood__worker *worker)
{
	return worker->state <= BROOD__WORKER_READY &&
	    worker->fault == BROOD__FAULT_NONE && !fleet_is_overdue(worker);
}

static bool
fleet_is_outdated(const struct brood__fleet *fleet,
    const struct brood__worker *worker)
{
	return worker->revision < fleet->floor ||
	    (worker->served_limit > 0 &&
	    worker->served >= worker->served_limit) ||
	    (fleet->max_rss > 0 && worker->rss > fleet->max_rss);
}

/* Kinds of slots, each of them wanted */

static bool
fleet_slot_is_wanted(const struct brood__fleet *fleet,
    const struct brood__fleet_slot *slot)
{
	(void)fleet;
	return slot->is_wanted;
}

static bool
fleet_slot_is_usable(const struct brood__fleet_slot *slot)
{
	return slot->is_wanted && slot->worker != NULL &&
	    fleet_is_usable(slot->worker);
}

/* Does its worker get requests? */
static bool
fleet_slot_is_serving(const struct brood__fleet *fleet,
    const struct brood__fleet_slot *slot)
{
	(void)fleet;
	return fleet_slot_is_usable(slot) &&
	    slot->worker->state == BROOD__WORKER_READY;
}

/* Is its worker to be replaced? */
static bool
fleet_slot_is_outdated(const struct brood__fleet *fleet,
    const struct brood__fleet_slot *slot)
{
	return fleet_slot_is_usable(slot) &&
	    fleet_is_outdated(fleet, slot->worker);
}

/* Can its worker take another one's place? */
static bool
fleet_slot_is_spare(const struct brood__fleet *fleet,
    const struct brood__fleet_slot *slot)
{
	return fleet_slot_is_usable(slot) &&
	    slot->worker->state == BROOD__WORKER_SPARE &&
	    !fleet_is_outdated(fleet, slot->worker);
}

/* Is its next process still to come? */
static bool
fleet_slot_is_starting(const struct brood__fleet_slot *slot)
{
	return slot->is_wanted && slot->seen != BROOD__SEEN_GIVEN_UP &&
	    !fleet_slot_is_usable(slot);
}

/* Counting slots */

/* May a process of a revision older than the floor be there? */
static bool
fleet_slot_is_below_floor(const struct brood__fleet *fleet,
    const struct brood__fleet_slot *slot)
{
	return slot->seen == BROOD__SEEN_FILLED && (slot->worker == NULL ||
	    slot->worker->revision < fleet->floor);
}

struct fleet_count {
	unsigned n_wanted;
	unsigned n_serving;		/* of the wanted ones; and so on */
	unsigned n_outdated;
	unsigned n_spare;
	unsigned n_starting;
	unsigned n_given_up;
	unsigned n_present;		/* with a process, or about to */
	unsigned n_leaving;		/* of these, not wanted */
	unsigned n_below_floor;
};

static struct fleet_count
fleet_count(const struct brood__fleet *fleet)
{
	struct fleet_count n = { 0 };

	for (unsigned i = 0; i < fleet->n_slots; i++) {
		const struct brood__fleet_slot *slot = &fleet->slots[i];

		n.n_wanted += slot->is_wanted;
		n.n_serving += fleet_slot_is_serving(fleet, slot);
		n.n_outdated += fleet_slot_is_outdated(fleet, slot);
		n.n_spare += fleet_slot_is_spare(fleet, slot);
		n.n_starting += fleet_slot_is_starting(slot);
		n.n_given_up += slot->is_wanted &&
		    slot->seen == BROOD__SEEN_GIVEN_UP;
		n.n_present += slot->seen == BROOD__SEEN_FILLED;
		n.n_leaving += !slot->is_wanted &&
		    slot->seen == BROOD__SEEN_FILLED;
		n.n_below_floor += fleet_slot_is_below_floor(fleet, slot);
	}
	return n;
}

bool
brood__fleet_is_broken(const struct brood__fleet *fleet)
{
	struct fleet_count n = fleet_count(fleet);

	return n.n_wanted > 0 && n.n_given_up == n.n_wanted;
}

bool
brood__fleet_is_empty(const struct brood__fleet *fleet)
{
	return fleet_count(fleet).n_present == 0;
}

/* Choosing the wanted slots */

/* A slot that is not wanted and of which nothing is awaited any more. */
static bool
fleet_slot_is_free(const struct brood__fleet_slot *slot)
{
	return !slot->is_wanted && slot->seen == BROOD__SEEN_EMPTY &&
	    slot->told_revision == 0;
}

/* Without memory for another slot it is tried again after the next change. */
static void
fleet_want(struct brood__fleet *fleet, unsigned n_more)
{
	for (unsigned i = 0; n_more > 0; i++) {
		if (i == fleet->n_slots && brood__fleet_grow(fleet, i + 1) < 0)
			return;
		if (!fleet_slot_is_free(&fleet->slots[i]))
			continue;
		fleet->slots[i].is_wanted = true;
		n_more--;
	}
}

/* What the program would miss least: the lowest value. */
static unsigned
fleet_slot_worth(const struct brood__fleet *fleet,
    const struct brood__fleet_slot *slot)
{
	const struct brood__worker *worker = slot->worker;

	if (slot->seen == BROOD__SEEN_GIVEN_UP)
		return 0;
	if (worker == NULL || !fleet_is_usable(worker))
		return 1;
	return 2 + worker->load + (worker->state == BROOD__WORKER_READY) +
	    (fleet_is_outdated(fleet, worker) ? 0 : BROOD__IN_FLIGHT_MAX + 2);
}

typedef bool fleet_kind_fn(const struct brood__fleet *fleet,
    const struct brood__fleet_slot *slot);

/* The least worth that a slot of this kind has; UINT_MAX: there is none. */
static unsigned
fleet_least_worth(const struct brood__fleet *fleet, fleet_kind_fn *is_kind)
{
	unsigned least = UINT_MAX, worth;

	for (unsigned i = 0; i < fleet->n_slots; i++) {
		if (!is_kind(fleet, &fleet->slots[i]))
			continue;
		worth = fleet_slot_worth(fleet, &fleet->slots[i]);
		if (worth < least)
			least = worth;
	}
	return least;
}

/*
 * Stop wanting n slots of this kind, those that are worth least.  There are few
 * different worths, so a few looks at all slots suffice for any n.
 */
static void
fleet_drop(struct brood__fleet *fleet, fleet_kind_fn *is_kind, unsigned n)
{
	unsigned least;

	while (n > 0) {
		least = fleet_least_worth(fleet, is_kind);
		if (least == UINT_MAX)
			return;
		for (unsigned i = 0; i < fleet->n_slots && n > 0; i++) {
			struct brood__fleet_slot *slot = &fleet->slots[i];

			if (!is_kind(fleet, slot) ||
			    fleet_slot_worth(fleet, slot) != least)
				continue;
			slot->is_wanted = false;
			n--;
		}
	}
}

/* A replacement was given up: the worker it was for stays, with new limits. */
static void
fleet_keep_outdated(struct brood__fleet *fleet)
{
	for (unsigned i = 0; i < fleet->n_slots; i++) {
		struct brood__fleet_slot *slot = &fleet->slots[i];

		if (fleet_slot_is_outdated(fleet, slot)) {
			brood__fleet_set_limits(fleet, slot->worker);
			return;
		}
	}
}

/*
 * Have at most n spares take places: any, or only those that are not outdated.
 * Gives how many places are left.
 */
static unsigned
fleet_promote(struct brood__fleet *fleet, unsigned n, bool is_any,
    int64_t now_ms)
{
	for (unsigned i = 0; i < fleet->n_slots && n > 0; i++) {
		struct brood__fleet_slot *slot = &fleet->slots[i];

		if (!fleet_slot_is_usable(slot) ||
		    slot->worker->state != BROOD__WORKER_SPARE ||
		    (!is_any && fleet_is_outdated(fleet, slot->worker)))
			continue;
		brood__worker_enter(slot->worker, BROOD__WORKER_READY, now_ms);
		n--;
	}
	return n;
}

/*
 * There are as many places as `workers` says.  If there are too few for those
 * that have one, some of these are to end, and the spares stay.
 */
static void
fleet_fill_places(struct brood__fleet *fleet, int64_t now_ms)
{
	unsigned n_serving = fleet_count(fleet).n_serving, n_free;

	if (n_serving > fleet->workers) {
		fleet_drop(fleet, fleet_slot_is_serving,
		    n_serving - fleet->workers);
		n_serving = fleet->workers;
	}
	n_free = fleet->workers - n_serving;
	n_free = fleet_promote(fleet, n_free, false, now_ms);
	(void)fleet_promote(fleet, n_free, true, now_ms);
}

/*
 * How many slots more than the target?  One, if a wanted worker is to be
 * replaced, and the one that was replaced before it has ended.
 */
static unsigned
fleet_extra(const struct brood__fleet *fleet, const struct fleet_count *n)
{
	return n->n_outdated > 0 && (n->n_leaving == 0 ||
	    n->n_wanted > brood__fleet_target(fleet));
}

/*
 * Choose the wanted slots.  True if the last step has dropped one: then there
 * may be something more to choose.
 */
static bool
fleet_choose(struct brood__fleet *fleet, int64_t now_ms)
{
	unsigned target = brood__fleet_target(fleet), goal;
	struct fleet_count n;

	fleet_fill_places(fleet, now_ms);
	n = fleet_count(fleet);
	goal = target + fleet_extra(fleet, &n);
	if (n.n_wanted < goal)
		fleet_want(fleet, goal - n.n_wanted);
	if (n.n_wanted > goal)
		fleet_drop(fleet, fleet_slot_is_wanted, n.n_wanted - goal);

	/* The replacement, or a spare, is ready; or it will never be. */
	n = fleet_count(fleet);
	if (n.n_wanted != target + 1 || (n.n_spare == 0 && n.n_starting > 0))
		return false;
	if (n.n_spare == 0 && n.n_given_up > 0) {
		fleet_keep_outdated(fleet);
		fleet_drop(fleet, fleet_slot_is_wanted, 1);
	} else
		fleet_drop(fleet, fleet_slot_is_outdated, 1);
	return true;
}

bool
brood__fleet_fail_reload(struct brood__fleet *fleet,
    const struct brood__notice *notice)
{
	if (notice->is_asked || !brood__fleet_is_reloading(fleet) ||
	    notice->revision < fleet->last_revision)
		return false;
	brood__fleet_keep_old(fleet);
	return true;
}

/* Telling the supervisor */

/* When is this unwanted worker's time to finish over? */
static int64_t
fleet_retire_by(const struct brood__fleet *fleet,
    const struct brood__worker *worker)
{
	return brood__deadline(worker->state_ms, fleet->retire_ms);
}

/*
 * How is this worker to be stopped now, if it is?
 *
 *	1. It broke the protocol: nothing that it does is of use.
 *	2. It runs a request whose time is over.
 *	3. It is wanted, or unwanted and still finishing what it has.
 *	4. It has nothing to do.
 */
static enum brood__stop_phase
fleet_phase(struct brood__fleet *fleet, const struct brood__fleet_slot *slot,
    int64_t now_ms)
{
	struct brood__worker *worker = slot->worker;

	if (worker->fault != BROOD__FAULT_NONE)
		return BROOD__STOP_KILL;
	if (fleet_is_overdue(worker))
		return BROOD__STOP_TERM;
	if (slot->is_wanted)
		return BROOD__STOP_NONE;
	if (worker->load == 0)
		return BROOD__STOP_GOODBYE;
	brood__worker_enter(worker, BROOD__WORKER_DRAINING, now_ms);
	return fleet_retire_by(fleet, worker) <= now_ms ? BROOD__STOP_TERM :
	    BROOD__STOP_NONE;
}

static struct brood__command *
fleet_command(struct brood__fleet *fleet, unsigned slot,
    enum brood__command_kind kind)
{
	struct brood__command *command = &fleet->commands[fleet->n_commands++];

	*command = (struct brood__command) { .kind = kind, .slot = slot };
	return command;
}

static void
fleet_tell_stop(struct brood__fleet *fleet, struct brood__fleet_slot *slot,
    uint32_t generation, enum brood__stop_phase phase)
{
	struct brood__command *command;

	command = fleet_command(fleet, (unsigned)(slot - fleet->slots),
	    BROOD__COMMAND_STOP);
	command->generation = slot->told_generation = generation;
	command->phase = slot->told_phase = phase;
	command->is_refill = slot->is_wanted;
	if (slot->is_wanted)
		return;
	slot->told_revision = 0;
	/* Nothing answers for a slot that has no process and expects none. */
	if (slot->seen == BROOD__SEEN_GIVEN_UP)
		slot->seen = BROOD__SEEN_EMPTY;
}

static void
fleet_tell_fill(struct brood__fleet *fleet, struct brood__fleet_slot *slot)
{
	struct brood__command *command;

	command = fleet_command(fleet, (unsigned)(slot - fleet->slots),
	    BROOD__COMMAND_FILL);
	command->revision = slot->told_revision = fleet->last_revision;
	slot->seen = BROOD__SEEN_FILLED;
}

/* The phase that was told for the process that is there now. */
static enum brood__stop_phase
fleet_told_phase(const struct brood__fleet_slot *slot)
{
	return slot->worker != NULL &&
	    slot->told_generation == slot->worker->generation ?
	    slot->told_phase : BROOD__STOP_NONE;
}

/*
 * Tell what differs from what was told.  A STOP is repeated only if it is
 * harder now, or if the slot is not to be filled again any more.
 */
static void
fleet_direct(struct brood__fleet *fleet, struct brood__fleet_slot *slot,
    int64_t now_ms)
{
	enum brood__stop_phase told = fleet_told_phase(slot), phase;
	struct brood__worker *worker = slot->worker;

	if (worker != NULL) {
		phase = fleet_phase(fleet, slot, now_ms);
		if (phase < told)
			phase = told;
		if (phase > told || (phase != BROOD__STOP_NONE &&
		    !slot->is_wanted && slot->told_revision != 0)) {
			fleet_tell_stop(fleet, slot, worker->generation,
			    phase);
			brood__worker_enter(worker, BROOD__WORKER_STOPPING,
			    now_ms);
		}
	} else if (!slot->is_wanted && slot->told_revision != 0)
		fleet_tell_stop(fleet, slot, 0, BROOD__STOP_TERM);
	if (slot->is_wanted && slot->told_revision != fleet->last_revision)
		fleet_tell_fill(fleet, slot);
}

void
brood__fleet_take_back(struct brood__fleet *fleet,
    const struct brood__command *command)
{
	struct brood__fleet_slot *slot = &fleet->slots[command->slot];

	fleet->is_stale = true;
	slot->told_phase = BROOD__STOP_NONE;
	slot->told_revision = command->kind == BROOD__COMMAND_FILL ? 0 :
	    fleet->last_revision;
}

static void
fleet_set_due(struct brood__fleet *fleet)
{
	int64_t due_ms;

	fleet->due_ms = BROOD__NEVER;
	for (unsigned i = 0; i < fleet->n_slots; i++) {
		const struct brood__worker *worker = fleet->slots[i].worker;

		if (worker == NULL || worker->state != BROOD__WORKER_DRAINING)
			continue;
		due_ms = fleet_retire_by(fleet, worker);
		if (due_ms < fleet->due_ms)
			fleet->due_ms = due_ms;
	}
}

unsigned
brood__fleet_reconcile(struct brood__fleet *fleet, int64_t now_ms)
{
	struct fleet_count n;

	fleet->is_stale = false;
	fleet->n_commands = 0;
	while (fleet_choose(fleet, now_ms))
		continue;
	for (unsigned i = 0; i < fleet->n_slots; i++)
		fleet_direct(fleet, &fleet->slots[i], now_ms);
	fleet_set_due(fleet);

	n = fleet_count(fleet);
	if (!brood__fleet_is_reloading(fleet) || n.n_below_floor > 0)
		return 0;
	fleet->done_floor = fleet->floor;
	return BROOD__FLEET_RELOADED;
}
