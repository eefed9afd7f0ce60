/* SPDX-License-Identifier: ISC */

/*
 * User, groups, capabilities, root directory, namespaces.
 */

#include "process/identity.h"

#include "base/write_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_NAMESPACES
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

/* The root directory */

/* Make and remove a directory.  Gives a descriptor of it, or -errno. */
static int
identity_open_empty(void)
{
	char path[] = "/tmp/brood-XXXXXX";
	int error = 0, fd;

	if (mkdtemp(path) == NULL)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		error = errno;
	if (rmdir(path) < 0 && error == 0) {
		error = errno;
		(void)close(fd);
	}
	return error != 0 ? -error : fd;
}

static int
identity_enter_empty(void)
{
	int error = 0, fd = identity_open_empty();

	if (fd < 0)
		return fd;
	if (fchdir(fd) < 0 || chroot(".") < 0)
		error = errno;
	(void)close(fd);
	return -error;
}

int
brood__identity_set_root(const struct brood_confine *confine,
    struct brood__failure *failure)
{
	const char *path = confine->chroot;
	int r;

	if (path == NULL) {
		r = identity_enter_empty();
		return r == 0 ? 0 : brood__failure_set(failure, "chroot", -r,
		    "an empty directory");
	}
	if (chroot(path) < 0 || chdir("/") < 0)
		return brood__failure_set(failure, "chroot", errno, "%.200s",
		    path);
	return 0;
}

/* The user */

static int
identity_set_groups(const struct brood_confine *confine,
    struct brood__failure *failure)
{
	if (setgroups(confine->n_groups, confine->groups) < 0)
		return brood__failure_set(failure, "setgroups", errno,
		    "%zu supplementary groups", confine->n_groups);
	if (confine->gid != 0 && setresgid(confine->gid, confine->gid,
	    confine->gid) < 0)
		return brood__failure_set(failure, "setresgid", errno,
		    "group %u", confine->gid);
	return 0;
}

int
brood__identity_set_user(const struct brood_confine *confine,
    struct brood__failure *failure)
{
	uid_t uid = confine->uid;
	int r;

	if (uid == 0 && confine->gid == 0 && confine->n_groups == 0)
		return 0;
	r = identity_set_groups(confine, failure);
	if (r < 0 || uid == 0)
		return r;
	if (setresuid(uid, uid, uid) < 0)
		return brood__failure_set(failure, "setresuid", errno,
		    "user %u", uid);
	if (setresuid(0, 0, 0) == 0)
		return brood__failure_set(failure, "setresuid", EPERM,
		    "user %u could become root again", uid);
	return 0;
}

#ifdef HAVE_NAMESPACES

int
brood__identity_drop_capabilities(struct brood__failure *failure)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = 0 },
	};

	if (syscall(SYS_capset, &header, none) < 0)
		return brood__failure_set(failure, "capset", errno,
		    "all capabilities");
	return 0;
}

/* Namespaces */

static int
identity_map(const char *path, unsigned id, struct brood__failure *failure)
{
	char line[32];
	int error;

	(void)snprintf(line, sizeof(line), "%u %u 1", id, id);
	error = brood__write_file(path, line);
	return error == 0 ? 0 : brood__failure_set(failure, "namespaces", error,
	    "%s", path);
}

int
brood__identity_leave_namespaces(struct brood__failure *failure)
{
	unsigned uid = geteuid(), gid = getegid();
	int error, r;

	/* Else the files in /proc of a process that was root are root's. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return brood__failure_set(failure, "namespaces", errno,
		    "PR_SET_DUMPABLE");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS |
	    CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		return brood__failure_set(failure, "namespaces", errno,
		    "unshare(2)");
	error = brood__write_file("/proc/self/setgroups", "deny");
	if (error != 0)
		return brood__failure_set(failure, "namespaces", error,
		    "/proc/self/setgroups");
	r = identity_map("/proc/self/uid_map", uid, failure);
	return r < 0 ? r : identity_map("/proc/self/gid_map", gid, failure);
}

#else

int
brood__identity_drop_capabilities(struct brood__failure *failure)
{
	return brood__failure_set(failure, "capset", ENOSYS,
	    "this system has no capabilities");
}

int
brood__identity_leave_namespaces(struct brood__failure *failure)
{
	return brood__failure_set(failure, "namespaces", ENOSYS,
	    "this system has none");
}

#endif
