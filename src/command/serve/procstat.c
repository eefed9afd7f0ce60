/* SPDX-License-Identifier: ISC */

/*
 * Reads /proc/PID/stat; see proc(5).
 *
 * The second field is the program's name, in parentheses.  It may hold any
 * byte, blanks and ')' included: the numbers begin after the last ')'.
 */

#include "command/serve/procstat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
procstat_read(pid_t pid, struct procstat *ret_stat)
{
	unsigned long user, system;
	char path[32], buf[1024];
	const char *numbers;
	size_t len;
	FILE *file;
	long rss;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	len = fread(buf, 1, sizeof(buf) - 1, file);
	(void)fclose(file);
	buf[len] = '\0';
	numbers = strrchr(buf, ')');
	if (numbers == NULL || sscanf(numbers, ") %*c %*d %*d %*d %*d %*d %*u "
	    "%*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
	    &user, &system, &rss) != 3)
		return -EPROTO;
	ret_stat->cpu_s = (double)(user + system) /
	    (double)sysconf(_SC_CLK_TCK);
	ret_stat->rss = (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
