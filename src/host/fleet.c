/* SPDX-License-Identifier: ISC */

/*
 * What is so of the workers of a pool: slots, and what was said of them; see
 * fleet.h.  What follows from it is decided in reconcile.c.
 */

#include "base/clock.h"
#include "host/fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Making */

int
brood__fleet_grow(struct brood__fleet *fleet, unsigned n_slots)
{
	struct brood__fleet_slot *slots;
	struct brood__command *commands;

	if (n_slots <= fleet->n_slots)
		return 0;
	commands = reallocarray(fleet->commands, n_slots,
	    2 * sizeof(*commands));
	if (commands == NULL)
		return -ENOMEM;
	fleet->commands = commands;
	slots = recallocarray(fleet->slots, fleet->n_slots, n_slots,
	    sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	fleet->slots = slots;
	fleet->n_slots = n_slots;
	return 0;
}

int
brood__fleet_init(struct brood__fleet *fleet, unsigned workers, unsigned spare)
{
	memset(fleet, 0, sizeof(*fleet));
	fleet->spare = spare;
	fleet->retire_ms = -1;
	fleet->last_revision = fleet->floor = fleet->done_floor = 1;
	fleet->due_ms = BROOD__NEVER;
	return brood__fleet_resize(fleet, workers);
}

void
brood__fleet_fini(struct brood__fleet *fleet)
{
	free(fleet->slots);
	free(fleet->commands);
}

/* What is wanted */

int
brood__fleet_resize(struct brood__fleet *fleet, unsigned workers)
{
	int r;

	r = brood__fleet_grow(fleet, workers + fleet->spare);
	if (r < 0)
		return r;
	fleet->workers = workers;
	fleet->is_stale = true;
	return 0;
}

void
brood__fleet_reload(struct brood__fleet *fleet)
{
	fleet->floor = ++fleet->last_revision;
	fleet->is_stale = true;
}

void
brood__fleet_keep_old(struct brood__fleet *fleet)
{
	fleet->floor = fleet->done_floor;
	fleet->is_stale = true;
}

/* What the supervisor has said */

void
brood__fleet_set_limits(const struct brood__fleet *fleet,
    struct brood__worker *worker)
{
	unsigned max = fleet->max_requests, tenth = max / 10;

	if (max == 0)
		return;
	worker->served_limit = worker->served + max - tenth +
	    arc4random_uniform(tenth + 1);
	worker->served_max = worker->served + max + tenth;
}

void
brood__fleet_adopt(struct brood__fleet *fleet, struct brood__worker *worker)
{
	struct brood__fleet_slot *slot = &fleet->slots[worker->slot];

	slot->worker = worker;
	slot->generation = worker->generation;
	slot->seen = BROOD__SEEN_FILLED;
	brood__fleet_set_limits(fleet, worker);
	fleet->is_stale = true;
}

/*
 * A process has ended.  delay_ms < 0 says that the slot is not filled again: as
 * it was told, or it is given up, which the next notice says.
 */
void
brood__fleet_ended(struct brood__fleet *fleet,
    const struct brood__notice *notice, int64_t now_ms)
{
	struct brood__fleet_slot *slot = &fleet->slots[notice->slot];
	struct brood__worker *worker = slot->worker;

	fleet->is_stale = true;
	slot->n_failures += !notice->is_asked;
	if (notice->delay_ms < 0 && slot->told_revision == 0)
		slot->seen = BROOD__SEEN_EMPTY;
	if (worker == NULL || worker->generation != notice->generation)
		return;
	slot->worker = NULL;
	brood__worker_enter(worker, BROOD__WORKER_ENDED, now_ms);
}

/*
 * A slot may have been told to start again, by a reload, before this notice
 * came: then it speaks of older processes.
 */
void
brood__fleet_given_up(struct brood__fleet *fleet,
    const struct brood__notice *notice)
{
	struct brood__fleet_slot *slot = &fleet->slots[notice->slot];

	if (slot->told_revision == 0 ||
	    notice->revision < slot->told_revision)
		return;
	slot->seen = BROOD__SEEN_GIVEN_UP;
	fleet->is_stale = true;
}

void
brood__fleet_emptied(struct brood__fleet *fleet, unsigned slot)
{
	if (fleet->slots[slot].told_revision == 0)
		fleet->slots[slot].seen = BROOD__SEEN_EMPTY;
	fleet->is_stale = true;
}

void
brood__fleet_lost(struct brood__fleet *fleet)
{
	for (unsigned i = 0; i < fleet->n_slots; i++) {
		fleet->slots[i].seen = BROOD__SEEN_EMPTY;
		fleet->slots[i].told_revision = 0;
		fleet->slots[i].worker = NULL;
	}
}
