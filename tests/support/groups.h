/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_GROUPS_H
#define BROOD_TESTS_GROUPS_H

/*
 * Where this process can make control groups of version 2, if it can.
 */

#include "base/own_cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Can a directory be made there, and is it a control group? */
static inline bool
groups_can_be_made(const char *directory)
{
	char group[PATH_MAX], file[PATH_MAX + 32];
	bool is_group;

	(void)snprintf(group, sizeof(group), "%.4000s/brood-test-%d", directory,
	    (int)getpid());
	if (access(directory, W_OK) < 0 || mkdir(group, 0700) < 0)
		return false;
	(void)snprintf(file, sizeof(file), "%s/cgroup.events", group);
	is_group = access(file, F_OK) == 0;
	(void)rmdir(group);
	return is_group;
}

static inline bool
groups_find(char *directory, size_t size)
{
#ifdef HAVE_CGROUPS
	static const char *const mounts[] = {
		"/sys/fs/cgroup", "/sys/fs/cgroup/unified",
	};
	char name[PATH_MAX];

	if (brood__own_cgroup(name, sizeof(name)) < 0)
		return false;
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		(void)snprintf(directory, size, "%s%.3000s", mounts[i],
		    strcmp(name, "/") == 0 ? "" : name);
		if (groups_can_be_made(directory))
			return true;
	}
#endif
	(void)directory;
	(void)size;
	return false;
}

#endif
