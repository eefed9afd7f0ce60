/* SPDX-License-Identifier: ISC */

/*
 * The order in which slots start and stop; order.h has the rules.
 *
 * Owns stop_pending and holds_later of each slot, and decides from them and
 * from the states alone.  Nothing is counted between two calls: each look at
 * the list counts anew, so no failed start can stay counted.
 */

#include "base/clock.h"
#include "supervisor/order.h"

#include <limits.h>
#include <stddef.h>

enum {
	ORDER_SHORT_MIN_MS = 10,	/* the pause after the first failure */
	ORDER_SHORT_MAX_MS = 1000,
	ORDER_STARTING = 32,
};

void
brood__order_init(struct brood__order *order, bool is_ordered,
    enum brood_strategy strategy)
{
	*order = (struct brood__order) {
		.is_ordered = is_ordered,
		.strategy = strategy,
		.max_starting = ORDER_STARTING,
		.max_held = UINT_MAX,
	};
	TAILQ_INIT(&order->slots);
}

void
brood__order_add(struct brood__order *order, struct brood__order_slot *slot)
{
	slot->due_ms = BROOD__NEVER;
	TAILQ_INSERT_TAIL(&order->slots, slot, next);
}

/* Changing */

void
brood__order_enter(struct brood__order_slot *slot,
    enum brood__slot_state state, int64_t due_ms)
{
	slot->state = state;
	slot->due_ms = due_ms;
	switch (state) {
	case BROOD__SLOT_EMPTY:
	case BROOD__SLOT_GIVEN_UP:
		slot->stop_pending = BROOD__ORDER_KEEP;
		slot->holds_later = false;
		break;
	case BROOD__SLOT_OFFERING:
	case BROOD__SLOT_OFFERED:
	case BROOD__SLOT_ADOPTED:
		slot->holds_later = false;
		break;
	case BROOD__SLOT_WAITING:
	case BROOD__SLOT_STARTING:
	case BROOD__SLOT_STOPPING:
		break;
	}
}

bool
brood__order_is_alive(const struct brood__order_slot *slot)
{
	switch (slot->state) {
	case BROOD__SLOT_EMPTY:
	case BROOD__SLOT_WAITING:
	case BROOD__SLOT_GIVEN_UP:
		return false;
	case BROOD__SLOT_STARTING:
	case BROOD__SLOT_OFFERING:
	case BROOD__SLOT_OFFERED:
	case BROOD__SLOT_ADOPTED:
	case BROOD__SLOT_STOPPING:
		return true;
	}
	return false;
}

static bool
order_is_ready(const struct brood__order_slot *slot)
{
	return slot->state == BROOD__SLOT_OFFERING ||
	    slot->state == BROOD__SLOT_OFFERED ||
	    slot->state == BROOD__SLOT_ADOPTED;
}

void
brood__order_filled(struct brood__order *order,
    struct brood__order_slot *slot)
{
	if (!order_is_ready(slot))
		slot->holds_later = order->is_ordered;
}

/*
 * Mark the slots that the strategy restarts together with this one.  One that
 * waits to be started goes on waiting for its own time.
 */
static void
order_mark_group(struct brood__order *order, struct brood__order_slot *slot)
{
	struct brood__order_slot *other = TAILQ_FIRST(&order->slots);

	if (order->strategy == BROOD_ONE_FOR_ONE)
		return;
	if (order->strategy == BROOD_REST_FOR_ONE)
		other = TAILQ_NEXT(slot, next);
	for (; other != NULL; other = TAILQ_NEXT(other, next)) {
		if (other == slot || other->state == BROOD__SLOT_EMPTY ||
		    other->state == BROOD__SLOT_GIVEN_UP)
			continue;
		other->holds_later = true;
		if (brood__order_is_alive(other))
			other->stop_pending =
			    other->restart == BROOD_TEMPORARY ?
			    BROOD__ORDER_REMOVE : BROOD__ORDER_REPLACE;
	}
}

void
brood__order_replaced(struct brood__order *order,
    struct brood__order_slot *slot)
{
	slot->holds_later = order->is_ordered;
	order_mark_group(order, slot);
}

void
brood__order_restarted(struct brood__order *order,
    struct brood__order_slot *slot)
{
	if (order->strategy != BROOD_ONE_FOR_ONE)
		slot->holds_later = true;
	order_mark_group(order, slot);
}

void
brood__order_stop_all(struct brood__order *order)
{
	struct brood__order_slot *slot;

	TAILQ_FOREACH(slot, &order->slots, next) {
		slot->holds_later = false;
		if (slot->state != BROOD__SLOT_EMPTY)
			slot->stop_pending = BROOD__ORDER_REMOVE;
	}
}

/* Stopping */

struct brood__order_slot *
brood__order_next_stop(struct brood__order *order,
    struct brood__order_slot *prev)
{
	struct brood__order_slot *slot = prev != NULL ? prev :
	    TAILQ_LAST(&order->slots, brood__order_slots);

	for (; slot != NULL;
	    slot = TAILQ_PREV(slot, brood__order_slots, next)) {
		if (slot->stop_pending != BROOD__ORDER_KEEP)
			return slot;
		if (order->is_ordered && slot->state == BROOD__SLOT_STOPPING)
			return NULL;
	}
	return NULL;
}

/* Starting */

/* Rule 3: does a slot that the strategy restarts still have to stop? */
static bool
order_is_stopping(const struct brood__order *order)
{
	const struct brood__order_slot *slot;

	if (order->strategy == BROOD_ONE_FOR_ONE)
		return false;
	TAILQ_FOREACH(slot, &order->slots, next)
		if (slot->stop_pending != BROOD__ORDER_KEEP ||
		    slot->state == BROOD__SLOT_STOPPING)
			return true;
	return false;
}

static void
pass_count(struct brood__order_pass *pass,
    const struct brood__order_slot *slot)
{
	switch (slot->state) {
	case BROOD__SLOT_STARTING:
		pass->n_starting++;
		pass->n_held++;
		break;
	case BROOD__SLOT_OFFERING:
	case BROOD__SLOT_OFFERED:
		pass->n_held++;
		break;
	case BROOD__SLOT_EMPTY:
	case BROOD__SLOT_WAITING:
	case BROOD__SLOT_ADOPTED:
	case BROOD__SLOT_STOPPING:
	case BROOD__SLOT_GIVEN_UP:
		break;
	}
}

void
brood__order_begin(const struct brood__order *order,
    struct brood__order_pass *ret_pass, int64_t now_ms)
{
	const struct brood__order_slot *slot;

	*ret_pass = (struct brood__order_pass) {
		.is_blocked = now_ms < order->resume_ms ||
		    order_is_stopping(order),
	};
	TAILQ_FOREACH(slot, &order->slots, next)
		pass_count(ret_pass, slot);
}

static bool
pass_may_start(const struct brood__order *order,
    const struct brood__order_pass *pass,
    const struct brood__order_slot *slot, int64_t now_ms)
{
	return slot->state == BROOD__SLOT_WAITING &&
	    slot->stop_pending == BROOD__ORDER_KEEP &&
	    slot->due_ms <= now_ms && !pass->is_blocked &&
	    pass->n_starting < order->max_starting &&
	    pass->n_held < order->max_held;
}

struct brood__order_slot *
brood__order_next_start(const struct brood__order *order,
    struct brood__order_pass *pass, int64_t now_ms)
{
	struct brood__order_slot *slot = TAILQ_FIRST(&order->slots);

	if (pass->last != NULL) {
		pass_count(pass, pass->last);
		pass->is_blocked |= pass->last->holds_later ||
		    now_ms < order->resume_ms;
		slot = TAILQ_NEXT(pass->last, next);
	}
	for (; slot != NULL && !pass->is_blocked;
	    slot = TAILQ_NEXT(slot, next)) {
		if (pass_may_start(order, pass, slot, now_ms)) {
			pass->last = slot;
			return slot;
		}
		pass->is_blocked = slot->holds_later;
	}
	return NULL;
}

int64_t
brood__order_next_due(const struct brood__order *order, int64_t now_ms)
{
	int64_t due_ms = order->resume_ms > now_ms ? order->resume_ms :
	    BROOD__NEVER;
	const struct brood__order_slot *slot;

	TAILQ_FOREACH(slot, &order->slots, next)
		if (slot->due_ms > now_ms && slot->due_ms < due_ms)
			due_ms = slot->due_ms;
	return due_ms;
}

/* Shortage */

void
brood__order_set_short(struct brood__order *order, int64_t now_ms)
{
	order->shortage_ms *= 2;
	if (order->shortage_ms < ORDER_SHORT_MIN_MS)
		order->shortage_ms = ORDER_SHORT_MIN_MS;
	if (order->shortage_ms > ORDER_SHORT_MAX_MS)
		order->shortage_ms = ORDER_SHORT_MAX_MS;
	order->resume_ms = now_ms + order->shortage_ms;
}

void
brood__order_clear_short(struct brood__order *order)
{
	order->shortage_ms = 0;
}
