/* SPDX-License-Identifier: ISC */

/*
 * Receiving while one message is awaited; see receive.h.
 *
 * Owns nothing: what is kept and which call is open is the channel's state, see
 * struct brood__waiting.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/fd.h"
#include "wire/channel.h"
#include "wire/inbox.h"
#include "wire/receive.h"

#include <errno.h>
#include <unistd.h>

/* From this id on requests are those of calls; programs use lower ones. */
#define RECEIVE_CALL_ID	(UINT64_C(1) << 63)

static bool
receive_is_answer(const struct brood_message *msg)
{
	return msg->kind == BROOD_KIND_REPLY || msg->kind == BROOD_KIND_ERROR ||
	    msg->kind == BROOD_KIND_PROGRESS;
}

/* Is it of a call that is over, so that nobody waits for it? */
static bool
receive_is_stale(const struct brood__waiting *waiting,
    const struct brood_message *msg)
{
	return receive_is_answer(msg) && msg->id >= RECEIVE_CALL_ID &&
	    msg->id != waiting->open_call;
}

int
brood__receive_new(struct brood_channel *channel, int64_t deadline_ms,
    struct brood_message *ret_msg)
{
	struct brood__waiting *waiting = brood__channel_waiting(channel);
	int r;

	do {
		brood__kepts_forget(&waiting->kept);
		r = brood__channel_recv(channel,
		    brood__time_left(deadline_ms, brood__now_ms()), ret_msg);
	} while (r == 1 && receive_is_stale(waiting, ret_msg));
	return r;
}

/* The first of what is kept, which is none of the kind `except`; else new. */
static int
receive_any(struct brood_channel *channel, uint32_t except, int timeout_ms,
    struct brood_message *ret_msg)
{
	struct brood__waiting *waiting = brood__channel_waiting(channel);
	struct brood__kept *kept;
	int r = 1;

	STAILQ_FOREACH(kept, &waiting->kept.list, next)
		if (kept->msg.kind != except)
			break;
	if (kept != NULL) {
		brood__kepts_give(&waiting->kept, kept);
		*ret_msg = kept->msg;
	} else
		r = brood__receive_new(channel, timeout_ms == 0 ? 0 :
		    brood__deadline(brood__now_ms(), timeout_ms), ret_msg);
	/* The last part of an answer. */
	if (r == 1 && receive_is_answer(ret_msg) &&
	    ret_msg->id == waiting->open_call && ret_msg->more == 0 &&
	    ret_msg->kind != BROOD_KIND_PROGRESS)
		waiting->open_call = 0;
	return r;
}

int
brood__receive_work(struct brood_channel *channel, int timeout_ms,
    struct brood_message *ret_msg)
{
	return receive_any(channel, BROOD_KIND_LINK, timeout_ms, ret_msg);
}

BROOD_PUBLIC int
brood_channel_recv(struct brood_channel *channel, int timeout_ms,
    struct brood_message *ret_msg)
{
	return brood__channel_check(channel) == -ECHILD ? -ECHILD :
	    receive_any(channel, 0, timeout_ms, ret_msg);
}

BROOD_PUBLIC int
brood_channel_take_fd(struct brood_channel *channel, size_t i)
{
	struct brood__kept *given;

	if (brood__channel_check(channel) == -ECHILD)
		return -ECHILD;
	given = brood__channel_waiting(channel)->kept.given;
	return given != NULL ?
	    brood__fd_take(given->fds, given->msg.n_fds, i) :
	    brood__inbox_take_fd(brood__channel_inbox(channel), i);
}

int
brood__receive_keep(struct brood_channel *channel,
    const struct brood_message *msg)
{
	struct brood__kepts *kepts = &brood__channel_waiting(channel)->kept;
	struct brood__inbox *inbox = brood__channel_inbox(channel);
	struct brood__kept *older = NULL, *kept;

	if (msg->kind == BROOD_KIND_LINK)
		older = brood__kepts_link(kepts, msg->data, msg->len);
	kept = brood__kepts_add(kepts, msg);
	if (kept == NULL) {
		brood__channel_unget(channel);
		return -ENOMEM;
	}
	for (size_t i = 0; i < msg->n_fds; i++)
		kept->fds[i] = brood__inbox_take_fd(inbox, i);
	if (older != NULL)
		brood__kepts_drop(kepts, older);
	return kepts->size > brood__channel_max_queued(channel) ? -ENOBUFS : 0;
}

/* Handlers */

void
brood__receive_hold(struct brood_channel *channel)
{
	brood__kepts_hold(&brood__channel_waiting(channel)->kept);
	brood__channel_hold(channel);
}

void
brood__receive_unhold(struct brood_channel *channel)
{
	brood__kepts_unhold(&brood__channel_waiting(channel)->kept);
	brood__channel_unhold(channel);
}

int
brood__receive_take_held_fd(struct brood_channel *channel, size_t i)
{
	struct brood__kept *held = brood__channel_waiting(channel)->kept.held;

	return held != NULL ? brood__fd_take(held->fds, held->msg.n_fds, i) :
	    brood__inbox_take_held_fd(brood__channel_inbox(channel), i);
}

bool
brood__receive_is_canceled(const struct brood_channel *channel, uint64_t id,
    uint64_t *position)
{
	const struct brood__kept *kept;

	STAILQ_FOREACH(kept,
	    &brood__channel_waiting_const(channel)->kept.list, next)
		if (kept->msg.kind == BROOD_KIND_CANCEL && kept->msg.id == id)
			return true;
	return brood__channel_look_ahead(channel, BROOD_KIND_CANCEL, id,
	    position) == 1;
}

/* Calls */

uint64_t
brood__receive_begin_call(struct brood_channel *channel)
{
	struct brood__waiting *waiting = brood__channel_waiting(channel);

	if (waiting->last_call == 0)
		waiting->last_call = RECEIVE_CALL_ID;
	return waiting->open_call = ++waiting->last_call;
}

void
brood__receive_end_call(struct brood_channel *channel)
{
	brood__channel_waiting(channel)->open_call = 0;
}

int
brood__receive_answer(struct brood_channel *channel, uint64_t id,
    int64_t deadline_ms, struct brood_message *ret_msg)
{
	int r;

	while ((r = brood__receive_new(channel, deadline_ms, ret_msg)) == 1) {
		if (!receive_is_answer(ret_msg) || ret_msg->id != id) {
			r = brood__receive_keep(channel, ret_msg);
			if (r < 0)
				return r;
		} else if (ret_msg->kind != BROOD_KIND_PROGRESS) {
			if (ret_msg->more == 0)
				brood__receive_end_call(channel);
			return 1;
		}
	}
	return r;
}
