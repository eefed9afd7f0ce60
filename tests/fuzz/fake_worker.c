/* SPDX-License-Identifier: ISC */

/*
 * The workers that are none; see fake.h.  They can do all that a hostile one
 * can: read, answer rightly or wrongly, send any bytes and descriptors, take
 * the rings that are offered, and write anything there.
 */

#include "fake_worker.h"

#include "wire/fdpass.h"
#include "wire/frame.h"
#include "wire/region.h"

#include <errno.h>
#include <sys/endian.h>
#include <sys/socket.h>
#include <unistd.h>

void
fake_worker_init(struct fake_slot *slot)
{
	slot->fd = slot->ring_fds[0] = slot->ring_fds[1] = -1;
}

void
fake_worker_start(struct fake_slot *slot, int fd)
{
	slot->fd = fd;
	slot->len = 0;
	slot->is_blind = false;
	slot->n_ids = slot->n_answered = 0;
	slot->has_switched = false;
}

static void
worker_close_rings(struct fake_slot *slot)
{
	size_t size = brood__ring_region_size(slot->ring_bytes);

	for (int i = 0; i < 2; i++)
		if (slot->ring_fds[i] >= 0)
			(void)close(slot->ring_fds[i]);
	slot->ring_fds[0] = slot->ring_fds[1] = -1;
	slot->ring = brood__ring_free(slot->ring);
	brood__region_unmap(slot->own, size);
	brood__region_unmap(slot->peer, size);
	slot->own = NULL;
	slot->peer = NULL;
}

void
fake_worker_end(struct fake_slot *slot)
{
	worker_close_rings(slot);
	if (slot->fd >= 0)
		(void)close(slot->fd);
	slot->fd = -1;
}

/* Reading */

static void
worker_remember(struct fake *fake, struct fake_slot *slot,
    const struct brood__frame *frame, const uint8_t *payload)
{
	uint32_t serial;

	if (frame->kind != BROOD_KIND_REQUEST)
		return;
	slot->ids[slot->n_ids++ % FAKE_RUNS] = frame->id;
	if (frame->length < 4 || slot->has_switched)
		return;
	/* The clients of tests/fuzz/front.c send any. */
	serial = le32dec(payload) - 1;
	if (serial < FAKE_SERIALS)
		fake->n_read[serial]++;
}

static void
worker_take_offer(struct fake_slot *slot, const uint8_t *payload, size_t len)
{
	if (len != 8 || slot->ring_fds[1] < 0 || slot->ring != NULL)
		return;
	slot->ring_bytes = (size_t)le64dec(payload);
	FUZZ_ASSERT(brood__region_map(slot->ring_fds[0],
	    brood__ring_region_size(slot->ring_bytes), &slot->peer) == 0);
	FUZZ_ASSERT(brood__region_map_writable(slot->ring_fds[1],
	    brood__ring_region_size(slot->ring_bytes), &slot->own) == 0);
	FUZZ_ASSERT(brood__ring_new(&slot->ring, slot->own, slot->peer,
	    slot->ring_bytes) == 0);
}

/* Frames that are in the buffer whole. */
static void
worker_parse(struct fake *fake, struct fake_slot *slot)
{
	struct brood__frame frame;
	size_t at = 0;

	while (slot->len - at >= BROOD__FRAME_SIZE) {
		FUZZ_ASSERT(brood__frame_decode(slot->buf + at, UINT32_MAX,
		    &frame) == 0);
		if (BROOD__FRAME_SIZE + frame.length > sizeof(slot->buf)) {
			slot->is_blind = true;
			return;
		}
		if (slot->len - at < BROOD__FRAME_SIZE + frame.length)
			break;
		if (frame.kind == BROOD__KIND_OFFER)
			worker_take_offer(slot, slot->buf + at +
			    BROOD__FRAME_SIZE, frame.length);
		else
			worker_remember(fake, slot, &frame, slot->buf + at +
			    BROOD__FRAME_SIZE);
		at += BROOD__FRAME_SIZE + frame.length;
	}
	slot->len -= at;
	memmove(slot->buf, slot->buf + at, slot->len);
}

static void
worker_read(struct fake *fake, struct fake_slot *slot, size_t max)
{
	int fds[BROOD_MAX_FDS];
	size_t n_fds = 0, room = sizeof(slot->buf) - slot->len;
	bool is_lost;
	ssize_t n;

	if (slot->is_blind)
		slot->len = 0, room = sizeof(slot->buf);
	n = brood__fdpass_recv(slot->fd, slot->buf + slot->len,
	    max < room ? max : room, fds, BROOD_MAX_FDS, &n_fds, &is_lost,
	    MSG_DONTWAIT);
	if (n <= 0)
		return;
	for (size_t i = 0; i < n_fds; i++)
		if (n_fds == 2 && slot->ring_fds[i] < 0 && slot->ring == NULL)
			slot->ring_fds[i] = fds[i];
		else
			(void)close(fds[i]);
	slot->len += (size_t)n;
	if (!slot->is_blind)
		worker_parse(fake, slot);
}

/* Answering */

static uint64_t
worker_id(struct fake *fake, const struct fake_slot *slot)
{
	uint8_t c = fuzz_u8(fake->fuzz);
	unsigned n = slot->n_ids < FAKE_RUNS ? slot->n_ids : FAKE_RUNS;

	if (c == 0xff || n == 0)
		return fuzz_number(fake->fuzz);
	/* The oldest of those that were not answered, mostly. */
	return slot->ids[c % n];
}

static uint8_t
worker_kind(uint8_t c)
{
	static const uint8_t kinds[] = {
		BROOD_KIND_REPLY, BROOD_KIND_REPLY, BROOD_KIND_ERROR,
		BROOD_KIND_PROGRESS,
	};

	return kinds[c % 4];
}

/* By the ring; len need not be what the header says. */
static void
worker_put(struct fake_slot *slot, const struct brood__frame *frame,
    size_t len)
{
	static uint8_t payload[1 << 16];
	uint8_t bytes[BROOD__FRAME_SIZE];

	brood__frame_encode(bytes, frame);
	memcpy(payload, &frame->id, sizeof(frame->id));
	if (brood__ring_put(slot->ring, bytes, payload, len) < 0)
		return;
	if (brood__ring_publish(slot->ring))
		fake_send(slot->fd, BROOD__KIND_WAKE, 0, 0, 0, 0, 0);
}

static void
worker_answer(struct fake *fake, struct fake_slot *slot)
{
	uint8_t c = fuzz_u8(fake->fuzz), kind = worker_kind(c);
	uint64_t id = worker_id(fake, slot);
	uint8_t flags = kind == BROOD_KIND_REPLY ? c / 4 % 4 == 3 :
	    kind == BROOD_KIND_ERROR ? c / 4 % 4 * 2 : 0;
	uint32_t len = c & 0x80 ? (uint32_t)fuzz_u16(fake->fuzz) :
	    c & 0x40 ? fuzz_u8(fake->fuzz) : 8;
	struct brood__frame frame = {
		.kind = kind,
		.flags = flags,
		.id = id,
	};

	/* Parts are joined: their beginning is to be an id. */
	if (len < 8)
		len = 8;
	if (!(flags & BROOD__FLAG_MORE) && kind != BROOD_KIND_PROGRESS &&
	    slot->n_answered < slot->n_ids &&
	    id == slot->ids[slot->n_answered % FAKE_RUNS])
		slot->n_answered++;
	if (!slot->has_switched || c & 0x20) {
		fake_send(slot->fd, kind, flags, id, c, len,
		    (c & 0x3c) == 0x3c ? 1 : 0);
		return;
	}
	frame.length = len;
	/* What the header says need not be what is there. */
	if ((c & 0x18) == 0x18 && fuzz_u8(fake->fuzz) & 1) {
		frame.length = (uint32_t)fuzz_number(fake->fuzz);
		fake->is_raw = true;
	}
	worker_put(slot, &frame, len);
}

/* What a good worker does: it answers what it has read, in order. */
static void
worker_serve(struct fake_slot *slot)
{
	struct brood__frame frame = { .kind = BROOD_KIND_REPLY, .length = 8 };

	for (; slot->n_answered < slot->n_ids; slot->n_answered++) {
		frame.id = slot->ids[slot->n_answered % FAKE_RUNS];
		if (slot->has_switched)
			worker_put(slot, &frame, 8);
		else
			fake_send(slot->fd, frame.kind, 0, frame.id, 0, 8, 0);
	}
}

static void
worker_send_fields(struct fake *fake, struct fake_slot *slot)
{
	uint8_t kind = fuzz_u8(fake->fuzz) % 16, flags = fuzz_u8(fake->fuzz);
	uint64_t id = worker_id(fake, slot);
	uint32_t code = fuzz_u8(fake->fuzz);
	uint32_t len = (uint32_t)fuzz_number(fake->fuzz);

	fake->is_raw = fake->is_raw || len < 8;
	fake_send(slot->fd, kind, flags % 8, id, code, len, flags / 64);
}

static void
worker_send_raw(struct fake *fake, struct fake_slot *slot)
{
	int fds[3] = { 0 }, n_fds = fuzz_u8(fake->fuzz) / 64;
	size_t len;
	const uint8_t *bytes = fuzz_bytes(fake->fuzz, 255, &len);
	struct iovec iov = { (void *)(uintptr_t)bytes, len };

	fake->is_raw = true;
	if (len > 0)
		(void)brood__fdpass_send(slot->fd, &iov, 1, fds,
		    (size_t)n_fds, MSG_DONTWAIT);
}

/* Rings */

static void
worker_switch(struct fake *fake, struct fake_slot *slot)
{
	if (slot->ring == NULL || slot->has_switched)
		return;
	(void)fake;
	brood__ring_set_begun(slot->ring, 0);
	fake_send(slot->fd, BROOD__KIND_SWITCH, 0, 0, 0, 0, 0);
	slot->has_switched = true;
}

static void
worker_read_ring(struct fake *fake, struct fake_slot *slot)
{
	uint8_t header[BROOD__FRAME_SIZE];
	struct brood__frame frame;
	const uint8_t *payload;
	bool wakes;

	if (!slot->has_switched || brood__ring_peek(slot->ring, header,
	    &payload, &wakes) != BROOD__RING_FRAME)
		return;
	/* The host writes what is right, whatever this side does. */
	FUZZ_ASSERT(brood__frame_decode(header, UINT32_MAX, &frame) == 0);
	worker_remember(fake, slot, &frame, payload);
	brood__ring_take(slot->ring);
	if (wakes)
		fake_send(slot->fd, BROOD__KIND_WAKE, 0, 0, 0, 0, 0);
	(void)brood__ring_fall_asleep(slot->ring);
}

/* The words of a region, and the frames: ring.c says where they are. */
static void
worker_poke(struct fake *fake, struct fake_slot *slot)
{
	static const uint8_t words[] = { 0, 64, 128, 136, 192, 200 };
	uint8_t c = fuzz_u8(fake->fuzz), *at;
	uint64_t value, old;

	if (slot->own == NULL)
		return;
	fake->is_raw = true;
	at = slot->own;
	if (c & 0x80)
		at += 4096 + fuzz_u8(fake->fuzz) * 4;
	else
		at += words[c % sizeof(words)];
	memcpy(&old, at, sizeof(old));
	value = c & 0x40 ? old + fuzz_u8(fake->fuzz) * UINT64_C(8) :
	    fuzz_number(fake->fuzz);
	memcpy(at, &value, sizeof(value));
	/* begun is believed with its complement only. */
	if (at == (uint8_t *)slot->own + 192 && c & 0x20) {
		value = ~value;
		memcpy(at + 8, &value, sizeof(value));
	}
}

static void
worker_put_mark(struct fake_slot *slot)
{
	if (slot->has_switched && brood__ring_put_mark(slot->ring) == 0)
		(void)brood__ring_publish(slot->ring);
}

static void
worker_shut(struct fake *fake, struct fake_slot *slot)
{
	uint8_t c = fuzz_u8(fake->fuzz);

	if (c % 4 == 3) {
		(void)close(slot->fd);
		slot->fd = -1;
	} else
		(void)shutdown(slot->fd, c % 4);
}

void
fake_worker_act(struct fake *fake, struct fake_slot *slot)
{
	uint8_t c = fuzz_u8(fake->fuzz);

	if (slot->fd < 0)
		return;
	switch (c % 16) {
	default:
		worker_read(fake, slot, sizeof(slot->buf));
		worker_switch(fake, slot);
		worker_read_ring(fake, slot);
		if (c & 0x40)
			worker_serve(slot);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		worker_answer(fake, slot);
		break;
	case 5:
		worker_send_fields(fake, slot);
		break;
	case 6:
		worker_send_raw(fake, slot);
		break;
	case 7:
		worker_read(fake, slot, 1 + (size_t)fuzz_u8(fake->fuzz));
		break;
	case 8:
		worker_read_ring(fake, slot);
		break;
	case 9:
	case 10:
		worker_poke(fake, slot);
		break;
	case 11:
		worker_put_mark(slot);
		break;
	case 12:
		worker_shut(fake, slot);
		break;
	}
}
