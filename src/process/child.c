/* SPDX-License-Identifier: ISC */

/*
 * One child process and the parent's end of its channel.
 *
 * Owns the pid until the child is reaped.  Somebody else in the program may
 * reap the child, and then the number may soon mean another process.  So a pid
 * is signalled only after the kernel has said that it is still a child of ours.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/fd.h"
#include "base/owner.h"
#include "base/reserved.h"
#include "process/cgroup.h"
#include "process/confine.h"
#include "process/spawn.h"
#include "wire/channel.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CHILD_CGROUP_MS = 1000 };	/* for what it has left to end */

struct brood_child {
	struct brood_channel *channel;
	char *cgroup;		/* the directory of its group, or NULL */
	unsigned group;		/* the number of that */
	pid_t owner;
	pid_t pid;
	bool is_ended;		/* it was waited for */
	int error;		/* what that gave: 0, or -ECHILD */
	int status;		/* of wait(2), if error is 0 */
};

static const struct brood_child_options child_defaults;

static int
child_check_options(const struct brood_child_options *options, bool is_program)
{
	struct brood__failure report;

	if ((options->n_keep_fds > 0 && options->keep_fds == NULL) ||
	    !BROOD__RESERVED_IS_ZERO(options) ||
	    brood__channel_check_options(&options->channel) < 0)
		return -EINVAL;
	if (brood__confine_check(options->confine, is_program, &report) < 0)
		return -EINVAL;
	/* How far the program goes on by itself nobody would learn. */
	if (is_program && options->confine != NULL &&
	    options->confine->level > BROOD_CONFINE_FILES)
		return -EINVAL;
	for (size_t i = 0; i < options->n_keep_fds; i++)
		if (fcntl(options->keep_fds[i], F_GETFD) < 0)
			return -errno;
	return 0;
}

/* waitpid(2), again after each signal handler. */
static int
child_waitpid(pid_t pid, int *ret_status)
{
	int r;

	do {
		r = waitpid(pid, ret_status, 0);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static void
child_remove_group(const struct brood_child *child)
{
	(void)brood__cgroup_remove(child->cgroup, child->group,
	    brood__now_ms() + CHILD_CGROUP_MS);
}

/*
 * Wait until the program runs, or the function is confined: the child's end of
 * the report pipe is closed then.  If it cannot run, reap the child and give
 * the error.
 */
static int
child_confirm(struct brood_child *child, int report_fd)
{
	struct brood__failure report;

	if (brood__spawn_read_report(report_fd, true, &report) != 1)
		return 0;
	child->error = child_waitpid(child->pid, &child->status);
	child->is_ended = true;
	return -report.error;
}

static int
child_start(struct brood_child *child, struct brood__spawn *spawn)
{
	struct brood__spawned spawned;
	int r;

	spawn->takes_fds = spawn->options->channel.max_fds > 0;
	r = brood__spawn(&spawned, spawn);
	if (r < 0)
		return r;
	child->pid = spawned.pid;
	(void)brood__fd_close(spawned.child_socket);
	r = spawn->argv != NULL || spawn->options->confine != NULL ?
	    child_confirm(child, spawned.report_fd) : 0;
	(void)brood__fd_close(spawned.report_fd);
	if (r < 0) {
		(void)brood__fd_close(spawned.socket);
		return r;
	}
	r = brood_channel_new(&child->channel, spawned.socket,
	    &spawn->options->channel);
	if (r < 0)
		(void)brood__fd_close(spawned.socket);
	return r;
}

static int
child_init(struct brood_child *child, struct brood__spawn *spawn)
{
	const char *cgroup = brood__cgroup_directory(spawn->options->confine);

	child->owner = brood__owner_self();
	if (cgroup != NULL) {
		child->cgroup = strdup(cgroup);
		if (child->cgroup == NULL)
			return -ENOMEM;
		spawn->group = child->group = brood__cgroup_number();
	}
	return child_start(child, spawn);
}

static int
child_new(struct brood_child **ret_child, struct brood__spawn *spawn)
{
	struct brood_child *child;
	int r;

	if (spawn->options == NULL)
		spawn->options = &child_defaults;
	r = child_check_options(spawn->options, spawn->argv != NULL);
	if (r < 0)
		return r;
	child = calloc(1, sizeof(*child));
	if (child == NULL)
		return -ENOMEM;
	r = child_init(child, spawn);
	if (r < 0) {
		(void)brood_child_free(child);
		return r;
	}
	*ret_child = child;
	return 0;
}

BROOD_PUBLIC int
brood_child_fork(struct brood_child **ret_child,
    const struct brood_child_options *options, brood_child_fn fn, void *arg)
{
	struct brood__spawn spawn = {
		.fn = fn,
		.arg = arg,
		.slot = -1,
		.options = options,
		.output_fd = -1,
	};

	if (fn == NULL || (options != NULL &&
	    (options->env != NULL || options->chdir != NULL)))
		return -EINVAL;
	return child_new(ret_child, &spawn);
}

BROOD_PUBLIC int
brood_child_exec(struct brood_child **ret_child,
    const struct brood_child_options *options, const char *const *argv)
{
	struct brood__spawn spawn = {
		.argv = argv,
		.slot = -1,
		.options = options,
		.output_fd = -1,
	};

	if (argv == NULL || argv[0] == NULL)
		return -EINVAL;
	return child_new(ret_child, &spawn);
}

BROOD_PUBLIC struct brood_channel *
brood_child_channel(struct brood_child *child)
{
	return child->channel;
}

BROOD_PUBLIC pid_t
brood_child_pid(const struct brood_child *child)
{
	return child->pid;
}

/* Is the pid still this child's?  It is until somebody has reaped the child. */
static bool
child_is_held(const struct brood_child *child)
{
	siginfo_t info;

	return child->pid > 0 && !child->is_ended &&
	    waitid(P_PID, (id_t)child->pid, &info,
	    WEXITED | WNOHANG | WNOWAIT) == 0;
}

BROOD_PUBLIC int
brood_child_kill(struct brood_child *child, int sig)
{
	if (child->owner != brood__owner_self())
		return -ECHILD;
	if (!child_is_held(child))
		return -ESRCH;
	return kill(child->pid, sig) < 0 ? -errno : 0;
}

BROOD_PUBLIC int
brood_child_wait(struct brood_child *child, int *ret_status)
{
	if (child->owner != brood__owner_self())
		return -ECHILD;
	if (!child->is_ended) {
		child->error = child_waitpid(child->pid, &child->status);
		child->is_ended = true;
		child_remove_group(child);
	}
	if (child->error == 0 && ret_status != NULL)
		*ret_status = child->status;
	return child->error;
}

BROOD_PUBLIC struct brood_child *
brood_child_free(struct brood_child *child)
{
	if (child == NULL)
		return NULL;
	(void)brood_channel_free(child->channel);
	if (child->owner == brood__owner_self() && child_is_held(child)) {
		(void)kill(child->pid, SIGKILL);
		(void)child_waitpid(child->pid, &child->status);
	}
	if (child->owner == brood__owner_self())
		child_remove_group(child);
	free(child->cgroup);
	free(child);
	return NULL;
}
