/* SPDX-License-Identifier: ISC */

/*
 * The host's handle on its supervisor process.
 *
 * Owns the control channel and the process.  A wait loop of the program may
 * reap the supervisor at any time, and then its number may be that of another
 * child of the program: so it is signalled and waited for by a pidfd.  Where
 * there is none, its number is all there is.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "base/fork.h"
#include "base/owner.h"
#include "base/pidfd.h"
#include "host/control.h"
#include "supervisor/groups.h"
#include "wire/channel.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONTROL_MARGIN_MS = 2000,
	CONTROL_RETRY_MS = 10,		/* until memory is asked for again */
	CONTROL_SWEEP_MS = 1000,	/* for what a killed supervisor left */
};

enum control_state {
	CONTROL_OPEN,
	CONTROL_SHORT,			/* memory was short for it in this turn:
					   not polled until the next one */
	CONTROL_LOST,			/* the supervisor is gone */
};

struct brood__control {
	struct brood_channel *channel;
	pid_t owner;
	pid_t pid;
	int pid_fd;			/* of pidfd_open(2); -1: there is none */
	int stop_ms;			/* the longest that a stop may take */
	struct brood__groups groups;
	enum control_state state;

	struct brood__ready *ready;	/* polls for the channel; or NULL */
	uint64_t token;
	short events;			/* polled for now */
};

static bool
control_is_mine(const struct brood__control *control)
{
	return control->owner == brood__owner_self();
}

/* The supervisor's own copy of the sink, above the standard descriptors. */
static int
control_open_sink(const struct brood__supervisor_config *config,
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
control_open_fds(struct brood__supervisor_config *config)
{
	int r;

	config->host_fd = -1;
	r = control_open_sink(config, &config->sink_fd);
	if (r < 0)
		return r;
	r = brood__pidfd_open(getpid());
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
control_stop_ms(const struct brood__supervisor_config *config)
{
	int64_t sum = CONTROL_MARGIN_MS;

	for (size_t i = 0; i < config->n_specs; i++)
		sum += config->specs[i].shutdown_ms;
	return sum > INT_MAX ? INT_MAX : (int)sum;
}

static int
control_fork(struct brood__control *control,
    const struct brood__supervisor_config *config, int control_fd)
{
	struct brood__supervisor_config own = *config;
	int r;

	own.groups = control->groups;
	r = control_open_fds(&own);
	if (r < 0)
		return r;
	control->pid = brood__fork(&control->pid_fd);
	if (control->pid == 0)
		brood__supervisor_run(&own, control_fd);
	r = control->pid < 0 ? (int)control->pid : 0;
	(void)brood__fd_close(own.sink_fd);
	(void)brood__fd_close(own.host_fd);
	return r;
}

static int
control_start(struct brood__control *control,
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
	r = brood_channel_new(&control->channel, fds[0], &options);
	if (r < 0)
		(void)brood__fd_close(fds[0]);
	else {
		brood__channel_set_lossy(control->channel);
		r = control_fork(control, config, fds[1]);
	}
	(void)brood__fd_close(fds[1]);
	return r;
}

int
brood__control_new(struct brood__control **ret_control,
    const struct brood__supervisor_config *config)
{
	struct brood__control *control;
	int r;

	control = calloc(1, sizeof(*control));
	if (control == NULL)
		return -ENOMEM;
	control->owner = brood__owner_self();
	control->pid_fd = -1;
	control->stop_ms = control_stop_ms(config);
	r = brood__groups_init(&control->groups, config->specs,
	    config->n_specs);
	if (r == 0)
		r = control_start(control, config);
	if (r < 0) {
		(void)brood_channel_free(control->channel);
		brood__groups_fini(&control->groups);
		free(control);
		return r;
	}
	*ret_control = control;
	return 0;
}

static bool
control_is_short(int error)
{
	return error == -ENOBUFS || error == -ENOMEM;
}

/*
 * Read the control channel to its end; false if that does not come in time.
 * The last word of a supervisor that has stopped all its children is GOODBYE.
 * A shortage of memory is not the end.
 */
static bool
control_wait_end(struct brood__control *control, bool *ret_is_orderly)
{
	static const struct timespec pause = { 0, CONTROL_RETRY_MS * 1000000 };
	int64_t deadline = brood__deadline(brood__now_ms(), control->stop_ms);
	struct brood_message msg;
	int left_ms, r;

	do {
		left_ms = brood__time_left(deadline, brood__now_ms());
		r = brood__channel_recv(control->channel, left_ms, &msg);
		if (r > 0 && msg.kind == BROOD_KIND_GOODBYE)
			*ret_is_orderly = true;
		if (control_is_short(r))
			(void)nanosleep(&pause, NULL);
	} while (r > 0 || (control_is_short(r) && left_ms > 0));
	return r < 0 && !control_is_short(r);
}

static void
control_kill(const struct brood__control *control)
{
	if (control->pid_fd >= 0)
		(void)brood__pidfd_kill(control->pid_fd, SIGKILL);
	else
		(void)kill(control->pid, SIGKILL);
}

static void
control_reap(const struct brood__control *control)
{
	int r;

	if (control->pid_fd >= 0) {
		(void)brood__pidfd_wait(control->pid_fd);
		return;
	}
	do {
		r = waitpid(control->pid, NULL, 0);
	} while (r < 0 && errno == EINTR);
}

struct brood__control *
brood__control_free(struct brood__control *control, bool *ret_is_orderly)
{
	*ret_is_orderly = control == NULL || !control_is_mine(control);
	if (control == NULL)
		return NULL;
	if (control_is_mine(control)) {
		(void)shutdown(brood_channel_fd(control->channel), SHUT_WR);
		if (!control_wait_end(control, ret_is_orderly))
			control_kill(control);
		control_reap(control);
		if (!*ret_is_orderly)
			brood__groups_sweep(&control->groups, control->pid,
			    brood__now_ms() + CONTROL_SWEEP_MS);
	}
	brood__groups_fini(&control->groups);
	(void)brood__fd_close(control->pid_fd);
	(void)brood_channel_free(control->channel);
	free(control);
	return NULL;
}

/* Readiness */

/*
 * Poll for what the state asks for.  While the kernel is short of memory
 * nothing is polled for: the channel would be ready, and the call fail, again
 * and again.
 */
static void
control_poll(struct brood__control *control)
{
	short events = control->state == CONTROL_OPEN ?
	    brood_channel_events(control->channel) : 0;

	if (control->ready == NULL || events == control->events)
		return;
	if (brood__ready_change(control->ready,
	    brood_channel_fd(control->channel), events, control->token) == 0)
		control->events = events;
}

int
brood__control_watch(struct brood__control *control,
    struct brood__ready *ready, uint64_t token)
{
	int r;

	r = brood__ready_add(ready, brood_channel_fd(control->channel), POLLIN,
	    token);
	if (r < 0)
		return r;
	control->ready = ready;
	control->token = token;
	control->events = POLLIN;
	return 0;
}

/* Record how a call on the channel ended. */
static void
control_enter(struct brood__control *control, enum control_state state)
{
	if (control->state == CONTROL_LOST)
		return;
	control->state = state;
	if (state != CONTROL_LOST) {
		control_poll(control);
		return;
	}
	if (control->ready != NULL)
		brood__ready_remove(control->ready,
		    brood_channel_fd(control->channel));
	control->ready = NULL;
}

void
brood__control_resume(struct brood__control *control)
{
	if (control->state == CONTROL_SHORT)
		control_enter(control, CONTROL_OPEN);
}

/* The conversation */

int
brood__control_flush(struct brood__control *control)
{
	int r;

	if (control->state == CONTROL_LOST)
		return 0;
	r = brood__channel_flush(control->channel, 0);
	if (r == 0 || r == -EAGAIN)
		control_poll(control);
	else
		control_enter(control, control_is_short(r) ? CONTROL_SHORT :
		    CONTROL_LOST);
	return control->state == CONTROL_SHORT ? -ENOMEM : 0;
}

int
brood__control_queue(struct brood__control *control,
    const struct brood__command *command)
{
	struct brood_message msg = {
		.data = command,
		.len = sizeof(*command),
	};

	if (control->state == CONTROL_LOST)
		return -EPIPE;
	return brood__channel_queue(control->channel, &msg);
}

int
brood__control_send(struct brood__control *control,
    const struct brood__command *command)
{
	int r = brood__control_queue(control, command);

	if (r < 0)
		return r;
	(void)brood__control_flush(control);
	return control->state == CONTROL_LOST ? -EPIPE : 0;
}

/* Copy a notice out of a message, whatever that is: 0 or -EPROTO. */
static int
control_decode(const struct brood_message *msg,
    struct brood__notice *ret_notice)
{
	const size_t fixed = offsetof(struct brood__notice, tail);

	if (msg->len < fixed || msg->len > fixed + BROOD__TAIL_MAX)
		return -EPROTO;
	memcpy(ret_notice, msg->data, msg->len);
	ret_notice->tail_len = msg->len - fixed;
	ret_notice->tail[ret_notice->tail_len] = '\0';
	ret_notice->step[sizeof(ret_notice->step) - 1] = '\0';
	ret_notice->text[sizeof(ret_notice->text) - 1] = '\0';
	return 0;
}

int
brood__control_recv(struct brood__control *control,
    struct brood__notice *ret_notice, int ret_fds[2])
{
	struct brood_message msg;
	int r;

	ret_fds[0] = ret_fds[1] = -1;
	if (control->state == CONTROL_LOST)
		return 0;
	r = brood__channel_reserve(control->channel, 1,
	    sizeof(struct brood__command));
	if (r == 0)
		r = brood__channel_recv(control->channel, 0, &msg);
	if (r > 0)
		r = control_decode(&msg, ret_notice) < 0 ? -EPROTO : 1;
	if (r < 0)
		control_enter(control, control_is_short(r) ? CONTROL_SHORT :
		    CONTROL_LOST);
	if (r <= 0)
		return 0;
	/* Of another notice they stay the channel's, which closes them. */
	if (ret_notice->kind == BROOD__NOTICE_READY && msg.n_fds == 2) {
		ret_fds[0] = brood_channel_take_fd(control->channel, 0);
		ret_fds[1] = brood_channel_take_fd(control->channel, 1);
	}
	return 1;
}

void
brood__control_lose(struct brood__control *control)
{
	(void)shutdown(brood_channel_fd(control->channel), SHUT_RDWR);
	control_enter(control, CONTROL_LOST);
}

uint64_t
brood__control_queued(const struct brood__control *control)
{
	return brood__channel_queued(control->channel);
}

uint64_t
brood__control_sent(const struct brood__control *control)
{
	return brood__channel_sent(control->channel);
}

bool
brood__control_is_lost(const struct brood__control *control)
{
	return control->state == CONTROL_LOST;
}

pid_t
brood__control_pid(const struct brood__control *control)
{
	return control->pid;
}

int
brood__control_has_room(size_t n)
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
