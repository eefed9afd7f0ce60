/* SPDX-License-Identifier: ISC */

/*
 * A channel whose frames go through shared memory; see rings.h for which do.
 *
 * Owns nothing: the channel does.
 */

#include "base/export.h"
#include "base/fd.h"
#include "wire/channel_struct.h"

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/endian.h>

/* Agreeing */

void
brood__channel_accept_rings(struct brood_channel *ch)
{
	/* The offer comes with the descriptors of both regions. */
	ch->rings.accepts_offer = ch->in.max_fds >= 2;
}

bool
brood__channel_accepts_rings(const struct brood_channel *ch)
{
	return ch->rings.accepts_offer;
}

/* Queue a frame of the channel itself. */
static int
rings_queue(struct brood_channel *ch, uint32_t kind, const void *data,
    size_t len, const int *fds, size_t n_fds)
{
	struct brood_message msg = {
		.kind = kind,
		.data = data,
		.len = len,
		.fds = fds,
		.n_fds = n_fds,
	};

	return brood__outbox_append(&ch->out, &msg);
}

void
brood__channel_offer_rings(struct brood_channel *ch, size_t ring_bytes)
{
	uint8_t size[8];
	int fds[2], r;

	if (ch->rings.ring != NULL || ch->max_send < sizeof(size))
		return;
	r = brood__rings_make(&ch->rings, ring_bytes, fds);
	if (r < 0)
		return;
	le64enc(size, ring_bytes);
	r = rings_queue(ch, BROOD__KIND_OFFER, size, sizeof(size), fds, 2);
	brood__fd_close_all(fds, 2);
	if (r < 0)
		brood__rings_fini(&ch->rings, true);
}

/*
 * Queue SWITCH: what follows goes by the ring.  Without memory for SWITCH this
 * side goes on by the socket, which the peer can read as before.
 */
static void
rings_switch_out(struct brood_channel *ch)
{
	if (rings_queue(ch, BROOD__KIND_SWITCH, NULL, 0, NULL, 0) == 0)
		ch->rings.out_from = brood__channel_queued(ch);
}

/* A worker that cannot use what it is offered goes on without. */
static int
rings_on_offer(struct brood_channel *ch, const struct brood_message *msg)
{
	int r;

	if (!ch->rings.accepts_offer || ch->rings.ring != NULL ||
	    msg->len != 8 || msg->n_fds != 2)
		return -EPROTO;
	r = brood__rings_join(&ch->rings, le64dec(msg->data), msg->fds);
	if (r < 0)
		return 0;
	/* From here on the host can tell what was begun. */
	brood__ring_set_begun(ch->rings.ring, ch->in.n_received);
	rings_switch_out(ch);
	/* What is not sent now is sent before the next frame. */
	(void)brood__channel_flush(ch, -1);
	return 0;
}

static int
rings_on_switch(struct brood_channel *ch)
{
	if (ch->rings.ring == NULL || ch->rings.is_reading)
		return -EPROTO;
	ch->rings.is_reading = true;
	ch->rings.position = ch->in.n_received;
	if (ch->rings.out_from == UINT64_MAX)
		rings_switch_out(ch);
	return 0;
}

/* Sending */

bool
brood__channel_takes(const struct brood_channel *ch, size_t len, size_t n_fds)
{
	return ch->rings.out_from == UINT64_MAX ||
	    (n_fds == 0 && brood__ring_takes(ch->rings.ring, len));
}

bool
brood__channel_put(struct brood_channel *ch, const struct brood_message *msg)
{
	uint8_t header[BROOD__FRAME_SIZE];

	if (!brood__channel_is_writing_ring(ch) ||
	    brood__outbox_len(&ch->out) > 0 || msg->n_fds > 0 ||
	    !brood__ring_takes(ch->rings.ring, msg->len))
		return false;
	brood__outbox_encode(header, msg);
	/* What is wrong with the ring is found by the one who flushes. */
	if (brood__ring_put(ch->rings.ring, header, msg->data, msg->len) < 0)
		return false;
	ch->out.n_sent += sizeof(header) + msg->len;
	ch->rings.n_by_ring += sizeof(header) + msg->len;
	return true;
}

bool
brood__channel_reserve_place(struct brood_channel *ch, size_t len,
    void **ret_payload)
{
	return brood__channel_is_writing_ring(ch) &&
	    brood__outbox_len(&ch->out) == 0 &&
	    brood__ring_takes(ch->rings.ring, len) &&
	    brood__ring_reserve(ch->rings.ring, len, ret_payload) == 0;
}

bool
brood__channel_lacks_room(const struct brood_channel *ch)
{
	return brood__channel_is_writing_ring(ch) &&
	    ch->out.n_sent >= ch->rings.marked_to;
}

/* The first frame that is queued, into the ring. */
static ssize_t
rings_send_frame(struct brood_channel *ch, int flags)
{
	const uint8_t *header = ch->out.buffer.bytes + ch->out.buffer.start;
	struct brood__frame frame;
	size_t size;
	int r;

	r = brood__frame_decode(header, UINT32_MAX, &frame);
	assert(r == 0);
	size = BROOD__FRAME_SIZE + frame.length;
	if (frame.nfds == 0 &&
	    brood__ring_takes(ch->rings.ring, frame.length)) {
		r = brood__ring_put(ch->rings.ring, header,
		    header + BROOD__FRAME_SIZE, frame.length);
		if (r < 0)
			return r;
		brood__outbox_consume(&ch->out, size);
		ch->rings.n_by_ring += size;
		return (ssize_t)size;
	}
	r = brood__ring_put_mark(ch->rings.ring);
	if (r < 0)
		return r;
	ch->rings.marked_to = ch->out.n_sent + size;
	/* The mark before the frame. */
	r = brood__channel_publish(ch);
	return r < 0 ? r :
	    brood__outbox_send(&ch->out, ch->fd, flags, ch->rings.marked_to);
}

ssize_t
brood__channel_send_some(struct brood_channel *ch, int flags)
{
	if (!brood__channel_is_writing_ring(ch))
		return brood__outbox_send(&ch->out, ch->fd, flags,
		    ch->rings.out_from);
	if (ch->out.n_sent < ch->rings.marked_to)
		return brood__outbox_send(&ch->out, ch->fd, flags,
		    ch->rings.marked_to);
	return rings_send_frame(ch, flags);
}

/*
 * Wake the peer.  If the socket is full it has something to read, and is not
 * asleep; and if a frame is on its way on the socket, its rest wakes the peer.
 */
static int
rings_wake(struct brood_channel *ch)
{
	static const struct brood_message msg = { .kind = BROOD__KIND_WAKE };
	uint8_t bytes[BROOD__FRAME_SIZE];
	ssize_t n;

	if (ch->out.begun_end > ch->out.n_sent) {
		ch->rings.owes_wake = false;
		return 0;
	}
	brood__outbox_encode(bytes, &msg);
	do {
		n = send(ch->fd, bytes, sizeof(bytes),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
		if (errno == EPIPE || errno == ECONNRESET)
			return ch->send_error = -EPIPE;
		return -errno;
	}
	ch->rings.owes_wake = false;
	if (n > 0)
		ch->rings.n_wakes += (uint64_t)n;
	return 0;
}

int
brood__channel_publish(struct brood_channel *ch)
{
	if (ch->rings.out_from == UINT64_MAX)
		return 0;
	if (brood__ring_publish(ch->rings.ring))
		ch->rings.owes_wake = true;
	return ch->rings.owes_wake ? rings_wake(ch) : 0;
}

uint64_t
brood__channel_consumed(const struct brood_channel *ch, size_t n_unread)
{
	const struct brood__rings *rings = &ch->rings;
	uint64_t by_socket = ch->out.n_sent - rings->n_by_ring +
	    rings->n_wakes - n_unread, begun;

	if (rings->out_from == UINT64_MAX || by_socket < rings->out_from)
		return by_socket;
	begun = brood__ring_begun(rings->ring);
	if (begun > ch->out.n_sent)
		return ch->out.n_sent;
	return begun > rings->out_from ? begun : rings->out_from;
}

/* Receiving */

/* The peer waits for room; that it is owed a WAKE is kept if it fails. */
static void
rings_wake_for_room(struct brood_channel *ch, bool is_waiting)
{
	if (!is_waiting)
		return;
	ch->rings.owes_wake = true;
	(void)rings_wake(ch);
}

/* A request that is taken is begun, as far as the host is concerned. */
static void
rings_took(struct brood_channel *ch, size_t len)
{
	ch->rings.taken = BROOD__FRAME_SIZE + len;
	ch->rings.position += ch->rings.taken;
	if (ch->rings.accepts_offer)
		brood__ring_set_begun(ch->rings.ring, ch->rings.position);
}

static int
rings_give(struct brood_channel *ch, const uint8_t header[BROOD__FRAME_SIZE],
    const uint8_t *payload, struct brood_message *ret_msg)
{
	struct brood__frame frame;
	int r;

	r = brood__frame_decode(header, ch->max_payload, &frame);
	if (r < 0)
		return r;
	if (frame.kind > BROOD_KIND_LINK || frame.nfds > 0)
		return -EPROTO;
	brood__ring_take(ch->rings.ring);
	rings_took(ch, frame.length);
	brood__frame_give(&frame, payload, NULL, 0, ret_msg);
	return 1;
}

static int
rings_peek(struct brood_channel *ch, uint8_t header[BROOD__FRAME_SIZE],
    const uint8_t **ret_payload)
{
	bool wakes;
	int r = brood__ring_peek(ch->rings.ring, header, ret_payload, &wakes);

	rings_wake_for_room(ch, wakes);
	return r;
}

/*
 * A whole frame has come on the socket.  It is WAKE, or its mark is next in the
 * ring: published before it was sent, so it is there by now.
 */
static int
rings_give_by_socket(struct brood_channel *ch, struct brood_message *ret_msg)
{
	uint8_t header[BROOD__FRAME_SIZE];
	const uint8_t *payload;
	int r;

	if (ret_msg->kind == BROOD_KIND_ERROR && ret_msg->id == 0)
		return 1;
	r = rings_peek(ch, header, &payload);
	if (r < 0)
		return r;
	if (ret_msg->kind > BROOD_KIND_LINK || r == BROOD__RING_NOTHING)
		return -EPROTO;
	if (r == BROOD__RING_FRAME) {
		brood__inbox_unget(&ch->in);
		return rings_give(ch, header, payload, ret_msg);
	}
	brood__ring_take(ch->rings.ring);
	rings_took(ch, ret_msg->len);
	return 1;
}

static int
rings_next(struct brood_channel *ch, struct brood_message *ret_msg)
{
	uint8_t header[BROOD__FRAME_SIZE];
	const uint8_t *payload;
	int found, r;

	/* Its descriptors must not stay open while the ring is busy. */
	r = brood__inbox_forget(&ch->in);
	if (r < 0)
		return r;
	found = rings_peek(ch, header, &payload);
	if (found < 0)
		return found;
	if (found == BROOD__RING_FRAME)
		return rings_give(ch, header, payload, ret_msg);
	do {
		r = brood__inbox_next(&ch->in, ret_msg);
	} while (r == 1 && ret_msg->kind == BROOD__KIND_WAKE);
	ch->rings.is_at_mark = r == 0 && found == BROOD__RING_MARK;
	return r == 1 ? rings_give_by_socket(ch, ret_msg) : r;
}

int
brood__channel_next_frame(struct brood_channel *ch,
    struct brood_message *ret_msg)
{
	int r;

	do {
		if (ch->rings.is_reading)
			return rings_next(ch, ret_msg);
		r = brood__inbox_next(&ch->in, ret_msg);
		if (r <= 0 || ret_msg->kind <= BROOD_KIND_LINK)
			return r;
		r = ret_msg->kind == BROOD__KIND_OFFER ?
		    rings_on_offer(ch, ret_msg) :
		    ret_msg->kind == BROOD__KIND_SWITCH ?
		    rings_on_switch(ch) : -EPROTO;
	} while (r == 0);
	return r;
}

bool
brood__channel_keep_frame(struct brood_channel *ch)
{
	if (!ch->rings.is_reading || ch->in.state == BROOD__INBOX_GIVEN)
		return false;
	brood__ring_hold(ch->rings.ring);
	return true;
}

/* What is wrong with the ring is found when it is read. */
void
brood__channel_release_frame(struct brood_channel *ch)
{
	uint8_t header[BROOD__FRAME_SIZE];
	const uint8_t *payload;

	brood__ring_unhold(ch->rings.ring);
	/* The peer may wait for this room. */
	(void)rings_peek(ch, header, &payload);
}

bool
brood__channel_is_reading_ring(const struct brood_channel *ch)
{
	return ch->rings.is_reading;
}

bool
brood__channel_has_more(const struct brood_channel *ch)
{
	return !ch->rings.is_at_mark &&
	    brood__ring_has_more(ch->rings.ring);
}

bool
brood__channel_is_peer_asleep(const struct brood_channel *ch)
{
	return brood__ring_is_peer_asleep(ch->rings.ring);
}

bool
brood__channel_is_asleep(const struct brood_channel *ch)
{
	return ch->rings.is_asleep;
}

bool
brood__channel_fall_asleep(struct brood_channel *ch)
{
	if (ch->rings.is_at_mark)
		return true;
	if (!ch->rings.is_asleep)
		ch->rings.is_asleep =
		    brood__ring_fall_asleep(ch->rings.ring);
	if (!ch->rings.is_asleep)
		brood__ring_stay_awake(ch->rings.ring);
	return ch->rings.is_asleep;
}

void
brood__channel_freeze(struct brood_channel *ch)
{
	if (ch->rings.ring != NULL)
		brood__ring_freeze(ch->rings.ring);
}

/*
 * Or what is left cannot be read: a frame that is marked, and that the peer did
 * not send to its end.
 */
bool
brood__channel_is_ring_read(const struct brood_channel *ch)
{
	return !ch->rings.is_reading ||
	    !brood__ring_has_more(ch->rings.ring) || ch->rings.is_at_mark;
}
