/* SPDX-License-Identifier: ISC */

/*
 * The sentences of a conversation with a program under test; see dialog.h.
 * Owns what counts as an answer; knows nothing of why a case asks.
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
dialog_fill(uint8_t *bytes, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((i * 31 + i / 251 + seed * 7) & 0xff);
}

static uint8_t *
dialog_payload(size_t len, uint64_t seed)
{
	uint8_t *bytes = malloc(len + 1);

	if (bytes == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "a payload");
	dialog_fill(bytes, len, seed);
	return bytes;
}

/* A frame that is not what was waited for, in words. */
static bool
dialog_blame_frame(struct subject *s, const struct brood__frame *frame,
    const uint8_t *payload)
{
	char text[100];
	size_t len = frame->length < sizeof(text) - 1 ? frame->length :
	    sizeof(text) - 1;

	if (frame->kind != BROOD_KIND_ERROR)
		return subject_blame(s, "it sent a frame of kind %u, id %"
		    PRIu64 ", code %" PRIu32 ", %" PRIu32 " bytes",
		    frame->kind, frame->id, frame->code, frame->length);
	memcpy(text, payload, len);
	text[len] = '\0';
	brood__text_clean(text);
	return subject_blame(s, "it sent ERROR %" PRIu32 ", id %" PRIu64
	    ": %s", frame->code, frame->id, text);
}

/* HELLO */

static bool
dialog_judge_hello(struct subject *s, const struct brood__frame *frame,
    const uint8_t *payload)
{
	struct brood__hello hello;
	int r;

	if (frame->kind != BROOD_KIND_HELLO)
		return dialog_blame_frame(s, frame, payload);
	if (frame->id != 0 || frame->code != 0 || frame->nfds != 0)
		return subject_blame(s, "its HELLO has an id, a code or "
		    "descriptors");
	r = brood__hello_decode(payload, frame->length, &hello);
	if (r == -EPROTONOSUPPORT)
		return subject_blame(s, "its HELLO is of version %u, not %u",
		    hello.version, BROOD__VERSION);
	if (r < 0)
		return subject_blame(s, "its HELLO has no \"BROD\", is too "
		    "short, or has a reserved field that is not 0");
	s->limit = hello.max_payload;
	return true;
}

bool
dialog_hear_hello(struct subject *s)
{
	struct brood__frame frame;
	const uint8_t *payload;
	int r;

	r = subject_recv(s, &frame, &payload);
	if (r == 0)
		return subject_blame(s, "it closed its channel before HELLO");
	return r > 0 && dialog_judge_hello(s, &frame, payload);
}

bool
dialog_say_hello(struct subject *s, const char *magic, uint16_t version)
{
	struct brood__hello hello = {
		.version = version,
		.max_payload = s->limit > BROOD_MAX_PAYLOAD ?
		    s->limit : BROOD_MAX_PAYLOAD,
		.name = "brood conformance",
	};
	uint8_t payload[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__frame frame = { .kind = BROOD_KIND_HELLO };
	struct letter letter = { .bytes = NULL };
	bool is_sent;

	frame.length = (uint32_t)brood__hello_encode(payload, &hello);
	memcpy(payload, magic, 4);
	letter_add(&letter, &frame, payload);
	is_sent = subject_send(s, letter.bytes, letter.len);
	letter_fini(&letter);
	return is_sent;
}

bool
dialog_open(struct subject *s)
{
	return dialog_hear_hello(s) &&
	    dialog_say_hello(s, "BROD", BROOD__VERSION);
}

/* Requests */

void
dialog_add_request(struct letter *letter, uint64_t id, size_t len)
{
	struct brood__frame frame = {
		.kind = BROOD_KIND_REQUEST,
		.id = id,
		.length = (uint32_t)len,
	};
	uint8_t *payload = dialog_payload(len, id);

	letter_add(letter, &frame, payload);
	free(payload);
}

/* One frame of an answer.  1: the last; 0: another is due; -1. */
static int
dialog_judge_part(struct subject *s, const struct brood__frame *frame,
    const uint8_t *payload, const uint8_t *want, size_t left)
{
	if (frame->kind == BROOD_KIND_PROGRESS)
		return 0;
	if (frame->length > left ||
	    memcmp(payload, want, frame->length) != 0) {
		subject_blame(s, "the reply to request %" PRIu64 " is not what "
		    "was sent", frame->id);
		return -1;
	}
	if (frame->flags & BROOD__FLAG_MORE)
		return 0;
	if (frame->length == left)
		return 1;
	subject_blame(s, "the reply to request %" PRIu64 " is %zu bytes short",
	    frame->id, left - frame->length);
	return -1;
}

static int
dialog_hear_part(struct subject *s, uint64_t id, const uint8_t *want,
    size_t *left, bool may_fail)
{
	struct brood__frame frame;
	const uint8_t *payload;
	int r;

	r = subject_recv(s, &frame, &payload);
	if (r == 0)
		subject_blame(s, "it closed its channel without an answer to "
		    "request %" PRIu64, id);
	if (r <= 0)
		return -1;
	if (may_fail && frame.kind == BROOD_KIND_ERROR && frame.id == id)
		return 1;
	if (frame.id != id || (frame.kind != BROOD_KIND_REPLY &&
	    frame.kind != BROOD_KIND_PROGRESS)) {
		dialog_blame_frame(s, &frame, payload);
		return -1;
	}
	r = dialog_judge_part(s, &frame, payload, want, *left);
	if (r == 0 && frame.kind == BROOD_KIND_REPLY)
		*left -= frame.length;
	return r;
}

bool
dialog_hear_reply(struct subject *s, uint64_t id, size_t len, bool may_fail)
{
	uint8_t *want = dialog_payload(len, id);
	size_t left = len;
	int r;

	do {
		r = dialog_hear_part(s, id, want + (len - left), &left,
		    may_fail);
	} while (r == 0);
	free(want);
	return r > 0;
}

bool
dialog_echo(struct subject *s, uint64_t id, size_t len)
{
	struct letter letter = { .bytes = NULL };
	bool is_sent;

	dialog_add_request(&letter, id, len);
	is_sent = subject_send(s, letter.bytes, letter.len);
	letter_fini(&letter);
	return is_sent && dialog_hear_reply(s, id, len, false);
}

bool
dialog_hear_pong(struct subject *s, uint64_t id, const void *want,
    uint32_t len)
{
	struct brood__frame frame;
	const uint8_t *payload;
	int r;

	r = subject_recv(s, &frame, &payload);
	if (r == 0)
		return subject_blame(s, "it closed its channel, not answering "
		    "PING");
	if (r < 0)
		return false;
	if (frame.kind != BROOD_KIND_PONG || frame.id != id)
		return dialog_blame_frame(s, &frame, payload);
	if (frame.length != len || memcmp(payload, want, len) != 0)
		return subject_blame(s, "PONG has another payload than PING");
	return true;
}

/* Endings */

bool
dialog_hang_up(struct subject *s)
{
	if (!subject_await_end(s))
		return false;
	if (WIFSIGNALED(s->status))
		return subject_blame(s, "signal %d ended it",
		    WTERMSIG(s->status));
	return true;
}

bool
dialog_hear_refusal(struct subject *s)
{
	struct brood__frame frame;
	const uint8_t *payload;
	int r;

	do {
		r = subject_recv(s, &frame, &payload);
		if (r > 0 && frame.kind != BROOD_KIND_ERROR)
			return dialog_blame_frame(s, &frame, payload);
	} while (r > 0);
	return r == 0 && dialog_hang_up(s);
}

bool
dialog_hear_farewell(struct subject *s)
{
	struct brood__frame frame;
	const uint8_t *payload;
	int r;

	r = subject_recv(s, &frame, &payload);
	if (r > 0)
		return dialog_blame_frame(s, &frame, payload);
	if (r < 0 || !dialog_hang_up(s))
		return false;
	if (WEXITSTATUS(s->status) != 0)
		return subject_blame(s, "it exited with status %d, not 0",
		    WEXITSTATUS(s->status));
	return true;
}
