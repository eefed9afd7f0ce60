/* SPDX-License-Identifier: ISC */

/*
 * Attacks on files.
 */

#include "attack.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
result(long r)
{
	return r < 0 ? -errno : 0;
}

static const char *
path_of(const struct world *world, const char *name)
{
	static char paths[2][128];
	static int turn;
	char *path = paths[turn++ % 2];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", world->dir, name);
	return path;
}

TRY(try_open)
{
	int fd = open(path_of(world, "secret"), O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno :
	    result(read(fd, answer->stolen, SECRET_LEN));
}

/* How long a file is.  fstat(3) makes the same system call with a "". */
TRY(try_stat)
{
	struct stat st;

	if (fstatat(AT_FDCWD, path_of(world, "sized"), &st, AT_EMPTY_PATH) < 0)
		return -errno;
	(void)snprintf(answer->stolen, sizeof(answer->stolen), "%jd",
	    (intmax_t)st.st_size);
	return 0;
}

WORKED(worked_stat)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%jd", (intmax_t)host->size);
	return strcmp(host->answer.stolen, text) == 0;
}

TRY(try_rename)
{
	(void)answer;
	return result(rename(path_of(world, "secret"), path_of(world,
	    "out/renamed")));
}

WORKED(worked_rename)
{
	return access(path_of(host->world, "secret"), F_OK) < 0 &&
	    access(path_of(host->world, "out/renamed"), F_OK) == 0;
}

TRY(try_link)
{
	(void)answer;
	return result(link(path_of(world, "secret"), path_of(world,
	    "out/linked")));
}

WORKED(worked_link)
{
	return access(path_of(host->world, "out/linked"), F_OK) == 0;
}

TRY(try_truncate)
{
	(void)answer;
	return result(truncate(path_of(world, "secret"), 1));
}

WORKED(worked_truncate)
{
	struct stat st;

	return stat(path_of(host->world, "secret"), &st) == 0 &&
	    st.st_size == 1;
}

/* Who may read and write it; Landlock does not know of that. */
TRY(try_chmod)
{
	(void)answer;
	return result(chmod(path_of(world, "secret"), 0666));
}

WORKED(worked_chmod)
{
	struct stat st;

	return stat(path_of(host->world, "secret"), &st) == 0 &&
	    (st.st_mode & 07777) == 0666;
}

TRY(try_create)
{
	(void)answer;
	return result(open(path_of(world, "out/created"),
	    O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

WORKED(worked_create)
{
	return access(path_of(host->world, "out/created"), F_OK) == 0;
}

TRY(try_mount)
{
	(void)answer;
	return result(mount("none", path_of(world, "out"), "tmpfs", 0, ""));
}

WORKED(worked_mount)
{
	struct stat below, above;

	return stat(host->world->dir, &above) == 0 &&
	    stat(path_of(host->world, "out"), &below) == 0 &&
	    below.st_dev != above.st_dev;
}
