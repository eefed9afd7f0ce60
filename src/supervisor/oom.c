/* SPDX-License-Identifier: ISC */

/*
 * The kernel's count of processes that it has killed for lack of memory.
 */

#include "supervisor/oom.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OOM_TEXT = 16 << 10 };	/* /proc/vmstat has some 5 KiB */

uint64_t
brood__oom_parse(const char *text)
{
	static const char name[] = "\noom_kill ";
	const char *line = strstr(text, name);

	return line != NULL ? strtoull(line + sizeof(name) - 1, NULL, 10) : 0;
}

/* False: it cannot be known now. */
static bool
oom_read(uint64_t *ret_count)
{
	char text[OOM_TEXT];
	size_t len = 0;
	ssize_t n = 0;
	int fd;

	fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	do {
		len += (size_t)n;
		n = read(fd, text + len, sizeof(text) - 1 - len);
	} while (n > 0);
	(void)close(fd);
	text[len] = '\0';
	*ret_count = brood__oom_parse(text);
	return n == 0;
}

void
brood__oom_init(struct brood__oom *oom)
{
	(void)oom_read(&oom->n_killed);
}

bool
brood__oom_has_killed(struct brood__oom *oom)
{
	uint64_t now;
	bool has_grown;

	if (!oom_read(&now))
		return false;
	has_grown = now > oom->n_killed;
	oom->n_killed = now;
	return has_grown;
}
