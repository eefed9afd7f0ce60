/* SPDX-License-Identifier: ISC */

/*
 * Different children under one supervisor: brood_supervisor_*.
 *
 * Owns a channel for each child that is ready.  The child's end of it, which
 * the supervisor process hands over too, is closed: here a child's death is
 * told by the end of its stream, as any program expects.
 *
 * A link is made here, not by the supervisor process: when both siblings are
 * ready each is sent one end of a new socketpair.  What a sibling held of an
 * earlier one has ended with the other's death.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/fd.h"
#include "base/ready.h"
#include "host/control.h"
#include "host/event.h"
#include "wire/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIBLINGS_MAX = 1 << 16,
	SIBLINGS_BOOT_MS = 60000,
	SIBLINGS_SHUTDOWN_MS = 5000,
	SIBLINGS_INTENSITY = 5,
	SIBLINGS_PERIOD_MS = 30000,
	SIBLINGS_FDS = 8,
	SIBLINGS_TOKEN = 1,
};

struct sibling {
	char *name;
	struct brood_channel_options options;
	struct brood_channel *channel;	/* ready, or ended and not yet freed */
	uint32_t generation;
	pid_t pid;
	bool is_running;
	bool is_live;			/* the supervisor is not done with it */
	bool is_given_up;
};

struct link {
	unsigned a;
	unsigned b;
};

struct brood_supervisor {
	pid_t owner;
	struct sibling *children;
	unsigned n_children;
	struct link *links;
	size_t n_links;
	struct brood__ready *ready;
	struct brood__supervision *supervision;
	short control_events;
	struct brood__events events;
	bool is_stopping;
	bool is_stopped;
	bool is_broken;
};

/* Making */

static int
siblings_check_child(const struct brood_supervisor_options *options, size_t i)
{
	const struct brood_child_spec *spec = &options->children[i];

	if (spec->name == NULL || spec->name[0] == '\0' ||
	    (spec->fn == NULL) == (spec->argv == NULL) ||
	    (spec->argv != NULL &&
	    (spec->argv[0] == NULL || spec->setup != NULL)) ||
	    (spec->fn != NULL && (spec->options.env != NULL ||
	    spec->options.chdir != NULL)) ||
	    spec->boot_ms < 0 || spec->shutdown_ms < 0 ||
	    (unsigned)spec->restart > BROOD_TEMPORARY)
		return -EINVAL;
	for (size_t j = 0; j < i; j++)
		if (strcmp(options->children[j].name, spec->name) == 0)
			return -EINVAL;
	return 0;
}

static int
siblings_check_options(const struct brood_supervisor_options *options)
{
	int r;

	if (options == NULL || options->children == NULL ||
	    options->n_children == 0 || options->n_children > SIBLINGS_MAX ||
	    (options->n_links > 0 && options->links == NULL) ||
	    (unsigned)options->strategy > BROOD_REST_FOR_ONE ||
	    options->intensity > BROOD__RESTART_INTENSITY_MAX ||
	    options->period_ms < 0 || options->stderr_fd < -1)
		return -EINVAL;
	for (size_t i = 0; i < options->n_children; i++) {
		r = siblings_check_child(options, i);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct sibling *
siblings_find(const struct brood_supervisor *sup, const char *name)
{
	for (unsigned i = 0; name != NULL && i < sup->n_children; i++)
		if (strcmp(sup->children[i].name, name) == 0)
			return &sup->children[i];
	return NULL;
}

static int
siblings_copy_links(struct brood_supervisor *sup,
    const struct brood_supervisor_options *options)
{
	struct sibling *a, *b;

	sup->links = reallocarray(NULL, options->n_links + 1,
	    sizeof(*sup->links));
	if (sup->links == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < options->n_links; i++) {
		a = siblings_find(sup, options->links[i].a);
		b = siblings_find(sup, options->links[i].b);
		if (a == NULL || b == NULL || a == b)
			return -EINVAL;
		sup->links[sup->n_links++] = (struct link) {
			.a = (unsigned)(a - sup->children),
			.b = (unsigned)(b - sup->children),
		};
	}
	return 0;
}

static int
siblings_copy(struct brood_supervisor *sup,
    const struct brood_supervisor_options *options)
{
	sup->children = recallocarray(NULL, 0, options->n_children,
	    sizeof(*sup->children));
	if (sup->children == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < options->n_children; i++) {
		struct sibling *child = &sup->children[sup->n_children];

		child->name = strdup(options->children[i].name);
		if (child->name == NULL)
			return -ENOMEM;
		child->options = options->children[i].options.channel;
		sup->n_children++;
	}
	return siblings_copy_links(sup, options);
}

static bool
siblings_is_linked(const struct brood_supervisor *sup, unsigned child)
{
	for (size_t i = 0; i < sup->n_links; i++)
		if (sup->links[i].a == child || sup->links[i].b == child)
			return true;
	return false;
}

/*
 * What the supervisor process is to start.  A linked child accepts the socket
 * that LINK brings, whatever its options say of descriptors; the host's end of
 * its channel does not.
 */
static void
siblings_kind(const struct brood_supervisor *sup, unsigned i,
    const struct brood_child_spec *spec, struct brood_child_options *child,
    struct brood__kind *kind)
{
	*child = spec->options;
	if (child->channel.max_fds == 0 && siblings_is_linked(sup, i))
		child->channel.max_fds = 1;
	*kind = (struct brood__kind) {
		.spawn.name = spec->name,
		.spawn.fn = spec->fn,
		.spawn.setup = spec->setup,
		.spawn.setup_arg = spec->arg,
		.spawn.arg = spec->arg,
		.spawn.is_greeting = true,
		.spawn.argv = spec->argv,
		.spawn.options = child,
		.restart = spec->restart,
		.boot_ms = spec->boot_ms != 0 ? spec->boot_ms :
		    SIBLINGS_BOOT_MS,
		.shutdown_ms = spec->shutdown_ms != 0 ? spec->shutdown_ms :
		    SIBLINGS_SHUTDOWN_MS,
	};
}

/* The supervisor process keeps what any child keeps; a child only its own. */
static int
siblings_keep_fds(const struct brood_supervisor_options *options,
    int **ret_fds, size_t *ret_n_fds)
{
	size_t n = 0;
	int *fds;

	for (size_t i = 0; i < options->n_children; i++)
		n += options->children[i].options.n_keep_fds;
	fds = reallocarray(NULL, n + 1, sizeof(*fds));
	if (fds == NULL)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < options->n_children; i++) {
		const struct brood_child_options *child =
		    &options->children[i].options;

		for (size_t j = 0; j < child->n_keep_fds; j++)
			fds[n++] = child->keep_fds[j];
	}
	*ret_fds = fds;
	*ret_n_fds = n;
	return 0;
}

static int
siblings_fork(struct brood_supervisor *sup,
    const struct brood_supervisor_options *options)
{
	struct brood_child_options *children;
	struct brood__kind *kinds;
	struct brood__supervisor_config config = {
		.n_kinds = sup->n_children,
		.is_ordered = true,
		.strategy = options->strategy,
		.intensity = options->intensity != 0 ? options->intensity :
		    SIBLINGS_INTENSITY,
		.period_ms = options->period_ms != 0 ? options->period_ms :
		    SIBLINGS_PERIOD_MS,
		.sink_fd = options->stderr_fd,
		.has_prefix = options->prefix_stderr,
	};
	int *fds = NULL, r;

	children = reallocarray(NULL, sup->n_children, sizeof(*children));
	kinds = reallocarray(NULL, sup->n_children, sizeof(*kinds));
	r = children == NULL || kinds == NULL ? -ENOMEM :
	    siblings_keep_fds(options, &fds, &config.n_keep_fds);
	if (r == 0) {
		for (unsigned i = 0; i < sup->n_children; i++)
			siblings_kind(sup, i, &options->children[i],
			    &children[i], &kinds[i]);
		config.kinds = kinds;
		config.keep_fds = fds;
		r = brood__supervision_new(&sup->supervision, &config);
	}
	free(fds);
	free(kinds);
	free(children);
	return r;
}

static int
siblings_start(struct brood_supervisor *sup)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_FILL,
		.revision = 1,
	};
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sup->n_children; i++) {
		command.slot = i;
		sup->children[i].is_live = true;
		r = brood__supervision_command(sup->supervision, &command);
	}
	return r;
}

static int
siblings_open(struct brood_supervisor *sup,
    const struct brood_supervisor_options *options)
{
	int r;

	r = siblings_copy(sup, options);
	if (r < 0)
		return r;
	r = brood__supervision_has_room(2 * (size_t)sup->n_children +
	    SIBLINGS_FDS);
	if (r < 0)
		return r;
	r = siblings_fork(sup, options);
	if (r < 0)
		return r;
	r = brood__ready_new(&sup->ready);
	if (r < 0)
		return r;
	sup->control_events = POLLIN;
	r = brood__ready_add(sup->ready,
	    brood__supervision_fd(sup->supervision), POLLIN, SIBLINGS_TOKEN);
	return r < 0 ? r : siblings_start(sup);
}

BROOD_PUBLIC int
brood_supervisor_new(struct brood_supervisor **ret_supervisor,
    const struct brood_supervisor_options *options)
{
	struct brood_supervisor *sup;
	int r;

	r = siblings_check_options(options);
	if (r < 0)
		return r;
	sup = calloc(1, sizeof(*sup));
	if (sup == NULL)
		return -ENOMEM;
	sup->owner = getpid();
	brood__events_init(&sup->events);
	r = siblings_open(sup, options);
	if (r < 0) {
		(void)brood_supervisor_free(sup);
		return r;
	}
	*ret_supervisor = sup;
	return 0;
}

/* Wait for the end of the stream: the child is dead, or about to be. */
static void
sibling_wait_gone(struct sibling *child)
{
	struct brood_message msg;
	int64_t deadline = brood__deadline(brood__now_ms(),
	    SIBLINGS_SHUTDOWN_MS);

	if (child->channel == NULL)
		return;
	while (brood__channel_recv(child->channel,
	    brood__time_left(deadline, brood__now_ms()), &msg) > 0)
		continue;
}

BROOD_PUBLIC struct brood_supervisor *
brood_supervisor_free(struct brood_supervisor *sup)
{
	bool is_orderly;

	if (sup == NULL)
		return NULL;
	sup->ready = brood__ready_free(sup->ready);
	sup->supervision = brood__supervision_free(sup->supervision,
	    &is_orderly);
	for (unsigned i = 0; i < sup->n_children; i++) {
		if (!is_orderly)
			sibling_wait_gone(&sup->children[i]);
		(void)brood_channel_free(sup->children[i].channel);
		free(sup->children[i].name);
	}
	brood__events_fini(&sup->events);
	free(sup->children);
	free(sup->links);
	free(sup);
	return NULL;
}

/* What happens */

static void
siblings_lose_supervisor(struct brood_supervisor *sup)
{
	struct brood_event event = {
		.kind = BROOD_EVENT_BROKEN,
		.delay_ms = -1,
		.text = "the supervisor process has ended",
	};

	if (sup->is_broken)
		return;
	sup->is_broken = true;
	brood__ready_remove(sup->ready,
	    brood__supervision_fd(sup->supervision));
	for (unsigned i = 0; i < sup->n_children; i++)
		sup->children[i].is_running = sup->children[i].is_live = false;
	brood__events_push(&sup->events, &event);
}

static void
siblings_command(struct brood_supervisor *sup,
    const struct brood__command *command)
{
	if (!sup->is_broken &&
	    brood__supervision_command(sup->supervision, command) < 0)
		siblings_lose_supervisor(sup);
}

/*
 * Queue a message of brood's own for a child, in front of whatever the program
 * sends it later.  A channel that is full or broken is the program's to notice.
 */
static void
sibling_tell(struct sibling *child, const struct brood_message *msg)
{
	if (brood__channel_queue(child->channel, msg) == 0)
		(void)brood__channel_flush(child->channel, 0);
}

static void
sibling_tell_link(struct sibling *child, const struct sibling *other, int fd)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_LINK,
		.data = other->name,
		.len = strlen(other->name),
		.fds = &fd,
		.n_fds = 1,
	};

	sibling_tell(child, &msg);
}

static void
siblings_link(struct brood_supervisor *sup, const struct link *link)
{
	struct sibling *a = &sup->children[link->a];
	struct sibling *b = &sup->children[link->b];
	int fds[2];

	if (!a->is_running || !b->is_running)
		return;
	/* Without descriptors there is no link: they see none, and wait. */
	if (brood__spawn_socketpair(fds) < 0)
		return;
	sibling_tell_link(a, b, fds[0]);
	sibling_tell_link(b, a, fds[1]);
	brood__fd_close_all(fds, 2);
}

static int
sibling_adopt(struct sibling *child, const struct brood__notice *notice,
    const int fds[2])
{
	int r;

	(void)brood__fd_close(fds[1]);
	child->channel = brood_channel_free(child->channel);
	r = brood_channel_new(&child->channel, fds[0], &child->options);
	if (r < 0) {
		(void)brood__fd_close(fds[0]);
		return r;
	}
	child->generation = notice->generation;
	child->pid = notice->pid;
	child->is_running = true;
	if (brood__channel_queue_hello(child->channel, NULL) == 0)
		(void)brood__channel_flush(child->channel, 0);
	brood__channel_set_peer_max(child->channel, notice->max_payload);
	return 0;
}

static void
siblings_on_ready(struct brood_supervisor *sup,
    const struct brood__notice *notice, const int fds[2])
{
	struct sibling *child = &sup->children[notice->slot];
	struct brood__command command = {
		.kind = BROOD__COMMAND_ADOPTED,
		.slot = notice->slot,
		.generation = notice->generation,
	};

	/* No descriptor or memory left here: the child is offered again. */
	if (fds[0] < 0 || sibling_adopt(child, notice, fds) < 0) {
		command.kind = BROOD__COMMAND_LATER;
		siblings_command(sup, &command);
		return;
	}
	siblings_command(sup, &command);
	brood__events_push_notice(&sup->events, child->name, notice);
	for (size_t i = 0; i < sup->n_links; i++)
		if (sup->links[i].a == notice->slot ||
		    sup->links[i].b == notice->slot)
			siblings_link(sup, &sup->links[i]);
}

/*
 * The program is told of a child that ended before it was adopted that it did
 * not start: no READY was told of it.
 */
static void
sibling_on_end(struct brood_supervisor *sup, struct sibling *child,
    const struct brood__notice *notice)
{
	struct brood__notice told = *notice;

	if (!child->is_running || child->generation != notice->generation)
		told.kind = BROOD__NOTICE_NOT_STARTED;
	brood__events_push_notice(&sup->events, child->name, &told);
	child->is_running = false;
	child->is_live = notice->delay_ms >= 0;
}

static void
siblings_on_given_up(struct brood_supervisor *sup,
    const struct brood__notice *notice)
{
	struct brood_event event = {
		.kind = BROOD_EVENT_BROKEN,
		.delay_ms = -1,
		.text = "every child has been given up",
	};

	sup->children[notice->slot].is_given_up = true;
	for (unsigned i = 0; i < sup->n_children; i++)
		if (!sup->children[i].is_given_up)
			return;
	brood__events_push(&sup->events, &event);
}

static void
sibling_say_goodbye(struct sibling *child)
{
	struct brood_message msg = { .kind = BROOD_KIND_GOODBYE };

	if (child->is_running)
		sibling_tell(child, &msg);
}

static void
siblings_on_notice(struct brood_supervisor *sup,
    const struct brood__notice *notice, const int fds[2])
{
	struct sibling *child = &sup->children[notice->slot];

	switch (notice->kind) {
	case BROOD__NOTICE_READY:
		siblings_on_ready(sup, notice, fds);
		break;
	case BROOD__NOTICE_ENDED:
	case BROOD__NOTICE_NOT_STARTED:
		sibling_on_end(sup, child, notice);
		break;
	case BROOD__NOTICE_EMPTIED:
		child->is_live = false;
		break;
	case BROOD__NOTICE_GIVEN_UP:
		brood__events_push_notice(&sup->events, child->name, notice);
		siblings_on_given_up(sup, notice);
		break;
	case BROOD__NOTICE_STOPPING:
		sibling_say_goodbye(child);
		break;
	}
}

/* The channels of those that ended before this turn, which it may free. */
static void
siblings_free_ended(struct brood_supervisor *sup)
{
	for (unsigned i = 0; i < sup->n_children; i++)
		if (!sup->children[i].is_running && !sup->is_broken)
			sup->children[i].channel =
			    brood_channel_free(sup->children[i].channel);
}

static void
siblings_check_stopped(struct brood_supervisor *sup)
{
	struct brood_event event = {
		.kind = BROOD_EVENT_STOPPED,
		.delay_ms = -1,
	};

	if (!sup->is_stopping || sup->is_stopped)
		return;
	for (unsigned i = 0; i < sup->n_children; i++)
		if (sup->children[i].is_live)
			return;
	sup->is_stopped = true;
	brood__events_push(&sup->events, &event);
}

static void
siblings_flush(struct brood_supervisor *sup)
{
	short events;

	if (sup->is_broken)
		return;
	if (brood__supervision_flush(sup->supervision) < 0) {
		siblings_lose_supervisor(sup);
		return;
	}
	events = brood__supervision_events(sup->supervision);
	if (events != sup->control_events && brood__ready_change(sup->ready,
	    brood__supervision_fd(sup->supervision), events,
	    SIBLINGS_TOKEN) == 0)
		sup->control_events = events;
}

static int
siblings_turn(struct brood_supervisor *sup, int timeout_ms)
{
	struct brood__ready_event event;
	struct brood__notice notice;
	int fds[2], r;

	r = brood__ready_wait(sup->ready, timeout_ms, &event, 1);
	if (r < 0)
		return r;
	siblings_free_ended(sup);
	r = 1;
	while (r == 1 && !sup->is_broken) {
		r = brood__supervision_recv(sup->supervision, &notice, fds);
		if (r == 1 && notice.slot < sup->n_children)
			siblings_on_notice(sup, &notice, fds);
	}
	if (r < 0)
		siblings_lose_supervisor(sup);
	siblings_check_stopped(sup);
	siblings_flush(sup);
	return 0;
}

/* The rest of the interface */

static bool
siblings_is_mine(const struct brood_supervisor *sup)
{
	return sup->owner == getpid();
}

BROOD_PUBLIC int
brood_supervisor_fd(const struct brood_supervisor *sup)
{
	return siblings_is_mine(sup) ? brood__ready_fd(sup->ready) : -ECHILD;
}

BROOD_PUBLIC int
brood_supervisor_dispatch(struct brood_supervisor *sup)
{
	return siblings_is_mine(sup) ? siblings_turn(sup, 0) : -ECHILD;
}

BROOD_PUBLIC int
brood_supervisor_wait(struct brood_supervisor *sup, int timeout_ms)
{
	int64_t deadline = brood__deadline(brood__now_ms(), timeout_ms);
	int left, r;

	if (!siblings_is_mine(sup))
		return -ECHILD;
	while (sup->events.n_events == 0) {
		left = brood__time_left(deadline, brood__now_ms());
		r = siblings_turn(sup, left);
		if (r < 0)
			return r;
		if (left == 0)
			break;
	}
	return sup->events.n_events > 0;
}

BROOD_PUBLIC int
brood_supervisor_next_event(struct brood_supervisor *sup,
    struct brood_event *ret_event)
{
	return siblings_is_mine(sup) ?
	    brood__events_next(&sup->events, ret_event) : -ECHILD;
}

BROOD_PUBLIC struct brood_channel *
brood_supervisor_channel(struct brood_supervisor *sup, const char *name)
{
	struct sibling *child = siblings_find(sup, name);

	return child != NULL && child->is_running ? child->channel : NULL;
}

BROOD_PUBLIC int
brood_supervisor_restart(struct brood_supervisor *sup, const char *name)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_STOP,
		.phase = BROOD__STOP_GOODBYE,
		.is_refill = true,
	};
	struct sibling *child;

	if (!siblings_is_mine(sup))
		return -ECHILD;
	child = siblings_find(sup, name);
	if (child == NULL || !child->is_running || sup->is_stopping)
		return -ENOENT;
	command.slot = (unsigned)(child - sup->children);
	command.generation = child->generation;
	siblings_command(sup, &command);
	sibling_say_goodbye(child);
	siblings_flush(sup);
	return 0;
}

BROOD_PUBLIC int
brood_supervisor_stop(struct brood_supervisor *sup)
{
	struct brood__command command = { .kind = BROOD__COMMAND_STOP_ALL };

	if (!siblings_is_mine(sup))
		return -ECHILD;
	if (sup->is_stopping)
		return 0;
	sup->is_stopping = true;
	siblings_command(sup, &command);
	siblings_flush(sup);
	/* All may have ended before: then a turn only has to say so. */
	return brood__ready_alarm(sup->ready, 0);
}
