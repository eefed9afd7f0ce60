/* SPDX-License-Identifier: ISC */

/*
 * Control groups.  Nothing is kept of them but their names.
 */

#include "process/cgroup.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/reserved.h"
#include "base/write_file.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef HAVE_CGROUPS
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

enum {
	CGROUP_SIZE = PATH_MAX - 32,	/* for a group's path; and what is left
					   is for that of a file in it */
	CGROUP_DIRECTORY_SIZE = CGROUP_SIZE - 32,
	CGROUP_PERIOD_US = 100000,	/* of cpu.max */
	CGROUP_PIDS_MAX = 4 << 20,	/* the kernel takes no more */
	CGROUP_CPU_MAX = 1000000,	/* percent; the kernel takes more */
	CGROUP_TREE_MAX = 256,		/* groups below one, removed at once */
	CGROUP_STALE_MS = 1000,		/* for a group of the same name */
	CGROUP_LOOK_MS = 100,		/* until what was killed is looked for */
};

static int
cgroup_refuse(struct brood__failure *failure, int error, const char *text)
{
	return brood__failure_set(failure, "cgroup", error, "%s", text);
}

int
brood__cgroup_check(const struct brood_cgroup *cgroup,
    struct brood__failure *failure)
{
	if (cgroup == NULL)
		return 0;
	if (cgroup->directory == NULL || cgroup->directory[0] != '/')
		return cgroup_refuse(failure, EINVAL,
		    "the directory of the control group is not absolute");
	if (strlen(cgroup->directory) >= CGROUP_DIRECTORY_SIZE)
		return cgroup_refuse(failure, EINVAL,
		    "the directory of the control group is too long");
	if (cgroup->cpu_percent > CGROUP_CPU_MAX)
		return brood__failure_set(failure, "cgroup", EINVAL,
		    "cpu_percent is %u, not 0 to %d", cgroup->cpu_percent,
		    CGROUP_CPU_MAX);
	if (cgroup->pids_max > CGROUP_PIDS_MAX)
		return brood__failure_set(failure, "cgroup", EINVAL,
		    "pids_max is %u, not 0 to %d", cgroup->pids_max,
		    CGROUP_PIDS_MAX);
	if (!BROOD__RESERVED_IS_ZERO(cgroup))
		return cgroup_refuse(failure, EINVAL,
		    "a reserved field of the control group is not 0");
	return 0;
}

unsigned
brood__cgroup_number(void)
{
	static atomic_uint last;
	unsigned number;

	do {
		number = atomic_fetch_add(&last, 1) + 1;
	} while (number == 0);
	return number;
}

#ifdef HAVE_CGROUPS

/* The group of a child. */
static void
cgroup_of(char group[CGROUP_SIZE], const char *directory, pid_t parent,
    unsigned number)
{
	(void)snprintf(group, CGROUP_SIZE, "%s/brood-%d-%u", directory,
	    (int)parent, number);
}

static void
cgroup_file(char path[PATH_MAX], const char *group, const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", group, name);
}

/* 0, or a positive errno: EINVAL if it is no control group. */
static int
cgroup_check_kind(const char *directory)
{
	struct statfs kind;

	if (statfs(directory, &kind) < 0)
		return errno;
	return kind.f_type == CGROUP2_SUPER_MAGIC ? 0 : EINVAL;
}

/* The end of a group */

/* Read the start of a small file; "" if that cannot be. */
static void
cgroup_read(int fd, char *text, size_t size)
{
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : 0;

	text[n > 0 ? n : 0] = '\0';
}

/* Kernels before 5.14 have no file for this: then each process by itself. */
static void
cgroup_kill(const char *group)
{
	char path[PATH_MAX];
	FILE *file;
	int pid;

	cgroup_file(path, group, "cgroup.kill");
	if (brood__write_file(path, "1") == 0)
		return;
	cgroup_file(path, group, "cgroup.procs");
	file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fscanf(file, "%d", &pid) == 1)
		if (pid > 0)
			(void)kill(pid, SIGKILL);
	(void)fclose(file);
}

/*
 * Wait for a change, unless no process is left in the group: then false.  Not
 * for long, as a kill may have failed.
 */
static bool
cgroup_await_change(const char *group, int left_ms)
{
	char path[PATH_MAX], text[128];
	struct pollfd pfd = { .events = POLLPRI };
	bool is_populated;

	cgroup_file(path, group, "cgroup.events");
	pfd.fd = open(path, O_RDONLY | O_CLOEXEC);
	cgroup_read(pfd.fd, text, sizeof(text));
	is_populated = strstr(text, "populated 1\n") != NULL;
	/* A change since the file was read is an event. */
	if (is_populated)
		(void)poll(&pfd, 1, left_ms < CGROUP_LOOK_MS ? left_ms :
		    CGROUP_LOOK_MS);
	(void)brood__fd_close(pfd.fd);
	return is_populated;
}

/*
 * Remove a group without processes, and before it those that its processes have
 * made below it, at most *n_left of them.
 */
static bool
cgroup_remove_tree(const char *group, int *n_left)
{
	const struct dirent *entry;
	char below[CGROUP_SIZE];
	DIR *dir;

	if (rmdir(group) == 0 || errno == ENOENT)
		return true;
	dir = errno == EBUSY ? opendir(group) : NULL;
	if (dir == NULL)
		return false;
	while (*n_left > 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
		    (size_t)snprintf(below, sizeof(below), "%s/%s", group,
		    entry->d_name) < sizeof(below)) {
			--*n_left;
			(void)cgroup_remove_tree(below, n_left);
		}
	(void)closedir(dir);
	return rmdir(group) == 0;
}

static bool
cgroup_remove(const char *group, int64_t deadline_ms)
{
	int left_ms, n_left = CGROUP_TREE_MAX;

	/* Without processes it goes at once. */
	if (rmdir(group) == 0 || errno == ENOENT)
		return true;
	do {
		cgroup_kill(group);
		left_ms = brood__time_left(deadline_ms, brood__now_ms());
	} while (left_ms > 0 && cgroup_await_change(group, left_ms));
	return cgroup_remove_tree(group, &n_left);
}

/* In the child */

static int
cgroup_fail(struct brood__failure *failure, int error, const char *path)
{
	return brood__failure_set(failure, "cgroup", error, "%.200s", path);
}

/*
 * A file of a controller is there once the group above lets groups below have
 * that controller.  The kernel lets no group do so that has processes itself.
 */
static int
cgroup_enable(const char *directory, const char *controller,
    struct brood__failure *failure)
{
	char path[PATH_MAX], word[16];
	int error;

	(void)snprintf(path, sizeof(path), "%s/cgroup.subtree_control",
	    directory);
	(void)snprintf(word, sizeof(word), "+%s", controller);
	error = brood__write_file(path, word);
	if (error == 0)
		return 0;
	/* EINVAL: this kernel does not have it at all. */
	return brood__failure_set(failure, "cgroup", error, "%s to %.160s%s",
	    word, path, error == EBUSY ? ", of a group with processes" :
	    error == ENOENT || error == EINVAL ?
	    ", of a group without that controller" : "");
}

/* Set a limit of the group, in its file CONTROLLER.max. */
static int
cgroup_limit(const char *directory, const char *group, const char *controller,
    const char *text, struct brood__failure *failure)
{
	char path[PATH_MAX], name[32];
	int error, r;

	(void)snprintf(name, sizeof(name), "%s.max", controller);
	cgroup_file(path, group, name);
	error = brood__write_file(path, text);
	if (error == ENOENT) {
		r = cgroup_enable(directory, controller, failure);
		if (r < 0)
			return r;
		error = brood__write_file(path, text);
	}
	return error == 0 ? 0 : cgroup_fail(failure, error, path);
}

/* Set what some kernels do not have. */
static int
cgroup_set_if_there(const char *group, const char *name, const char *text,
    struct brood__failure *failure)
{
	char path[PATH_MAX];
	int error;

	cgroup_file(path, group, name);
	error = brood__write_file(path, text);
	return error == 0 || error == ENOENT ? 0 :
	    cgroup_fail(failure, error, path);
}

static int
cgroup_limit_memory(const struct brood_cgroup *cgroup, const char *group,
    struct brood__failure *failure)
{
	char text[32];
	int r;

	(void)snprintf(text, sizeof(text), "%llu",
	    (unsigned long long)cgroup->memory_max);
	r = cgroup_limit(cgroup->directory, group, "memory", text, failure);
	if (r == 0)
		r = cgroup_set_if_there(group, "memory.swap.max", "0", failure);
	if (r == 0)
		r = cgroup_set_if_there(group, "memory.oom.group", "1",
		    failure);
	return r;
}

static int
cgroup_set_limits(const struct brood_cgroup *cgroup, const char *group,
    struct brood__failure *failure)
{
	const char *directory = cgroup->directory;
	char text[64];
	int r = 0;

	if (cgroup->memory_max != 0)
		r = cgroup_limit_memory(cgroup, group, failure);
	if (r == 0 && cgroup->pids_max != 0) {
		(void)snprintf(text, sizeof(text), "%u", cgroup->pids_max);
		r = cgroup_limit(directory, group, "pids", text, failure);
	}
	if (r == 0 && cgroup->cpu_percent != 0) {
		(void)snprintf(text, sizeof(text), "%llu %d",
		    cgroup->cpu_percent * CGROUP_PERIOD_US / 100ULL,
		    CGROUP_PERIOD_US);
		r = cgroup_limit(directory, group, "cpu", text, failure);
	}
	return r;
}

static int
cgroup_make(const char *group, struct brood__failure *failure)
{
	const mode_t mode = S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH;

	/* A group of that name is of a parent that is gone and had this pid. */
	if (cgroup_remove(group, brood__now_ms() + CGROUP_STALE_MS) &&
	    mkdir(group, mode) == 0)
		return 0;
	return cgroup_fail(failure, errno, group);
}

int
brood__cgroup_enter(const struct brood_cgroup *cgroup, pid_t parent,
    unsigned number, struct brood__failure *failure)
{
	char group[CGROUP_SIZE], path[PATH_MAX];
	int error, r;

	if (cgroup == NULL)
		return 0;
	error = cgroup_check_kind(cgroup->directory);
	if (error != 0)
		return brood__failure_set(failure, "cgroup", error, "%.180s%s",
		    cgroup->directory, error == EINVAL ?
		    " is not a control group of version 2" : "");
	cgroup_of(group, cgroup->directory, parent, number);
	r = cgroup_make(group, failure);
	if (r == 0)
		r = cgroup_set_limits(cgroup, group, failure);
	if (r < 0)
		return r;
	cgroup_file(path, group, "cgroup.procs");
	error = brood__write_file(path, "0");
	return error == 0 ? 0 : cgroup_fail(failure, error, path);
}

/* In the parent */

/* The number behind a word, at the start of a line; 0: there is none. */
static unsigned long
cgroup_count(const char *text, const char *word)
{
	const char *found = strstr(text, word);

	return found != NULL ? strtoul(found + strlen(word), NULL, 10) : 0;
}

bool
brood__cgroup_has_killed(const char *directory, unsigned number)
{
	char group[CGROUP_SIZE], path[PATH_MAX], text[256];
	int fd;

	if (directory == NULL)
		return false;
	cgroup_of(group, directory, getpid(), number);
	cgroup_file(path, group, "memory.events");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cgroup_read(fd, text, sizeof(text));
	(void)brood__fd_close(fd);
	/* A kill for want of memory of the whole system counts as well. */
	return cgroup_count(text, "\noom ") > 0 &&
	    cgroup_count(text, "\noom_kill ") > 0;
}

bool
brood__cgroup_remove(const char *directory, unsigned number,
    int64_t deadline_ms)
{
	char group[CGROUP_SIZE];

	if (directory == NULL)
		return true;
	cgroup_of(group, directory, getpid(), number);
	return cgroup_remove(group, deadline_ms);
}

/* Is it the name of a group of this parent, or of one that is gone? */
static bool
cgroup_is_left(const char *name, pid_t parent)
{
	unsigned number;
	int pid, end = 0;

	if (sscanf(name, "brood-%d-%u%n", &pid, &number, &end) != 2 ||
	    name[end] != '\0' || pid <= 0)
		return false;
	return pid == parent || (kill(pid, 0) < 0 && errno == ESRCH);
}

void
brood__cgroup_sweep(const char *directory, pid_t parent, int64_t deadline_ms)
{
	const struct dirent *entry;
	char group[CGROUP_SIZE];
	DIR *dir;

	if (directory == NULL || cgroup_check_kind(directory) != 0)
		return;
	dir = opendir(directory);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (cgroup_is_left(entry->d_name, parent) &&
		    (size_t)snprintf(group, sizeof(group), "%s/%s", directory,
		    entry->d_name) < sizeof(group))
			(void)cgroup_remove(group, deadline_ms);
	(void)closedir(dir);
}

#else

int
brood__cgroup_enter(const struct brood_cgroup *cgroup, pid_t parent,
    unsigned number, struct brood__failure *failure)
{
	(void)parent;
	(void)number;
	return cgroup == NULL ? 0 : cgroup_refuse(failure, ENOSYS,
	    "this system has no control groups");
}

bool
brood__cgroup_has_killed(const char *directory, unsigned number)
{
	(void)directory;
	(void)number;
	return false;
}

bool
brood__cgroup_remove(const char *directory, unsigned number,
    int64_t deadline_ms)
{
	(void)directory;
	(void)number;
	(void)deadline_ms;
	return true;
}

void
brood__cgroup_sweep(const char *directory, pid_t parent, int64_t deadline_ms)
{
	(void)directory;
	(void)parent;
	(void)deadline_ms;
}

#endif
