/* SPDX-License-Identifier: ISC */

/*
 * The turn of supervised children: notices are recorded, then it is decided
 * from what is so which children the program may see, and whether all is over.
 *
 * Owns a channel for each child that is ready.  The child's end of it, which
 * the supervisor process hands over too, is closed here: a program learns of a
 * child's death by the end of its stream, as programs expect.
 *
 * Links are made in this process, not by the supervisor process: when both
 * children are ready, each is sent one end of a new socketpair.  So a restarted
 * child never meets a stream that was read in part.
 */

#include "host/children_turn.h"

#include "base/clock.h"
#include "base/fd.h"
#include "wire/channel.h"

#include <errno.h>

enum { CHILDREN_RETRY_MS = 100 };	/* after a shortage that passes */

static void
child_say_goodbye(struct child *child)
{
	struct brood_message msg = { .kind = BROOD_KIND_GOODBYE };

	child->goodbye_gate = 0;
	if (child->state == CHILD_ABSENT)
		return;
	if (brood__channel_queue_own(child->channel, &msg) == 0)
		(void)brood__channel_flush(child->channel, 0);
}

/* Joining */

/* 0 when the link is made, or cannot be before the other child is ready. */
static int
children_link(struct brood_supervisor *sup, struct brood__link *link)
{
	struct child *a = &sup->children[link->child[0]];
	struct child *b = &sup->children[link->child[1]];
	struct brood_channel *channels[2] = { a->channel, b->channel };
	const char *names[2] = { a->name, b->name };
	int r;

	if (a->state == CHILD_ABSENT || b->state == CHILD_ABSENT ||
	    link->state == BROOD__LINK_QUEUED)
		return 0;
	r = brood__link_queue(link, channels, names);
	if (r < 0 && r != -EPIPE)
		return r;
	(void)brood__channel_flush(a->channel, 0);
	(void)brood__channel_flush(b->channel, 0);
	return 0;
}

/*
 * Make the child's links, then show it to the program: so LINK is before
 * whatever the program sends to either of the two after it has read READY.
 */
static int
children_join(struct brood_supervisor *sup, unsigned slot)
{
	struct child *child = &sup->children[slot];
	struct brood_event event = {
		.kind = BROOD_EVENT_READY,
		.name = child->name,
		.slot = slot,
		.generation = child->generation,
		.pid = child->pid,
		.level = child->level,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sup->n_links; i++)
		if (sup->links[i].child[0] == slot ||
		    sup->links[i].child[1] == slot)
			r = children_link(sup, &sup->links[i]);
	if (r < 0)
		return r;
	child->state = CHILD_RUNNING;
	brood__events_push(&sup->events, &event);
	return 0;
}

/* The first error: try again in a while. */
static int
children_join_all(struct brood_supervisor *sup)
{
	int r = 0, first = 0;

	for (unsigned i = 0; i < sup->n_children; i++) {
		if (sup->children[i].state == CHILD_JOINING)
			r = children_join(sup, i);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

/* Channels */

bool
brood__child_is_usable(const struct child *child)
{
	return child->state == CHILD_RUNNING &&
	    !brood__channel_is_ended(child->channel);
}

void
brood__children_tell(struct brood_supervisor *sup)
{
	if (sup->events.is_new)
		(void)brood__ready_alarm(sup->ready, 0);
}

void
brood__children_forget_answer(struct brood_supervisor *sup)
{
	sup->answered = NULL;
	sup->called = brood_channel_free(sup->called);
}

/* Notices */

static void
child_free_channel(struct brood_supervisor *sup, struct child *child)
{
	if (child->channel != sup->called)
		(void)brood_channel_free(child->channel);
	child->channel = NULL;
}

static int
child_adopt(struct brood_supervisor *sup, struct child *child,
    const struct brood__notice *notice, const int fds[2])
{
	struct brood_channel *channel;
	int r;

	(void)brood__fd_close(fds[1]);
	r = fds[0] < 0 ? -EMFILE :
	    brood_channel_new(&channel, fds[0], &child->options);
	if (r < 0) {
		(void)brood__fd_close(fds[0]);
		return r;
	}
	r = brood__channel_queue_hello(channel, NULL);
	if (r < 0) {
		(void)brood_channel_free(channel);
		return r;
	}
	(void)brood__channel_flush(channel, 0);
	brood__channel_set_peer_max(channel, notice->max_payload);
	brood__channel_set_peer_features(channel, notice->features);
	child_free_channel(sup, child);
	child->channel = channel;
	child->generation = notice->generation;
	child->pid = notice->pid;
	child->level = notice->level;
	child->state = CHILD_JOINING;
	child->goodbye_gate = 0;
	return 0;
}

static void
children_on_ready(struct brood_supervisor *sup,
    const struct brood__notice *notice, const int fds[2])
{
	struct child *child = &sup->children[notice->slot];
	int r = child_adopt(sup, child, notice, fds);
	struct brood__command command = {
		.kind = r < 0 ? BROOD__COMMAND_LATER : BROOD__COMMAND_ADOPTED,
		.slot = notice->slot,
		.generation = notice->generation,
	};

	(void)brood__control_send(sup->control, &command);
	/*
	 * Not at the end of the turn: the child may end at once, and its end
	 * be the next notice, which must not come before READY.
	 */
	if (r == 0)
		(void)children_join(sup, notice->slot);
}

/* Not if the child was filled since: then the notice is of an older process. */
static void
child_set_outlook(struct child *child, const struct brood__notice *notice,
    enum child_outlook outlook)
{
	if (notice->revision >= child->revision)
		child->outlook = outlook;
}

static void
children_on_end(struct brood_supervisor *sup,
    const struct brood__notice *notice)
{
	struct child *child = &sup->children[notice->slot];

	child->state = CHILD_ABSENT;
	if (notice->delay_ms < 0)
		child_set_outlook(child, notice, CHILD_OVER);
	for (size_t i = 0; i < sup->n_links; i++)
		if (sup->links[i].child[0] == notice->slot ||
		    sup->links[i].child[1] == notice->slot)
			brood__link_reset(&sup->links[i]);
}

static void
children_on_notice(struct brood_supervisor *sup,
    struct brood__notice *notice, const int fds[2])
{
	struct child *child = &sup->children[notice->slot];

	/* The program was told of no READY: for it the child did not start. */
	if (notice->kind == BROOD__NOTICE_ENDED &&
	    (child->state != CHILD_RUNNING ||
	    child->generation != notice->generation))
		notice->kind = BROOD__NOTICE_NOT_STARTED;
	/* READY is told when the child's links are made. */
	if (notice->kind != BROOD__NOTICE_READY)
		brood__events_push_notice(&sup->events, child->name, notice);
	switch (notice->kind) {
	case BROOD__NOTICE_READY:
		children_on_ready(sup, notice, fds);
		break;
	case BROOD__NOTICE_ENDED:
	case BROOD__NOTICE_NOT_STARTED:
		children_on_end(sup, notice);
		break;
	case BROOD__NOTICE_GIVEN_UP:
		child_set_outlook(child, notice, CHILD_GIVEN_UP);
		break;
	case BROOD__NOTICE_EMPTIED:
		child_set_outlook(child, notice, CHILD_OVER);
		break;
	case BROOD__NOTICE_STOPPING:
		child_say_goodbye(child);
		break;
	}
}

static void
children_read_control(struct brood_supervisor *sup)
{
	struct brood__notice notice;
	int fds[2];

	while (brood__control_recv(sup->control, &notice, fds) == 1) {
		if (notice.slot < sup->n_children)
			children_on_notice(sup, &notice, fds);
		else
			brood__fd_close_all(fds, 2);
	}
}

/* The turn */

/* The channels of those that ended before this turn, which it may free. */
static void
children_free_ended(struct brood_supervisor *sup)
{
	for (unsigned i = 0; i < sup->n_children; i++)
		if (sup->children[i].state == CHILD_ABSENT &&
		    sup->children[i].channel != sup->called &&
		    !brood__control_is_lost(sup->control))
			child_free_channel(sup, &sup->children[i]);
}

/* Can no event come any more, as far as the supervisor process goes? */
bool
brood__children_is_over(const struct brood_supervisor *sup)
{
	for (unsigned i = 0; i < sup->n_children; i++)
		if (sup->children[i].outlook == CHILD_KEPT)
			return false;
	return true;
}

static bool
children_has_given_up(const struct brood_supervisor *sup)
{
	for (unsigned i = 0; i < sup->n_children; i++)
		if (sup->children[i].outlook == CHILD_GIVEN_UP)
			return true;
	return false;
}

/* The kernel kills the children; their channels stay until they are freed. */
static void
children_lose_supervisor(struct brood_supervisor *sup)
{
	for (unsigned i = 0; i < sup->n_children; i++) {
		sup->children[i].state = CHILD_ABSENT;
		sup->children[i].outlook = CHILD_OVER;
	}
	if (sup->state == CHILDREN_RUNNING)
		sup->state = CHILDREN_BROKEN;
	brood__events_tell(&sup->events, NULL, BROOD_EVENT_BROKEN,
	    "the supervisor process has ended");
}

/* Decide from what is so whether all is over, and say it once. */
static void
children_check(struct brood_supervisor *sup)
{
	if (brood__control_is_lost(sup->control) && !brood__children_is_over(sup))
		children_lose_supervisor(sup);
	if (!brood__children_is_over(sup))
		return;
	if (sup->state == CHILDREN_STOPPING) {
		sup->state = CHILDREN_STOPPED;
		brood__events_tell(&sup->events, NULL, BROOD_EVENT_STOPPED,
		    "");
	} else if (sup->state == CHILDREN_RUNNING &&
	    children_has_given_up(sup)) {
		sup->state = CHILDREN_BROKEN;
		brood__events_tell(&sup->events, NULL, BROOD_EVENT_BROKEN,
		    "no child is left, and at least one has been given up");
	}
}

/* GOODBYE goes to a child only after the kernel has the STOP for it. */
void
brood__children_flush(struct brood_supervisor *sup)
{
	if (brood__control_flush(sup->control) < 0)
		(void)brood__ready_alarm_by(sup->ready, brood__now_ms() +
		    CHILDREN_RETRY_MS);
	for (unsigned i = 0; i < sup->n_children; i++) {
		struct child *child = &sup->children[i];

		if (child->goodbye_gate != 0 && child->goodbye_gate <=
		    brood__control_sent(sup->control))
			child_say_goodbye(child);
	}
}

int
brood__children_turn(struct brood_supervisor *sup, int timeout_ms)
{
	struct brood__ready_event event;
	int r;

	r = brood__ready_wait(sup->ready, timeout_ms, &event, 1);
	if (r < 0)
		return r;
	brood__control_resume(sup->control);
	children_free_ended(sup);
	children_read_control(sup);
	if (children_join_all(sup) < 0)
		(void)brood__ready_alarm_by(sup->ready, brood__now_ms() +
		    CHILDREN_RETRY_MS);
	children_check(sup);
	brood__children_flush(sup);
	return 0;
}
