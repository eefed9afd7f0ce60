/* SPDX-License-Identifier: ISC */

/*
 * The loop of the supervisor process.
 *
 * Owns the slots and the control channel.  One turn:
 *
 *	1. collect the dead, without judging them
 *	2. read all commands: the host says USED before it sends a process its
 *	   first request, so by now this is known of every dead process
 *	3. look at what children say and print
 *	4. judge the dead
 *	5. flush the notices: room for new ones lets starts go on, and the host
 *	   can give a dead process's requests to others while one is started
 *	6. decide from the states and the time: stop, start, offer
 *	7. flush again, and set the alarm
 *
 * Steps 2, 4 and 6 do nothing for which there is no memory to tell the host of
 * it.  What they leave is still there in the next turn, SUPERVISOR_RETRY_MS
 * later: a command in the socket, a process on the list of the dead, a slot in
 * its state.
 */

#include "base/clock.h"
#include "base/self_pipe.h"
#include "supervisor/commands.h"
#include "supervisor/notice.h"
#include "supervisor/setup.h"
#include "wire/channel.h"

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SUPERVISOR_EVENTS = 64,		/* looked at in one turn */
	SUPERVISOR_BACKLOG = 256 << 10,	/* bytes of notices; then no starts */
	SUPERVISOR_RETRY_MS = 10,	/* until memory is asked for again */
	SUPERVISOR_SWEEP_MS = 1000,	/* for what children have left to end */
	SUPERVISOR_STEP_MS = 10,	/* the longest that a turn collects, or
					   judges, or forks */
};

enum {
	TOKEN_CONTROL = 16,		/* beyond enum brood__slot_token */
	TOKEN_SIGNAL,
	TOKEN_SINK,
	TOKEN_HOST,
};

struct supervisor {
	const struct brood__supervisor_config *config;
	struct brood__shared shared;
	struct brood__slots slots;
	struct brood__commands commands;
	STAILQ_HEAD(, brood__slot) ended;	/* reaped, not judged yet */
	int signal_fd;
	bool is_sink_watched;
	short control_events;	/* what the control channel is watched for */

	/* Found out in this turn, acted on at its end. */
	bool is_short;		/* something was left undone for want of
				   memory: look again in RETRY_MS */
	bool is_socket_full;	/* something was not sent: look again when the
				   control channel has room */
	bool is_late;		/* something was left undone for want of time:
				   look again at once */
	bool is_unread;		/* that was to read commands */
};

static int
supervisor_watch(struct supervisor *sup, int fd, unsigned token)
{
	return brood__ready_add(sup->shared.ready, fd, POLLIN,
	    (uint64_t)token << 32);
}

static int
supervisor_open(struct supervisor *sup, int control_fd)
{
	static const struct brood_channel_options options = {
		.max_queued = SIZE_MAX / 2,	/* see SUPERVISOR_BACKLOG */
	};
	int host_fd = sup->config->host_fd, r;

	r = brood_channel_new(&sup->shared.control, control_fd, &options);
	if (r < 0)
		return r;
	r = brood__ready_new(&sup->shared.ready);
	if (r == 0)
		r = supervisor_watch(sup, control_fd, TOKEN_CONTROL);
	if (r == 0)
		r = supervisor_watch(sup, sup->signal_fd, TOKEN_SIGNAL);
	if (r == 0 && host_fd >= 0)
		r = supervisor_watch(sup, host_fd, TOKEN_HOST);
	return r;
}

static int
supervisor_init(struct supervisor *sup,
    const struct brood__supervisor_config *config, int control_fd)
{
	const int own_fds[] = { control_fd, config->sink_fd, config->host_fd };
	int r;

	*sup = (struct supervisor) {
		.config = config,
		.shared.has_prefix = config->has_prefix,
		.control_events = POLLIN,
		.slots.config = config,
		.slots.order = &sup->shared.order,
		.commands.shared = &sup->shared,
		.commands.slots = &sup->slots,
	};
	STAILQ_INIT(&sup->ended);
	RB_INIT(&sup->shared.by_pid);
	brood__oom_init(&sup->shared.oom);
	brood__order_init(&sup->shared.order, config->is_ordered,
	    config->strategy);
	brood__setup_signals();
	r = brood__setup_fds(config->keep_fds, config->n_keep_fds, own_fds,
	    sizeof(own_fds) / sizeof(own_fds[0]));
	if (r < 0)
		return r;
	brood__log_sink_init(&sup->shared.sink, config->sink_fd);
	sup->signal_fd = brood__setup_sigchld();
	if (sup->signal_fd < 0)
		return sup->signal_fd;
	r = supervisor_open(sup, control_fd);
	if (r < 0)
		return r;
	brood__setup_nofile(&sup->shared.nofile);
	sup->slots.nofile = sup->shared.nofile.rlim_max;
	return 0;
}

/* The host */

static void
supervisor_lose_host(struct supervisor *sup)
{
	if (sup->shared.host == BROOD__HOST_GONE)
		return;
	brood__ready_remove(sup->shared.ready,
	    brood_channel_fd(sup->shared.control));
	if (sup->config->host_fd >= 0)
		brood__ready_remove(sup->shared.ready, sup->config->host_fd);
	brood__commands_stop_all(&sup->shared, BROOD__HOST_GONE);
}

static void
supervisor_read_control(struct supervisor *sup, int64_t now_ms)
{
	int r;

	if (sup->shared.host == BROOD__HOST_GONE)
		return;
	r = brood__commands_read(&sup->commands, now_ms,
	    brood__now_ms() + SUPERVISOR_STEP_MS);
	sup->is_late |= sup->is_unread = r == 1;
	if (r == -ENOMEM || r == -ENOBUFS)
		sup->is_short = true;
	else if (r < 0)
		supervisor_lose_host(sup);
}

/* Has a step of the turn, which began then, taken its time? */
static bool
supervisor_is_late(struct supervisor *sup, int64_t begun_ms)
{
	bool is_late = brood__now_ms() - begun_ms >= SUPERVISOR_STEP_MS;

	sup->is_late |= is_late;
	return is_late;
}

/* Children */

static void
supervisor_collect(struct supervisor *sup)
{
	int64_t begun_ms = brood__now_ms();
	struct brood__slot *slot;
	int status;
	pid_t pid;

	while (brood__self_pipe_next(sup->signal_fd) != 0)
		continue;
	while (!supervisor_is_late(sup, begun_ms) &&
	    (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		slot = brood__slot_reap(&sup->shared, pid, status);
		if (slot != NULL)
			STAILQ_INSERT_TAIL(&sup->ended, slot, ended);
	}
}

static void
supervisor_judge_one(struct supervisor *sup, struct brood__slot *slot,
    int64_t now_ms)
{
	bool was_asked = slot->order.state == BROOD__SLOT_STOPPING;

	brood__slot_on_exit(slot, &sup->shared, now_ms);
	if (!was_asked && slot->order.state == BROOD__SLOT_WAITING &&
	    sup->shared.host == BROOD__HOST_SERVED)
		brood__order_restarted(&sup->shared.order, &slot->order);
}

/* Not while commands are unread: USED may be among them. */
static void
supervisor_judge(struct supervisor *sup, int64_t now_ms)
{
	int64_t begun_ms = brood__now_ms();
	struct brood__slot *slot;

	if (sup->is_short || sup->is_unread)
		return;
	while ((slot = STAILQ_FIRST(&sup->ended)) != NULL &&
	    !supervisor_is_late(sup, begun_ms)) {
		if (brood__notice_reserve(&sup->shared) < 0) {
			sup->is_short = true;
			return;
		}
		STAILQ_REMOVE_HEAD(&sup->ended, ended);
		supervisor_judge_one(sup, slot, now_ms);
	}
}

static void
supervisor_look(struct supervisor *sup, const struct brood__ready_event *event,
    int64_t now_ms)
{
	struct brood__slot *slot =
	    brood__slots_get(&sup->slots, (unsigned)event->token);

	switch (event->token >> 32) {
	case BROOD__TOKEN_BOOT:
		brood__slot_on_hello(slot, &sup->shared, now_ms);
		break;
	case BROOD__TOKEN_STREAM:
		brood__log_stream_read(&slot->stream, &sup->shared.sink);
		break;
	case TOKEN_SINK:
		(void)brood__log_sink_flush(&sup->shared.sink);
		break;
	case TOKEN_HOST:
		supervisor_lose_host(sup);
		break;
	default:	/* control and signal are read in each turn anyway */
		break;
	}
}

/* Deciding */

static enum brood__stop_phase
supervisor_first_phase(struct supervisor *sup, const struct brood__slot *slot)
{
	struct brood__notice notice = {
		.kind = BROOD__NOTICE_STOPPING,
		.slot = slot->order.index,
		.generation = slot->generation,
		.revision = slot->process_revision,
		.pid = slot->pid,
	};

	/* Only the host can say GOODBYE, to what it has adopted. */
	if (sup->shared.host == BROOD__HOST_GONE ||
	    slot->order.stop_pending == BROOD__ORDER_REPLACE ||
	    slot->order.state != BROOD__SLOT_ADOPTED)
		return BROOD__STOP_TERM;
	brood__notice_queue(&sup->shared, &notice);
	return BROOD__STOP_GOODBYE;
}

static void
supervisor_stop_pending(struct supervisor *sup, int64_t now_ms)
{
	struct brood__order *order = &sup->shared.order;
	struct brood__order_slot *next = NULL;
	struct brood__slot *slot;
	bool is_refill;

	while ((next = brood__order_next_stop(order, next)) != NULL) {
		if (brood__notice_reserve(&sup->shared) < 0) {
			sup->is_short = true;
			return;
		}
		slot = brood__slot_of(next);
		is_refill = next->stop_pending == BROOD__ORDER_REPLACE;
		brood__slot_stop(slot, &sup->shared,
		    supervisor_first_phase(sup, slot), is_refill, now_ms);
	}
}

static bool
supervisor_may_start(const struct supervisor *sup)
{
	return sup->shared.host == BROOD__HOST_SERVED &&
	    brood__channel_queued(sup->shared.control) -
	    brood__channel_sent(sup->shared.control) < SUPERVISOR_BACKLOG;
}

/* In the copy of a large process a fork takes long: the rest can wait. */
static void
supervisor_start_due(struct supervisor *sup, int64_t now_ms)
{
	struct brood__order *order = &sup->shared.order;
	int64_t begun_ms = brood__now_ms();
	struct brood__order_slot *next;
	struct brood__order_pass pass;

	if (!supervisor_may_start(sup))
		return;
	brood__order_begin(order, &pass, now_ms);
	while ((next = brood__order_next_start(order, &pass, now_ms)) != NULL &&
	    !supervisor_is_late(sup, begun_ms)) {
		if (brood__notice_reserve(&sup->shared) < 0) {
			sup->is_short = true;
			return;
		}
		if (brood__slot_start(brood__slot_of(next), &sup->shared,
		    now_ms) < 0)
			brood__order_set_short(order, now_ms);
	}
}

static void
supervisor_look_at_slots(struct supervisor *sup, int64_t now_ms)
{
	struct brood__log_sink *sink = &sup->shared.sink;

	for (unsigned i = 0; i < sup->slots.n_slots; i++) {
		struct brood__slot *slot = sup->slots.list[i];

		brood__slot_on_timeout(slot, now_ms);
		if (!sup->is_socket_full && brood__slot_offer(slot,
		    &sup->shared, now_ms) == -EAGAIN)
			sup->is_socket_full = true;
		if (!sink->is_full &&
		    brood__log_stream_resume(&slot->stream, sink) < 0)
			sup->is_short = true;
	}
}

/* The end of a turn */

static void
supervisor_flush(struct supervisor *sup)
{
	int r;

	if (sup->shared.host == BROOD__HOST_GONE)
		return;
	r = brood__channel_flush(sup->shared.control, 0);
	if (r == -EPIPE)
		supervisor_lose_host(sup);
	else if (r == -EAGAIN)
		sup->is_socket_full = true;
	else if (r < 0)
		sup->is_short = true;
}

/*
 * Tell the host of deaths before anything is started.  Linux takes a process
 * that writes to a socket for one that will sleep soon, and may have the reader
 * wait for its processor: the host would wait for a fork that it may not need.
 */
static void
supervisor_report(struct supervisor *sup, bool has_ended)
{
	supervisor_flush(sup);
	if (has_ended)
		(void)sched_yield();
}

static void
supervisor_watch_control(struct supervisor *sup)
{
	short events = 0;

	if (sup->shared.host == BROOD__HOST_GONE)
		return;
	/*
	 * Without memory no command can be read, and perhaps nothing sent: the
	 * channel would stay ready, and this process would not sleep.
	 */
	if (!sup->is_short)
		events = sup->is_socket_full ? POLLIN | POLLOUT : POLLIN;
	if (events != sup->control_events && brood__ready_change(
	    sup->shared.ready, brood_channel_fd(sup->shared.control), events,
	    (uint64_t)TOKEN_CONTROL << 32) == 0)
		sup->control_events = events;
}

static void
supervisor_watch_sink(struct supervisor *sup)
{
	struct brood__log_sink *sink = &sup->shared.sink;

	if (sink->is_full && !sup->is_sink_watched)
		sup->is_sink_watched = brood__ready_add(sup->shared.ready,
		    sink->fd, POLLOUT, (uint64_t)TOKEN_SINK << 32) == 0;
	else if (!sink->is_full && sup->is_sink_watched) {
		brood__ready_remove(sup->shared.ready, sink->fd);
		sup->is_sink_watched = false;
	}
	if (sink->is_full && !sup->is_sink_watched)
		sup->is_short = true;
}

/*
 * When to look again without an event.  A start that is due and may not be made
 * waits for what order.h says, or, while too many notices are queued, for room
 * in the control channel.  A flush that made room just now is no event to come:
 * so the alarm is set to now if something could start after all.
 */
static int64_t
supervisor_next_due(const struct supervisor *sup, int64_t now_ms)
{
	const struct brood__order *order = &sup->shared.order;
	struct brood__order_pass pass;
	int64_t due_ms = sup->is_late ? now_ms :
	    brood__order_next_due(order, now_ms);

	if (sup->is_short && now_ms + SUPERVISOR_RETRY_MS < due_ms)
		due_ms = now_ms + SUPERVISOR_RETRY_MS;
	if (!supervisor_may_start(sup) || sup->is_short)
		return due_ms;
	brood__order_begin(order, &pass, now_ms);
	return brood__order_next_start(order, &pass, now_ms) != NULL ?
	    now_ms : due_ms;
}

/* The loop */

static void
supervisor_turn(struct supervisor *sup)
{
	struct brood__ready_event events[SUPERVISOR_EVENTS];
	int64_t now_ms;
	bool has_ended;
	int n;

	n = brood__ready_wait(sup->shared.ready, -1, events,
	    SUPERVISOR_EVENTS);
	now_ms = brood__now_ms();
	sup->is_short = sup->is_socket_full = sup->is_late = false;
	supervisor_collect(sup);
	supervisor_read_control(sup, now_ms);
	for (int i = 0; i < n; i++)
		supervisor_look(sup, &events[i], now_ms);
	has_ended = !STAILQ_EMPTY(&sup->ended);
	supervisor_judge(sup, now_ms);
	supervisor_report(sup, has_ended);
	supervisor_stop_pending(sup, now_ms);
	supervisor_start_due(sup, now_ms);
	supervisor_look_at_slots(sup, now_ms);
	supervisor_flush(sup);
	supervisor_watch_sink(sup);
	supervisor_watch_control(sup);
	/* By the same now_ms: what came due since then was not looked at. */
	(void)brood__ready_alarm(sup->shared.ready,
	    supervisor_next_due(sup, now_ms));
}

static bool
supervisor_is_done(const struct supervisor *sup)
{
	if (sup->shared.host != BROOD__HOST_GONE)
		return false;
	for (unsigned i = 0; i < sup->slots.n_slots; i++)
		if (brood__order_is_alive(&sup->slots.list[i]->order))
			return false;
	return true;
}

/* The host may be waiting to hear that no child is left. */
static void
supervisor_say_goodbye(struct supervisor *sup)
{
	struct brood_message msg = { .kind = BROOD_KIND_GOODBYE };

	if (brood__channel_queue(sup->shared.control, &msg) == 0)
		(void)brood__channel_flush(sup->shared.control, 0);
}

_Noreturn void
brood__supervisor_run(const struct brood__supervisor_config *config,
    int control_fd)
{
	struct supervisor sup;

	(void)setpgid(0, 0);
	if (supervisor_init(&sup, config, control_fd) < 0)
		_exit(EXIT_FAILURE);
	brood__groups_sweep(&config->groups, getpid(), brood__now_ms());
	while (!supervisor_is_done(&sup))
		supervisor_turn(&sup);
	brood__groups_sweep(&config->groups, getpid(), brood__now_ms() +
	    SUPERVISOR_SWEEP_MS);
	supervisor_say_goodbye(&sup);
	_exit(EXIT_SUCCESS);
}
