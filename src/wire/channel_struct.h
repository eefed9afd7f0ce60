/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CHANNEL_STRUCT_H
#define BROOD__CHANNEL_STRUCT_H

/*
 * What a channel is made of, for the files channel*.c alone, and what they call
 * of each other.
 */

#include "base/clock.h"
#include "wire/channel.h"
#include "wire/inbox.h"
#include "wire/outbox.h"
#include "wire/rings.h"

struct brood_channel {
	int fd;
	pid_t owner;			/* the process that made the channel */
	size_t max_queued;
	uint32_t max_payload;		/* accepted from the peer */
	uint32_t max_send;		/* what the peer accepts, if that is
					   less than max_payload */
	bool peer_takes_fds;
	unsigned level;			/* of confinement, of this process */
	struct brood__inbox in;
	struct brood__outbox out;
	struct brood__rings rings;
	struct brood__waiting waiting;
	struct brood__buffer memory;	/* of brood__channel_alloc() */
	int recv_error;			/* 0, or why nothing can be received */
	int send_error;			/* 0, or -EPIPE */
};

/* When does a timeout of poll(2) end? */
static inline int64_t
brood__channel_deadline(int timeout_ms)
{
	return timeout_ms > 0 ? brood__deadline(brood__now_ms(), timeout_ms) :
	    timeout_ms < 0 ? BROOD__NEVER : 0;
}

/* Between two looks for what no event tells of. */
enum { BROOD__CHANNEL_NAP_MS = 1 };

/* channel.c: receiving from the socket */

/* Receive once.  As brood__inbox_recv(). */
int	brood__channel_recv_some(struct brood_channel *channel, int flags);

/* Of the frames that are whole: 1 if another one is behind WAKE, else 0. */
int	brood__channel_drop_wakes(struct brood_channel *channel);

/* channel_rings.c: what goes through the ring */

/* Do the frames that are queued from now on go by the ring? */
static inline bool
brood__channel_is_writing_ring(const struct brood_channel *ch)
{
	return ch->out.n_sent >= ch->rings.out_from;
}

/* All was sent but a WAKE, because the system was short of something. */
static inline bool
brood__channel_owes_wake(const struct brood_channel *ch)
{
	return ch->rings.owes_wake && brood__outbox_len(&ch->out) == 0;
}

/*
 * Put a frame into the ring at once, if nothing is queued in front of it: true.
 * False: it is to be queued.
 */
bool	brood__channel_put(struct brood_channel *channel,
	    const struct brood_message *msg);

/* The place of the next frame in the ring, if it can be there: true. */
bool	brood__channel_reserve_place(struct brood_channel *channel, size_t len,
	    void **ret_payload);

/* False of a payload in a place of the ring that was given up. */
static inline bool
brood__channel_may_send(const struct brood_channel *ch, const void *payload,
    size_t len)
{
	return ch->rings.ring == NULL ||
	    brood__ring_may_put(ch->rings.ring, payload, len);
}

/*
 * Send the first frame that is queued, or a part of it, by the way that is its.
 * Gives the count of bytes, -EAGAIN, or an errno of sendmsg(2).
 */
ssize_t	brood__channel_send_some(struct brood_channel *channel, int flags);

/* Is it the ring that has no room? */
bool	brood__channel_lacks_room(const struct brood_channel *channel);

/*
 * Show the peer what is in the ring, and wake it if it sleeps.  0, -EPIPE, or
 * an errno after which this is to be called again.
 */
int	brood__channel_publish(struct brood_channel *channel);

/*
 * As brood__inbox_next(), of a channel whose inbox may hold frames of the
 * channel itself, or whose frames come by a ring.
 */
int	brood__channel_next_frame(struct brood_channel *channel,
	    struct brood_message *ret_msg);

#endif
