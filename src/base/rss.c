/* SPDX-License-Identifier: ISC */

/*
 * Memory of a process by /proc/PID/statm, whose second number is in pages.
 */

#include "base/rss.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int
brood__rss_read(pid_t pid, uint64_t *ret_bytes)
{
	char path[32], text[128];
	unsigned long pages;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do
		n = read(fd, text, sizeof(text) - 1);
	while (n < 0 && errno == EINTR);
	(void)close(fd);
	if (n <= 0)
		return n < 0 ? -errno : -ENOENT;
	text[n] = '\0';
	if (sscanf(text, "%*u %lu", &pages) != 1)
		return -ENOSYS;
	*ret_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
