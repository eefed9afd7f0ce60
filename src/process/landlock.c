/* SPDX-License-Identifier: ISC */

/*
 * Landlock by its own numbers: the headers of a system are often older than its
 * kernel.  They are from <linux/landlock.h> and never change.
 */

#include "base/fd.h"
#include "process/landlock.h"

#include <errno.h>
#include <stdint.h>

#ifdef HAVE_LANDLOCK

#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <unistd.h>

enum {
	LANDLOCK_CREATE_RULESET = 444,	/* the same on all but Alpha */
	LANDLOCK_ADD_RULE,
	LANDLOCK_RESTRICT_SELF,

	LANDLOCK_PATH_BENEATH = 1,
};

/* Rights to files, handled_access_fs. */
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_BLOCK = 1 << 11,
	FS_TRUNCATE = 1 << 14,		/* since the third version */
	FS_IOCTL_DEV = 1 << 15,		/* since the fifth */

	FS_FIRST = (1 << 13) - 1,	/* what the first version has */
	FS_ALL = (1 << 16) - 1,
	FS_READ = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR,
	FS_WRITE = FS_ALL & ~(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV),
	/* The rights that a file has which is no directory. */
	FS_OF_FILE = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE |
	    FS_IOCTL_DEV,

	NET_ALL = 3,			/* bind(2) and connect(2) of TCP */
	SCOPE_ALL = 3,			/* abstract sockets, and signals */
};

struct landlock_ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scope;
};

struct landlock_path {
	uint64_t fs;
	int32_t fd;
} __attribute__((__packed__));

/* Where programs and libraries are, and what they open without saying so. */
static const char *const landlock_system[] = {
	"/bin", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/sbin",
	"/usr", NULL,
};
static const char *const landlock_devices[] = {
	"/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero",
	NULL,
};

static int
landlock_create(const struct landlock_ruleset *ruleset)
{
	return (int)syscall(LANDLOCK_CREATE_RULESET, ruleset,
	    sizeof(*ruleset), 0);
}

/* 1: this kernel can deny all of that, 0: it cannot; or a negative errno. */
static int
landlock_has(const struct landlock_ruleset *ruleset)
{
	int fd = landlock_create(ruleset);

	if (fd < 0)
		return errno == EINVAL || errno == E2BIG ? 0 : -errno;
	(void)close(fd);
	return 1;
}

/*
 * Find out what this kernel can deny, one right after the other: the rights to
 * files came in the order of their bits.
 */
static int
landlock_find(struct landlock_ruleset *ret_ruleset)
{
	struct landlock_ruleset ruleset = { .fs = FS_ALL };
	int r;

	while ((r = landlock_has(&ruleset)) == 0 && ruleset.fs > FS_FIRST)
		ruleset.fs >>= 1;
	if (r < 0)
		return r;
	ruleset.net = NET_ALL;
	r = landlock_has(&ruleset);
	if (r == 0)
		ruleset.net = 0;
	if (r >= 0) {
		ruleset.scope = SCOPE_ALL;
		r = landlock_has(&ruleset);
	}
	if (r == 0)
		ruleset.scope = 0;
	*ret_ruleset = ruleset;
	return r < 0 ? r : 0;
}

/* 0, or an errno. */
static int
landlock_allow(int fd, const struct landlock_ruleset *ruleset,
    const char *path, uint64_t rights)
{
	struct landlock_path rule = { .fs = rights & ruleset->fs };
	struct stat st;
	int error = 0;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return errno;
	if (fstat(rule.fd, &st) < 0)
		error = errno;
	else if (!S_ISDIR(st.st_mode))
		rule.fs &= FS_OF_FILE;
	if (error == 0 && syscall(LANDLOCK_ADD_RULE, fd, LANDLOCK_PATH_BENEATH,
	    &rule, 0) < 0)
		error = errno;
	(void)close(rule.fd);
	return error;
}

static int
landlock_allow_list(int fd, const struct landlock_ruleset *ruleset,
    const char *const *paths, uint64_t rights, struct brood__failure *failure)
{
	int error;

	for (size_t i = 0; paths != NULL && paths[i] != NULL; i++) {
		error = landlock_allow(fd, ruleset, paths[i], rights);
		if (error != 0)
			return brood__failure_set(failure, "landlock", error,
			    "%.200s", paths[i]);
	}
	return 0;
}

/* What is not there need not be allowed. */
static void
landlock_allow_system(int fd, const struct landlock_ruleset *ruleset,
    const char *program)
{
	for (size_t i = 0; landlock_system[i] != NULL; i++)
		(void)landlock_allow(fd, ruleset, landlock_system[i], FS_READ);
	for (size_t i = 0; landlock_devices[i] != NULL; i++)
		(void)landlock_allow(fd, ruleset, landlock_devices[i],
		    FS_READ_FILE | FS_WRITE_FILE);
	(void)landlock_allow(fd, ruleset, program, FS_READ);
}

static int
landlock_fill(int fd, const struct landlock_ruleset *ruleset,
    const struct brood_confine *confine, const char *program,
    struct brood__failure *failure)
{
	int r;

	if (program != NULL)
		landlock_allow_system(fd, ruleset, program);
	r = landlock_allow_list(fd, ruleset, confine->ro, FS_READ, failure);
	return r < 0 ? r : landlock_allow_list(fd, ruleset, confine->rw,
	    FS_WRITE, failure);
}

int
brood__landlock_open(int *ret_fd, const struct brood_confine *confine,
    const char *program, struct brood__failure *failure)
{
	struct landlock_ruleset ruleset;
	int fd, r;

	*ret_fd = -1;
	r = landlock_find(&ruleset);
	if ((r == -ENOSYS || r == -EOPNOTSUPP) && confine->ro == NULL &&
	    confine->rw == NULL)
		return 0;
	fd = r < 0 ? r : landlock_create(&ruleset);
	if (fd < 0)
		return brood__failure_set(failure, "landlock",
		    r < 0 ? -r : errno, "ro and rw");
	r = landlock_fill(fd, &ruleset, confine, program, failure);
	if (r < 0)
		(void)close(fd);
	else
		*ret_fd = fd;
	return r;
}

int
brood__landlock_restrict(int fd, struct brood__failure *failure)
{
	int error = 0;

	if (fd < 0)
		return 0;
	if (syscall(LANDLOCK_RESTRICT_SELF, fd, 0) < 0)
		error = errno;
	(void)close(fd);
	return error == 0 ? 0 :
	    brood__failure_set(failure, "landlock", error, "the rules");
}

#else

int
brood__landlock_open(int *ret_fd, const struct brood_confine *confine,
    const char *program, struct brood__failure *failure)
{
	(void)program;
	*ret_fd = -1;
	return confine->ro == NULL && confine->rw == NULL ? 0 :
	    brood__failure_set(failure, "landlock", ENOSYS, "ro and rw");
}

int
brood__landlock_restrict(int fd, struct brood__failure *failure)
{
	(void)fd;
	(void)failure;
	return 0;
}

#endif
