/* SPDX-License-Identifier: ISC */

/*
 * Frames through shared memory, without a system call as long as both sides are
 * awake.
 *
 * FORMAT
 *
 * There are two regions of memory.  Each is written by one process and only
 * read by the other; the kernel sees to that (region.h).  A region has a page
 * of words, and a ring: the frames that its writer sends.
 *
 *	offset	what its writer says there
 *	0	tail	end of the frames that it has published
 *	64	head	how far it has taken the frames of the other region
 *	128	asleep	not 0: it sleeps, and wants to be woken by frames
 *	136	full	not 0: it waits, and wants to be woken by room
 *	192	begun	see brood__ring_set_begun()
 *	200		the complement of begun
 *	4096	the ring, of a power of two bytes
 *
 * Words that are written at different times are in cache lines of their own.
 *
 * Positions in a ring are 64 bits wide and only grow, so that a position is a
 * place and a lap at the same time, and never repeats.  The place is position
 * modulo size.  At each position between head and tail there is
 *
 *	- a frame: the 24 bytes of frame.h, the payload, and up to 7 bytes to
 *	  the next multiple of 8;
 *	- a mark, 24 bytes with kind ENTRY_MARK: the frame whose turn it is
 *	  comes in another way;
 *	- a pad, kind ENTRY_PAD: go on at the start of the ring.  If fewer than
 *	  24 bytes are left in front of the end, they are a pad too.
 *
 * A frame is never split: it can be used where it is.  So a writer pads when a
 * frame does not fit in front of the end.  It also pads as soon as it is beyond
 * RING_HOT bytes and the start of the ring is free: then small frames stay in a
 * few pages, which the processors' caches hold, and an idle ring has no more
 * memory than that.
 *
 * ALGORITHM
 *
 * The writer copies a frame to its tail, which is a private variable, and then
 * publishes: it stores the tail into its region.  The store is a release, the
 * reader's load an acquire, so the reader sees the frame when it sees the tail.
 * The reader stores the head when it needs a frame no more; the writer takes
 * only room that the reader has given back.  These two are a pair of release
 * and acquire also: the reader's last look at a frame is before the writer's
 * next use of that room.
 *
 * Sleep.  An end that finds nothing says in `asleep' that it falls asleep,
 * looks once more, and sleeps in poll(2) or recv(2) of a socket, which the
 * caller does.  An end that has published looks at the peer's `asleep' and has
 * the caller send a message if it is set.  Each side stores, then loads what
 * the other stores:
 *
 *	the sleeper	asleep = epoch; FENCE; look at tail
 *	the waker	tail = ...;     FENCE; look at asleep
 *
 * Without both fences, each side's load may be done before its own store is
 * seen by the other: then the sleeper sees no frame, the waker sees nobody
 * asleep, and both wait for ever.  Release and acquire do not prevent that, on
 * x86 neither; only a sequentially consistent fence does.
 *
 * The value of `asleep' is the number of this sleep, so the waker wakes once
 * for each; who is awake again says 0.  `full' works the same way with room in
 * the place of frames: the sleeper looks at head, and the waker has stored
 * head.
 *
 * TRUST
 *
 * Own positions are private variables; what stands in the own region is only a
 * copy for the peer.  A word of the peer is loaded once, into a variable, and
 * judged there.  A tail may only grow, by no more than the ring; a head may
 * only grow, and not beyond what was published; both are multiples of 8.  A
 * frame lies between head and tail and in front of the end of the ring.  A
 * header is copied before it is looked at, because it can change meanwhile.
 * Anything else is -EPROTO and never "nothing there", which would hang.
 */

#include "wire/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/endian.h>

enum {
	RING_WORDS = 4096,	/* bytes of the page of words */
	RING_HOT = 16 << 10,
	RING_PARTS = 4,		/* a payload is at most this part of the ring */
	ENTRY_PAD = 14,		/* kinds, see frame.h */
	ENTRY_MARK = 15,
	ENTRY_KIND = 4,		/* where the kind is in a header */
};

struct ring_words {
	_Alignas(64) _Atomic uint64_t tail;
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t asleep;
	_Atomic uint64_t full;
	_Alignas(64) _Atomic uint64_t begun;
	_Atomic uint64_t not_begun;
};

_Static_assert(offsetof(struct ring_words, tail) == 0 &&
    offsetof(struct ring_words, head) == 64 &&
    offsetof(struct ring_words, asleep) == 128 &&
    offsetof(struct ring_words, full) == 136 &&
    offsetof(struct ring_words, begun) == 192 &&
    offsetof(struct ring_words, not_begun) == 200 &&
    sizeof(struct ring_words) <= RING_WORDS, "the format above");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
    "a lock would be in one process only");

struct brood__ring {
	struct ring_words *own;
	const struct ring_words *peer;
	uint8_t *out;			/* the own ring */
	const uint8_t *in;		/* the peer's */
	uint64_t size;

	/* Writing */
	uint64_t tail;
	uint64_t published;		/* tail, as the peer knows it */
	uint64_t room_from;		/* the peer's head, when last judged */
	uint8_t *reserved;		/* where the owner writes a payload, or
					   NULL */
	size_t reserved_len;
	uint64_t reserved_pad;		/* the pad in front of it */

	/* Reading */
	uint64_t head;			/* the next entry */
	uint64_t next;			/* behind that, when it was looked at */
	uint64_t taken;			/* the begin of the last one taken */
	uint64_t kept;			/* nothing is given back from here on;
					   UINT64_MAX: of nothing */
	uint64_t filled_to;		/* the peer's tail, when last judged */
	uint64_t end;			/* no more is read than this */

	/* Sleeping */
	uint64_t epoch;			/* the last one of asleep and full */
	uint64_t woken;			/* the last epoch of the peer's asleep
					   for which it was woken */
	uint64_t roomed;		/* the same for full */
};

size_t
brood__ring_region_size(size_t ring_bytes)
{
	return RING_WORDS + ring_bytes;
}

int
brood__ring_new(struct brood__ring **ret_ring, void *own, const void *peer,
    size_t ring_bytes)
{
	struct brood__ring *ring = malloc(sizeof(*ring));

	if (ring == NULL)
		return -ENOMEM;
	*ring = (struct brood__ring) {
		.own = own,
		.peer = peer,
		.out = (uint8_t *)own + RING_WORDS,
		.in = (const uint8_t *)peer + RING_WORDS,
		.size = ring_bytes,
		.kept = UINT64_MAX,
		.end = UINT64_MAX,
	};
	*ret_ring = ring;
	return 0;
}

struct brood__ring *
brood__ring_free(struct brood__ring *ring)
{
	free(ring);
	return NULL;
}

/* How much an entry with so long a payload takes. */
static uint64_t
ring_entry_size(uint64_t len)
{
	return (BROOD__FRAME_SIZE + len + 7) & ~UINT64_C(7);
}

/* How far it is from here to the end of the ring. */
static uint64_t
ring_rest(const struct brood__ring *ring, uint64_t position)
{
	return ring->size - (position & (ring->size - 1));
}

/* Writing */

bool
brood__ring_takes(const struct brood__ring *ring, size_t len)
{
	return len <= ring->size / RING_PARTS;
}

/* Load the peer's head, and judge it.  0 or -EPROTO. */
static int
ring_load_room(struct brood__ring *ring)
{
	/* Acquire: the peer's looks at the frames are over. */
	uint64_t head = atomic_load_explicit(&ring->peer->head,
	    memory_order_acquire);

	if (head < ring->room_from || head > ring->published || head % 8 != 0)
		return -EPROTO;
	ring->room_from = head;
	return 0;
}

/* Is there room for an entry of this size, if `skipped' bytes are a pad? */
static bool
ring_fits(const struct brood__ring *ring, uint64_t skipped, uint64_t size)
{
	return ring->tail + skipped + size - ring->room_from <= ring->size;
}

static void
ring_pad(struct brood__ring *ring, uint64_t rest)
{
	uint8_t *entry = ring->out + (ring->tail & (ring->size - 1));

	if (rest >= BROOD__FRAME_SIZE) {
		memset(entry, 0, BROOD__FRAME_SIZE);
		entry[ENTRY_KIND] = ENTRY_PAD;
	}
	ring->tail += rest;
}

/*
 * How long a pad must be in front of an entry of this size.  -EAGAIN: there is
 * no room.
 */
static int
ring_find_pad(const struct brood__ring *ring, uint64_t size, uint64_t *ret_pad)
{
	uint64_t rest = ring_rest(ring, ring->tail);
	bool is_hot = ring->size - rest < RING_HOT;

	*ret_pad = size > rest || (!is_hot && ring_fits(ring, rest, size)) ?
	    rest : 0;
	return ring_fits(ring, *ret_pad, size) ? 0 : -EAGAIN;
}

/* -EAGAIN without room, or -EPROTO. */
static int
ring_find_place(struct brood__ring *ring, uint64_t size, uint64_t *ret_pad)
{
	bool is_hot = ring->size - ring_rest(ring, ring->tail) < RING_HOT;
	int r;

	if (!is_hot || !ring_fits(ring, 0, size)) {
		r = ring_load_room(ring);
		if (r < 0)
			return r;
	}
	return ring_find_pad(ring, size, ret_pad);
}

/* Behind a pad and a header, which are written when the payload is there. */
static uint8_t *
ring_payload(const struct brood__ring *ring, uint64_t pad)
{
	return ring->out + ((ring->tail + pad) & (ring->size - 1)) +
	    BROOD__FRAME_SIZE;
}

int
brood__ring_reserve(struct brood__ring *ring, size_t len, void **ret_payload)
{
	int r;

	r = ring_find_place(ring, ring_entry_size(len), &ring->reserved_pad);
	if (r < 0)
		return r;
	ring->reserved = ring_payload(ring, ring->reserved_pad);
	ring->reserved_len = len;
	*ret_payload = ring->reserved;
	return 0;
}

bool
brood__ring_may_put(const struct brood__ring *ring, const void *payload,
    size_t len)
{
	/* Below the ring the difference is huge. */
	return (uintptr_t)payload - (uintptr_t)ring->out >= ring->size ||
	    (payload == ring->reserved && len <= ring->reserved_len);
}

int
brood__ring_put(struct brood__ring *ring,
    const uint8_t header[BROOD__FRAME_SIZE], const void *payload, size_t len)
{
	bool is_there = ring->reserved != NULL && payload == ring->reserved;
	uint64_t size = ring_entry_size(len), pad = ring->reserved_pad;
	uint8_t *to;
	int r;

	r = is_there ? 0 : ring_find_place(ring, size, &pad);
	if (r < 0)
		return r;
	ring->reserved = NULL;
	to = ring_payload(ring, pad);
	if (pad > 0)
		ring_pad(ring, pad);
	memcpy(to - BROOD__FRAME_SIZE, header, BROOD__FRAME_SIZE);
	if (len > 0 && !is_there)
		memcpy(to, payload, len);
	ring->tail += size;
	return 0;
}

int
brood__ring_put_mark(struct brood__ring *ring)
{
	uint8_t header[BROOD__FRAME_SIZE] = { 0 };

	header[ENTRY_KIND] = ENTRY_MARK;
	return brood__ring_put(ring, header, NULL, 0);
}

/* Does the peer sleep in an epoch in which it was not woken yet? */
static bool
ring_is_asleep(const _Atomic uint64_t *word, uint64_t *woken)
{
	uint64_t epoch = atomic_load_explicit(word, memory_order_relaxed);

	if (epoch == 0 || epoch == *woken)
		return false;
	*woken = epoch;
	return true;
}

bool
brood__ring_publish(struct brood__ring *ring)
{
	if (ring->tail == ring->published)
		return false;
	ring->published = ring->tail;
	/* Release: the frames are there before the tail says so. */
	atomic_store_explicit(&ring->own->tail, ring->tail,
	    memory_order_release);
	/* See Sleep, above: the waker's. */
	atomic_thread_fence(memory_order_seq_cst);
	return ring_is_asleep(&ring->peer->asleep, &ring->woken);
}

bool
brood__ring_ask_for_room(struct brood__ring *ring)
{
	uint64_t head = ring->room_from;

	atomic_store_explicit(&ring->own->full, ++ring->epoch,
	    memory_order_relaxed);
	/* See Sleep, above: the sleeper's. */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&ring->peer->head,
	    memory_order_relaxed) == head;
}

/* Reading */

/* Load the peer's tail, and judge it.  0 or -EPROTO. */
static int
ring_load_filled(struct brood__ring *ring)
{
	/* Acquire: the frames in front of the tail are there. */
	uint64_t tail = atomic_load_explicit(&ring->peer->tail,
	    memory_order_acquire);

	if (tail > ring->end)
		tail = ring->end;
	if (tail < ring->filled_to || tail - ring->head > ring->size ||
	    tail % 8 != 0)
		return -EPROTO;
	ring->filled_to = tail;
	return 0;
}

/*
 * Give back the room of what was taken.  True: the peer waits for room.  When
 * all was read, that is asked behind a fence, as Sleep says; before that, it
 * costs less and is early at best.
 */
static bool
ring_give_back(struct brood__ring *ring, bool is_all)
{
	uint64_t to = ring->head < ring->kept ? ring->head : ring->kept;

	/* Release: the frames in front of head are not looked at any more. */
	atomic_store_explicit(&ring->own->head, to, memory_order_release);
	if (is_all)
		atomic_thread_fence(memory_order_seq_cst);
	return ring_is_asleep(&ring->peer->full, &ring->roomed);
}

/* Words, and each is loaded once: another process may be writing them. */
static void
ring_copy_header(uint8_t header[BROOD__FRAME_SIZE], const uint8_t *entry)
{
	const volatile uint64_t *from = (const volatile uint64_t *)
	    (const void *)entry;
	uint64_t words[BROOD__FRAME_SIZE / 8];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = from[i];
	memcpy(header, words, sizeof(words));
}

/* The entry at head, which is there.  -EPROTO, or whether it is a pad. */
static int
ring_read_entry(struct brood__ring *ring, uint8_t header[BROOD__FRAME_SIZE],
    const uint8_t **ret_entry)
{
	uint64_t rest = ring_rest(ring, ring->head), size;
	uint64_t filled = ring->filled_to - ring->head;

	if (rest >= BROOD__FRAME_SIZE) {
		*ret_entry = ring->in + (ring->head & (ring->size - 1));
		ring_copy_header(header, *ret_entry);
	}
	if (rest < BROOD__FRAME_SIZE || header[ENTRY_KIND] == ENTRY_PAD) {
		if (rest > filled)
			return -EPROTO;
		ring->head += rest;
		return 1;
	}
	size = ring_entry_size(header[ENTRY_KIND] == ENTRY_MARK ? 0 :
	    le32dec(header));
	if (size > rest || size > filled)
		return -EPROTO;
	ring->next = ring->head + size;
	return 0;
}

int
brood__ring_peek(struct brood__ring *ring, uint8_t header[BROOD__FRAME_SIZE],
    const uint8_t **ret_payload, bool *ret_wakes)
{
	const uint8_t *entry;
	bool is_all;
	int r = 0;

	*ret_wakes = false;
	is_all = ring->head == ring->filled_to;
	if (is_all) {
		r = ring_load_filled(ring);
		if (r < 0)
			return r;
		is_all = ring->head == ring->filled_to;
	}
	*ret_wakes = ring_give_back(ring, is_all);
	if (is_all)
		return BROOD__RING_NOTHING;
	r = ring_read_entry(ring, header, &entry);
	/* Behind a pad there is a frame, published with it. */
	if (r == 1)
		r = ring->head == ring->filled_to ? -EPROTO :
		    ring_read_entry(ring, header, &entry);
	if (r != 0)
		return -EPROTO;
	*ret_payload = entry + BROOD__FRAME_SIZE;
	return header[ENTRY_KIND] == ENTRY_MARK ? BROOD__RING_MARK :
	    BROOD__RING_FRAME;
}

void
brood__ring_take(struct brood__ring *ring)
{
	ring->taken = ring->head;
	ring->head = ring->next;
}

void
brood__ring_untake(struct brood__ring *ring)
{
	ring->head = ring->taken;
}

void
brood__ring_hold(struct brood__ring *ring)
{
	ring->kept = ring->taken;
}

void
brood__ring_unhold(struct brood__ring *ring)
{
	ring->kept = UINT64_MAX;
}

bool
brood__ring_has_more(const struct brood__ring *ring)
{
	return ring->head != ring->filled_to || (ring->head < ring->end &&
	    atomic_load_explicit(&ring->peer->tail, memory_order_relaxed) !=
	    ring->head);
}

bool
brood__ring_look_ahead(const struct brood__ring *ring, uint8_t kind,
    uint64_t id)
{
	struct brood__ring at = *ring;
	uint8_t header[BROOD__FRAME_SIZE];
	const uint8_t *entry;
	int r;

	if (ring_load_filled(&at) < 0)
		return false;
	while (at.head != at.filled_to) {
		r = ring_read_entry(&at, header, &entry);
		if (r < 0)
			return false;
		if (r == 1)
			continue;
		if (header[ENTRY_KIND] == kind && le64dec(header + 8) == id)
			return true;
		at.head = at.next;
	}
	return false;
}

void
brood__ring_freeze(struct brood__ring *ring)
{
	(void)ring_load_filled(ring);
	ring->end = ring->filled_to;
}

/* Sleeping */

bool
brood__ring_fall_asleep(struct brood__ring *ring)
{
	atomic_store_explicit(&ring->own->asleep, ++ring->epoch,
	    memory_order_relaxed);
	/* See Sleep, above: the sleeper's. */
	atomic_thread_fence(memory_order_seq_cst);
	return !brood__ring_has_more(ring);
}

void
brood__ring_stay_awake(struct brood__ring *ring)
{
	atomic_store_explicit(&ring->own->asleep, 0, memory_order_relaxed);
}

bool
brood__ring_is_peer_asleep(const struct brood__ring *ring)
{
	return atomic_load_explicit(&ring->peer->asleep,
	    memory_order_relaxed) != 0;
}

/* Begun requests */

/*
 * A process that is killed has done all that stands in front of the instruction
 * at which it was killed.  The release keeps the compiler from moving these
 * stores behind what the handler does, and their order keeps a kill between
 * them from being taken for a value.
 */
void
brood__ring_set_begun(struct brood__ring *ring, uint64_t position)
{
	atomic_store_explicit(&ring->own->begun, position,
	    memory_order_relaxed);
	atomic_store_explicit(&ring->own->not_begun, ~position,
	    memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

uint64_t
brood__ring_begun(const struct brood__ring *ring)
{
	uint64_t begun = atomic_load_explicit(&ring->peer->begun,
	    memory_order_relaxed);
	uint64_t not_begun = atomic_load_explicit(&ring->peer->not_begun,
	    memory_order_relaxed);

	return begun == ~not_begun ? begun : UINT64_MAX;
}
