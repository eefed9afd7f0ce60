/* SPDX-License-Identifier: ISC */

/*
 * Steps of a case; see script.h.  This file decides what is a right answer; it
 * knows nothing of why a case asks.
 */

#include "base/text.h"
#include "command/command.h"
#include "command/conformance/script.h"

#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void
script_fill(uint8_t *bytes, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((i * 31 + i / 251 + seed * 7) & 0xff);
}

static uint8_t *
script_payload_new(size_t len, uint64_t seed)
{
	uint8_t *bytes = malloc(len + 1);

	if (bytes == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "a payload");
	script_fill(bytes, len, seed);
	return bytes;
}

/* Fail because of a frame that is not the one that was expected. */
static bool
script_fail_frame(struct target *target)
{
	const struct brood__frame *frame = &target->frame;
	char text[100];
	size_t len = brood__text_chomp(target->payload, frame->length);

	if (frame->kind != BROOD_KIND_ERROR)
		return target_fail(target, "it sent a frame of kind %u, id %"
		    PRIu64 ", code %" PRIu32 ", %" PRIu32 " bytes",
		    frame->kind, frame->id, frame->code, frame->length);
	(void)brood__text_copy(text, sizeof(text), target->payload, len);
	return target_fail(target, "it sent ERROR %" PRIu32 ", id %" PRIu64
	    ": %s", frame->code, frame->id, text);
}

/* HELLO */

bool
script_expect_hello(struct target *target)
{
	const struct brood__frame *frame = &target->frame;
	struct brood__hello hello;
	int r;

	r = target_recv(target);
	if (r == 0)
		return target_fail(target, "it closed its channel before "
		    "HELLO");
	if (r < 0)
		return false;
	if (frame->kind != BROOD_KIND_HELLO)
		return script_fail_frame(target);
	if (frame->id != 0 || frame->code != 0 || frame->nfds != 0)
		return target_fail(target, "its HELLO has an id, a code or "
		    "descriptors");
	r = brood__hello_decode(target->payload, frame->length, &hello);
	if (r == -EPROTONOSUPPORT)
		return target_fail(target, "its HELLO is of version %u, not %u",
		    hello.version, BROOD__VERSION);
	if (r < 0)
		return target_fail(target, "its HELLO has no \"BROD\", is too "
		    "short, or has a reserved field that is not 0");
	target->limit = hello.max_payload;
	return true;
}

bool
script_send_hello(struct target *target, const char *magic, uint16_t version)
{
	struct brood__hello hello = {
		.version = version,
		.max_payload = target->limit > BROOD_MAX_PAYLOAD ?
		    target->limit : BROOD_MAX_PAYLOAD,
		.name = "brood conformance",
	};
	uint8_t payload[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__frame frame = { .kind = BROOD_KIND_HELLO };
	struct brood__buffer frames = { .bytes = NULL };

	frame.length = (uint32_t)brood__hello_encode(payload, &hello);
	memcpy(payload, magic, 4);
	target_add_frame(&frames, &frame, payload);
	return script_send(target, &frames);
}

/* Requests */

void
script_add_request(struct brood__buffer *frames, uint64_t id, size_t len)
{
	struct brood__frame frame = {
		.kind = BROOD_KIND_REQUEST,
		.id = id,
		.length = (uint32_t)len,
	};
	uint8_t *payload = script_payload_new(len, id);

	target_add_frame(frames, &frame, payload);
	free(payload);
}

bool
script_send(struct target *target, struct brood__buffer *frames)
{
	bool is_sent = target_send(target, frames->bytes + frames->start,
	    brood__buffer_len(frames));

	brood__buffer_fini(frames);
	return is_sent;
}

/* A part of a reply.  1: the last one; 0: another has to follow; or -1. */
static int
script_judge_part(struct target *target, const uint8_t *want, size_t left)
{
	const struct brood__frame *frame = &target->frame;

	if (frame->length > left ||
	    memcmp(target->payload, want, frame->length) != 0)
		target_fail(target, "the reply to request %" PRIu64 " is not "
		    "what was sent", frame->id);
	else if (frame->flags & BROOD__FLAG_MORE)
		return 0;
	else if (frame->length == left)
		return 1;
	else
		target_fail(target, "the reply to request %" PRIu64 " is %zu "
		    "bytes short", frame->id, left - frame->length);
	return -1;
}

/* Receive a frame of an answer, of which want is left.  As above. */
static int
script_expect_part(struct target *target, uint64_t id, const uint8_t *want,
    size_t left, bool may_fail)
{
	const struct brood__frame *frame = &target->frame;
	int r;

	r = target_recv(target);
	if (r == 0)
		target_fail(target, "it closed its channel without an answer "
		    "to request %" PRIu64, id);
	if (r <= 0)
		return -1;
	if (frame->id == id && frame->kind == BROOD_KIND_PROGRESS)
		return 0;
	if (frame->id == id && frame->kind == BROOD_KIND_REPLY)
		return script_judge_part(target, want, left);
	if (frame->id == id && frame->kind == BROOD_KIND_ERROR && may_fail)
		return 1;
	script_fail_frame(target);
	return -1;
}

bool
script_expect_reply(struct target *target, uint64_t id, size_t len,
    bool may_fail)
{
	uint8_t *want = script_payload_new(len, id);
	size_t at = 0;
	int r;

	while ((r = script_expect_part(target, id, want + at, len - at,
	    may_fail)) == 0)
		if (target->frame.kind == BROOD_KIND_REPLY)
			at += target->frame.length;
	free(want);
	return r > 0;
}

bool
script_echo(struct target *target, uint64_t id, size_t len)
{
	struct brood__buffer frames = { .bytes = NULL };

	script_add_request(&frames, id, len);
	return script_send(target, &frames) &&
	    script_expect_reply(target, id, len, false);
}

bool
script_expect_pong(struct target *target, uint64_t id, const void *payload,
    uint32_t len)
{
	const struct brood__frame *frame = &target->frame;
	int r;

	r = target_recv(target);
	if (r == 0)
		return target_fail(target, "it closed its channel, not "
		    "answering PING");
	if (r < 0)
		return false;
	if (frame->kind != BROOD_KIND_PONG || frame->id != id)
		return script_fail_frame(target);
	if (frame->length != len ||
	    memcmp(target->payload, payload, len) != 0)
		return target_fail(target, "PONG has another payload than "
		    "PING");
	return true;
}

/* Endings */

bool
script_hang_up(struct target *target)
{
	if (!target_await_end(target))
		return false;
	if (WIFSIGNALED(target->status))
		return target_fail(target, "signal %d ended it",
		    WTERMSIG(target->status));
	return true;
}

bool
script_expect_refusal(struct target *target)
{
	int r;

	while ((r = target_recv(target)) > 0)
		if (target->frame.kind != BROOD_KIND_ERROR)
			return script_fail_frame(target);
	return r == 0 && script_hang_up(target);
}

bool
script_expect_goodbye(struct target *target)
{
	int r = target_recv(target);

	if (r > 0)
		return script_fail_frame(target);
	if (r < 0 || !script_hang_up(target))
		return false;
	if (WEXITSTATUS(target->status) != 0)
		return target_fail(target, "it exited with status %d, not 0",
		    WEXITSTATUS(target->status));
	return true;
}
