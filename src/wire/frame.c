/* SPDX-License-Identifier: ISC */
/*
 * Headers and HELLO payloads, to bytes and back.
 *
 * Owns the layout of both, and the rules by which bytes are one of them or not.
 * Knows nothing of sockets, of what came before on a channel, or of what is to
 * be done with a kind.
 *
 * Invariants: a header that is accepted encodes to the bytes that it was
 * decoded from.  No input makes a decoder read past the length that it was
 * given.  On error nothing is written but what frame.h names.
 */

#include "base/export.h"
#include "base/text.h"
#include "wire/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/endian.h>

enum {
	OFFSET_LENGTH = 0,
	OFFSET_KIND = 4,
	OFFSET_FLAGS = 5,
	OFFSET_NFDS = 6,
	OFFSET_RESERVED = 7,
	OFFSET_ID = 8,
	OFFSET_CODE = 16,
	OFFSET_TIMEOUT = 20,
};

enum {
	OFFSET_MAGIC = 0,
	OFFSET_VERSION = 4,
	OFFSET_ZERO = 6,
	OFFSET_FEATURES = 8,
	OFFSET_MAX_PAYLOAD = 12,
	OFFSET_NAME = BROOD__HELLO_SIZE,
};

static const uint8_t frame_magic[4] = { 'B', 'R', 'O', 'D' };

void
brood__frame_encode(uint8_t bytes[BROOD__FRAME_SIZE],
    const struct brood__frame *frame)
{
	le32enc(bytes + OFFSET_LENGTH, frame->length);
	bytes[OFFSET_KIND] = frame->kind;
	bytes[OFFSET_FLAGS] = frame->flags;
	bytes[OFFSET_NFDS] = frame->nfds;
	bytes[OFFSET_RESERVED] = 0;
	le64enc(bytes + OFFSET_ID, frame->id);
	le32enc(bytes + OFFSET_CODE, frame->code);
	le32enc(bytes + OFFSET_TIMEOUT, frame->timeout_ms);
}

const char *
brood__frame_fault(const uint8_t bytes[BROOD__FRAME_SIZE])
{
	uint8_t kind = bytes[OFFSET_KIND], flags = bytes[OFFSET_FLAGS];

	if (kind < BROOD_KIND_HELLO || kind > BROOD__KIND_WAKE)
		return "an unknown kind";
	if (flags & ~(BROOD__FLAG_MORE | BROOD__FLAG_RAN))
		return "an unknown flag";
	if ((flags & BROOD__FLAG_MORE) && kind != BROOD_KIND_REPLY)
		return "MORE on what is no REPLY";
	if ((flags & BROOD__FLAG_RAN) && kind != BROOD_KIND_ERROR)
		return "whether it ran on what is no ERROR";
	if (bytes[OFFSET_NFDS] > BROOD_MAX_FDS)
		return "more descriptors than a message can carry";
	if (bytes[OFFSET_RESERVED] != 0)
		return "a reserved byte that is not 0";
	if (le32dec(bytes + OFFSET_TIMEOUT) != 0 && kind != BROOD_KIND_REQUEST)
		return "a timeout on what is no REQUEST";
	return NULL;
}

/*
 * Bytes that are no header give -EPROTO, whatever their length field says.
 * -EMSGSIZE means that the peer speaks the protocol and has announced a payload
 * that is too long.
 */
int
brood__frame_decode(const uint8_t bytes[BROOD__FRAME_SIZE],
    uint32_t max_payload, struct brood__frame *ret_frame)
{
	struct brood__frame frame = {
		.length = le32dec(bytes + OFFSET_LENGTH),
		.kind = bytes[OFFSET_KIND],
		.flags = bytes[OFFSET_FLAGS],
		.nfds = bytes[OFFSET_NFDS],
		.id = le64dec(bytes + OFFSET_ID),
		.code = le32dec(bytes + OFFSET_CODE),
		.timeout_ms = le32dec(bytes + OFFSET_TIMEOUT),
	};

	if (brood__frame_fault(bytes) != NULL)
		return -EPROTO;
	if (frame.length > max_payload)
		return -EMSGSIZE;
	*ret_frame = frame;
	return 0;
}

void
brood__frame_give(const struct brood__frame *frame, const void *payload,
    const int *fds, size_t n_fds, struct brood_message *ret_msg)
{
	*ret_msg = (struct brood_message) {
		.data = payload,
		.len = frame->length,
		.fds = fds,
		.n_fds = n_fds,
		.id = frame->id,
		.kind = frame->kind,
		.code = frame->code,
		.expire_ms = frame->timeout_ms,
		.more = frame->flags & BROOD__FLAG_MORE,
		.ran = (frame->flags & BROOD__FLAG_RAN) >>
		    BROOD__FLAG_RAN_SHIFT,
	};
}

size_t
brood__hello_encode(uint8_t *bytes, const struct brood__hello *hello)
{
	size_t len = strnlen(hello->name, BROOD__NAME_MAX);

	memcpy(bytes + OFFSET_MAGIC, frame_magic, sizeof(frame_magic));
	le16enc(bytes + OFFSET_VERSION, hello->version);
	le16enc(bytes + OFFSET_ZERO, 0);
	le32enc(bytes + OFFSET_FEATURES, hello->features);
	le32enc(bytes + OFFSET_MAX_PAYLOAD, hello->max_payload);
	memcpy(bytes + OFFSET_NAME, hello->name, len);
	return BROOD__HELLO_SIZE + len;
}

/*
 * The version is judged first.  Another version may have other fields behind
 * it, and then the error must be that the versions differ.
 */
int
brood__hello_decode(const uint8_t *bytes, size_t len,
    struct brood__hello *ret_hello)
{
	uint16_t version;

	if (len < BROOD__HELLO_SIZE)
		return -EPROTO;
	if (memcmp(bytes + OFFSET_MAGIC, frame_magic, sizeof(frame_magic)) != 0)
		return -EPROTO;
	version = le16dec(bytes + OFFSET_VERSION);
	if (version != BROOD__VERSION) {
		ret_hello->version = version;
		return -EPROTONOSUPPORT;
	}
	if (le16dec(bytes + OFFSET_ZERO) != 0)
		return -EPROTO;
	ret_hello->version = version;
	ret_hello->features = le32dec(bytes + OFFSET_FEATURES);
	ret_hello->max_payload = le32dec(bytes + OFFSET_MAX_PAYLOAD);
	(void)brood__text_copy(ret_hello->name, sizeof(ret_hello->name),
	    bytes + OFFSET_NAME, len - OFFSET_NAME);
	return 0;
}

/* Words for numbers */

BROOD_PUBLIC const char *
brood_error_name(uint32_t error)
{
	static const char *const names[] = {
		[BROOD_ERROR_FAILED] = "failed",
		[BROOD_ERROR_NO_METHOD] = "no such method",
		[BROOD_ERROR_TOO_LARGE] = "too large",
		[BROOD_ERROR_NO_CAPACITY] = "no capacity",
		[BROOD_ERROR_EXPIRED] = "expired",
		[BROOD_ERROR_CANCELED] = "canceled",
		[BROOD_ERROR_CRASHED] = "crashed",
		[BROOD_ERROR_STOPPING] = "stopping",
		[BROOD_ERROR_VERSION] = "version",
		[BROOD_ERROR_PROTOCOL] = "protocol",
		[BROOD_ERROR_NOT_ALLOWED] = "not allowed",
	};

	if (error < sizeof(names) / sizeof(names[0]) && names[error] != NULL)
		return names[error];
	return "unknown";
}

BROOD_PUBLIC const char *
brood_ran_name(uint32_t ran)
{
	switch ((enum brood_ran)ran) {
	case BROOD_NOT_RUN:
		return "not run";
	case BROOD_MAY_HAVE_RUN:
		return "may have run";
	case BROOD_RAN:
		return "ran";
	}
	return "unknown";
}
