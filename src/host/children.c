/* SPDX-License-Identifier: ISC */

/*
 * Different children under one supervisor: brood_supervisor_*.
 *
 * Owns the object, and what its options said.  What goes on by itself is in
 * children_turn.c.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/owner.h"
#include "base/reserved.h"
#include "host/config.h"
#include "host/children_turn.h"
#include "host/specs.h"
#include "supervisor/setup.h"
#include "wire/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHILDREN_MAX = 1 << 16,
	CHILDREN_TOKEN = 1,		/* there is but one event to poll for */
	CHILDREN_GONE_MS = 5000,
};

static bool
children_is_mine(const struct brood_supervisor *sup)
{
	return sup->owner == brood__owner_self();
}

struct child *
brood__children_find(const struct brood_supervisor *sup, const char *name)
{
	for (unsigned i = 0; name != NULL && i < sup->n_children; i++)
		if (strcmp(sup->children[i].name, name) == 0)
			return &sup->children[i];
	return NULL;
}

/* Making */

static int
children_check_options(const struct brood_supervisor_options *options,
    char *text)
{
	if (options == NULL)
		return brood__config_refuse(text, "there are no options");
	if (options->children == NULL || options->n_children == 0)
		return brood__config_refuse(text, "there are no children");
	if (options->n_children > CHILDREN_MAX)
		return brood__config_refuse(text,
		    "n_children is %zu, at most %d is possible",
		    options->n_children, CHILDREN_MAX);
	if (options->n_links > 0 && options->links == NULL)
		return brood__config_refuse(text, "links is not set");
	if (options->strategy > BROOD_REST_FOR_ONE)
		return brood__config_refuse(text,
		    "strategy is %u, which is unknown", options->strategy);
	if (options->reserved_1 != 0 || !BROOD__RESERVED_IS_ZERO(options))
		return brood__config_refuse(text, "a reserved field is not 0: "
		    "the program needs a newer library");
	return 0;
}

static int
children_add(struct brood_supervisor *sup,
    const struct brood_child_spec *spec, char *text)
{
	struct child *child = &sup->children[sup->n_children];
	int r;

	r = brood__specs_check_child(spec, text);
	if (r < 0)
		return r;
	if (brood__children_find(sup, spec->name) != NULL)
		return brood__config_refuse(text,
		    "%s: two children have this name", spec->name);
	child->name = strdup(spec->name);
	if (child->name == NULL)
		return -ENOMEM;
	child->options = spec->options.channel;
	sup->n_children++;
	return 0;
}

static int
children_add_link(struct brood_supervisor *sup, const struct brood_link *link,
    char *text)
{
	struct child *a = brood__children_find(sup, link->a);
	struct child *b = brood__children_find(sup, link->b);

	if (a == NULL || b == NULL)
		return brood__config_refuse(text,
		    "link %s - %s: no child has the name of one of them",
		    link->a != NULL ? link->a : "?",
		    link->b != NULL ? link->b : "?");
	if (a == b)
		return brood__config_refuse(text,
		    "link %s - %s: the same child", link->a, link->b);
	if (!BROOD__RESERVED_IS_ZERO(link))
		return brood__config_refuse(text,
		    "link %s - %s: a reserved field is not 0", link->a,
		    link->b);
	brood__link_init(&sup->links[sup->n_links++],
	    (unsigned)(a - sup->children), (unsigned)(b - sup->children));
	return 0;
}

static int
children_copy(struct brood_supervisor *sup,
    const struct brood_supervisor_options *options, char *text)
{
	int r = 0;

	sup->children = recallocarray(NULL, 0, options->n_children,
	    sizeof(*sup->children));
	sup->links = recallocarray(NULL, 0, options->n_links + 1,
	    sizeof(*sup->links));
	if (sup->children == NULL || sup->links == NULL)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < options->n_children; i++)
		r = children_add(sup, &options->children[i], text);
	for (size_t i = 0; r == 0 && i < options->n_links; i++)
		r = children_add_link(sup, &options->links[i], text);
	return r;
}

static int
children_fork(struct brood_supervisor *sup,
    const struct brood_supervisor_options *options, char *text)
{
	struct brood__supervisor_config config;
	struct brood__specs specs;
	int r;

	r = brood__specs_init(&specs, options, &config, text);
	if (r == 0)
		r = brood__setup_can_hold(sup->n_children, config.n_keep_fds);
	if (r == 0)
		r = brood__control_new(&sup->control, &config);
	brood__specs_fini(&specs);
	return r;
}

/* Have the supervisor process start this child. */
static int
children_fill(struct brood_supervisor *sup, struct child *child)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_FILL,
		.slot = (unsigned)(child - sup->children),
		.revision = child->revision + 1,
	};
	int r;

	r = brood__control_send(sup->control, &command);
	if (r < 0)
		return r;
	child->revision++;
	child->outlook = CHILD_KEPT;
	return 0;
}

static int
children_fill_all(struct brood_supervisor *sup)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sup->n_children; i++)
		r = children_fill(sup, &sup->children[i]);
	return r;
}

static int
children_open(struct brood_supervisor *sup,
    const struct brood_supervisor_options *options, char *text)
{
	int r;

	r = children_copy(sup, options, text);
	if (r == 0)
		r = brood__control_has_room(2 * (size_t)sup->n_children +
		    BROOD__CONFIG_SPARE_FDS);
	if (r == 0)
		r = children_fork(sup, options, text);
	if (r == 0)
		r = brood__ready_new(&sup->ready);
	if (r == 0)
		r = brood__control_watch(sup->control, sup->ready,
		    CHILDREN_TOKEN);
	return r < 0 ? r : children_fill_all(sup);
}

BROOD_PUBLIC int
brood_supervisor_new(struct brood_supervisor **ret_supervisor,
    const struct brood_supervisor_options *options, char *text)
{
	struct brood_supervisor *sup;
	int r;

	if (text != NULL)
		text[0] = '\0';
	r = children_check_options(options, text);
	if (r < 0)
		return r;
	sup = calloc(1, sizeof(*sup));
	if (sup == NULL) {
		brood__config_explain(text, -ENOMEM);
		return -ENOMEM;
	}
	sup->owner = brood__owner_self();
	brood__events_init(&sup->events);
	r = children_open(sup, options, text);
	if (r < 0) {
		brood__config_explain(text, r);
		(void)brood_supervisor_free(sup);
		return r;
	}
	*ret_supervisor = sup;
	return 0;
}

/*
 * After a supervisor that was killed: wait until the children are gone too.
 * Where no signal tells them, the ends of their channels do.
 */
static void
children_wait_gone(struct brood_supervisor *sup)
{
	int64_t deadline = brood__deadline(brood__now_ms(), CHILDREN_GONE_MS);
	struct brood_channel *channel;
	struct brood_message msg;
	int left_ms, r;

	for (unsigned i = 0; i < sup->n_children; i++)
		if (sup->children[i].channel != NULL)
			(void)shutdown(brood_channel_fd(
			    sup->children[i].channel), SHUT_WR);
	for (unsigned i = 0; i < sup->n_children; i++) {
		channel = sup->children[i].channel;
		if (channel == NULL)
			continue;
		do {
			left_ms = brood__time_left(deadline, brood__now_ms());
			r = brood__channel_recv(channel, left_ms, &msg);
		} while (r > 0 && left_ms > 0);
	}
}

BROOD_PUBLIC struct brood_supervisor *
brood_supervisor_free(struct brood_supervisor *sup)
{
	bool is_orderly;

	if (sup == NULL)
		return NULL;
	brood__children_forget_answer(sup);
	sup->ready = brood__ready_free(sup->ready);
	sup->control = brood__control_free(sup->control, &is_orderly);
	if (!is_orderly)
		children_wait_gone(sup);
	for (unsigned i = 0; i < sup->n_children; i++) {
		(void)brood_channel_free(sup->children[i].channel);
		free(sup->children[i].name);
	}
	for (size_t i = 0; i < sup->n_links; i++)
		brood__link_reset(&sup->links[i]);
	brood__events_fini(&sup->events);
	free(sup->children);
	free(sup->links);
	free(sup);
	return NULL;
}

/* The rest of the interface */

BROOD_PUBLIC int
brood_supervisor_fd(struct brood_supervisor *sup)
{
	return children_is_mine(sup) ? brood__ready_fd(sup->ready) : -ECHILD;
}

BROOD_PUBLIC int
brood_supervisor_dispatch(struct brood_supervisor *sup)
{
	if (!children_is_mine(sup))
		return -ECHILD;
	brood__children_forget_answer(sup);
	return brood__children_turn(sup, 0);
}

BROOD_PUBLIC int
brood_supervisor_wait(struct brood_supervisor *sup, int timeout_ms)
{
	int64_t deadline = brood__deadline(brood__now_ms(), timeout_ms);
	int left = 0, r;

	if (!children_is_mine(sup))
		return -ECHILD;
	brood__children_forget_answer(sup);
	do {
		r = brood__children_turn(sup, left);
		if (r < 0)
			return r;
		if (brood__events_have_news(&sup->events))
			return 1;
		if (brood__children_is_over(sup))
			return -ESHUTDOWN;
		left = brood__time_left(deadline, brood__now_ms());
	} while (left != 0);
	return 0;
}

/* Is every child ready?  -ESHUTDOWN: they will never be. */
static int
children_are_ready(const struct brood_supervisor *sup)
{
	bool are_ready = true;

	if (sup->state != CHILDREN_RUNNING)
		return -ESHUTDOWN;
	for (unsigned i = 0; i < sup->n_children; i++) {
		if (sup->children[i].outlook != CHILD_KEPT)
			return -ESHUTDOWN;
		if (!brood__child_is_usable(&sup->children[i]))
			are_ready = false;
	}
	return are_ready;
}

BROOD_PUBLIC int
brood_supervisor_wait_ready(struct brood_supervisor *sup, int timeout_ms)
{
	int64_t deadline = brood__deadline(brood__now_ms(), timeout_ms);
	int left = 0, r;

	if (!children_is_mine(sup))
		return -ECHILD;
	brood__children_forget_answer(sup);
	do {
		r = brood__children_turn(sup, left);
		if (r == 0)
			r = children_are_ready(sup);
		left = brood__time_left(deadline, brood__now_ms());
	} while (r == 0 && left != 0);
	brood__children_tell(sup);
	return r > 0 ? 0 : r < 0 ? r : -ETIMEDOUT;
}

BROOD_PUBLIC int
brood_supervisor_next_event(struct brood_supervisor *sup,
    struct brood_event *ret_event)
{
	return children_is_mine(sup) ?
	    brood__events_next(&sup->events, ret_event) : -ECHILD;
}

BROOD_PUBLIC struct brood_channel *
brood_supervisor_channel(struct brood_supervisor *sup, const char *name)
{
	struct child *child = brood__children_find(sup, name);

	return child != NULL && child->state == CHILD_RUNNING ?
	    child->channel : NULL;
}

/* Stop a child that is running, to be started again. */
static int
children_replace(struct brood_supervisor *sup, struct child *child)
{
	struct brood__command command = {
		.kind = BROOD__COMMAND_STOP,
		.slot = (unsigned)(child - sup->children),
		.generation = child->generation,
		.phase = BROOD__STOP_GOODBYE,
		.is_refill = true,
	};
	int r;

	r = brood__control_send(sup->control, &command);
	if (r == 0)
		child->goodbye_gate = brood__control_queued(sup->control);
	return r;
}

BROOD_PUBLIC int
brood_supervisor_restart(struct brood_supervisor *sup, const char *name)
{
	struct child *child;
	int r;

	if (!children_is_mine(sup))
		return -ECHILD;
	child = brood__children_find(sup, name);
	if (child == NULL)
		return -ENOENT;
	if (sup->state >= CHILDREN_STOPPING ||
	    brood__control_is_lost(sup->control))
		return -ESHUTDOWN;
	if (child->state == CHILD_RUNNING)
		r = children_replace(sup, child);
	else if (child->outlook != CHILD_KEPT)
		r = children_fill(sup, child);
	else
		r = -EALREADY;
	if (r < 0)
		return r;
	sup->state = CHILDREN_RUNNING;
	brood__children_flush(sup);
	return 0;
}

BROOD_PUBLIC int
brood_supervisor_stop(struct brood_supervisor *sup)
{
	struct brood__command command = { .kind = BROOD__COMMAND_STOP_ALL };
	int r;

	if (!children_is_mine(sup))
		return -ECHILD;
	if (sup->state >= CHILDREN_STOPPING)
		return 0;
	r = brood__control_send(sup->control, &command);
	if (r < 0 && r != -EPIPE)
		return r;
	sup->state = CHILDREN_STOPPING;
	brood__children_flush(sup);
	/* All may have ended before: then a turn only has to say so. */
	return brood__ready_alarm(sup->ready, 0);
}
