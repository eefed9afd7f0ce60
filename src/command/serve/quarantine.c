/* SPDX-License-Identifier: ISC */

/*
 * The directory of requests that workers have died of.
 */

#include "command/serve/quarantine.h"

#include "base/text.h"
#include "command/command.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { QUARANTINE_NAME = 32 };	/* "NUMBER.request" */

struct quarantined {
	STAILQ_ENTRY(quarantined) next;
	unsigned long number;
	size_t len;
};

static void
quarantine_name(char name[QUARANTINE_NAME], unsigned long number,
    const char *kind)
{
	(void)snprintf(name, QUARANTINE_NAME, "%06lu.%s", number, kind);
}

/* What is there */

/* Add one behind those with smaller numbers. */
static int
quarantine_add(struct quarantine *quarantine, unsigned long number, size_t len)
{
	struct quarantined *one = calloc(1, sizeof(*one)), *other, *before;

	if (one == NULL)
		return -ENOMEM;
	one->number = number;
	one->len = len;
	before = NULL;
	STAILQ_FOREACH(other, &quarantine->kept, next)
		if (other->number < number)
			before = other;
	if (before == NULL)
		STAILQ_INSERT_HEAD(&quarantine->kept, one, next);
	else
		STAILQ_INSERT_AFTER(&quarantine->kept, before, one, next);
	quarantine->n_kept++;
	quarantine->n_bytes += len;
	if (quarantine->last < number)
		quarantine->last = number;
	return 0;
}

static int
quarantine_find_one(struct quarantine *quarantine, const char *name)
{
	unsigned long number;
	struct stat st;
	char *end;

	errno = 0;
	number = strtoul(name, &end, 10);
	if (end == name || errno != 0 || strcmp(end, ".request") != 0 ||
	    fstatat(quarantine->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	return quarantine_add(quarantine, number, (size_t)st.st_size);
}

static int
quarantine_find(struct quarantine *quarantine)
{
	int fd = openat(quarantine->fd, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC), r = 0;
	const struct dirent *entry;
	DIR *dir;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		r = -errno;
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL)
		r = quarantine_find_one(quarantine, entry->d_name);
	(void)closedir(dir);
	return r;
}

int
quarantine_open(struct quarantine *quarantine, const char *path)
{
	int r;

	*quarantine = (struct quarantine) { .path = path, .fd = -1 };
	STAILQ_INIT(&quarantine->kept);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	quarantine->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = quarantine->fd < 0 ? -errno : quarantine_find(quarantine);
	if (r == 0 && faccessat(quarantine->fd, ".", W_OK, 0) < 0)
		r = -errno;
	if (r < 0)
		quarantine_close(quarantine);
	return r;
}

void
quarantine_close(struct quarantine *quarantine)
{
	struct quarantined *one;

	if (quarantine->path == NULL)
		return;
	while ((one = STAILQ_FIRST(&quarantine->kept)) != NULL) {
		STAILQ_REMOVE_HEAD(&quarantine->kept, next);
		free(one);
	}
	if (quarantine->fd >= 0)
		(void)close(quarantine->fd);
	*quarantine = (struct quarantine) { .path = NULL };
}

/* Keeping */

static void
quarantine_drop_oldest(struct quarantine *quarantine)
{
	struct quarantined *one = STAILQ_FIRST(&quarantine->kept);
	char name[QUARANTINE_NAME];

	quarantine_name(name, one->number, "request");
	(void)unlinkat(quarantine->fd, name, 0);
	quarantine_name(name, one->number, "report");
	(void)unlinkat(quarantine->fd, name, 0);
	STAILQ_REMOVE_HEAD(&quarantine->kept, next);
	quarantine->n_kept--;
	quarantine->n_bytes -= one->len;
	free(one);
}

/* Write a new file.  If that fails there is none. */
static int
quarantine_write(const struct quarantine *quarantine, const char *name,
    const void *data, size_t len)
{
	const char *bytes = data;
	ssize_t n = 0;
	int fd, error = 0;

	fd = openat(quarantine->fd, name, O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; error == 0 && done < len; done += (size_t)n) {
		n = write(fd, bytes + done, len - done);
		if (n < 0 && errno != EINTR)
			error = errno;
		if (n < 0)
			n = 0;
	}
	if (close(fd) < 0 && error == 0)
		error = errno;
	if (error != 0)
		(void)unlinkat(quarantine->fd, name, 0);
	return -error;
}

static char *
quarantine_report(const struct quarantine *quarantine,
    const struct brood_completion *done, uint32_t method, size_t len,
    unsigned long number)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32] = "", *text;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (asprintf(&text, "time: %s\nmethod: %" PRIu32 "\nbytes: %zu\n"
	    "workers: %d\nlast worker: %d\nend: %s\n"
	    "again: brood call --method %" PRIu32 " SOCKET @%s/%06lu.request\n",
	    when, method, len, done->attempts, done->pid, done->text, method,
	    quarantine->path, number) < 0)
		return NULL;
	return text;
}

static int
quarantine_write_both(const struct quarantine *quarantine,
    const struct brood_completion *done, uint32_t method, const void *data,
    size_t len, unsigned long number)
{
	char name[QUARANTINE_NAME], *report;
	int r;

	report = quarantine_report(quarantine, done, method, len, number);
	if (report == NULL)
		return -ENOMEM;
	quarantine_name(name, number, "request");
	r = quarantine_write(quarantine, name, data, len);
	if (r == 0) {
		quarantine_name(name, number, "report");
		r = quarantine_write(quarantine, name, report, strlen(report));
		if (r < 0) {
			quarantine_name(name, number, "request");
			(void)unlinkat(quarantine->fd, name, 0);
		}
	}
	free(report);
	return r;
}

void
quarantine_keep(struct quarantine *quarantine,
    const struct brood_completion *done, uint32_t method, const void *data,
    size_t len)
{
	unsigned long number = quarantine->last + 1;
	int r;

	if (quarantine->path == NULL || len > QUARANTINE_BYTES)
		return;
	while (quarantine->n_kept >= QUARANTINE_REQUESTS ||
	    quarantine->n_bytes + len > QUARANTINE_BYTES)
		quarantine_drop_oldest(quarantine);
	r = quarantine_write_both(quarantine, done, method, data, len, number);
	if (r == 0)
		r = quarantine_add(quarantine, number, len);
	if (r < 0)
		command_warn(-r, "%s", quarantine->path);
	else
		command_warn(0, "%s/%06lu.request: a worker has died of it: %s",
		    quarantine->path, number, done->text);
}
