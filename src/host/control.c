/* SPDX-License-Identifier: ISC */

/*
 * The host's handle on its supervisor process.
 *
 * Owns the control channel and the supervisor's pid.  The pid is signalled and
 * waited for only while the channel shows that the supervisor lives: once it
 * has ended, a wait loop of the host's may have reaped it, and the number may
 * be another process.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "host/control.h"
#include "process/host_watch.h"
#include "wire/channel.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SUPERVISION_MARGIN_MS = 2000 };

struct brood__supervision {
	struct brood_channel *control;
	pid_t owner;
	pid_t pid;
	int stop_ms;		/* the longest that a stop may take */
};

static int
supervision_check_fds(const struct brood__supervisor_config *config)
{
	if (config->n_keep_fds > 0 && config->keep_fds == NULL)
		return -EINVAL;
	for (size_t i = 0; i < config->n_keep_fds; i++) {
		if (config->keep_fds[i] <= STDERR_FILENO)
			return -EINVAL;
		if (fcntl(config->keep_fds[i], F_GETFD) < 0)
			return -errno;
	}
	return 0;
}

/* The supervisor's own copy of the sink, above the standard descriptors. */
static int
supervision_open_sink(const struct brood__supervisor_config *config,
    int *ret_fd)
{
	int asked = config->sink_fd, fd;

	*ret_fd = -1;
	if (asked < 0)
		return 0;
	fd = brood__fd_dup(asked == 0 ? STDERR_FILENO : asked);
	if (fd == -EBADF && asked == 0)
		return 0;
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/*
 * What the supervisor holds besides its end of the channel: its own copy of the
 * sink, and its watch over this process.
 */
static int
supervision_open_fds(struct brood__supervisor_config *config)
{
	int r;

	config->host_fd = -1;
	r = supervision_open_sink(config, &config->sink_fd);
	if (r < 0)
		return r;
	r = brood__hostfd_open();
	if (r == -ENOSYS)
		return 0;
	if (r >= 0 && r <= STDERR_FILENO) {
		int low = r;

		r = brood__fd_dup(low);
		(void)brood__fd_close(low);
	}
	if (r < 0) {
		config->sink_fd = brood__fd_close(config->sink_fd);
		return r;
	}
	config->host_fd = r;
	return 0;
}

static int
supervision_stop_ms(const struct brood__supervisor_config *config)
{
	int64_t sum = SUPERVISION_MARGIN_MS;

	for (size_t i = 0; i < config->n_kinds; i++)
		sum += config->kinds[i].shutdown_ms;
	return sum > INT_MAX ? INT_MAX : (int)sum;
}

static int
supervision_fork(struct brood__supervision *supervision,
    const struct brood__supervisor_config *config, int control_fd)
{
	struct brood__supervisor_config own = *config;
	sigset_t all, mask;
	int r;

	r = supervision_open_fds(&own);
	if (r < 0)
		return r;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &mask);
	supervision->pid = fork();
	r = supervision->pid < 0 ? -errno : 0;
	if (supervision->pid == 0)
		brood__supervisor_run(&own, control_fd);
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	(void)brood__fd_close(own.sink_fd);
	(void)brood__fd_close(own.host_fd);
	return r;
}

static int
supervision_start(struct brood__supervision *supervision,
    const struct brood__supervisor_config *config)
{
	static const struct brood_channel_options options = {
		.max_fds = 2,
		.max_queued = 64 << 20,
	};
	int fds[2], r;

	r = brood__spawn_socketpair(fds);
	if (r < 0)
		return r;
	r = brood_channel_new(&supervision->control, fds[0], &options);
	if (r < 0)
		(void)brood__fd_close(fds[0]);
	else {
		brood__channel_set_lossy(supervision->control);
		r = supervision_fork(supervision, config, fds[1]);
	}
	(void)brood__fd_close(fds[1]);
	return r;
}

int
brood__supervision_new(struct brood__supervision **ret_supervision,
    const struct brood__supervisor_config *config)
{
	struct brood__supervision *supervision;
	int r;

	r = supervision_check_fds(config);
	if (r < 0)
		return r;
	supervision = calloc(1, sizeof(*supervision));
	if (supervision == NULL)
		return -ENOMEM;
	supervision->owner = getpid();
	supervision->stop_ms = supervision_stop_ms(config);
	r = supervision_start(supervision, config);
	if (r < 0) {
		(void)brood_channel_free(supervision->control);
		free(supervision);
		return r;
	}
	*ret_supervision = supervision;
	return 0;
}

/*
 * Read the control channel to its end; false if that does not come in time.
 * The last word of a supervisor that has stopped all its children is GOODBYE.
 */
static bool
supervision_wait_end(struct brood__supervision *supervision,
    bool *ret_is_orderly)
{
	int64_t deadline = brood__deadline(brood__now_ms(),
	    supervision->stop_ms);
	struct brood_message msg;
	int r;

	do {
		r = brood__channel_recv(supervision->control,
		    brood__time_left(deadline, brood__now_ms()), &msg);
		if (r > 0 && msg.kind == BROOD_KIND_GOODBYE)
			*ret_is_orderly = true;
	} while (r > 0);
	return r < 0;
}

static void
supervision_reap(pid_t pid)
{
	int r;

	do {
		r = waitpid(pid, NULL, 0);
	} while (r < 0 && errno == EINTR);
}

struct brood__supervision *
brood__supervision_free(struct brood__supervision *supervision,
    bool *ret_is_orderly)
{
	*ret_is_orderly = supervision == NULL ||
	    supervision->owner != getpid();
	if (supervision == NULL)
		return NULL;
	if (supervision->owner == getpid()) {
		(void)shutdown(brood_channel_fd(supervision->control),
		    SHUT_WR);
		if (!supervision_wait_end(supervision, ret_is_orderly))
			(void)kill(supervision->pid, SIGKILL);
		supervision_reap(supervision->pid);
	}
	(void)brood_channel_free(supervision->control);
	free(supervision);
	return NULL;
}

int
brood__supervision_fd(const struct brood__supervision *supervision)
{
	return brood_channel_fd(supervision->control);
}

short
brood__supervision_events(const struct brood__supervision *supervision)
{
	return brood_channel_events(supervision->control);
}

pid_t
brood__supervision_pid(const struct brood__supervision *supervision)
{
	return supervision->pid;
}

/* The kernel is short of something; what was to be done is done next time. */
static bool
supervision_is_passing(int error)
{
	return error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

int
brood__supervision_flush(struct brood__supervision *supervision)
{
	int r = brood__channel_flush(supervision->control, 0);

	return supervision_is_passing(r) ? 0 : r;
}

int
brood__supervision_command(struct brood__supervision *supervision,
    const struct brood__command *command)
{
	struct brood_message msg = {
		.data = command,
		.len = sizeof(*command),
	};
	int r;

	r = brood__channel_queue(supervision->control, &msg);
	return r < 0 ? r : brood__supervision_flush(supervision);
}

bool
brood__supervision_is_flushed(const struct brood__supervision *supervision)
{
	return brood__channel_queued(supervision->control) ==
	    brood__channel_sent(supervision->control);
}

int
brood__supervision_recv(struct brood__supervision *supervision,
    struct brood__notice *ret_notice, int ret_fds[2])
{
	const size_t fixed = offsetof(struct brood__notice, tail);
	struct brood_message msg;
	int r;

	r = brood__channel_recv(supervision->control, 0, &msg);
	if (r == 0 || supervision_is_passing(r))
		return 0;
	if (r < 0)
		return -EPIPE;
	if (msg.len < fixed || msg.len > fixed + BROOD__TAIL_MAX)
		return -EPIPE;
	memcpy(ret_notice, msg.data, msg.len);
	ret_notice->tail_len = msg.len - fixed;
	ret_notice->tail[ret_notice->tail_len] = '\0';
	ret_notice->step[sizeof(ret_notice->step) - 1] = '\0';
	ret_notice->text[sizeof(ret_notice->text) - 1] = '\0';
	ret_fds[0] = ret_fds[1] = -1;
	if (msg.n_fds == 2) {
		ret_fds[0] = brood_channel_take_fd(supervision->control, 0);
		ret_fds[1] = brood_channel_take_fd(supervision->control, 1);
	}
	return 1;
}

int
brood__supervision_has_room(size_t n)
{
	int *fds, null_fd, r = 0;
	size_t i;

	fds = reallocarray(NULL, n, sizeof(*fds));
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fds == NULL || null_fd < 0)
		r = fds == NULL ? -ENOMEM : -errno;
	for (i = 0; r == 0 && i < n; i++) {
		fds[i] = brood__fd_dup(null_fd);
		if (fds[i] < 0) {
			r = fds[i];
			break;
		}
	}
	brood__fd_close_all(fds, i);
	(void)brood__fd_close(null_fd);
	free(fds);
	return r;
}
