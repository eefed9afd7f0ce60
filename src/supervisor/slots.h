/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SLOTS_H
#define BROOD__SLOTS_H

/*
 * The slots of the supervisor process, by index.  They are made when a command
 * names them first, and never freed: the process ends with them.
 */

#include "supervisor/main.h"

struct brood__slots {
	const struct brood__supervisor_config *config;
	struct brood__order *order;	/* has every slot too */
	rlim_t nofile;			/* how many descriptors may be open */
	struct brood__slot **list;
	unsigned n_slots;
};

/* NULL if there is no such slot yet. */
static inline struct brood__slot *
brood__slots_get(const struct brood__slots *slots, unsigned index)
{
	return index < slots->n_slots ? slots->list[index] : NULL;
}

/*
 * Make the slot with this index, and those before it, unless they are there.  0
 * or -ENOMEM; what was made by then stays.
 */
int	brood__slots_grow(struct brood__slots *slots, unsigned index);

#endif
