/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FRAME_H
#define BROOD__FRAME_H

/*
 * The wire format, version 1: headers and HELLO payloads to bytes and back.
 * Pure: no system call, no allocation, no state.  All numbers little-endian.
 *
 *	offset size field
 *	0      4    length	payload bytes
 *	4      1    kind	enum brood_kind
 *	5      1    flags	of a REPLY 1: MORE; of an ERROR bits 1 and 2: an
 *				enum brood_ran, or 0
 *	6      1    nfds	descriptors attached, 0..BROOD_MAX_FDS
 *	7      1    reserved	0
 *	8      8    id
 *	16     4    code
 *	20     4    timeout_ms	of a REQUEST; otherwise 0
 *
 * Kinds above BROOD_KIND_LINK are of the channel itself, see rings.h; programs
 * neither send nor receive them.
 *
 * HELLO's payload: "BROD", u16 version, u16 zero, u32 features, u32 the largest
 * payload that its sender accepts, then a name in UTF-8.
 */

#include <brood/message.h>

#define BROOD__FRAME_SIZE	24
#define BROOD__HELLO_SIZE	16
#define BROOD__VERSION		1
#define BROOD__NAME_MAX		64	/* what is sent or kept of a name */

/* Offset 4, beside enum brood_kind. */
enum {
	BROOD__KIND_OFFER = 11,		/* u64 ring_bytes; 2 descriptors: the
					   region of its sender, and the one
					   that the receiver writes */
	BROOD__KIND_SWITCH,		/* the next frame is in the ring */
	BROOD__KIND_WAKE,
};

/* Bits of HELLO's features; one who does not know a bit ignores it. */
enum {
	BROOD__FEATURE_RINGS = 1,	/* its sender takes OFFER */
	BROOD__FEATURE_NO_FDS = 2,	/* its sender takes no descriptors */
	/* Three bits: the level that its sender is confined to. */
	BROOD__FEATURE_LEVEL_SHIFT = 8,
	BROOD__FEATURE_LEVEL_MASK = 7,
};

struct brood__frame {
	uint32_t length;
	uint8_t	 kind;
	uint8_t	 flags;
	uint8_t	 nfds;
	uint64_t id;
	uint32_t code;
	uint32_t timeout_ms;
};

enum {
	BROOD__FLAG_MORE = 1,
	BROOD__FLAG_RAN = 6,
	BROOD__FLAG_RAN_SHIFT = 1,
};

struct brood__hello {
	uint16_t version;
	uint32_t features;
	uint32_t max_payload;
	char	 name[BROOD__NAME_MAX + 1];
};

void	brood__frame_encode(uint8_t bytes[BROOD__FRAME_SIZE],
	    const struct brood__frame *frame);

/*
 * Say in words why these bytes are no header of this protocol; NULL if they are
 * one.  The length is not judged: each receiver has a limit of its own.
 */
const char *
	brood__frame_fault(const uint8_t bytes[BROOD__FRAME_SIZE]);

/*
 * Decode and judge a header.
 *
 *   -EMSGSIZE	length is over max_payload
 *   -EPROTO	brood__frame_fault() says what
 */
int	brood__frame_decode(const uint8_t bytes[BROOD__FRAME_SIZE],
	    uint32_t max_payload, struct brood__frame *ret_frame);

/* The message of a frame; its payload and descriptors are borrowed. */
void	brood__frame_give(const struct brood__frame *frame,
	    const void *payload, const int *fds, size_t n_fds,
	    struct brood_message *ret_msg);

/*
 * Encode a HELLO payload, and give its length.  bytes has room for
 * BROOD__HELLO_SIZE + BROOD__NAME_MAX bytes.  A longer name is cut.
 */
size_t	brood__hello_encode(uint8_t *bytes, const struct brood__hello *hello);

/*
 * Decode a HELLO payload.  The name, which ends up on terminals and in logs, is
 * cut to BROOD__NAME_MAX bytes and cleaned as base/text.h says.
 *
 *   -EPROTO	too short, another magic, or a reserved field that is not 0
 *   -EPROTONOSUPPORT	another version; ret_hello->version holds it
 */
int	brood__hello_decode(const uint8_t *bytes, size_t len,
	    struct brood__hello *ret_hello);

#endif
