/* SPDX-License-Identifier: ISC */

/*
 * What no host may send.  After any of it a worker must end: not answer, not
 * hang, not crash.  It has answered a request before, and another follows in
 * the same breath, which it must not take.
 */

#include "command/conformance/script.h"
#include "command/conformance/violations.h"

static enum verdict
breach_verdict(bool is_ok)
{
	return is_ok ? CASE_OK : CASE_NOT_OK;
}

static enum verdict
breach_bytes(struct subject *s, const uint8_t *bytes)
{
	struct letter letter = { .bytes = NULL };
	bool is_ok;

	dialog_add_request(&letter, 2, 10);
	is_ok = dialog_open(s) && dialog_echo(s, 1, 10) &&
	    subject_send(s, bytes, BROOD__FRAME_SIZE) &&
	    subject_send(s, letter.bytes, letter.len) &&
	    dialog_hear_refusal(s);
	letter_fini(&letter);
	return breach_verdict(is_ok);
}

enum verdict
breach_kind(struct subject *s, uint32_t kind)
{
	struct brood__frame frame = { .kind = (uint8_t)kind };
	uint8_t bytes[BROOD__FRAME_SIZE];

	brood__frame_encode(bytes, &frame);
	return breach_bytes(s, bytes);
}

enum verdict
breach_flags(struct subject *s, uint32_t flags)
{
	struct brood__frame frame = { .kind = BROOD_KIND_REQUEST, .id = 9,
	    .flags = (uint8_t)flags };
	uint8_t bytes[BROOD__FRAME_SIZE];

	brood__frame_encode(bytes, &frame);
	return breach_bytes(s, bytes);
}

enum verdict
breach_reserved(struct subject *s, uint32_t value)
{
	struct brood__frame frame = { .kind = BROOD_KIND_REQUEST, .id = 9 };
	uint8_t bytes[BROOD__FRAME_SIZE];

	brood__frame_encode(bytes, &frame);
	bytes[7] = (uint8_t)value;	/* no name: nothing else writes it */
	return breach_bytes(s, bytes);
}

enum verdict
breach_timeout(struct subject *s, uint32_t timeout_ms)
{
	struct brood__frame frame = { .kind = BROOD_KIND_PING, .id = 9,
	    .timeout_ms = timeout_ms };
	uint8_t bytes[BROOD__FRAME_SIZE];

	brood__frame_encode(bytes, &frame);
	return breach_bytes(s, bytes);
}

enum verdict
breach_version(struct subject *s, uint32_t version)
{
	return breach_verdict(dialog_hear_hello(s) &&
	    dialog_say_hello(s, "BROD", (uint16_t)version) &&
	    dialog_hear_refusal(s));
}

enum verdict
breach_magic(struct subject *s, uint32_t unused)
{
	(void)unused;
	return breach_verdict(dialog_hear_hello(s) &&
	    dialog_say_hello(s, "HTTP", BROOD__VERSION) &&
	    dialog_hear_refusal(s));
}

/* This many are announced and none comes. */
enum verdict
breach_nfds(struct subject *s, uint32_t nfds)
{
	struct brood__frame frame = { .kind = BROOD_KIND_REQUEST, .id = 9,
	    .nfds = (uint8_t)nfds };
	uint8_t bytes[BROOD__FRAME_SIZE];

	brood__frame_encode(bytes, &frame);
	return breach_bytes(s, bytes);
}
