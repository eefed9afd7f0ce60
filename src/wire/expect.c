/* SPDX-License-Identifier: ISC */

/*
 * Waiting for one message of a channel: an answer, or a LINK.  What else comes
 * is kept, and brood_channel_recv() gives it.
 *
 * Owns nothing.
 */

#include "base/clock.h"
#include "base/export.h"
#include "wire/channel.h"
#include "wire/expect.h"
#include "wire/receive.h"

#include <brood/supervisor.h>

#include <errno.h>
#include <string.h>

/* Calls */

static uint32_t
call_time_left(int64_t deadline_ms)
{
	int left_ms = brood__time_left(deadline_ms, brood__now_ms());

	/* On the wire 0 means no limit. */
	return left_ms < 0 ? 0 : left_ms == 0 ? 1 : (uint32_t)left_ms;
}

int
brood__call_queue(struct brood_channel *channel,
    const struct brood_message *msg, int64_t deadline_ms, uint64_t *ret_id)
{
	struct brood_message request = *msg;
	int r;

	if (msg->id != 0 ||
	    (msg->kind != 0 && msg->kind != BROOD_KIND_REQUEST))
		return -EINVAL;
	request.id = brood__receive_begin_call(channel);
	if (request.expire_ms == 0)
		request.expire_ms = call_time_left(deadline_ms);
	r = brood__channel_queue(channel, &request);
	if (r < 0)
		brood__receive_end_call(channel);
	else
		*ret_id = request.id;
	return r;
}

void
brood__call_cancel(struct brood_channel *channel, uint64_t id)
{
	struct brood_message msg = { .kind = BROOD_KIND_CANCEL, .id = id };

	brood__receive_end_call(channel);
	if (brood__channel_queue_own(channel, &msg) == 0)
		(void)brood__channel_flush(channel, 0);
}

/* Queue a request, if need be after making room for it. */
static int
call_queue(struct brood_channel *channel, const struct brood_message *msg,
    int64_t deadline_ms, uint64_t *ret_id)
{
	int r;

	r = brood__call_queue(channel, msg, deadline_ms, ret_id);
	if (r != -EAGAIN)
		return r;
	r = brood__channel_flush(channel,
	    brood__time_left(deadline_ms, brood__now_ms()));
	return r < 0 ? r : brood__call_queue(channel, msg, deadline_ms,
	    ret_id);
}

BROOD_PUBLIC int
brood_channel_call(struct brood_channel *channel,
    const struct brood_message *msg, int timeout_ms,
    struct brood_message *ret_msg)
{
	int64_t deadline_ms = brood__deadline(brood__now_ms(), timeout_ms);
	uint64_t id;
	int r;

	r = brood__channel_check(channel);
	if (r == 0)
		r = call_queue(channel, msg, deadline_ms, &id);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	r = brood__channel_flush(channel,
	    brood__time_left(deadline_ms, brood__now_ms()));
	if (r == 0)
		r = brood__receive_answer(channel, id, deadline_ms, ret_msg);
	if (r == 1)
		return 1;
	brood__call_cancel(channel, id);
	return r == -EAGAIN ? 0 : r;
}

/* Links */

/* Make a channel of a LINK.  If that fails it stays kept. */
static int
link_open(struct brood__kepts *kepts, struct brood__kept *kept,
    const struct brood_channel_options *options,
    struct brood_channel **ret_peer)
{
	int r;

	if (kept->msg.n_fds != 1) {
		brood__kepts_drop(kepts, kept);
		return -EBADMSG;
	}
	r = brood_channel_new(ret_peer, kept->fds[0], options);
	if (r < 0)
		return r;
	kept->fds[0] = -1;
	brood__kepts_drop(kepts, kept);
	return 1;
}

BROOD_PUBLIC int
brood_channel_wait_link(struct brood_channel *channel, const char *name,
    int timeout_ms, const struct brood_channel_options *options,
    struct brood_channel **ret_peer)
{
	struct brood__kepts *kepts = &brood__channel_waiting(channel)->kept;
	int64_t deadline_ms = brood__deadline(brood__now_ms(), timeout_ms);
	struct brood_message msg;
	struct brood__kept *kept;
	int r, is_full = 0;

	if (brood__channel_check(channel) == -ECHILD)
		return -ECHILD;
	r = name == NULL ? -EINVAL : brood__channel_check_options(options);
	if (r < 0)
		return r;
	for (;;) {
		kept = brood__kepts_link(kepts, name, strlen(name));
		if (kept != NULL)
			return link_open(kepts, kept, options, ret_peer);
		if (brood__kepts_first(kepts, BROOD_KIND_GOODBYE) != NULL)
			return -ESHUTDOWN;
		if (is_full < 0)
			return is_full;
		r = brood__receive_new(channel, deadline_ms, &msg);
		if (r <= 0)
			return r;
		is_full = brood__receive_keep(channel, &msg);
	}
}
