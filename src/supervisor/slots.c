/* SPDX-License-Identifier: ISC */

/*
 * The list of slots.  Owns them.
 */

#include "supervisor/setup.h"
#include "supervisor/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static int
slots_add(struct brood__slots *slots)
{
	const struct brood__supervisor_config *config = slots->config;
	unsigned index = slots->n_slots;
	struct brood__slot **slot = &slots->list[index];
	int r;

	r = brood__slot_new(slot, index,
	    &config->specs[config->n_specs > 1 ? index : 0],
	    config->intensity, config->period_ms);
	if (r < 0)
		return r;
	brood__order_add(slots->order, &(*slot)->order);
	slots->n_slots++;
	return 0;
}

int
brood__slots_grow(struct brood__slots *slots, unsigned index)
{
	const struct brood__supervisor_config *config = slots->config;
	struct brood__slot **list;
	int r;

	assert(config->n_specs == 1 || index < config->n_specs);
	if (index < slots->n_slots)
		return 0;
	list = reallocarray(slots->list, (size_t)index + 1, sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	slots->list = list;
	while (slots->n_slots <= index) {
		r = slots_add(slots);
		if (r < 0)
			return r;
	}
	slots->order->max_held = brood__setup_max_held(slots->nofile,
	    slots->n_slots, config->n_keep_fds);
	return 0;
}
