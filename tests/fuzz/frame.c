/* SPDX-License-Identifier: ISC */

/*
 * The codec: headers and HELLO payloads, built of fields and of raw bytes.
 *
 * Besides memory it shows that a header is accepted exactly when the protocol
 * says so, by rules that are written here once more; that what is accepted
 * encodes to the same bytes; and that a name is fit to be printed.
 */

#include "fuzz.h"

#include "wire/frame.h"

#include <errno.h>

/* brood-protocol(7), in the order of the bytes. */
static bool
frame_is_good(const uint8_t *bytes)
{
	bool has_time = false;

	for (int i = 20; i < 24; i++)
		has_time |= bytes[i] != 0;
	if (bytes[4] == 0 || bytes[4] > 13 || bytes[6] > 253 || bytes[7] != 0)
		return false;
	if (has_time && bytes[4] != 2)
		return false;
	switch (bytes[4]) {
	case 3:
		return bytes[5] <= 1;
	case 4:
		return bytes[5] % 2 == 0 && bytes[5] <= 6;
	default:
		return bytes[5] == 0;
	}
}

static void
frame_check(const uint8_t bytes[BROOD__FRAME_SIZE], uint32_t max)
{
	uint8_t again[BROOD__FRAME_SIZE];
	struct brood__frame frame;
	struct brood_message msg;
	int r = brood__frame_decode(bytes, max, &frame);
	uint32_t length = bytes[0] | (uint32_t)bytes[1] << 8 |
	    (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;

	FUZZ_ASSERT(frame_is_good(bytes) ==
	    (brood__frame_fault(bytes) == NULL));
	FUZZ_ASSERT(r == (!frame_is_good(bytes) ? -EPROTO :
	    length > max ? -EMSGSIZE : 0));
	if (r < 0)
		return;
	FUZZ_ASSERT(frame.length == length);
	brood__frame_encode(again, &frame);
	FUZZ_ASSERT(memcmp(again, bytes, sizeof(again)) == 0);
	brood__frame_give(&frame, bytes, NULL, 0, &msg);
	FUZZ_ASSERT(msg.len == frame.length && msg.id == frame.id &&
	    msg.more <= 1 && msg.ran <= BROOD_RAN && msg.kind == frame.kind);
}

static void
frame_check_fields(struct fuzz *fuzz)
{
	struct brood__frame frame, again;
	uint8_t bytes[BROOD__FRAME_SIZE];

	frame.kind = fuzz_u8(fuzz) % 16;
	frame.flags = fuzz_u8(fuzz) % 16;
	frame.nfds = fuzz_u8(fuzz);
	frame.length = (uint32_t)fuzz_number(fuzz);
	frame.id = fuzz_number(fuzz);
	frame.code = (uint32_t)fuzz_number(fuzz);
	frame.timeout_ms = (uint32_t)fuzz_number(fuzz);
	brood__frame_encode(bytes, &frame);
	bytes[7] = fuzz_u8(fuzz) / 255;
	frame_check(bytes, (uint32_t)fuzz_number(fuzz));
	if (brood__frame_decode(bytes, UINT32_MAX, &again) == 0)
		FUZZ_ASSERT(again.length == frame.length &&
		    again.kind == frame.kind && again.flags == frame.flags &&
		    again.nfds == frame.nfds && again.id == frame.id &&
		    again.code == frame.code &&
		    again.timeout_ms == frame.timeout_ms);
}

/* Nothing in it moves a cursor. */
static void
frame_check_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		FUZZ_ASSERT((uint8_t)*p >= 0x20 && *p != 0x7f &&
		    !((uint8_t)p[0] == 0xc2 && (uint8_t)p[1] >= 0x80 &&
		    (uint8_t)p[1] < 0xa0));
}

static void
frame_check_hello(const uint8_t *bytes, size_t len)
{
	uint8_t again[BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__hello hello, second;
	size_t n;
	int r = brood__hello_decode(bytes, len, &hello);

	FUZZ_ASSERT(r == 0 || r == -EPROTO || r == -EPROTONOSUPPORT);
	if (r < 0)
		return;
	FUZZ_ASSERT(hello.version == BROOD__VERSION);
	FUZZ_ASSERT(memchr(hello.name, 0, sizeof(hello.name)) != NULL);
	frame_check_name(hello.name);
	n = brood__hello_encode(again, &hello);
	FUZZ_ASSERT(n <= sizeof(again) &&
	    memcmp(again, bytes, BROOD__HELLO_SIZE) == 0);
	FUZZ_ASSERT(brood__hello_decode(again, n, &second) == 0);
	FUZZ_ASSERT(second.version == hello.version &&
	    second.features == hello.features &&
	    second.max_payload == hello.max_payload &&
	    strcmp(second.name, hello.name) == 0);
}

/* A HELLO that is nearly right. */
static void
frame_check_hello_fields(struct fuzz *fuzz)
{
	uint8_t bytes[BROOD__HELLO_SIZE + 255] = "BROD\1";
	const uint8_t *name;
	size_t len, at = fuzz_u8(fuzz);

	for (int i = 8; i < BROOD__HELLO_SIZE; i++)
		bytes[i] = fuzz_u8(fuzz);
	name = fuzz_bytes(fuzz, 255, &len);
	memcpy(bytes + BROOD__HELLO_SIZE, name, len);
	if (at < 8)
		bytes[at] = fuzz_u8(fuzz);
	frame_check_hello(bytes, at == 255 ? len : BROOD__HELLO_SIZE + len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = { data, size };
	uint8_t bytes[BROOD__FRAME_SIZE];
	const uint8_t *payload;
	size_t len;

	do {
		switch (fuzz_u8(&fuzz) % 4) {
		case 0:
			frame_check_fields(&fuzz);
			break;
		case 1:
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = fuzz_u8(&fuzz);
			frame_check(bytes, UINT32_MAX);
			break;
		case 2:
			frame_check_hello_fields(&fuzz);
			break;
		default:
			payload = fuzz_bytes(&fuzz, 255, &len);
			frame_check_hello(payload, len);
			break;
		}
	} while (!fuzz_is_over(&fuzz));
	return 0;
}
