/* SPDX-License-Identifier: ISC */

/*
 * brood_supervisor_call(): ask a child, and go on supervising meanwhile.
 *
 * While it waits, turns are taken, with the child's channel in the readiness
 * set.  sup->called keeps a turn from freeing that channel when the child ends:
 * its answer may still be in there.
 *
 * What wakes each wait: for a process to call, its READY or the end of its
 * outlook, both notices; for an answer, the channel (data, room, its end) or
 * the notice that the child has ended.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/owner.h"
#include "host/children_turn.h"
#include "wire/channel.h"
#include "wire/expect.h"
#include "wire/receive.h"

#include <brood/supervisor.h>

#include <errno.h>
#include <unistd.h>

enum { CALL_TOKEN = 2 };		/* 1 is the control channel's */

/* A call to a child, as far as one process of that child has it. */
struct call {
	struct brood_supervisor *sup;
	struct child *child;
	struct brood_channel *channel;
	int64_t deadline_ms;
	uint64_t id;			/* 0: the request is not queued yet */
	uint64_t end;			/* of its frame in the stream */
};

/* 1 when the child can be called, 0 if it could not in time. */
static int
call_await_child(struct brood_supervisor *sup, const struct child *child,
    int64_t deadline_ms)
{
	int left_ms = 0, r;

	do {
		/* At once, and so before anything is sent: news of deaths. */
		r = brood__children_turn(sup, left_ms);
		if (r < 0)
			return r;
		if (child->outlook != CHILD_KEPT ||
		    sup->state != CHILDREN_RUNNING)
			return -ESHUTDOWN;
		if (brood__child_is_usable(child))
			return 1;
		left_ms = brood__time_left(deadline_ms, brood__now_ms());
	} while (left_ms != 0);
	return 0;
}

/* Take a turn that the child's channel ends too. */
static int
call_turn(const struct call *call, int timeout_ms)
{
	struct brood__ready *ready = call->sup->ready;
	int fd = brood_channel_fd(call->channel), r;

	r = brood__ready_add(ready, fd, brood_channel_events(call->channel),
	    CALL_TOKEN);
	if (r < 0)
		return r;
	r = brood__children_turn(call->sup, timeout_ms);
	brood__ready_remove(ready, fd);
	return r;
}

/* Queue the request, once there is room, and send what can be sent. */
static int
call_send(struct call *call, const struct brood_message *msg)
{
	int r;

	r = brood__channel_flush(call->channel, 0);
	if (call->id == 0 && (r == 0 || r == -EAGAIN)) {
		r = brood__call_queue(call->channel, msg, call->deadline_ms,
		    &call->id);
		if (r == 0) {
			call->end = brood__channel_queued(call->channel);
			r = brood__channel_flush(call->channel, 0);
		}
	}
	return r == -EAGAIN ? 0 : r;
}

/* Is the process gone that was called? */
static bool
call_is_orphaned(const struct call *call)
{
	return call->child->channel != call->channel ||
	    call->child->state != CHILD_RUNNING;
}

/*
 * 1 with the answer, 0 if it has not come in time, -EPIPE if the process has
 * ended without it.  What was sent last is received before its end is seen.
 */
static int
call_exchange(struct call *call, const struct brood_message *msg,
    struct brood_message *ret_msg)
{
	bool is_over;
	int left_ms, r;

	for (;;) {
		/* Asked first: what comes before the end is received below. */
		is_over = call_is_orphaned(call);
		r = call_send(call, msg);
		if (r < 0 && r != -EPIPE)
			return r;
		is_over |= r == -EPIPE;
		r = call->id == 0 ? 0 : brood__receive_answer(call->channel,
		    call->id, 0, ret_msg);
		if (r != 0 || is_over)
			return r != 0 ? r : -EPIPE;
		left_ms = brood__time_left(call->deadline_ms, brood__now_ms());
		if (left_ms == 0)
			return 0;
		r = call_turn(call, left_ms);
		if (r < 0)
			return r;
	}
}

/* As call_exchange(); -EAGAIN: the process never had the request. */
static int
call_process(struct call *call, const struct brood_message *msg,
    struct brood_message *ret_msg)
{
	int r;

	call->channel = call->sup->called = call->child->channel;
	r = call_exchange(call, msg, ret_msg);
	if (r != 1 && call->id != 0)
		brood__call_cancel(call->channel, call->id);
	if (r == -EPIPE && (call->id == 0 ||
	    brood__channel_sent(call->channel) < call->end))
		r = -EAGAIN;
	if (r == 1)
		call->sup->answered = call->channel;
	/* If it is a child's still, a turn may free it; else the next call. */
	if (call->child->channel == call->channel)
		call->sup->called = NULL;
	return r;
}

BROOD_PUBLIC int
brood_supervisor_call(struct brood_supervisor *sup, const char *name,
    const struct brood_message *msg, int timeout_ms,
    struct brood_message *ret_msg)
{
	struct call call = {
		.sup = sup,
		.deadline_ms = brood__deadline(brood__now_ms(), timeout_ms),
	};
	int r;

	if (sup->owner != brood__owner_self())
		return -ECHILD;
	call.child = brood__children_find(sup, name);
	if (call.child == NULL)
		return -ENOENT;
	do {
		brood__children_forget_answer(sup);
		call.id = 0;
		r = call_await_child(sup, call.child, call.deadline_ms);
		if (r == 1)
			r = call_process(&call, msg, ret_msg);
	} while (r == -EAGAIN);
	brood__children_tell(sup);
	return r;
}

BROOD_PUBLIC int
brood_supervisor_take_fd(struct brood_supervisor *sup, size_t i)
{
	if (sup->owner != brood__owner_self())
		return -ECHILD;
	return sup->answered == NULL ? -EBADF :
	    brood_channel_take_fd(sup->answered, i);
}
