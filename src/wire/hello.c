/* SPDX-License-Identifier: ISC */

/*
 * The first frame of each side of a channel: which version it speaks, and how
 * long a payload it takes.
 */

#include "base/export.h"
#include "base/text.h"
#include "wire/channel.h"
#include "wire/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
brood__channel_queue_hello(struct brood_channel *ch, const char *name)
{
	struct brood__hello hello = {
		.version = BROOD__VERSION,
		.features = (brood__channel_accepts_rings(ch) ?
		    BROOD__FEATURE_RINGS : 0) |
		    (brood__channel_takes_fds(ch) ? 0 : BROOD__FEATURE_NO_FDS) |
		    brood__channel_level(ch) << BROOD__FEATURE_LEVEL_SHIFT,
		.max_payload = brood__channel_max_payload(ch),
	};
	uint8_t bytes[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood_message msg = { .kind = BROOD_KIND_HELLO, .data = bytes };

	if (name != NULL)
		(void)strlcpy(hello.name, name, sizeof(hello.name));
	msg.len = brood__hello_encode(bytes, &hello);
	return brood__channel_queue(ch, &msg);
}

/* The peer has answered with an ERROR.  Its text becomes ours. */
static int
hello_read_refusal(const struct brood_message *msg, char *text, size_t size)
{
	(void)brood__text_copy(text, size, msg->data,
	    brood__text_chomp(msg->data, msg->len));
	return msg->code == BROOD_ERROR_VERSION ? -EPROTONOSUPPORT : -EPROTO;
}

int
brood__channel_read_hello(struct brood_channel *ch,
    const struct brood_message *msg, char *text, size_t text_size)
{
	struct brood__hello hello;
	int r;

	if (msg->kind == BROOD_KIND_ERROR)
		return hello_read_refusal(msg, text, text_size);
	r = msg->kind == BROOD_KIND_HELLO ?
	    brood__hello_decode(msg->data, msg->len, &hello) : -EPROTO;
	if (r == -EPROTONOSUPPORT) {
		(void)snprintf(text, text_size, "this side speaks version %d "
		    "of the protocol, the other version %d", BROOD__VERSION,
		    hello.version);
		brood__channel_complain(ch, BROOD_ERROR_VERSION, text);
	} else if (r < 0) {
		(void)snprintf(text, text_size,
		    "the first frame was not a HELLO");
		brood__channel_complain(ch, BROOD_ERROR_PROTOCOL, text);
	} else {
		brood__channel_set_peer_max(ch, hello.max_payload);
		brood__channel_set_peer_features(ch, hello.features);
	}
	return r;
}

BROOD_PUBLIC int
brood_channel_hello(struct brood_channel *ch, const char *name,
    int timeout_ms)
{
	struct brood_message msg;
	char text[128];
	int r;

	r = brood__channel_check(ch);
	if (r < 0)
		return r;
	/*
	 * HELLO is the first frame of a channel.  If anything was queued
	 * before, an earlier call has queued HELLO and has then timed out.
	 */
	if (brood__channel_queued(ch) == 0) {
		r = brood__channel_queue_hello(ch, name);
		if (r < 0)
			return r;
	}
	r = brood__channel_flush(ch, timeout_ms);
	if (r < 0)
		return r == -EAGAIN ? -ETIMEDOUT : r;
	r = brood__channel_recv(ch, timeout_ms, &msg);
	if (r <= 0)
		return r < 0 ? r : -ETIMEDOUT;
	return brood__channel_read_hello(ch, &msg, text, sizeof(text));
}
