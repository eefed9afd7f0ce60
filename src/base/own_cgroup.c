/* SPDX-License-Identifier: ISC */

/*
 * The control group of this process, as /proc says.
 */

#include "base/own_cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

int
brood__own_cgroup(char *name, size_t size)
{
	char line[PATH_MAX];
	FILE *file;
	int r = -1;

	file = fopen("/proc/self/cgroup", "re");
	if (file == NULL)
		return -1;
	/* Lines of version 1 have a number and a controller in front. */
	while (r < 0 && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0 &&
		    strlcpy(name, line + 3, size) < size)
			r = 0;
	}
	(void)fclose(file);
	return r;
}
