/* SPDX-License-Identifier: ISC */

/*
 * The command's own control group.  Systems mount the second version in one of
 * two places.
 */

#include "command/delegation.h"

#include "base/own_cgroup.h"
#include "base/write_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
delegation_find(char *path, size_t size)
{
	static const char *const mounts[] = {
		"/sys/fs/cgroup", "/sys/fs/cgroup/unified",
	};
	char name[PATH_MAX - 64], file[PATH_MAX];

	if (brood__own_cgroup(name, sizeof(name)) < 0)
		return -ENOENT;
	if (strcmp(name, "/") == 0)
		name[0] = '\0';
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s%s/cgroup.procs",
		    mounts[i], name);
		if (access(file, F_OK) == 0 && (size_t)snprintf(path, size,
		    "%s%s", mounts[i], name) < size)
			return 0;
	}
	return -ENOENT;
}

/* Is there a process in the group besides this one? */
static bool
delegation_is_shared(const char *path)
{
	char procs[PATH_MAX];
	bool is_shared = false;
	FILE *file;
	int pid;

	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	file = fopen(procs, "re");
	if (file == NULL)
		return false;
	while (fscanf(file, "%d", &pid) == 1)
		is_shared = is_shared || pid != getpid();
	(void)fclose(file);
	return is_shared;
}

int
delegation_vacate(const char *path)
{
	char below[PATH_MAX];

	/* Only the group at the root has no type, and only it is exempt. */
	(void)snprintf(below, sizeof(below), "%s/cgroup.type", path);
	if (access(below, F_OK) < 0)
		return 0;
	if (delegation_is_shared(path))
		return -EBUSY;
	(void)snprintf(below, sizeof(below), "%s/brood-command", path);
	if (mkdir(below, S_IRWXU) < 0 && errno != EEXIST)
		return -errno;
	(void)snprintf(below, sizeof(below), "%s/brood-command/cgroup.procs",
	    path);
	return -brood__write_file(below, "0");
}
