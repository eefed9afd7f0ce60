/* SPDX-License-Identifier: ISC */

/*
 * Start one process at the far end of a socketpair.
 *
 * The parent may have threads, and a lock that one of them held during the fork
 * stays locked in the child.  So until exec, or the caller's function, the
 * child takes no lock but those of malloc and stdio, which the C library makes
 * anew in a child.
 */

#include "base/fd.h"
#include "base/fork.h"
#include "base/parent_death.h"
#include "base/passrights.h"
#include "process/cgroup.h"
#include "process/confine.h"
#include "process/environment.h"
#include "process/inherit.h"
#include "process/last_words.h"
#include "process/spawn.h"
#include "wire/channel.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SPAWN_CHANNEL_FD = 3,	/* the channel's number in a program */
	SPAWN_FAILED = 127,	/* exit status: not started, as of a shell */
};

extern char **environ;

/* What the child needs.  The parent allocates it before the fork. */
struct spawn_plan {
	const struct brood__spawn *spawn;
	pid_t parent;
	int socket;		/* the child's end */
	int report_fd;		/* to write the report to */
	struct brood__environment env;	/* of a program */
	int *fds;		/* room for the keep list, socket and report */
};

/* In the child */

_Noreturn static void
spawn_send(const struct spawn_plan *plan, const struct brood__failure *report)
{
	ssize_t n;

	/* A pipe takes less than PIPE_BUF all at once, as the report is. */
	do {
		n = write(plan->report_fd, report, sizeof(*report));
	} while (n < 0 && errno == EINTR);
	_exit(SPAWN_FAILED);
}

_Noreturn static void
spawn_fail(const struct spawn_plan *plan, const char *step, int error,
    const char *what)
{
	struct brood__failure report;

	(void)brood__failure_set(&report, step, error, "%s", what);
	spawn_send(plan, &report);
}

/* If the file is there, what is missing is what its first line names. */
_Noreturn static void
spawn_fail_exec(const struct spawn_plan *plan, const char *path, int error)
{
	char what[sizeof(((struct brood__failure *)NULL)->text)];

	(void)strlcpy(what, path, sizeof(what));
	if (error == ENOENT && strchr(path, '/') != NULL &&
	    access(path, F_OK) == 0)
		(void)strlcat(what, ": its interpreter", sizeof(what));
	spawn_fail(plan, "exec", error, what);
}

/*
 * See to it that a supervised child dies with its parent.  The kernel says
 * nothing of a parent that has died before it was asked: then getppid() is
 * another process.
 */
static void
spawn_tie(const struct spawn_plan *plan)
{
	if (plan->spawn->output_fd >= 0 &&
	    brood__parent_death_set(SIGKILL) == 0 && getppid() != plan->parent)
		_exit(SPAWN_FAILED);
}

static void
spawn_reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
}

static void
spawn_set_output(const struct spawn_plan *plan, int output_fd)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null_fd < 0)
		spawn_fail(plan, "open", errno, "/dev/null");
	/*
	 * dup2(2) of a descriptor onto itself would leave close-on-exec set.
	 * That cannot happen to output_fd, which is above 2.
	 */
	if (dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(output_fd, STDOUT_FILENO) < 0 ||
	    dup2(output_fd, STDERR_FILENO) < 0)
		spawn_fail(plan, "dup2", errno, "standard descriptors");
	if (null_fd > STDERR_FILENO)
		(void)close(null_fd);
}

static int
spawn_compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
brood__spawn_close_others(int *fds, size_t n_fds)
{
	int next = STDERR_FILENO + 1;

	qsort(fds, n_fds, sizeof(fds[0]), spawn_compare);
	for (size_t i = 0; i < n_fds; i++) {
		while (next < fds[i])
			(void)close(next++);
		if (next == fds[i])
			next++;
	}
	closefrom(next);
}

/*
 * Move fds to the numbers 3, 4, 5 and so on, in order, and close all others.
 * First they are copied to numbers above those, so that none is overwritten
 * before it is moved.
 */
static void
spawn_pack(struct spawn_plan *plan, int *fds, size_t n_fds)
{
	int first = SPAWN_CHANNEL_FD;

	for (size_t i = 0; i < n_fds; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, first + (int)n_fds);
		if (fds[i] < 0)
			spawn_fail(plan, "dup", errno, "keep_fds");
	}
	plan->report_fd = fds[n_fds - 1];
	for (size_t i = 0; i < n_fds; i++)
		if (dup2(fds[i], first + (int)i) < 0)
			spawn_fail(plan, "dup2", errno, "keep_fds");
	plan->report_fd = first + (int)n_fds - 1;
	(void)fcntl(plan->report_fd, F_SETFD, FD_CLOEXEC);
	closefrom(first + (int)n_fds);
}

/*
 * Called after the parent's descriptors are closed: all numbers below the new
 * limit may be in use before, and to copy a descriptor takes a free one.
 */
static void
spawn_limit(const struct brood__spawn *spawn)
{
	if (spawn->nofile != NULL)
		(void)setrlimit(RLIMIT_NOFILE, spawn->nofile);
}

/* The rest is done by the program itself. */
static void
spawn_confine_program(struct spawn_plan *plan)
{
	const struct brood__spawn *spawn = plan->spawn;
	struct brood__confined confined;
	struct brood__failure report;

	if (brood__confine_enter(&confined, spawn->options->confine,
	    spawn->argv[0], &report) < 0)
		spawn_send(plan, &report);
	if (plan->env.confine != NULL)
		brood__confine_env_set(plan->env.confine, &confined);
	spawn_tie(plan);
}

_Noreturn static void
spawn_exec(struct spawn_plan *plan, const sigset_t *mask)
{
	const struct brood__spawn *spawn = plan->spawn;
	const char *dir = spawn->options->chdir;
	char *const *argv;
	size_t n = 0;

	plan->fds[n++] = plan->socket;
	for (size_t i = 0; i < spawn->options->n_keep_fds; i++)
		plan->fds[n++] = spawn->options->keep_fds[i];
	plan->fds[n++] = plan->report_fd;
	spawn_pack(plan, plan->fds, n);
	spawn_limit(spawn);

	if (dir != NULL && chdir(dir) < 0)
		spawn_fail(plan, "chdir", errno, dir);
	spawn_confine_program(plan);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	/* execvp(3) writes to none of these strings, but is not declared so. */
	memcpy(&argv, &spawn->argv, sizeof(argv));
	environ = plan->env.strings;
	(void)execvp(argv[0], argv);
	spawn_fail_exec(plan, argv[0], errno);
}

static void
spawn_confine(struct spawn_plan *plan, struct brood_channel *channel)
{
	const struct brood__spawn *spawn = plan->spawn;
	struct brood__confined confined;
	struct brood__failure report;

	if (brood__confine_enter(&confined, spawn->options->confine, NULL,
	    &report) < 0)
		spawn_send(plan, &report);
	/* A change of uid or gid, in setup too, has undone the request. */
	spawn_tie(plan);
	confined.sends_fds = spawn->takes_fds;
	if (brood__confine_seal(&confined, &report) < 0)
		spawn_send(plan, &report);
	brood__channel_set_level(channel, confined.reached);
}

static int
spawn_call(struct spawn_plan *plan)
{
	const struct brood__spawn *spawn = plan->spawn;
	struct brood_channel *channel;
	int r;

	brood__inherit_set(spawn->slot, spawn->generation);
	if (spawn->has_last_words)
		brood__last_words_install();
	r = brood_channel_new(&channel, plan->socket,
	    &spawn->options->channel);
	if (r < 0)
		spawn_fail(plan, "channel", -r, "channel");
	r = spawn->setup != NULL ? spawn->setup(spawn->setup_arg) : 0;
	if (r < 0)
		spawn_fail(plan, "setup", -r, "setup function");
	spawn_confine(plan, channel);
	plan->report_fd = brood__fd_close(plan->report_fd);
	if (spawn->says_hello) {
		brood__channel_accept_rings(channel);
		r = brood_channel_hello(channel, spawn->name, -1);
		if (r < 0)
			return r == -EPIPE ? 0 : EXIT_FAILURE;
	}
	return spawn->fn(channel, spawn->arg);
}

_Noreturn static void
spawn_run(struct spawn_plan *plan, const sigset_t *mask)
{
	const struct brood_child_options *options = plan->spawn->options;
	static char lines[BUFSIZ];
	size_t n = 0;
	int status;

	for (size_t i = 0; i < options->n_keep_fds; i++)
		plan->fds[n++] = options->keep_fds[i];
	plan->fds[n++] = plan->socket;
	plan->fds[n++] = plan->report_fd;
	brood__spawn_close_others(plan->fds, n);
	spawn_limit(plan->spawn);

	/* The parent will print what is in its buffer; the child must not. */
	(void)fpurge(stdout);
	/*
	 * With a new buffer: in one that the parent has used, glibc lets
	 * puts(3) leave the end of a line.
	 */
	if (plan->spawn->output_fd >= 0)
		(void)setvbuf(stdout, lines, _IOLBF, sizeof(lines));
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	status = spawn_call(plan);
	(void)fflush(stdout);
	_exit(status);
}

/* Before any code of the user's: it is limited from its start. */
static void
spawn_enter_cgroup(const struct spawn_plan *plan)
{
	const struct brood_confine *confine = plan->spawn->options->confine;
	struct brood__failure report;

	if (confine != NULL && brood__cgroup_enter(confine->cgroup,
	    plan->parent, plan->spawn->group, &report) < 0)
		spawn_send(plan, &report);
}

_Noreturn static void
spawn_child(struct spawn_plan *plan)
{
	const struct brood__spawn *spawn = plan->spawn;
	sigset_t none;

	spawn_reset_signals();
	spawn_tie(plan);
	spawn_enter_cgroup(plan);
	if (spawn->output_fd >= 0)
		spawn_set_output(plan, spawn->output_fd);
	(void)sigemptyset(&none);
	if (spawn->argv != NULL)
		spawn_exec(plan, &none);
	spawn_run(plan, &none);
}

/* In the parent */

/*
 * Copy descriptors to numbers above 2.  If the parent has closed any of 0 to 2,
 * new ones get these numbers, and the child would take them for its standard
 * descriptors.
 */
static int
spawn_lift(int fds[2])
{
	for (int i = 0; i < 2; i++) {
		int fd = fds[i];

		if (fd > STDERR_FILENO)
			continue;
		fds[i] = brood__fd_dup(fd);
		(void)close(fd);
		if (fds[i] < 0) {
			int r = fds[i];

			(void)brood__fd_close(fds[!i]);
			return r;
		}
	}
	return 0;
}

int
brood__spawn_socketpair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	return spawn_lift(fds);
}

static int
spawn_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	return spawn_lift(fds);
}

static int
spawn_open(int sockets[2], int report[2])
{
	int r;

	r = brood__spawn_socketpair(sockets);
	if (r < 0)
		return r;
	r = spawn_pipe(report);
	if (r < 0)
		brood__fd_close_all(sockets, 2);
	return r;
}

int
brood__spawn(struct brood__spawned *ret_spawned,
    const struct brood__spawn *spawn)
{
	struct spawn_plan plan = { .spawn = spawn, .parent = getpid() };
	int sockets[2], report[2], r;
	pid_t pid = -1;

	r = spawn_open(sockets, report);
	if (r < 0)
		return r;
	brood__passrights_set(sockets[0], spawn->takes_fds);
	plan.socket = sockets[1];
	plan.report_fd = report[1];
	plan.fds = reallocarray(NULL, spawn->options->n_keep_fds + 2,
	    sizeof(*plan.fds));
	r = plan.fds == NULL ? -ENOMEM : 0;
	if (r == 0 && spawn->argv != NULL)
		r = brood__environment_init(&plan.env, spawn);
	if (r == 0) {
		pid = brood__fork(NULL);
		if (pid == 0)
			spawn_child(&plan);
		r = pid < 0 ? pid : 0;
	}
	free(plan.fds);
	brood__environment_fini(&plan.env);
	(void)brood__fd_close(report[1]);
	if (r < 0) {
		brood__fd_close_all(sockets, 2);
		(void)brood__fd_close(report[0]);
		return r;
	}
	*ret_spawned = (struct brood__spawned) {
		.pid = pid,
		.socket = sockets[0],
		.child_socket = sockets[1],
		.report_fd = report[0],
	};
	return 0;
}

int
brood__spawn_read_report(int report_fd, bool is_waiting,
    struct brood__failure *ret_report)
{
	ssize_t n;

	if (!is_waiting && fcntl(report_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	do {
		n = read(report_fd, ret_report, sizeof(*ret_report));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n != sizeof(*ret_report))
		return 0;
	ret_report->step[sizeof(ret_report->step) - 1] = '\0';
	ret_report->text[sizeof(ret_report->text) - 1] = '\0';
	return 1;
}
