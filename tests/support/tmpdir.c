/* SPDX-License-Identifier: ISC */

/*
 * This file owns the directory of a test.  It uses nothing of brood, so that
 * the sockets it makes are those that any other program could leave behind.
 */

#include "support/support.h"
#include "support/tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOBODY	65534

static char dir[32];

void
tmpdir_begin(void)
{
	(void)strcpy(dir, "/tmp/brood-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chmod(dir, 0777), 0);
	support_begin();
}

void
tmpdir_end(void)
{
	if (rmdir(dir) < 0) {
		fprintf(stderr, "%s: %s\n", dir, strerror(errno));
		abort();
	}
	support_end();
}

const char *
tmpdir_path(const char *name)
{
	static char paths[2][512];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

const char *
tmpdir_dir(void)
{
	return dir;
}

bool
tmpdir_has(const char *name)
{
	struct stat st;

	return lstat(tmpdir_path(name), &st) == 0;
}

mode_t
tmpdir_mode(const char *name)
{
	struct stat st;

	return lstat(tmpdir_path(name), &st) == 0 ? st.st_mode & 07777 : 0;
}

void
tmpdir_remove(const char *name)
{
	const char *path = tmpdir_path(name);
	int r = unlink(path);

	if (r < 0 && errno == EISDIR)
		r = rmdir(path);
	cr_assert_eq(r, 0, "%s: %s", path, strerror(errno));
}

int
tmpdir_bind(const char *name, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s",
	    tmpdir_path(name));
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

void
tmpdir_leave_stale(const char *name, int type)
{
	(void)close(tmpdir_bind(name, type));
}

bool
tmpdir_become_nobody(void)
{
	if (geteuid() != 0)
		return true;
	return setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	    setresuid(NOBODY, NOBODY, NOBODY) == 0;
}
