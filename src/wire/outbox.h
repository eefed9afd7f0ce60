/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OUTBOX_H
#define BROOD__OUTBOX_H

/*
 * Frames that wait to be sent on a stream socket, and the copies of their
 * descriptors.
 *
 * Frames are appended to one buffer and leave together.  A frame with
 * descriptors starts a sendmsg(2) of its own: a mark remembers its place.  One
 * payload at a time may be lent: it is sent from where it is, and only its
 * header is in the buffer.
 *
 * Places are positions in the stream: bytes since the outbox was made.
 *
 *	n_sent	begun_end		n_sent + brood__outbox_len()
 *	   |	   |			   |
 *	   +-------+-----------+-----------+
 *	    rest of  whole	mark: descriptors go with this byte
 *	    a frame  frames
 */

#include "base/buffer.h"
#include "wire/frame.h"

#include <brood/message.h>
#include <sys/queue.h>
#include <sys/types.h>

struct brood__mark;

struct brood__outbox {
	struct brood__buffer buffer;
	STAILQ_HEAD(, brood__mark) marks;
	const uint8_t *lent;		/* what is left of the payload that is
					   lent */
	size_t lent_len;		/* 0: none is */
	uint64_t lent_at;		/* position of its first byte */
	uint64_t n_sent;		/* bytes that the kernel has taken */
	uint64_t begun_end;		/* end of the frame of which a part was
					   sent; if <= n_sent, of none */
};

void	brood__outbox_init(struct brood__outbox *outbox);
void	brood__outbox_fini(struct brood__outbox *outbox);

/* Append a frame; the message has been checked.  Nothing changes on error. */
int	brood__outbox_append(struct brood__outbox *outbox,
	    const struct brood_message *msg);

/*
 * The same, but if no other payload is lent this one is not copied: it must
 * stay as it is until n_sent is behind the frame, or brood__outbox_drop().
 */
int	brood__outbox_append_lent(struct brood__outbox *outbox,
	    const struct brood_message *msg);

/* Copy what is lent, so that it need not stay: 0 or -ENOMEM. */
int	brood__outbox_keep(struct brood__outbox *outbox);

/* Nothing of it will be sent any more. */
void	brood__outbox_drop(struct brood__outbox *outbox);

/*
 * Make room for n bytes of frames and headers: appending so many, without
 * descriptors, cannot fail until something is sent.  0 or -ENOMEM.
 */
int	brood__outbox_reserve(struct brood__outbox *outbox, size_t n);

/*
 * Send a frame whose descriptors go with it now, or do nothing; the message has
 * been checked.  The outbox must be empty.  If the kernel takes only the
 * beginning, the rest is appended, without descriptors: those have gone.
 *
 * 0, -ENOMEM or an errno of sendmsg(2).
 */
int	brood__outbox_try(struct brood__outbox *outbox,
	    const struct brood_message *msg, int socket);

/*
 * Insert a frame without descriptors in front of those of which nothing was
 * sent yet, but behind position `after`, the end of some frame.  Nothing
 * changes on error.  *ret_at is where the frame was put: what ended behind that
 * position ends later by the length of the frame.
 */
int	brood__outbox_insert(struct brood__outbox *outbox,
	    const struct brood_message *msg, uint64_t after, uint64_t *ret_at);

/*
 * Send once, and nothing behind position `to'.  Gives the count of bytes taken;
 * flags are those of sendmsg(2).
 */
ssize_t	brood__outbox_send(struct brood__outbox *outbox, int socket,
	    int flags, uint64_t to);

/* The first n bytes, of frames without descriptors, have left another way. */
void	brood__outbox_consume(struct brood__outbox *outbox, size_t n);

/* Encode the header of a message that has been checked. */
void	brood__outbox_encode(uint8_t header[BROOD__FRAME_SIZE],
	    const struct brood_message *msg);

static inline size_t
brood__outbox_len(const struct brood__outbox *outbox)
{
	return brood__buffer_len(&outbox->buffer) + outbox->lent_len;
}

#endif
