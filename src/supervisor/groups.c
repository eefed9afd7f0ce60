/* SPDX-License-Identifier: ISC */

/*
 * The directories of control groups.  The options that name them belong to the
 * user, who may have freed them since: these are copies.
 */

#include "supervisor/groups.h"

#include "process/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct brood__group {
	SLIST_ENTRY(brood__group) next;
	char directory[];
};

static int
groups_add(struct brood__groups *groups, const char *directory)
{
	struct brood__group *group;
	size_t size = strlen(directory) + 1;

	SLIST_FOREACH(group, groups, next)
		if (strcmp(group->directory, directory) == 0)
			return 0;
	group = malloc(sizeof(*group) + size);
	if (group == NULL)
		return -ENOMEM;
	memcpy(group->directory, directory, size);
	SLIST_INSERT_HEAD(groups, group, next);
	return 0;
}

int
brood__groups_init(struct brood__groups *groups,
    const struct brood__slot_spec *specs, size_t n_specs)
{
	const char *directory;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_specs; i++) {
		directory = brood__cgroup_directory(
		    specs[i].spawn.options->confine);
		if (directory != NULL)
			r = groups_add(groups, directory);
	}
	return r;
}

void
brood__groups_fini(struct brood__groups *groups)
{
	struct brood__group *group;

	while ((group = SLIST_FIRST(groups)) != NULL) {
		SLIST_REMOVE_HEAD(groups, next);
		free(group);
	}
}

void
brood__groups_sweep(const struct brood__groups *groups, pid_t supervisor,
    int64_t deadline_ms)
{
	const struct brood__group *group;

	SLIST_FOREACH(group, groups, next)
		brood__cgroup_sweep(group->directory, supervisor, deadline_ms);
}
