/* SPDX-License-Identifier: ISC */

/*
 * This file owns the numbers of descriptors and children that a test began
 * with.  It asks /proc and uses nothing of brood, because the tests check what
 * brood says about its processes.
 *
 * Criterion prints an assertion that fails in a .fini function, but does not
 * count it.  So support_end() calls abort(), and tests/judge counts a teardown
 * that crashed as a failed test.
 */

#include "support/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALARM_S		20	/* a forked child may run for so long */
#define GONE_MS		10000	/* support_wait_gone() waits for so long */

struct process {
	pid_t	 pid;
	pid_t	 parent;
	char	 state;		/* a letter, as ps(1) shows it */
	bool	 is_descendant;	/* set by process_mark() */
};

static struct {
	unsigned n_fds;
	unsigned n_children;
} begun;			/* set by support_begin() */

static int
proc_open(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Read /proc/PID/stat.  Gives false if there is no such process. */
static bool
process_read(pid_t pid, struct process *ret_process)
{
	char line[512];
	const char *after_name;
	int fd, parent;
	ssize_t n;

	fd = proc_open(pid, "stat");
	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	line[n] = '\0';

	/*
	 * The line is "PID (NAME) STATE PARENT ...".  NAME may hold brackets
	 * and blanks, so the last bracket in the line ends it.
	 */
	after_name = strrchr(line, ')');
	if (after_name == NULL || sscanf(after_name, ") %c %d",
	    &ret_process->state, &parent) != 2)
		return false;
	ret_process->pid = pid;
	ret_process->parent = parent;
	ret_process->is_descendant = false;
	return true;
}

/* List every process of the system.  Gives an array that the caller frees. */
static struct process *
process_list(size_t *ret_n)
{
	struct process *list = NULL;
	size_t n = 0, room = 0;
	struct dirent *entry;
	DIR *dir;

	dir = opendir("/proc");
	cr_assert_not_null(dir, "/proc: %s", strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (strspn(entry->d_name, "0123456789") == 0)
			continue;
		if (n == room) {
			room = room == 0 ? 256 : room * 2;
			list = reallocarray(list, room, sizeof(*list));
			cr_assert_not_null(list);
		}
		if (process_read(atoi(entry->d_name), &list[n]))
			n++;
	}
	(void)closedir(dir);
	*ret_n = n;
	return list;
}

/* Mark the descendants of parent.  Gives how many were not marked before. */
static unsigned
process_mark(struct process *list, size_t n, pid_t parent)
{
	unsigned n_marked = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].parent != parent || list[i].is_descendant)
			continue;
		list[i].is_descendant = true;
		n_marked += 1 + process_mark(list, n, list[i].pid);
	}
	return n_marked;
}

static unsigned
count_fds(int dir_fd)
{
	unsigned n = 0;
	struct dirent *entry;
	DIR *dir;

	dir = fdopendir(dir_fd);
	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	(void)closedir(dir);
	return n;
}

/* Print what is open, so that a failed test shows which descriptor leaks. */
static void
print_fds(void)
{
	char path[64], target[PATH_MAX];
	int limit = (int)sysconf(_SC_OPEN_MAX);
	ssize_t n;

	for (int fd = 0; fd < limit && fd < 4096; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target));
		if (n > 0)
			fprintf(stderr, "  %d -> %.*s\n", fd, (int)n, target);
	}
}

void
support_begin(void)
{
	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	begun.n_fds = support_n_fds();
	begun.n_children = support_n_children();
}

void
support_end(void)
{
	unsigned n_fds = support_n_fds();
	unsigned n_children = support_n_children();

	if (n_fds == begun.n_fds && n_children == begun.n_children)
		return;
	fprintf(stderr, "support: descriptors %u before, %u after; "
	    "children %u before, %u after\n", begun.n_fds, n_fds,
	    begun.n_children, n_children);
	if (n_fds != begun.n_fds)
		print_fds();
	abort();
}

unsigned
support_n_fds(void)
{
	return support_n_fds_of(getpid()) - 1;
}

unsigned
support_n_fds_of(pid_t pid)
{
	int fd = proc_open(pid, "fd");

	return fd < 0 ? 0 : count_fds(fd);
}

unsigned
support_n_children(void)
{
	struct process *list;
	unsigned n_children;
	size_t n;

	list = process_list(&n);
	n_children = process_mark(list, n, getpid());
	free(list);
	return n_children;
}

pid_t
support_fork(int (*fn)(void *arg), void *arg)
{
	sigset_t alarm_only;
	pid_t pid;

	pid = fork();
	cr_assert_geq(pid, 0, "fork: %s", strerror(errno));
	if (pid > 0)
		return pid;

	/* SIGALRM ends the child whatever the test did to that signal. */
	(void)signal(SIGALRM, SIG_DFL);
	(void)sigemptyset(&alarm_only);
	(void)sigaddset(&alarm_only, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	(void)alarm(ALARM_S);
	_exit(fn(arg));
}

int
support_join(pid_t pid)
{
	int status;
	pid_t r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	cr_assert_eq(r, pid, "waitpid %d: %s", (int)pid, strerror(errno));
	return status;
}

void
support_in_child(int (*fn)(void *arg), void *arg)
{
	int status = support_join(support_fork(fn, arg));

	cr_assert(WIFEXITED(status), "the child ended by signal %d",
	    WTERMSIG(status));
	cr_assert_eq(WEXITSTATUS(status), 0, "the child returned %d",
	    WEXITSTATUS(status));
}

bool
support_is_alive(pid_t pid)
{
	struct process process;

	return process_read(pid, &process) && process.state != 'Z' &&
	    process.state != 'X';
}

bool
support_wait_asleep(pid_t pid)
{
	struct process process;

	for (int ms = 0; ms < GONE_MS; ms++) {
		if (!process_read(pid, &process))
			return false;
		if (process.state == 'S')
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

/* Under valgrind there is no pidfd_open(2), so this looks every 10 ms. */
static void
wait_by_looking(pid_t pid)
{
	for (int ms = 0; ms < GONE_MS && support_is_alive(pid); ms += 10)
		(void)poll(NULL, 0, 10);
}

static void
wait_by_pidfd(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	int r;

	do
		r = poll(&ended, 1, GONE_MS);
	while (r < 0 && errno == EINTR);
	(void)close(pidfd);
}

bool
support_wait_gone(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd >= 0)
		wait_by_pidfd(pidfd);
	else if (errno != ESRCH)
		wait_by_looking(pid);
	return !support_is_alive(pid);
}
