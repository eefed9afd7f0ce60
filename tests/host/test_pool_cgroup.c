/* SPDX-License-Identifier: ISC */

/*
 * Workers in control groups of their own: what they leave is killed, whoever
 * died before, and no group is left.  The limits are tried where the system
 * gives groups of version 2 the controllers.
 */

#include "support/confined.h"
#include "support/groups.h"
#include "support/tmpdir.h"

#include <brood.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TMPDIR_SUITE(pool_cgroup);

enum { MEMORY = 64 << 20, PIDS = 1 };

enum group_method {
	GROUP_LEAVE,		/* answer with the pid of a process it leaves */
	GROUP_FILL,		/* use more memory than MEMORY */
	GROUP_FORK,		/* the status is the error of that */
};

static char directory[PATH_MAX];
static struct brood_cgroup cgroup = { .directory = directory };
static const struct brood_confine confine = { .cgroup = &cgroup };

/* In a worker */

/* What is not easily found: in a session of its own, deaf to SIGTERM. */
static pid_t
leave(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)setsid();
	(void)signal(SIGTERM, SIG_IGN);
	closefrom(0);
	for (;;)
		(void)pause();
}

static void
fill(void)
{
	const size_t size = 2 * MEMORY;
	char *memory = malloc(size);

	if (memory != NULL)
		memset(memory, 1, size);
	__asm__ volatile("" : : "r"(memory) : "memory");
}

static uint32_t
fork_error(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return (uint32_t)errno;
	(void)waitpid(pid, NULL, 0);
	return 0;
}

static int
handle(struct brood_request *request, void *arg)
{
	uint32_t status = 0;
	pid_t pid = 0;

	(void)arg;
	switch ((enum group_method)brood_request_code(request)) {
	case GROUP_LEAVE:
		pid = leave();
		break;
	case GROUP_FILL:
		fill();
		break;
	case GROUP_FORK:
		status = fork_error();
		break;
	}
	return brood_request_reply(request, status, &pid, sizeof(pid));
}

/* In the host */

static void
need_groups(void)
{
	if (!groups_find(directory, sizeof(directory)))
		cr_skip_test("no control groups can be made here");
}

static pid_t
supervisor_of(const struct brood_pool *pool)
{
	struct brood_pool_stats stats;

	brood_pool_stats(pool, &stats);
	return stats.supervisor;
}

static unsigned
n_groups_of(pid_t parent)
{
	const struct dirent *entry;
	char prefix[32];
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(prefix, sizeof(prefix), "brood-%d-", (int)parent);
	dir = opendir(directory);
	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(dir);
	return n;
}

/* The name of the group that a process is in, in the directory. */
static const char *
group_of(pid_t pid)
{
	static char line[PATH_MAX];
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "re");
	cr_assert_not_null(file);
	do
		cr_assert_not_null(fgets(line, sizeof(line), file));
	while (strncmp(line, "0::", 3) != 0);
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return strrchr(line, '/') + 1;
}

static struct brood_pool *
new_pool(void)
{
	const struct brood_pool_options options = {
		.handler = handle,
		.workers = 1,
		.shutdown_ms = 300,
		.confine = &confine,
	};
	char text[BROOD_TEXT_SIZE] = "";
	struct brood_pool *pool = NULL;

	cr_assert_eq(brood_pool_new(&pool, &options, text), 0, "%s", text);
	return pool;
}

/* The worker's pid; or the test is skipped for want of this controller. */
static pid_t
start(struct brood_pool **ret_pool, const char *controller)
{
	struct brood_event event;
	char text[BROOD_TEXT_SIZE];

	*ret_pool = new_pool();
	while (brood_pool_next_event(*ret_pool, &event) != 1)
		(void)drain_turn(*ret_pool, -1);
	if (event.kind == BROOD_EVENT_READY)
		return event.pid;
	cr_assert_str_eq(event.step, "cgroup");
	cr_assert_not_null(strstr(event.text, controller), "%s", event.text);
	(void)strlcpy(text, event.text, sizeof(text));
	(void)brood_pool_free(*ret_pool);
	cr_skip_test("%s", text);
	return 0;
}

static pid_t
make_leave(struct brood_pool *pool)
{
	struct brood_completion done;
	pid_t pid;

	cr_assert_eq(drain_call(pool, GROUP_LEAVE, "", &done), 0);
	cr_assert_eq(done.fate, (uint32_t)BROOD_DONE, "%s", done.text);
	cr_assert_eq(done.reply.len, sizeof(pid));
	memcpy(&pid, done.reply.data, sizeof(pid));
	brood_completion_fini(&done);
	cr_assert(support_is_alive(pid));
	return pid;
}

Test(pool_cgroup, each_worker_has_a_group_of_its_own)
{
	struct brood_pool *pool;
	char expected[64];
	pid_t pid, parent;

	need_groups();
	pid = start(&pool, "");
	parent = supervisor_of(pool);
	(void)snprintf(expected, sizeof(expected), "brood-%d-", (int)parent);
	cr_assert_eq(strncmp(group_of(pid), expected, strlen(expected)), 0,
	    "%s", group_of(pid));
	cr_assert_eq(n_groups_of(parent), 1);
	(void)brood_pool_free(pool);
	cr_assert_eq(n_groups_of(parent), 0);
}

Test(pool_cgroup, what_a_dead_worker_has_left_is_killed)
{
	struct brood_pool *pool;
	struct brood_event event;
	pid_t pid, left, parent;

	need_groups();
	pid = start(&pool, "");
	parent = supervisor_of(pool);
	left = make_leave(pool);
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(support_wait_gone(left));
	/* Groups do not pile up: one for what is there, one for what was. */
	for (int i = 0; i < 20; i++) {
		cr_assert(drain_workers(pool, &pid, 1));
		left = make_leave(pool);
		cr_assert_leq(n_groups_of(parent), 2);
		cr_assert_eq(kill(pid, SIGKILL), 0);
		cr_assert(support_wait_gone(left));
	}
	cr_assert(drain_workers(pool, &pid, 1));
	left = make_leave(pool);
	(void)brood_pool_free(pool);
	cr_assert_not(support_is_alive(left));
	cr_assert_eq(n_groups_of(parent), 0);
	(void)drain_children();
}

static int
child_leave(struct brood_channel *channel, void *arg)
{
	pid_t pid = leave();
	const struct brood_message msg = { .data = &pid, .len = sizeof(pid) };

	(void)arg;
	return brood_channel_send(channel, &msg);
}

/* Make groups below one's own, and be in the last of them. */
static void
hide_below(void)
{
	char path[PATH_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%.3000s/%s/a", directory,
	    group_of(getpid()));
	(void)mkdir(path, 0700);
	(void)strlcat(path, "/b", sizeof(path));
	(void)mkdir(path, 0700);
	(void)strlcat(path, "/cgroup.procs", sizeof(path));
	file = fopen(path, "we");
	if (file != NULL) {
		(void)fputs("0", file);
		(void)fclose(file);
	}
}

static int
hide_and_leave(struct brood_channel *channel, void *arg)
{
	hide_below();
	return child_leave(channel, arg);
}

Test(pool_cgroup, groups_below_one_go_too)
{
	const struct brood_child_options options = { .confine = &confine };
	struct brood_child *child;
	struct brood_message msg;
	pid_t left;

	need_groups();
	cr_assert_eq(brood_child_fork(&child, &options, hide_and_leave, NULL),
	    0);
	cr_assert_eq(brood_channel_recv(brood_child_channel(child), DRAIN_MS,
	    &msg), 1);
	memcpy(&left, msg.data, sizeof(left));
	cr_assert_str_eq(group_of(left), "b");
	cr_assert_eq(brood_child_wait(child, NULL), 0);
	cr_assert_not(support_is_alive(left));
	cr_assert_eq(n_groups_of(getpid()), 0);
	(void)brood_child_free(child);
	(void)drain_children();
}

static int
child_stay(struct brood_channel *channel, void *arg)
{
	struct brood_message msg;

	(void)arg;
	while (brood_channel_recv(channel, -1, &msg) > 0)
		if (brood_channel_send(channel, &msg) < 0)
			break;
	return 0;
}

static void
check_echo(struct brood_child *child)
{
	struct brood_channel *channel = brood_child_channel(child);
	struct brood_message msg = { .data = "x", .len = 1 };

	cr_assert_eq(brood_channel_send(channel, &msg), 0);
	cr_assert_eq(brood_channel_recv(channel, DRAIN_MS, &msg), 1);
}

/* What the host removes for a dead supervisor is not its own. */
Test(pool_cgroup, child_of_the_host_survives_a_dead_supervisor)
{
	const struct brood_child_options options = { .confine = &confine };
	struct brood_child *child;
	struct brood_pool *pool;

	need_groups();
	cr_assert_eq(brood_child_fork(&child, &options, child_stay, NULL), 0);
	check_echo(child);
	(void)start(&pool, "");
	cr_assert_eq(kill(supervisor_of(pool), SIGKILL), 0);
	(void)brood_pool_free(pool);
	check_echo(child);
	(void)brood_child_free(child);
	(void)drain_children();
	cr_assert_eq(n_groups_of(getpid()), 0);
}

Test(pool_cgroup, what_a_dead_supervisor_has_left_is_killed)
{
	struct brood_pool *pool;
	pid_t left, parent;

	need_groups();
	(void)start(&pool, "");
	parent = supervisor_of(pool);
	left = make_leave(pool);
	cr_assert_eq(kill(parent, SIGKILL), 0);
	(void)brood_pool_free(pool);
	cr_assert_not(support_is_alive(left));
	cr_assert_eq(n_groups_of(parent), 0);
	(void)drain_children();
}

/* A host, and the end of it and of its supervisor process at once. */
static int
be_host_and_die(void *arg)
{
	int *pids = arg;
	struct brood_pool *pool = new_pool();

	pids[0] = supervisor_of(pool);
	DRAIN_CHECK(drain_ready(pool, 1));
	pids[1] = make_leave(pool);
	(void)kill(pids[0], SIGKILL);
	(void)kill(getpid(), SIGKILL);
	return 1;
}

Test(pool_cgroup, the_next_supervisor_removes_what_nobody_could)
{
	int *pids = mmap(NULL, 2 * sizeof(*pids), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct brood_pool *pool;
	int status;

	need_groups();
	cr_assert_neq(pids, MAP_FAILED);
	status = support_join(support_fork(be_host_and_die, pids));
	cr_assert(WIFSIGNALED(status));
	/* A zombie is still there, and keeps its groups; it is reaped here. */
	cr_assert(support_wait_gone(pids[0]));
	cr_assert(support_is_alive(pids[1]));
	cr_assert_eq(waitpid(pids[0], NULL, 0), pids[0]);
	(void)start(&pool, "");
	cr_assert(support_wait_gone(pids[1]));
	(void)brood_pool_free(pool);
	(void)drain_children();
	/* What the sweep at its start had to kill, the one at its end removes. */
	cr_assert_eq(n_groups_of(pids[0]), 0);
	(void)munmap(pids, 2 * sizeof(*pids));
}

Test(pool_cgroup, a_single_child_has_one_too)
{
	const struct brood_child_options options = { .confine = &confine };
	struct brood_child *child;
	struct brood_message msg;
	pid_t left;

	need_groups();
	cr_assert_eq(brood_child_fork(&child, &options, child_leave, NULL), 0);
	cr_assert_eq(brood_channel_recv(brood_child_channel(child), DRAIN_MS,
	    &msg), 1);
	memcpy(&left, msg.data, sizeof(left));
	cr_assert_eq(n_groups_of(getpid()), 1);
	(void)brood_child_free(child);
	cr_assert_not(support_is_alive(left));
	cr_assert_eq(n_groups_of(getpid()), 0);
	(void)drain_children();
}

/* Limits */

Test(pool_cgroup, too_much_memory_ends_the_group_and_the_report_says_so)
{
	struct brood_completion done;
	struct brood_pool *pool;
	pid_t left;

	need_groups();
	cgroup.memory_max = MEMORY;
	(void)start(&pool, "memory");
	left = make_leave(pool);
	cr_assert_eq(drain_call(pool, GROUP_FILL, "", &done), 0);
	cr_assert_eq(done.fate, (uint32_t)BROOD_CRASHED, "%s", done.text);
	cr_assert_not_null(strstr(done.text, "killed by the kernel for lack of "
	    "memory in its control group"), "%s", done.text);
	brood_completion_fini(&done);
	cr_assert(support_wait_gone(left));
	(void)brood_pool_free(pool);
	(void)drain_children();
}

Test(pool_cgroup, processes_are_limited)
{
	struct brood_completion done;
	struct brood_pool *pool;

	need_groups();
	cgroup.pids_max = PIDS;
	(void)start(&pool, "pids");
	cr_assert_eq(drain_call(pool, GROUP_FORK, "", &done), 0);
	cr_assert_eq(done.fate, (uint32_t)BROOD_DONE, "%s", done.text);
	cr_assert_eq(done.reply.code, (uint32_t)EAGAIN);
	brood_completion_fini(&done);
	(void)brood_pool_free(pool);
}

Test(pool_cgroup, processors_are_limited)
{
	char path[PATH_MAX + 64], text[64] = "";
	struct brood_pool *pool;
	FILE *file;
	pid_t pid;

	need_groups();
	cgroup.cpu_percent = 250;
	pid = start(&pool, "cpu");
	(void)snprintf(path, sizeof(path), "%.4000s/%s/cpu.max", directory,
	    group_of(pid));
	file = fopen(path, "re");
	cr_assert_not_null(file);
	cr_assert_not_null(fgets(text, sizeof(text), file));
	(void)fclose(file);
	cr_assert_str_eq(text, "250000 100000\n");
	(void)brood_pool_free(pool);
}

/* Options */

Test(pool_cgroup, a_directory_that_is_none_fails_the_start)
{
	struct brood_pool *pool;

	(void)strlcpy(directory, tmpdir_dir(), sizeof(directory));
	pool = new_pool();
#ifdef HAVE_CGROUPS
	confined_refused(pool, "cgroup", "is not a control group of version 2");
#else
	confined_refused(pool, "cgroup", "this system has no control groups");
#endif
	(void)brood_pool_free(pool);
}

static void
check_refused(const struct brood_cgroup *bad, const char *words)
{
	const struct brood_confine with = { .cgroup = bad };
	const struct brood_pool_options options = {
		.handler = handle, .confine = &with,
	};
	char text[BROOD_TEXT_SIZE] = "";
	struct brood_pool *pool;

	cr_assert_eq(brood_pool_new(&pool, &options, text), -EINVAL);
	cr_assert_not_null(strstr(text, words), "%s", text);
}

Test(pool_cgroup, impossible_options_are_refused)
{
	char text[BROOD_TEXT_SIZE] = "";

	check_refused(&(struct brood_cgroup) { .memory_max = 1 },
	    "directory of the control group is not absolute");
	check_refused(&(struct brood_cgroup) { .directory = "relative" },
	    "directory of the control group is not absolute");
	check_refused(&(struct brood_cgroup) { .directory = "/",
	    .cpu_percent = UINT32_MAX }, "cpu_percent is 4294967295");
	check_refused(&(struct brood_cgroup) { .directory = "/",
	    .pids_max = UINT32_MAX }, "pids_max is 4294967295");
	check_refused(&(struct brood_cgroup) { .directory = "/",
	    .reserved = { 1 } }, "reserved");
	memset(directory, '/', sizeof(directory) - 1);
	check_refused(&cgroup, "too long");
	cr_assert_eq(brood_confine_self(&confine, NULL, text), -EINVAL);
}
