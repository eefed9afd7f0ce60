/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_RING_PAIR_H
#define BROOD_TESTS_RING_PAIR_H

/*
 * Two ends of a pair of rings in one process, over plain memory of the exact
 * size: with AddressSanitizer a look outside of it is an error.
 *
 * The places of the words are those of the essay in ring.c, written down again
 * here.
 */

#include "support/support.h"
#include "wire/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/endian.h>

enum {
	SIZE = BROOD__RING_MIN,
	LONGEST = SIZE / 4,		/* payload */
	QUARTER = SIZE / 4 - BROOD__FRAME_SIZE,	/* the payload of an entry
					   that is a quarter */
	HOT = 16 << 10,
	KIND = 3,
	PAD = 14,
	MARK = 15,
};

/* Offsets in a region. */
enum {
	TAIL = 0,
	HEAD = 64,
	ASLEEP = 128,
	BEGUN = 192,
	NOT_BEGUN = 200,
	RING = 4096,
};

/* Frames go from the writer to the reader. */
struct pair {
	uint8_t *from_writer;		/* its region */
	uint8_t *from_reader;
	struct brood__ring *writer;
	struct brood__ring *reader;
	unsigned n_wakes;		/* of the writer, by the reader's looks */
};

static inline uint8_t *
region_new(void)
{
	size_t size = brood__ring_region_size(SIZE);
	uint8_t *region = aligned_alloc(RING, size);

	cr_assert_not_null(region);
	memset(region, 0, size);
	return region;
}

static inline struct pair
pair_new(void)
{
	struct pair pair = {
		.from_writer = region_new(),
		.from_reader = region_new(),
	};

	cr_assert_eq(brood__ring_new(&pair.writer, pair.from_writer,
	    pair.from_reader, SIZE), 0);
	cr_assert_eq(brood__ring_new(&pair.reader, pair.from_reader,
	    pair.from_writer, SIZE), 0);
	return pair;
}

static inline void
pair_free(struct pair *pair)
{
	cr_assert_null(brood__ring_free(pair->writer));
	cr_assert_null(brood__ring_free(pair->reader));
	free(pair->from_writer);
	free(pair->from_reader);
}

/* Write a word of a region as a hostile process would. */
static inline void
set_word(uint8_t *region, size_t offset, uint64_t value)
{
	memcpy(region + offset, &value, sizeof(value));
}

static inline uint64_t
word(const uint8_t *region, size_t offset)
{
	uint64_t value;

	memcpy(&value, region + offset, sizeof(value));
	return value;
}

/* The frame number id: its header tells length and number. */
static inline void
encode(uint8_t header[BROOD__FRAME_SIZE], uint64_t id, size_t len,
    uint8_t kind)
{
	memset(header, 0, BROOD__FRAME_SIZE);
	le32enc(header, (uint32_t)len);
	header[4] = kind;
	le64enc(header + 8, id);
}

/* Byte i of the payload of frame number id. */
static inline uint8_t
payload_byte(uint64_t id, size_t i)
{
	return (uint8_t)(id * 131 + i * 7 + (i >> 8));
}

static inline int
put(struct pair *pair, uint64_t id, size_t len)
{
	uint8_t header[BROOD__FRAME_SIZE], payload[LONGEST];

	encode(header, id, len, KIND);
	for (size_t i = 0; i < len; i++)
		payload[i] = payload_byte(id, i);
	return brood__ring_put(pair->writer, header, payload, len);
}

static inline void
send_one(struct pair *pair, uint64_t id, size_t len)
{
	cr_assert_eq(put(pair, id, len), 0);
	(void)brood__ring_publish(pair->writer);
}

static inline bool
is_payload(const uint8_t *payload, uint64_t id, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (payload[i] != payload_byte(id, i))
			return false;
	return true;
}

static inline int
peek(struct pair *pair, uint8_t header[BROOD__FRAME_SIZE],
    const uint8_t **ret_payload)
{
	bool wakes = true;
	int r = brood__ring_peek(pair->reader, header, ret_payload, &wakes);

	pair->n_wakes += wakes;
	return r;
}

/* Only look. */
static inline int
look(struct pair *pair)
{
	uint8_t header[BROOD__FRAME_SIZE];
	const uint8_t *payload;

	return peek(pair, header, &payload);
}

/* The next frame is this one, in one piece.  Take it; gives its payload. */
static inline const uint8_t *
take(struct pair *pair, uint64_t id, size_t len)
{
	const uint8_t *ring = pair->from_writer + RING, *payload = NULL;
	uint8_t header[BROOD__FRAME_SIZE];

	cr_assert_eq(peek(pair, header, &payload), BROOD__RING_FRAME);
	cr_assert_eq(le64dec(header + 8), id);
	cr_assert_eq(le32dec(header), len);
	cr_assert(payload >= ring + BROOD__FRAME_SIZE &&
	    payload + len <= ring + SIZE, "the frame is split");
	cr_assert(is_payload(payload, id, len), "frame %ju is spoiled",
	    (uintmax_t)id);
	brood__ring_take(pair->reader);
	return payload;
}

/* Put until nothing more fits; gives the number of frames. */
static inline uint64_t
fill(struct pair *pair, uint64_t id, size_t len)
{
	uint64_t n = 0;
	int r;

	while ((r = put(pair, id + n, len)) == 0)
		n++;
	cr_assert_eq(r, -EAGAIN);
	(void)brood__ring_publish(pair->writer);
	return n;
}

/*
 * Bring both ends to `rest' bytes in front of the end of the ring: with frames
 * that were not read, so that the writer does not start again before it.
 */
static inline void
go_to_rest(struct pair *pair, size_t rest)
{
	size_t sizes[4] = { SIZE / 4, SIZE / 4, SIZE / 4, SIZE / 4 - rest };

	for (uint64_t i = 0; i < 4; i++)
		send_one(pair, i, sizes[i] - BROOD__FRAME_SIZE);
	for (uint64_t i = 0; i < 4; i++)
		(void)take(pair, i, sizes[i] - BROOD__FRAME_SIZE);
	cr_assert_eq(look(pair), BROOD__RING_NOTHING);
}

static inline bool
is_ahead(const struct pair *pair, uint64_t id)
{
	return brood__ring_look_ahead(pair->reader, KIND, id);
}

/* Three frames of 104 bytes are there; one was taken. */
static inline struct pair
pair_in_use(void)
{
	struct pair pair = pair_new();

	for (uint64_t id = 1; id <= 3; id++)
		send_one(&pair, id, 104);
	(void)take(&pair, 1, 104);
	cr_assert_eq(look(&pair), BROOD__RING_FRAME);
	return pair;
}

#endif
