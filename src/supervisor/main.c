/* SPDX-License-Identifier: ISC */

/*
 * The supervisor process.
 *
 * Owns the slots and the control channel.  One turn of its loop:
 *
 *	1. collect the dead, without judging them
 *	2. read all commands: one says which child was given a request, and was
 *	   sent before that request; so it is known by now of every dead child
 *	3. look at what children say and print
 *	4. judge the dead
 *	5. do what is due, and stop and start what may be
 *	6. send notices
 *
 * Which slots must stop or wait for others is decided here: in the order of
 * starting and stopping, and by the strategy when one ends.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "base/self_pipe.h"
#include "supervisor/main.h"
#include "wire/channel.h"

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	SUPERVISOR_EVENTS = 64,		/* looked at in one turn */
	SUPERVISOR_STARTING = 32,	/* children on their way at a time */
	SUPERVISOR_SLOTS = 1 << 20,
	SUPERVISOR_BACKLOG = 256 << 10,	/* bytes of notices; then no starts */
	SUPERVISOR_RETRY_MS = 10,
};

enum {
	TOKEN_CONTROL = 16,		/* beyond enum brood__token */
	TOKEN_SIGNAL,
	TOKEN_SINK,
	TOKEN_HOST,
};

struct supervisor {
	const struct brood__supervisor_config *config;
	struct brood__nest nest;
	struct brood__slot **slots;
	unsigned n_slots;
	bool is_sink_watched;
	bool is_stopping;	/* all of them, for good */
	int signal_fd;		/* tells of SIGCHLD */
	short control_events;
	int64_t retry_ms;	/* to flush; BROOD__NEVER: when there is room */
};

/* The process itself */

/*
 * Signals are blocked still, as they were around the fork.
 *
 * The program decides what a signal from outside means, and tells: a terminal's
 * and a shutting system's go to every process at once, and so do those that are
 * sent by the program's name, which is this process's too.  SIGXFSZ would come
 * from a sink that is a file at its limit.  SIGKILL stays.
 */
static void
supervisor_set_signals(void)
{
	static const int ignored[] = {
		SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP,
		SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGXFSZ,
	};
	struct sigaction sa = { .sa_handler = SIG_DFL };

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)sigaction(ignored[i], &sa, NULL);
}

static int
supervisor_catch_sigchld(struct supervisor *sup)
{
	static const int signals[] = { SIGCHLD, 0 };
	sigset_t none;

	sup->signal_fd = brood__self_pipe_open(signals);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	return sup->signal_fd < 0 ? sup->signal_fd : 0;
}

/* Descriptors 0 to 2 are never free: others would be given their numbers. */
static int
supervisor_set_stdio(void)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0)
		return -errno;
	for (int i = 0; i <= STDERR_FILENO; i++)
		if (fd != i && dup2(fd, i) < 0)
			return -errno;
	if (fd > STDERR_FILENO)
		(void)close(fd);
	return 0;
}

static void
supervisor_raise_nofile(struct rlimit *ret_before)
{
	struct rlimit limit;

	(void)getrlimit(RLIMIT_NOFILE, ret_before);
	limit = *ret_before;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int
supervisor_close_others(const struct brood__supervisor_config *config,
    int control_fd)
{
	size_t n = config->n_keep_fds;
	int *fds;

	fds = reallocarray(NULL, n + 3, sizeof(*fds));
	if (fds == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(fds, config->keep_fds, n * sizeof(*fds));
	fds[n++] = control_fd;
	if (config->sink_fd >= 0)
		fds[n++] = config->sink_fd;
	if (config->host_fd >= 0)
		fds[n++] = config->host_fd;
	brood__spawn_close_others(fds, n);
	free(fds);
	return 0;
}

static int
supervisor_init(struct supervisor *sup,
    const struct brood__supervisor_config *config, int control_fd)
{
	static const struct brood_channel_options options = {
		.max_queued = SIZE_MAX / 2,	/* see SUPERVISOR_BACKLOG */
	};
	int r;

	*sup = (struct supervisor) {
		.config = config,
		.nest.has_prefix = config->has_prefix,
		.control_events = POLLIN,
		.retry_ms = BROOD__NEVER,
	};
	r = supervisor_close_others(config, control_fd);
	if (r == 0)
		r = supervisor_set_stdio();
	brood__sink_init(&sup->nest.sink, config->sink_fd);
	if (r == 0)
		r = supervisor_catch_sigchld(sup);
	if (r == 0)
		r = brood_channel_new(&sup->nest.control, control_fd, &options);
	if (r == 0)
		r = brood__ready_new(&sup->nest.ready);
	if (r == 0)
		r = brood__ready_add(sup->nest.ready, control_fd, POLLIN,
		    (uint64_t)TOKEN_CONTROL << 32);
	if (r == 0)
		r = brood__ready_add(sup->nest.ready, sup->signal_fd,
		    POLLIN, (uint64_t)TOKEN_SIGNAL << 32);
	if (r == 0 && config->host_fd >= 0)
		r = brood__ready_add(sup->nest.ready, config->host_fd, POLLIN,
		    (uint64_t)TOKEN_HOST << 32);
	return r;
}

/* Commands */

static struct brood__slot *
supervisor_slot(const struct supervisor *sup, unsigned index)
{
	return index < sup->n_slots ? sup->slots[index] : NULL;
}

/* The slot of the process that is meant; NULL if another one is there now. */
static struct brood__slot *
supervisor_process(const struct supervisor *sup,
    const struct brood__command *command)
{
	struct brood__slot *slot = supervisor_slot(sup, command->slot);

	return slot != NULL && slot->generation == command->generation ?
	    slot : NULL;
}

/* Slots come into being up to the one that is asked for. */
static int
supervisor_grow(struct supervisor *sup, unsigned index)
{
	const struct brood__supervisor_config *config = sup->config;
	struct brood__slot **slots;
	int r;

	if (index >= SUPERVISOR_SLOTS ||
	    (config->n_kinds > 1 && index >= config->n_kinds))
		return -EINVAL;
	if (index < sup->n_slots)
		return 0;
	slots = reallocarray(sup->slots, index + 1, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	sup->slots = slots;
	while (sup->n_slots <= index) {
		r = brood__slot_new(&slots[sup->n_slots], sup->n_slots,
		    &config->kinds[config->n_kinds > 1 ? sup->n_slots : 0],
		    config->intensity, config->period_ms);
		if (r < 0)
			return r;
		sup->n_slots++;
	}
	return 0;
}

static void
supervisor_fill(struct supervisor *sup, const struct brood__command *command,
    int64_t now_ms)
{
	struct brood__slot *slot;

	if (supervisor_grow(sup, command->slot) < 0)
		_exit(EXIT_FAILURE);
	slot = sup->slots[command->slot];
	/* The slots after it wait for it; a process that is ready has no one. */
	if (slot->state != BROOD__SLOT_READY)
		slot->is_ordered = sup->config->is_ordered;
	brood__slot_fill(slot, command->revision, now_ms);
}

/* From now on the strategy has no say: what ends meanwhile stays ended. */
static void
supervisor_stop_all(struct supervisor *sup)
{
	sup->is_stopping = true;
	for (unsigned i = 0; i < sup->n_slots; i++) {
		sup->slots[i]->is_doomed = true;
		sup->slots[i]->is_refill = false;
		sup->slots[i]->is_ordered = false;
	}
}

/* One is restarted: by the strategy, others with it. */
static void
supervisor_doom_group(struct supervisor *sup, const struct brood__slot *slot)
{
	unsigned from = sup->config->strategy == BROOD_ONE_FOR_ALL ? 0 :
	    slot->index + 1;

	if (sup->config->strategy == BROOD_ONE_FOR_ONE || sup->is_stopping)
		return;
	for (unsigned i = from; i < sup->n_slots; i++) {
		struct brood__slot *other = sup->slots[i];

		if (other == slot || other->state == BROOD__SLOT_EMPTY ||
		    other->state == BROOD__SLOT_GIVEN_UP)
			continue;
		other->is_ordered = true;
		other->is_doomed = brood__slot_is_alive(other);
		other->is_refill = other->kind->restart != BROOD_TEMPORARY;
	}
}

static void
supervisor_stop(struct supervisor *sup, const struct brood__command *command,
    int64_t now_ms)
{
	struct brood__slot *slot = supervisor_slot(sup, command->slot);

	if (slot == NULL)
		return;
	/* To be gone for good is asked of the slot, not of one child. */
	if (command->is_refill && command->generation != slot->generation)
		return;
	if (command->is_refill && brood__slot_is_alive(slot)) {
		slot->is_ordered = sup->config->is_ordered;
		supervisor_doom_group(sup, slot);
	}
	brood__slot_stop(slot, &sup->nest, command->phase, command->is_refill,
	    now_ms);
}

static void
supervisor_obey(struct supervisor *sup, const struct brood__command *command,
    int64_t now_ms)
{
	struct brood__slot *process = supervisor_process(sup, command);

	switch (command->kind) {
	case BROOD__COMMAND_FILL:
		supervisor_fill(sup, command, now_ms);
		break;
	case BROOD__COMMAND_USED:
		if (process != NULL)
			process->is_used = true;
		break;
	case BROOD__COMMAND_ADOPTED:
		if (process != NULL)
			brood__slot_adopted(process);
		break;
	case BROOD__COMMAND_LATER:
		if (process != NULL)
			brood__slot_offer_later(process, now_ms);
		break;
	case BROOD__COMMAND_STOP:
		supervisor_stop(sup, command, now_ms);
		break;
	case BROOD__COMMAND_STOP_ALL:
		supervisor_stop_all(sup);
		break;
	}
}

static void
supervisor_lose_host(struct supervisor *sup)
{
	if (sup->nest.is_host_gone)
		return;
	sup->nest.is_host_gone = true;
	brood__ready_remove(sup->nest.ready,
	    brood_channel_fd(sup->nest.control));
	if (sup->config->host_fd >= 0)
		brood__ready_remove(sup->nest.ready, sup->config->host_fd);
	supervisor_stop_all(sup);
}

static void
supervisor_read_control(struct supervisor *sup, int64_t now_ms)
{
	struct brood__command command;
	struct brood_message msg;
	int r;

	if (sup->nest.is_host_gone)
		return;
	while ((r = brood__channel_recv(sup->nest.control, 0, &msg)) == 1) {
		if (msg.len != sizeof(command)) {
			r = -EPROTO;
			break;
		}
		memcpy(&command, msg.data, sizeof(command));
		supervisor_obey(sup, &command, now_ms);
	}
	if (r < 0 && r != -ENOMEM && r != -ENOBUFS)
		supervisor_lose_host(sup);
}

/* Children */

static void
supervisor_collect(struct supervisor *sup)
{
	int status;
	pid_t pid;

	while (brood__self_pipe_next(sup->signal_fd) != 0)
		continue;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < sup->n_slots; i++)
			if (sup->slots[i]->pid == pid) {
				sup->slots[i]->is_dead = true;
				sup->slots[i]->status = status;
			}
}

static void
supervisor_judge(struct supervisor *sup, int64_t now_ms)
{
	for (unsigned i = 0; i < sup->n_slots; i++) {
		struct brood__slot *slot = sup->slots[i];
		bool was_asked = slot->state == BROOD__SLOT_STOPPING;

		if (!slot->is_dead)
			continue;
		brood__slot_bury(slot, &sup->nest, now_ms);
		if (!was_asked && slot->state == BROOD__SLOT_WAITING) {
			if (sup->config->strategy != BROOD_ONE_FOR_ONE)
				slot->is_ordered = true;
			supervisor_doom_group(sup, slot);
		}
	}
}

static void
supervisor_look(struct supervisor *sup, const struct brood__ready_event *event,
    int64_t now_ms)
{
	struct brood__slot *slot =
	    supervisor_slot(sup, (unsigned)(event->token & UINT32_MAX));

	switch (event->token >> 32) {
	case BROOD__TOKEN_BOOT:
		brood__slot_greet(slot, &sup->nest, now_ms);
		break;
	case BROOD__TOKEN_OUTPUT:
		brood__slot_pump(slot, &sup->nest);
		break;
	case TOKEN_SINK:
		/* Whose line had to wait may be dead, and nobody else asks. */
		(void)brood__sink_flush(&sup->nest.sink);
		for (unsigned i = 0; i < sup->n_slots; i++)
			if (!sup->slots[i]->is_watched)
				brood__slot_pump(sup->slots[i], &sup->nest);
		break;
	case TOKEN_HOST:
		supervisor_lose_host(sup);
		break;
	default:			/* control, signal: read in any case */
		break;
	}
}

/* Starting and stopping */

static enum brood__stop_phase
supervisor_rung(struct supervisor *sup, struct brood__slot *slot)
{
	struct brood__notice notice = { 0 };

	/* Only the host can say GOODBYE; by itself this side starts at TERM. */
	if (sup->nest.is_host_gone || slot->is_refill)
		return BROOD__STOP_TERM;
	if (slot->state == BROOD__SLOT_READY &&
	    slot->offer == BROOD__OFFER_NONE)
		brood__slot_notify(slot, &sup->nest, &notice,
		    BROOD__NOTICE_STOPPING);
	return BROOD__STOP_GOODBYE;
}

/* Stop what is doomed: the last first, in order or all at once. */
static bool
supervisor_stop_doomed(struct supervisor *sup, int64_t now_ms)
{
	bool is_busy = false;

	for (unsigned i = sup->n_slots; i-- > 0;) {
		struct brood__slot *slot = sup->slots[i];

		if (slot->is_doomed)
			brood__slot_stop(slot, &sup->nest,
			    supervisor_rung(sup, slot), slot->is_refill,
			    now_ms);
		slot->is_doomed = false;
		if (slot->state != BROOD__SLOT_STOPPING)
			continue;
		is_busy = true;
		if (sup->config->is_ordered)
			break;
	}
	return is_busy;
}

static bool
supervisor_may_start(const struct supervisor *sup)
{
	return !sup->nest.is_host_gone &&
	    brood__channel_queued(sup->nest.control) -
	    brood__channel_sent(sup->nest.control) < SUPERVISOR_BACKLOG;
}

/* Do what is due; starts wait for those before them, if in order. */
static void
supervisor_do_due(struct supervisor *sup, bool is_stopping, int64_t now_ms)
{
	unsigned n_starting = 0;
	bool is_blocked = !supervisor_may_start(sup) ||
	    (is_stopping && sup->config->is_ordered);

	for (unsigned i = 0; i < sup->n_slots; i++)
		n_starting += sup->slots[i]->state == BROOD__SLOT_STARTING;
	for (unsigned i = 0; i < sup->n_slots; i++) {
		struct brood__slot *slot = sup->slots[i];
		bool is_start = slot->state == BROOD__SLOT_WAITING;

		if (slot->due_ms <= now_ms && !(is_start &&
		    (is_blocked || n_starting >= SUPERVISOR_STARTING))) {
			n_starting += is_start;
			brood__slot_due(slot, &sup->nest, now_ms);
		}
		if (slot->is_ordered)
			is_blocked = true;
	}
}

/* When to look again by itself: a start that is blocked waits for an event. */
static int64_t
supervisor_next_due(const struct supervisor *sup, int64_t now_ms)
{
	int64_t due_ms = sup->retry_ms;

	for (unsigned i = 0; i < sup->n_slots; i++) {
		const struct brood__slot *slot = sup->slots[i];

		if (slot->state == BROOD__SLOT_WAITING &&
		    slot->due_ms <= now_ms)
			continue;
		if (slot->due_ms < due_ms)
			due_ms = slot->due_ms;
	}
	return due_ms;
}

static bool
supervisor_is_done(const struct supervisor *sup)
{
	if (!sup->nest.is_host_gone)
		return false;
	for (unsigned i = 0; i < sup->n_slots; i++)
		if (brood__slot_is_alive(sup->slots[i]))
			return false;
	return true;
}

/* The host may be waiting to hear that nobody is left. */
static void
supervisor_say_goodbye(struct supervisor *sup)
{
	struct brood_message msg = { .kind = BROOD_KIND_GOODBYE };

	if (brood__channel_queue(sup->nest.control, &msg) == 0)
		(void)brood__channel_flush(sup->nest.control, 0);
}

/* The loop */

static void
supervisor_flush(struct supervisor *sup, int64_t now_ms)
{
	struct brood_channel *control = sup->nest.control;
	int fd = brood_channel_fd(control), r;
	short events;

	if (sup->nest.is_host_gone)
		return;
	r = brood__channel_flush(control, 0);
	if (r == -EPIPE) {
		supervisor_lose_host(sup);
		return;
	}
	/* Too many descriptors under way, no memory: no event tells the end. */
	sup->retry_ms = r < 0 && r != -EAGAIN ? now_ms + SUPERVISOR_RETRY_MS :
	    BROOD__NEVER;
	events = r == -EAGAIN ? POLLIN | POLLOUT : POLLIN;
	if (events != sup->control_events &&
	    brood__ready_change(sup->nest.ready, fd, events,
	    (uint64_t)TOKEN_CONTROL << 32) == 0)
		sup->control_events = events;
}

static void
supervisor_watch_sink(struct supervisor *sup)
{
	struct brood__sink *sink = &sup->nest.sink;

	if (sink->is_full && !sup->is_sink_watched)
		sup->is_sink_watched = brood__ready_add(sup->nest.ready,
		    sink->fd, POLLOUT, (uint64_t)TOKEN_SINK << 32) == 0;
	else if (!sink->is_full && sup->is_sink_watched) {
		brood__ready_remove(sup->nest.ready, sink->fd);
		sup->is_sink_watched = false;
	}
}

static void
supervisor_turn(struct supervisor *sup)
{
	struct brood__ready_event events[SUPERVISOR_EVENTS];
	int64_t now_ms;
	int n;

	n = brood__ready_wait(sup->nest.ready, -1, events, SUPERVISOR_EVENTS);
	if (n < 0)
		_exit(EXIT_FAILURE);
	now_ms = brood__now_ms();
	supervisor_collect(sup);
	supervisor_read_control(sup, now_ms);
	for (int i = 0; i < n; i++)
		supervisor_look(sup, &events[i], now_ms);
	supervisor_judge(sup, now_ms);
	supervisor_do_due(sup, supervisor_stop_doomed(sup, now_ms), now_ms);
	supervisor_flush(sup, now_ms);
	supervisor_watch_sink(sup);
	/* By the same now: what came due since was not looked at. */
	(void)brood__ready_alarm(sup->nest.ready,
	    supervisor_next_due(sup, now_ms));
}

_Noreturn void
brood__supervisor_run(const struct brood__supervisor_config *config,
    int control_fd)
{
	struct supervisor sup;

	(void)setpgid(0, 0);
	supervisor_set_signals();
	if (supervisor_init(&sup, config, control_fd) < 0)
		_exit(EXIT_FAILURE);
	supervisor_raise_nofile(&sup.nest.nofile);
	while (!supervisor_is_done(&sup))
		supervisor_turn(&sup);
	supervisor_say_goodbye(&sup);
	_exit(EXIT_SUCCESS);
}
