/* SPDX-License-Identifier: ISC */

/*
 * Confined workers: user, groups, root directory, limits, scheduling; seen from
 * outside, in /proc.
 */

#include "support/confined.h"
#include "support/tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TMPDIR_SUITE(pool_confine_limits);

#define USER	61009		/* whom nobody else is */
#define GROUP	61010

static const struct brood_pool_options no_options;

/* A pool of this confinement has a worker at its level.  Gives its pid. */
static pid_t
start(struct brood_pool **ret_pool, const struct brood_confine *confine)
{
	*ret_pool = confined_pool(confine, no_options);
	return confined_ready(*ret_pool, confine->level);
}

static void
check_status(pid_t pid, const char *name, const char *expected)
{
	const char *found = confined_status(pid, name);

	cr_assert(strcmp(found, expected) == 0, "%s: %s, not %s", name, found,
	    expected);
}

/* The user */

static void
check_user(unsigned level)
{
	static const gid_t groups[] = { 61011, 61012 };
	struct brood_confine confine = {
		.level = level, .uid = USER, .gid = GROUP, .groups = groups,
		.n_groups = 2,
	};
	struct brood_pool *pool;
	pid_t pid;

	confined_needs(BROOD_CONFINE_USER);
	confined_needs(level);
	pid = start(&pool, &confine);
	check_status(pid, "Uid", "61009\t61009\t61009\t61009");
	check_status(pid, "Gid", "61010\t61010\t61010\t61010");
	check_status(pid, "Groups", "61011 61012");
	check_status(pid, "CapPrm", "0000000000000000");
	check_status(pid, "CapEff", "0000000000000000");
	check_status(pid, "CapInh", "0000000000000000");
	if (level < BROOD_CONFINE_CALLS)
		cr_assert(confined_try(pool, CONFINED_ROOT, "") == -EPERM);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine_limits, user_is_another_one_without_a_level)
{
	check_user(BROOD_CONFINE_NONE);
}

Test(pool_confine_limits, user_is_another_one_at_level_1)
{
	check_user(BROOD_CONFINE_FILES);
}

Test(pool_confine_limits, user_is_another_one_at_level_3)
{
	check_user(BROOD_CONFINE_USER);
}

Test(pool_confine_limits, user_is_another_one_at_level_4)
{
	check_user(BROOD_CONFINE_SPACES);
}

Test(pool_confine_limits, supplementary_groups_are_dropped_with_the_user)
{
	static const gid_t group = 61013;
	struct brood_confine confine = { .uid = USER };
	struct brood_pool *pool;
	pid_t pid;

	confined_needs(BROOD_CONFINE_USER);
	cr_assert(setgroups(1, &group) == 0);
	pid = start(&pool, &confine);
	check_status(pid, "Groups", "");
	cr_assert(brood_pool_free(pool) == NULL);
}

/* With its rights root could poison memory, or fill the host's socket. */
Test(pool_confine_limits, root_has_no_capabilities_from_level_2_on)
{
	struct brood_confine confine = { .level = BROOD_CONFINE_CALLS };
	struct brood_pool *pool;
	pid_t pid;

	confined_needs(BROOD_CONFINE_USER);
	pid = start(&pool, &confine);
	check_status(pid, "CapPrm", "0000000000000000");
	check_status(pid, "CapEff", "0000000000000000");
	check_status(pid, "Seccomp", "2");
	check_status(pid, "NoNewPrivs", "1");
	cr_assert(brood_pool_free(pool) == NULL);
}

/* As nobody: a host that is not root. */
static int
try_as_nobody(void *arg)
{
	struct brood_confine confine = { .level = BROOD_CONFINE_USER,
	    .uid = USER };
	struct brood_pool_options options = {
		.handler = confined_handle, .confine = &confine, .workers = 1,
		.stderr_fd = -1,
	};
	struct brood_pool *pool;
	struct brood_event event;

	(void)arg;
	DRAIN_CHECK(tmpdir_become_nobody());
	DRAIN_CHECK(brood_pool_new(&pool, &options, NULL) == 0);
	DRAIN_CHECK(drain_event(pool, BROOD_EVENT_NOT_STARTED, &event));
	DRAIN_CHECK(strcmp(event.step, "chroot") == 0 ||
	    strcmp(event.step, "setgroups") == 0 ||
	    strcmp(event.step, "confine") == 0);
	DRAIN_CHECK(strstr(event.text, "not permitted") != NULL ||
	    strstr(event.text, "cannot confine") != NULL);
	(void)brood_pool_free(pool);
	return 0;
}

Test(pool_confine_limits, level_3_fails_the_start_unless_root)
{
	support_in_child(try_as_nobody, NULL);
}

/* Where it is */

static void
check_link(pid_t pid, const char *name, const char *expected)
{
	char path[64], found[256];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	n = readlink(path, found, sizeof(found) - 1);
	cr_assert(n >= 0, "%s: %s", path, strerror(errno));
	found[n] = '\0';
	cr_assert_str_eq(found, expected);
}

Test(pool_confine_limits, root_directory_and_working_directory_are_those_given)
{
	struct brood_confine confine = {
		.chroot = tmpdir_dir(), .directory = "/inner",
	};
	struct brood_pool *pool;
	pid_t pid;

	confined_needs(BROOD_CONFINE_USER);
	cr_assert(mkdir(tmpdir_path("inner"), 0755) == 0);
	pid = start(&pool, &confine);
	check_link(pid, "root", tmpdir_dir());
	check_link(pid, "cwd", tmpdir_path("inner"));
	cr_assert(confined_try(pool, CONFINED_READ, "/etc/passwd") ==
	    -ENOENT);
	cr_assert(brood_pool_free(pool) == NULL);
	tmpdir_remove("inner");
}

Test(pool_confine_limits, root_directory_is_empty_at_level_3)
{
	struct brood_confine confine = {
		.level = BROOD_CONFINE_USER, .uid = USER,
	};
	struct brood_pool *pool;
	struct stat st;
	char path[64];
	pid_t pid;

	confined_needs(BROOD_CONFINE_USER);
	pid = start(&pool, &confine);
	/* It is removed already, so nobody can put anything there. */
	(void)snprintf(path, sizeof(path), "/proc/%d/root/.", (int)pid);
	cr_assert(stat(path, &st) == 0 && st.st_nlink == 0);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine_limits, directory_that_is_not_there_fails_the_start)
{
	struct brood_confine confine = { .directory = "/no/such/directory" };
	struct brood_pool *pool = confined_pool(&confine, no_options);

	confined_refused(pool, "chdir", "/no/such/directory");
	cr_assert(brood_pool_free(pool) == NULL);
	confined_needs(BROOD_CONFINE_USER);
	confine = (struct brood_confine){ .chroot = "/no/such/root" };
	pool = confined_pool(&confine, no_options);
	confined_refused(pool, "chroot", "/no/such/root");
	cr_assert(brood_pool_free(pool) == NULL);
}

/* Limits */

Test(pool_confine_limits, limits_are_those_given)
{
	const struct brood_rlimit limits[] = {
		{ .resource = RLIMIT_NOFILE, .soft = 40, .hard = 50 },
		{ .resource = RLIMIT_FSIZE, .soft = 4096, .hard = UINT64_MAX },
	};
	struct brood_confine confine = { .rlimits = limits, .n_rlimits = 2 };
	struct brood_pool *pool;
	struct rlimit files, size;
	pid_t pid;

	pid = start(&pool, &confine);
	cr_assert(prlimit(pid, RLIMIT_NOFILE, NULL, &files) == 0 &&
	    prlimit(pid, RLIMIT_FSIZE, NULL, &size) == 0);
	cr_assert(files.rlim_cur == 40 && files.rlim_max == 50);
	cr_assert(size.rlim_cur == 4096 && size.rlim_max == RLIM_INFINITY);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine_limits, limit_that_there_is_not_fails_the_start)
{
	const struct brood_rlimit limit = {
		.resource = 1000, .soft = 1, .hard = 1,
	};
	struct brood_confine confine = { .rlimits = &limit, .n_rlimits = 1 };
	struct brood_pool *pool = confined_pool(&confine, no_options);

	confined_refused(pool, "rlimit", "resource 1000");
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine_limits, nice_scheduling_and_umask_are_those_given)
{
	struct brood_confine confine = {
		.nice = 3, .scheduling = BROOD_SCHEDULING_BATCH, .umask = 027,
	};
	struct brood_pool *pool;
	int before = getpriority(PRIO_PROCESS, 0);
	pid_t pid;

	pid = start(&pool, &confine);
	cr_assert(getpriority(PRIO_PROCESS, (id_t)pid) ==
	    (before + 3 > 19 ? 19 : before + 3));
	cr_assert(sched_getscheduler(pid) == SCHED_BATCH);
	check_status(pid, "Umask", "0027");
	cr_assert(brood_pool_free(pool) == NULL);
	confine.scheduling = BROOD_SCHEDULING_IDLE;
	pid = start(&pool, &confine);
	cr_assert(sched_getscheduler(pid) == SCHED_IDLE);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine_limits, processors_are_those_given)
{
	struct brood_confine confine = { .n_cpus = 1 };
	struct brood_pool *pool;
	uint32_t cpu = 0, none = 1023;
	cpu_set_t set;
	pid_t pid;

	cr_assert(sched_getaffinity(0, sizeof(set), &set) == 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	confine.cpus = &cpu;
	pid = start(&pool, &confine);
	cr_assert(sched_getaffinity(pid, sizeof(set), &set) == 0);
	cr_assert(CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set));
	cr_assert(brood_pool_free(pool) == NULL);
	confine.cpus = &none;
	pool = confined_pool(&confine, no_options);
	confined_refused(pool, "cpus", "none of these processors");
	cr_assert(brood_pool_free(pool) == NULL);
}

/* The end */

/* A change of user undoes the request to die with the supervisor. */
static void
check_orphan(unsigned level)
{
	struct brood_confine confine = { .level = level };
	struct brood_pool_stats stats;
	struct brood_pool *pool;
	pid_t pid;

	confined_needs(level);
#ifndef HAVE_PRCTL_PDEATHSIG
	cr_skip_test("this build has no signal for a parent's death");
#endif
	if (level >= BROOD_CONFINE_USER)
		confine.uid = USER;
	pid = start(&pool, &confine);
	brood_pool_stats(pool, &stats);
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(support_wait_gone(pid));
	cr_assert(brood_pool_free(pool) == NULL);
	(void)drain_children();
}

Test(pool_confine_limits, worker_of_level_2_ends_with_its_supervisor)
{
	check_orphan(BROOD_CONFINE_CALLS);
}

Test(pool_confine_limits, worker_of_level_3_ends_with_its_supervisor)
{
	check_orphan(BROOD_CONFINE_USER);
}

Test(pool_confine_limits, worker_of_level_4_ends_with_its_supervisor)
{
	check_orphan(BROOD_CONFINE_SPACES);
}
