/* SPDX-License-Identifier: ISC */

/*
 * The receiving half of a channel.
 *
 * Owns the bytes that were received and not yet forgotten, and the descriptors
 * of the current frame.  Knows nothing of channels: after an error the owner
 * must not use the inbox again but to close and free it.
 */

#include "base/fd.h"
#include "wire/fdpass.h"
#include "wire/inbox.h"
#include "wire/peek.h"

#include <sys/param.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * The most bytes of one recvmsg(2), which goes on for as long as a peer writes
 * as fast as it reads.  A socket holds fewer, as a rule.
 */
enum { INBOX_RECV_MAX = 256 << 10 };

int
brood__inbox_init(struct brood__inbox *inbox, uint32_t max_payload,
    unsigned max_fds)
{
	*inbox = (struct brood__inbox) {
		.max_payload = max_payload,
		.max_fds = max_fds,
	};
	if (max_fds == 0)
		return 0;
	/* Not max_fds: the kernel may deliver more than there is room for. */
	inbox->fds = reallocarray(NULL, BROOD_MAX_FDS, sizeof(int));
	return inbox->fds == NULL ? -ENOMEM : 0;
}

void
brood__inbox_fini(struct brood__inbox *inbox)
{
	brood__inbox_unhold(inbox);
	brood__inbox_close_fds(inbox);
	free(inbox->fds);
	free(inbox->ahead.fds);
	brood__buffer_fini(&inbox->bytes);
}

static void
inbox_close_current(struct brood__inbox *inbox)
{
	brood__fd_close_all(inbox->fds, inbox->n_fds);
	inbox->n_fds = 0;
}

void
brood__inbox_close_fds(struct brood__inbox *inbox)
{
	inbox_close_current(inbox);
	brood__fd_close_all(inbox->ahead.fds, inbox->ahead.n_fds);
	inbox->ahead.n_fds = 0;
}

/* How many bytes the buffer holds when the current header or frame is whole. */
static size_t
inbox_want(const struct brood__inbox *inbox)
{
	return BROOD__FRAME_SIZE +
	    (inbox->state == BROOD__INBOX_HEADER ? 0 : inbox->frame.length);
}

size_t
brood__inbox_unread(const struct brood__inbox *inbox, size_t *ret_n_fds)
{
	size_t len = brood__buffer_len(&inbox->bytes);

	*ret_n_fds = inbox->ahead.n_fds;
	if (inbox->state == BROOD__INBOX_GIVEN)
		return len - inbox_want(inbox);
	*ret_n_fds += inbox->n_fds;
	return len;
}

/* Holding */

void
brood__inbox_hold(struct brood__inbox *inbox)
{
	assert(inbox->mode != BROOD__INBOX_GREEDY);
	inbox->is_holding = true;
}

void
brood__inbox_unhold(struct brood__inbox *inbox)
{
	struct brood__inbox_held *held = &inbox->held;

	inbox->is_holding = false;
	if (held->bytes.bytes == NULL)
		return;
	brood__fd_close_all(held->fds, held->n_fds);
	free(held->fds);
	brood__buffer_fini(&held->bytes);
	*held = (struct brood__inbox_held) { .n_fds = 0 };
}

/* Nothing is behind the frame in the buffer, so all of that moves. */
static int
inbox_set_aside(struct brood__inbox *inbox)
{
	int *fds = NULL;

	if (inbox->max_fds > 0) {
		fds = reallocarray(NULL, BROOD_MAX_FDS, sizeof(*fds));
		if (fds == NULL)
			return -ENOMEM;
	}
	inbox->held = (struct brood__inbox_held) {
		.bytes = inbox->bytes,
		.fds = inbox->fds,
		.n_fds = inbox->n_fds,
	};
	inbox->bytes = (struct brood__buffer) { .size = 0 };
	inbox->fds = fds;
	inbox->n_fds = 0;
	inbox->state = BROOD__INBOX_HEADER;
	return 0;
}

/* 0, or -ENOMEM if it is held and cannot be set aside. */
static int
inbox_forget_given(struct brood__inbox *inbox)
{
	if (inbox->state != BROOD__INBOX_GIVEN)
		return 0;
	if (inbox->is_holding && inbox->held.bytes.bytes == NULL)
		return inbox_set_aside(inbox);
	inbox_close_current(inbox);
	brood__buffer_consume(&inbox->bytes, inbox_want(inbox));
	inbox->state = BROOD__INBOX_HEADER;
	return 0;
}

int
brood__inbox_forget(struct brood__inbox *inbox)
{
	return inbox_forget_given(inbox);
}

void
brood__inbox_unget(struct brood__inbox *inbox)
{
	assert(inbox->state == BROOD__INBOX_GIVEN);
	inbox->state = BROOD__INBOX_PAYLOAD;
}

/* Descriptors that came ahead */

/* Position in the stream of the first byte of the frame in the buffer. */
static uint64_t
inbox_position(const struct brood__inbox *inbox)
{
	return inbox->n_received - brood__buffer_len(&inbox->bytes);
}

/* The descriptors are of the frame in the buffer, which has none yet. */
static void
inbox_claim_ahead(struct brood__inbox *inbox)
{
	int *fds = inbox->fds;

	inbox->fds = inbox->ahead.fds;
	inbox->n_fds = inbox->ahead.n_fds;
	inbox->ahead.fds = fds;
	inbox->ahead.n_fds = 0;
}

/*
 * The header of the frame in the buffer is known.  If it ends where the bytes
 * end that have come, the descriptors that are left are of no frame.
 */
static int
inbox_judge_ahead(const struct brood__inbox *inbox)
{
	return inbox->ahead.n_fds > 0 &&
	    inbox_want(inbox) >= brood__buffer_len(&inbox->bytes) ?
	    -EBADMSG : 0;
}

/*
 * Before the next receive: if the last one has brought descriptors of which no
 * header has told, the only one that can is that which has not come whole.
 */
static int
inbox_make_ahead(struct brood__inbox *inbox)
{
	if (inbox->ahead.n_fds > 0) {
		assert(inbox->state == BROOD__INBOX_HEADER);
		if (inbox_position(inbox) < inbox->ahead.from)
			return -EBADMSG;
		inbox_claim_ahead(inbox);
	}
	if (inbox->max_fds == 0 || inbox->ahead.fds != NULL)
		return 0;
	inbox->ahead.fds = reallocarray(NULL, BROOD_MAX_FDS, sizeof(int));
	return inbox->ahead.fds == NULL ? -ENOMEM : 0;
}

/* The header was decoded. */
static int
inbox_look_for_ahead(struct brood__inbox *inbox)
{
	if (inbox->ahead.n_fds > 0 && inbox->n_fds == 0 &&
	    inbox->frame.nfds > 0 &&
	    inbox_position(inbox) >= inbox->ahead.from)
		inbox_claim_ahead(inbox);
	return inbox_judge_ahead(inbox);
}

/* As inbox_recv_bytes(), of an inbox that is GREEDY. */
static ssize_t
inbox_recv_ahead(struct brood__inbox *inbox, int socket, size_t room, int flags)
{
	struct brood__inbox_ahead *ahead = &inbox->ahead;
	bool is_lost;
	ssize_t n;

	n = brood__fdpass_recv(socket, inbox->bytes.bytes + inbox->bytes.end,
	    room, ahead->fds, inbox->max_fds, &ahead->n_fds, &is_lost, flags);
	if (n <= 0)
		return n == 0 || n == -ECONNRESET ? -EPIPE : n;
	ahead->from = inbox->n_received;
	inbox->bytes.end += (size_t)n;
	inbox->n_received += (uint64_t)n;
	if (is_lost || (inbox->state == BROOD__INBOX_PAYLOAD &&
	    inbox_judge_ahead(inbox) < 0))
		return -EBADMSG;
	return n;
}

/* Receiving */

/*
 * Receive into the room behind the bytes that are there.  Descriptors are
 * welcome only with the first byte of a frame.  inbox->fds holds those that
 * came with it, so later ones are put elsewhere, to be closed.
 */
static ssize_t
inbox_recv_bytes(struct brood__inbox *inbox, int socket, size_t room,
    int flags)
{
	size_t before = brood__buffer_len(&inbox->bytes), n_fds = 0;
	int late[BROOD_MAX_FDS], *fds = before > 0 ? late : inbox->fds;
	bool is_lost = false;
	ssize_t n;

	n = brood__fdpass_recv(socket, inbox->bytes.bytes + inbox->bytes.end,
	    room, fds, inbox->max_fds, &n_fds, &is_lost, flags);
	if (n <= 0)
		return n == 0 || n == -ECONNRESET ? -EPIPE : n;
	inbox->bytes.end += (size_t)n;
	inbox->n_received += (uint64_t)n;
	if (before == 0)
		inbox->n_fds = n_fds;
	else if (n_fds > 0 || is_lost) {
		brood__fd_close_all(late, n_fds);
		return -EBADMSG;
	}
	return is_lost && inbox->mode != BROOD__INBOX_LOSSY ? -EBADMSG : n;
}

int
brood__inbox_recv(struct brood__inbox *inbox, int socket, int flags)
{
	size_t missing, room;
	ssize_t n;
	int r;

	r = inbox_forget_given(inbox);
	if (r < 0)
		return r;
	assert(brood__buffer_len(&inbox->bytes) < inbox_want(inbox));
	missing = inbox_want(inbox) - brood__buffer_len(&inbox->bytes);
	r = brood__buffer_reserve(&inbox->bytes, missing);
	if (r < 0)
		return r;
	if (inbox->mode == BROOD__INBOX_GREEDY) {
		r = inbox_make_ahead(inbox);
		if (r < 0)
			return r;
		room = MIN(brood__buffer_room(&inbox->bytes), INBOX_RECV_MAX);
		n = inbox_recv_ahead(inbox, socket, room, flags);
	} else {
		room = MIN(missing, INBOX_RECV_MAX);
		n = inbox_recv_bytes(inbox, socket, room, flags);
	}
	if (n < 0)
		return (int)n;
	inbox->spare = room - (size_t)n;
	return 1;
}

/* Do the descriptors that came fit the header? */
static int
inbox_judge_fds(struct brood__inbox *inbox)
{
	if (inbox->n_fds == inbox->frame.nfds)
		return 0;
	if (inbox->mode != BROOD__INBOX_LOSSY)
		return -EBADMSG;
	inbox_close_current(inbox);
	return 0;
}

static int
inbox_decode(struct brood__inbox *inbox)
{
	int r;

	r = brood__frame_decode(inbox->bytes.bytes + inbox->bytes.start,
	    inbox->max_payload, &inbox->frame);
	if (r < 0)
		return r;
	inbox->state = BROOD__INBOX_PAYLOAD;
	r = inbox_look_for_ahead(inbox);
	return r < 0 ? r : inbox_judge_fds(inbox);
}

static void
inbox_give(struct brood__inbox *inbox, struct brood_message *ret_msg)
{
	inbox->state = BROOD__INBOX_GIVEN;
	brood__frame_give(&inbox->frame, inbox->bytes.bytes +
	    inbox->bytes.start + BROOD__FRAME_SIZE, inbox->fds, inbox->n_fds,
	    ret_msg);
}

int
brood__inbox_next(struct brood__inbox *inbox, struct brood_message *ret_msg)
{
	int r;

	r = inbox_forget_given(inbox);
	if (r < 0 || brood__buffer_len(&inbox->bytes) < BROOD__FRAME_SIZE)
		return r;
	if (inbox->state == BROOD__INBOX_HEADER) {
		r = inbox_decode(inbox);
		if (r < 0)
			return r;
	}
	if (brood__buffer_len(&inbox->bytes) < inbox_want(inbox))
		return 0;
	inbox_give(inbox, ret_msg);
	return 1;
}

int
brood__inbox_look_ahead(const struct brood__inbox *inbox, int socket,
    enum brood_kind kind, uint64_t id, uint64_t *position)
{
	uint8_t bytes[BROOD__FRAME_SIZE];
	struct brood__frame frame;

	assert(inbox->mode != BROOD__INBOX_GREEDY);
	/* In the midst of a frame the socket does not begin with a header. */
	if (inbox->state != BROOD__INBOX_GIVEN &&
	    (inbox->held.bytes.bytes == NULL ||
	    brood__buffer_len(&inbox->bytes) > 0))
		return 0;
	if (*position < inbox->n_received)
		*position = inbox->n_received;
	while (brood__peek(socket, (size_t)(*position - inbox->n_received),
	    bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes) &&
	    brood__frame_decode(bytes, inbox->max_payload, &frame) == 0) {
		if (frame.kind == kind && frame.id == id)
			return 1;
		*position += BROOD__FRAME_SIZE + frame.length;
	}
	return 0;
}

int
brood__inbox_take_fd(struct brood__inbox *inbox, size_t i)
{
	return inbox->state != BROOD__INBOX_GIVEN ? -EBADF :
	    brood__fd_take(inbox->fds, inbox->n_fds, i);
}

int
brood__inbox_take_held_fd(struct brood__inbox *inbox, size_t i)
{
	return inbox->held.bytes.bytes == NULL ?
	    brood__inbox_take_fd(inbox, i) :
	    brood__fd_take(inbox->held.fds, inbox->held.n_fds, i);
}
