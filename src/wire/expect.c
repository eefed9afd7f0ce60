/* SPDX-License-Identifier: ISC */

/*
 * Waiting for one message of a channel, while others may come before it: an
 * answer, or a LINK.  What is not awaited is kept, and brood_channel_recv()
 * gives it.
 *
 * Owns nothing.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/fd.h"
#include "wire/channel.h"
#include "wire/kept.h"

#include <brood/supervisor.h>

#include <errno.h>
#include <string.h>

/* What a message is to the one that waits. */
enum expect_verdict {
	EXPECT_FOUND,		/* it is the one */
	EXPECT_OVER,		/* it says that the one will not come */
	EXPECT_KEEP,		/* it is for somebody else */
	EXPECT_DROP,		/* nobody waits for it any more */
};

struct expect {
	uint64_t id;		/* an answer to this request, or ... */
	const char *link;	/* ... a LINK to the child of this name */
};

static bool
expect_is_answer(const struct brood_message *msg)
{
	return msg->kind == BROOD_KIND_REPLY || msg->kind == BROOD_KIND_ERROR ||
	    msg->kind == BROOD_KIND_PROGRESS;
}

static enum expect_verdict
expect_judge(const struct expect *expect, const struct brood_message *msg)
{
	if (expect->link != NULL && msg->kind == BROOD_KIND_GOODBYE)
		return EXPECT_OVER;
	if (expect->link != NULL)
		return msg->kind == BROOD_KIND_LINK &&
		    msg->len == strlen(expect->link) &&
		    memcmp(msg->data, expect->link, msg->len) == 0 ?
		    EXPECT_FOUND : EXPECT_KEEP;
	if (!expect_is_answer(msg) || msg->id < BROOD__CALL_ID)
		return EXPECT_KEEP;
	/* Late answers to calls that are over, and progress of this one. */
	return msg->id == expect->id && msg->kind != BROOD_KIND_PROGRESS ?
	    EXPECT_FOUND : EXPECT_DROP;
}

/* Was it kept before?  As expect_recv(). */
static int
expect_find_kept(struct brood_channel *channel, const struct expect *expect,
    struct brood_message *ret_msg)
{
	struct brood__kepts *kepts = brood__channel_kepts(channel);
	struct brood__kept *kept;

	STAILQ_FOREACH(kept, &kepts->list, next)
		switch (expect_judge(expect, &kept->msg)) {
		case EXPECT_FOUND:
			return brood__kepts_give(kepts, kept, ret_msg);
		case EXPECT_OVER:
			return -ESHUTDOWN;
		case EXPECT_KEEP:
		case EXPECT_DROP:
			break;
		}
	return 0;
}

/* 1 with the message, 0 if it has not come in time. */
static int
expect_recv(struct brood_channel *channel, const struct expect *expect,
    int64_t deadline_ms, struct brood_message *ret_msg)
{
	int r;

	r = expect_find_kept(channel, expect, ret_msg);
	if (r != 0)
		return r;
	for (;;) {
		r = brood__channel_recv(channel,
		    brood__time_left(deadline_ms, brood__now_ms()), ret_msg);
		if (r <= 0)
			return r;
		switch (expect_judge(expect, ret_msg)) {
		case EXPECT_FOUND:
			return 1;
		case EXPECT_OVER:
			r = brood__channel_keep(channel, ret_msg);
			return r < 0 ? r : -ESHUTDOWN;
		case EXPECT_KEEP:
			r = brood__channel_keep(channel, ret_msg);
			if (r < 0)
				return r;
			break;
		case EXPECT_DROP:
			break;
		}
	}
}

/* The answer is not wanted any more.  If that cannot be said, it is dropped. */
static void
expect_cancel(struct brood_channel *channel, uint64_t id)
{
	struct brood_message msg = { .kind = BROOD_KIND_CANCEL, .id = id };

	if (brood__channel_queue(channel, &msg) == 0)
		(void)brood__channel_flush(channel, 0);
}

static int
expect_send(struct brood_channel *channel, const struct brood_message *msg,
    int64_t deadline_ms)
{
	int r;

	r = brood__channel_queue(channel, msg);
	if (r == -EAGAIN) {
		r = brood__channel_flush(channel,
		    brood__time_left(deadline_ms, brood__now_ms()));
		if (r == 0)
			r = brood__channel_queue(channel, msg);
	}
	if (r < 0)
		return r;
	r = brood__channel_flush(channel,
	    brood__time_left(deadline_ms, brood__now_ms()));
	/* It is queued, and goes on its way with the next flush. */
	return r == -EAGAIN ? 0 : r;
}

BROOD_PUBLIC int
brood_channel_call(struct brood_channel *channel,
    const struct brood_message *msg, int timeout_ms,
    struct brood_message *ret_msg)
{
	int64_t deadline_ms = brood__deadline(brood__now_ms(), timeout_ms);
	struct brood_message request = *msg;
	struct expect expect = { 0 };
	int r;

	r = brood__channel_check(channel);
	if (r < 0)
		return r;
	if (msg->id != 0 ||
	    (msg->kind != 0 && msg->kind != BROOD_KIND_REQUEST))
		return -EINVAL;
	request.id = expect.id = brood__channel_next_call(channel);
	if (request.expire_ms == 0 && timeout_ms > 0)
		request.expire_ms = (uint32_t)timeout_ms;
	r = expect_send(channel, &request, deadline_ms);
	if (r < 0)
		return r;
	r = expect_recv(channel, &expect, deadline_ms, ret_msg);
	if (r == 0)
		expect_cancel(channel, expect.id);
	return r;
}

BROOD_PUBLIC int
brood_channel_wait_link(struct brood_channel *channel, const char *name,
    int timeout_ms, const struct brood_channel_options *options,
    struct brood_channel **ret_peer)
{
	struct expect expect = { .link = name };
	struct brood_message msg;
	int fd, r;

	if (name == NULL)
		return -EINVAL;
	r = brood__channel_check(channel);
	if (r < 0 && r != -EPIPE)
		return r;
	r = expect_recv(channel, &expect,
	    brood__deadline(brood__now_ms(), timeout_ms), &msg);
	if (r <= 0)
		return r;
	fd = brood_channel_take_fd(channel, 0);
	if (fd < 0)
		return fd;
	r = brood_channel_new(ret_peer, fd, options);
	if (r < 0) {
		(void)brood__fd_close(fd);
		return r;
	}
	return 1;
}
