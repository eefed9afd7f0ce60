/* SPDX-License-Identifier: ISC */

/*
 * See subprocess.h.  brood_child_fork() does the forking: signals are reset and
 * other descriptors closed when subprocess_exec() runs in the child.
 */

#include "base/clock.h"
#include "base/parent_death.h"
#include "command/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SUBPROCESS_NO_EXEC = 127 };	/* exit status, as of the shell */

struct subprocess_plan {
	const char *const *argv;
	const int *fds;
	const struct brood_confine *confine;
	pid_t parent;
};

/* In the child */

/* Bring fds to 0 to 3: first out of the way, because they may be there. */
static int
subprocess_place_fds(const int *fds)
{
	int copies[SUBPROCESS_N_FDS];

	for (int i = 0; i < SUBPROCESS_N_FDS; i++) {
		copies[i] = fds[i] < 0 ? -1 :
		    fcntl(fds[i], F_DUPFD_CLOEXEC, SUBPROCESS_N_FDS);
		if (fds[i] >= 0 && copies[i] < 0)
			return -errno;
	}
	for (int i = 0; i < SUBPROCESS_N_FDS; i++)
		if (copies[i] >= 0 && dup2(copies[i], i) < 0)
			return -errno;
	return 0;
}

/* Nothing is said of a parent that has died already. */
static void
subprocess_tie(pid_t parent)
{
	(void)brood__parent_death_set(SIGKILL);
	if (getppid() != parent)
		_exit(SUBPROCESS_NO_EXEC);
}

/* Why that cannot be goes to standard error; the errno to the parent. */
static int
subprocess_confine(const struct subprocess_plan *plan)
{
	char text[BROOD_TEXT_SIZE];
	int r;

	if (plan->confine == NULL)
		return 0;
	r = brood_confine_self(plan->confine, plan->argv[0], text);
	if (r < 0)
		(void)dprintf(STDERR_FILENO, "brood: %s\n", text);
	return r < 0 ? r : 0;
}

static int
subprocess_exec(struct brood_channel *channel, void *arg)
{
	const struct subprocess_plan *plan = arg;
	char *const *argv;
	int report_fd, error;

	/* A copy: the channel's own number may be one that fds are for. */
	report_fd = fcntl(brood_channel_fd(channel), F_DUPFD_CLOEXEC,
	    SUBPROCESS_N_FDS);
	(void)setpgid(0, 0);
	error = -subprocess_confine(plan);
	/* A change of user would undo it. */
	subprocess_tie(plan->parent);
	if (error == 0)
		error = -subprocess_place_fds(plan->fds);
	if (error == 0) {
		/* execve(2) takes what it never writes to as not const. */
		memcpy(&argv, &plan->argv, sizeof(argv));
		(void)execvp(argv[0], argv);
		error = errno;
	}
	(void)!write(report_fd, &error, sizeof(error));
	return SUBPROCESS_NO_EXEC;
}

/* In the parent */

/* Exec closes the child's end: without a report the program runs. */
static int
subprocess_confirm(struct brood_child *child)
{
	int fd = brood_channel_fd(brood_child_channel(child));
	int error;
	ssize_t n;

	do {
		n = recv(fd, &error, sizeof(error), MSG_WAITALL);
	} while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? -error : 0;
}

static sigset_t
subprocess_sigchld(void)
{
	sigset_t chld;

	(void)sigemptyset(&chld);
	(void)sigaddset(&chld, SIGCHLD);
	return chld;
}

int
subprocess_start(struct brood_child **ret_child, const char *const *argv,
    const int fds[SUBPROCESS_N_FDS], const struct brood_confine *confine)
{
	struct subprocess_plan plan = { argv, fds, confine, getpid() };
	struct brood_child_options options = { .n_keep_fds = 0 };
	int keep_fds[SUBPROCESS_N_FDS], r;
	sigset_t chld = subprocess_sigchld();

	/* If SIGCHLD is ignored the kernel keeps no status for waitid(2). */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigprocmask(SIG_BLOCK, &chld, NULL);
	options.keep_fds = keep_fds;
	for (int i = 0; i < SUBPROCESS_N_FDS; i++)
		if (fds[i] >= 0)
			keep_fds[options.n_keep_fds++] = fds[i];
	r = brood_child_fork(ret_child, &options, subprocess_exec, &plan);
	if (r < 0)
		return r;
	r = subprocess_confirm(*ret_child);
	if (r < 0)
		*ret_child = brood_child_free(*ret_child);
	return r;
}

/* Its status stays with the kernel: the pid cannot be another process's yet. */
static bool
subprocess_has_ended(const struct brood_child *child)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)brood_child_pid(child), &info,
	    WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

bool
subprocess_await(struct brood_child *child, int64_t deadline_ms)
{
	sigset_t chld = subprocess_sigchld();
	struct timespec left;
	int left_ms;

	while (!subprocess_has_ended(child)) {
		left_ms = brood__time_left(deadline_ms, brood__now_ms());
		if (left_ms == 0)
			return false;
		left = (struct timespec) { .tv_sec = left_ms / 1000,
		    .tv_nsec = left_ms % 1000 * 1000000L };
		(void)sigtimedwait(&chld, NULL, &left);
	}
	return true;
}

int
subprocess_stop(struct brood_child *child)
{
	int status = 0;

	/* Before the program is reaped, while the group's number is its own. */
	(void)kill(-brood_child_pid(child), SIGKILL);
	(void)brood_child_wait(child, &status);
	(void)brood_child_free(child);
	return status;
}
