/* SPDX-License-Identifier: ISC */

/*
 * The sending half of a channel: what may be sent, the queue, and waiting for
 * room in the socket or in the ring.
 */

#include "base/await.h"
#include "base/clock.h"
#include "base/export.h"
#include "base/reserved.h"
#include "wire/channel_struct.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>

enum {
	CHANNEL_LENT_MIN = 32 << 10,	/* a shorter payload is copied: that
					   costs less than to keep it apart */
	CHANNEL_FLUSH_MAX = 1 << 20,	/* bytes, of a call that may not wait */
	CHANNEL_RETRY_MS = 10,		/* while the system is short of what
					   sending takes */
};

static int
channel_check_msg(const struct brood_channel *ch,
    const struct brood_message *msg)
{
	bool is_request = msg->kind == 0 || msg->kind == BROOD_KIND_REQUEST;

	if (msg->kind > BROOD_KIND_LINK || msg->more > 1 ||
	    (msg->more != 0 && msg->kind != BROOD_KIND_REPLY) ||
	    msg->ran > BROOD_RAN ||
	    (msg->ran != 0 && msg->kind != BROOD_KIND_ERROR) ||
	    (msg->expire_ms != 0 && !is_request) ||
	    msg->reserved_1 != 0 || !BROOD__RESERVED_IS_ZERO(msg) ||
	    msg->n_fds > BROOD_MAX_FDS ||
	    (msg->len > 0 && msg->data == NULL) ||
	    (msg->n_fds > 0 && msg->fds == NULL) ||
	    !brood__channel_may_send(ch, msg->data, msg->len))
		return -EINVAL;
	if (msg->n_fds > 0 && !ch->peer_takes_fds)
		return -EPERM;
	return msg->len > ch->max_send ? -EMSGSIZE : 0;
}

/* May this message be sent, and can anything still be sent? */
static int
channel_check_send(const struct brood_channel *ch,
    const struct brood_message *msg)
{
	int r = channel_check_msg(ch, msg);

	return r < 0 ? r : ch->send_error;
}

static int
channel_append(struct brood_channel *ch, const struct brood_message *msg)
{
	return brood__channel_put(ch, msg) ? 0 :
	    brood__outbox_append(&ch->out, msg);
}

int
brood__channel_queue_own(struct brood_channel *ch,
    const struct brood_message *msg)
{
	int r = channel_check_send(ch, msg);

	return r < 0 ? r : channel_append(ch, msg);
}

int
brood__channel_queue_first(struct brood_channel *ch,
    const struct brood_message *msg, uint64_t after, uint64_t *ret_at)
{
	uint64_t from = ch->rings.out_from;
	int r = channel_check_send(ch, msg);

	if (r < 0)
		return r;
	*ret_at = brood__channel_queued(ch);
	/* A frame that was marked is the next on the socket. */
	if (after < ch->rings.marked_to)
		after = ch->rings.marked_to;
	if (brood__channel_put(ch, msg))
		return 0;
	r = brood__outbox_insert(&ch->out, msg, after, ret_at);
	/* If that was in front of SWITCH the ring is used from later on. */
	if (r == 0 && from != UINT64_MAX && *ret_at < from)
		ch->rings.out_from += BROOD__FRAME_SIZE + msg->len;
	return r;
}

/* 0 if the message may be queued now. */
static int
channel_check_queue(const struct brood_channel *ch,
    const struct brood_message *msg)
{
	size_t pending = brood__outbox_len(&ch->out);
	int r = channel_check_send(ch, msg);

	if (r < 0)
		return r;
	return pending > 0 &&
	    pending + BROOD__FRAME_SIZE + msg->len > ch->max_queued ?
	    -EAGAIN : 0;
}

int
brood__channel_queue(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = channel_check_queue(ch, msg);

	return r < 0 ? r : channel_append(ch, msg);
}

int
brood__channel_queue_lent(struct brood_channel *ch,
    const struct brood_message *msg)
{
	int r = channel_check_queue(ch, msg);

	if (r < 0)
		return r;
	/* What goes by the ring, now or behind SWITCH, is copied there. */
	if (brood__channel_put(ch, msg))
		return 0;
	return msg->len < CHANNEL_LENT_MIN ||
	    (ch->rings.out_from != UINT64_MAX &&
	    brood__ring_takes(ch->rings.ring, msg->len)) ?
	    brood__outbox_append(&ch->out, msg) :
	    brood__outbox_append_lent(&ch->out, msg);
}

void
brood__channel_stop_sending(struct brood_channel *ch)
{
	ch->send_error = -EPIPE;
	brood__outbox_drop(&ch->out);
}

int
brood__channel_reserve(struct brood_channel *ch, size_t n, size_t len)
{
	return brood__outbox_reserve(&ch->out, n * BROOD__FRAME_SIZE + len);
}

int
brood__channel_try(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = channel_check_send(ch, msg);

	if (r < 0)
		return r;
	if (brood__outbox_len(&ch->out) > 0)
		return -EAGAIN;
	r = brood__outbox_try(&ch->out, msg, ch->fd);
	if (r == -ECONNRESET || r == -EPIPE)
		return ch->send_error = -EPIPE;
	return r;
}

/*
 * The ring has no room, and the peer's SWITCH was not read.  In front of it on
 * the socket are requests, and they must not be read before it is their turn:
 * so no WAKE could be read behind them, and none is asked for.  Look again in a
 * while, unless the peer is gone.
 */
static int
channel_nap(struct brood_channel *ch, int64_t deadline)
{
	int64_t soon = brood__deadline(brood__now_ms(), BROOD__CHANNEL_NAP_MS);
	int r;

	r = brood__await(ch->fd, 0, brood__earlier(deadline, soon));
	if (r > 0)
		return ch->send_error = -EPIPE;
	return r == 0 && soon <= deadline ? 1 : r;
}

/* Wait until the socket, or the ring, has room again. */
static int
channel_await_room(struct brood_channel *ch, int64_t deadline)
{
	int r;

	if (!brood__channel_lacks_room(ch))
		return brood__await(ch->fd, POLLOUT, deadline);
	if (!ch->rings.is_reading)
		return channel_nap(ch, deadline);
	/* The peer says WAKE on the socket, and has nothing else to say. */
	r = brood__channel_drop_wakes(ch);
	if (r != 0)
		return r < 0 ? r : -EPROTO;
	r = brood__await(ch->fd, POLLIN, deadline);
	if (r > 0)
		r = brood__channel_recv_some(ch, MSG_DONTWAIT);
	return r == -EAGAIN ? 1 : r;
}

/*
 * Has a call that does not wait sent enough?  A peer that reads as fast as this
 * process writes must not hold it.  The socket then still has room, which
 * poll(2) tells at once; that a ring has room it does not.
 */
static bool
channel_has_sent_enough(const struct brood_channel *ch, uint64_t from)
{
	return ch->out.n_sent - from >= CHANNEL_FLUSH_MAX &&
	    brood__outbox_len(&ch->out) > 0 && !brood__channel_lacks_room(ch);
}

int
brood__channel_flush(struct brood_channel *ch, int timeout_ms)
{
	int64_t deadline = brood__channel_deadline(timeout_ms);
	uint64_t from = ch->out.n_sent;
	ssize_t n;
	int r;

	if (ch->send_error < 0)
		return ch->send_error;
	while (brood__outbox_len(&ch->out) > 0) {
		n = brood__channel_send_some(ch,
		    timeout_ms < 0 ? 0 : MSG_DONTWAIT);
		if (n >= 0 && timeout_ms == 0 &&
		    channel_has_sent_enough(ch, from)) {
			r = brood__channel_publish(ch);
			return r < 0 ? r : -EAGAIN;
		}
		if (n >= 0)
			continue;
		/* EPERM: it takes no descriptors, and did not say so. */
		if (n == -ECONNRESET || n == -EPIPE || n == -EPERM)
			return ch->send_error = -EPIPE;
		if (n != -EAGAIN)
			return (int)n;
		r = brood__channel_publish(ch);
		if (r < 0)
			return r;
		if (brood__channel_lacks_room(ch) && ch->rings.is_reading &&
		    !brood__ring_ask_for_room(ch->rings.ring))
			continue;
		if (timeout_ms == 0)
			return -EAGAIN;
		r = channel_await_room(ch, deadline);
		if (r <= 0)
			return r < 0 ? r : -EAGAIN;
	}
	return brood__channel_publish(ch);
}

/* Queue it, if need be when all that is queued was sent. */
static int
channel_queue_waiting(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = brood__channel_queue_lent(ch, msg);

	if (r != -EAGAIN)
		return r;
	r = brood__channel_flush(ch, -1);
	return r < 0 ? r : brood__channel_queue_lent(ch, msg);
}

/* How the sending of a message has ended, which may not be sent yet. */
static int
channel_end_send(struct brood_channel *ch, int r)
{
	/*
	 * The message was sent, if only WAKE is missing.  brood__channel_recv()
	 * sends that before it waits.
	 */
	if (r < 0 && r != -EPIPE && brood__channel_owes_wake(ch))
		return 0;
	/* What could not be sent is sent later, without the caller's memory. */
	if (r < 0 && brood__outbox_keep(&ch->out) < 0)
		brood__channel_stop_sending(ch);
	return r;
}

int
brood__channel_send(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = channel_queue_waiting(ch, msg);

	return r < 0 ? r :
	    channel_end_send(ch, brood__channel_flush(ch, -1));
}

int
brood__channel_insist(struct brood_channel *ch, const struct brood_message *msg)
{
	static const struct timespec pause = { 0, CHANNEL_RETRY_MS * 1000000 };
	int r = channel_queue_waiting(ch, msg);

	if (r < 0)
		return r;
	while (r = brood__channel_flush(ch, -1), r == -ENOMEM ||
	    r == -ENOBUFS || r == -ETOOMANYREFS)
		(void)nanosleep(&pause, NULL);
	return channel_end_send(ch, r);
}

int
brood__channel_alloc(struct brood_channel *ch, size_t len, void **ret_data)
{
	int r;

	if (len > ch->max_send)
		return -EMSGSIZE;
	if (brood__channel_reserve_place(ch, len, ret_data))
		return 0;
	brood__channel_free_memory(ch);
	r = brood__buffer_reserve(&ch->memory, len > 0 ? len : 1);
	if (r < 0)
		return r;
	*ret_data = ch->memory.bytes;
	ch->memory.end = len;
	return 0;
}

void
brood__channel_free_memory(struct brood_channel *ch)
{
	brood__buffer_consume(&ch->memory, ch->memory.end);
}

BROOD_PUBLIC int
brood_channel_queue(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = brood__channel_check(ch);

	return r < 0 ? r : brood__channel_queue(ch, msg);
}

BROOD_PUBLIC int
brood_channel_flush(struct brood_channel *ch, int timeout_ms)
{
	int r = brood__channel_check(ch);

	return r < 0 ? r : brood__channel_flush(ch, timeout_ms);
}

BROOD_PUBLIC int
brood_channel_send(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = brood__channel_check(ch);

	return r < 0 ? r : brood__channel_send(ch, msg);
}

uint64_t
brood__channel_queued(const struct brood_channel *ch)
{
	return ch->out.n_sent + brood__outbox_len(&ch->out);
}

uint64_t
brood__channel_sent(const struct brood_channel *ch)
{
	return ch->out.n_sent;
}
