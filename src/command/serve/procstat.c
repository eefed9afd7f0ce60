/* SPDX-License-Identifier: ISC */

/*
 * /proc/PID/stat.  Knows nothing of workers.
 *
 * The second field is the program's name, which may hold anything, blanks and
 * ')' included: the numbers begin behind the last ')'.
 */

#include "command/serve/procstat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
process_read(pid_t pid, char *buf, size_t size)
{
	char path[32];
	size_t len;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	len = fread(buf, 1, size - 1, file);
	(void)fclose(file);
	buf[len] = '\0';
	return 0;
}

int
process_usage(pid_t pid, struct process_usage *ret_usage)
{
	unsigned long user, system;
	const char *numbers;
	char buf[1024];
	long rss;
	int r;

	r = process_read(pid, buf, sizeof(buf));
	if (r < 0)
		return r;
	numbers = strrchr(buf, ')');
	if (numbers == NULL || sscanf(numbers, ") %*c %*d %*d %*d %*d %*d %*u "
	    "%*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
	    &user, &system, &rss) != 3)
		return -EPROTO;
	ret_usage->cpu_s = (double)(user + system) /
	    (double)sysconf(_SC_CLK_TCK);
	ret_usage->rss = (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
