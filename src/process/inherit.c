/* SPDX-License-Identifier: ISC */

/*
 * Who this process is to the one that started it; see inherit.h.
 *
 * The two numbers belong to the process, as its pid does, so they are in static
 * memory.  They are written before the process has a second thread: after fork,
 * or when a program takes its channel.
 */

#include "base/export.h"
#include "process/inherit.h"

#include <brood/channel.h>
#include <brood/worker.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static struct {
	int slot;
	uint32_t generation;
} inherited = { .slot = -1 };

void
brood__inherit_set(int slot, uint32_t generation)
{
	inherited.slot = slot;
	inherited.generation = generation;
}

BROOD_PUBLIC int
brood_worker_slot(void)
{
	return inherited.slot;
}

BROOD_PUBLIC uint32_t
brood_worker_generation(void)
{
	return inherited.generation;
}

/* A number of the environment, or otherwise. */
static long long
inherit_number(const char *name, long long max, long long otherwise)
{
	const char *value = getenv(name), *error = NULL;
	long long number;

	if (value == NULL)
		return otherwise;
	number = strtonum(value, 0, max, &error);
	return error == NULL ? number : otherwise;
}

BROOD_PUBLIC int
brood_channel_inherit(struct brood_channel **ret_channel,
    const struct brood_channel_options *options)
{
	int fd, r;

	if (getenv(BROOD__ENV_FD) == NULL)
		return -ENOENT;
	fd = (int)inherit_number(BROOD__ENV_FD, INT_MAX, -1);
	if (fd < 0)
		return -EBADF;
	r = brood_channel_new(ret_channel, fd, options);
	if (r < 0)
		return r;
	brood__inherit_set((int)inherit_number(BROOD__ENV_SLOT, INT_MAX, -1),
	    (uint32_t)inherit_number(BROOD__ENV_GENERATION, UINT32_MAX, 0));
	(void)unsetenv(BROOD__ENV_FD);
	(void)unsetenv(BROOD__ENV_SLOT);
	(void)unsetenv(BROOD__ENV_GENERATION);
	return 0;
}
