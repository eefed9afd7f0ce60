/* SPDX-License-Identifier: ISC */
#ifndef BROOD__RINGS_H
#define BROOD__RINGS_H

/*
 * Rings under a channel: how both sides of a socket agree to send frames
 * through shared memory, and which frames go by the socket all the same.
 *
 *	host				worker
 *	  <---------- HELLO, feature bit 0 (the supervisor has read it)
 *	OFFER, both regions ---------->		and goes on by socket
 *	  <---------- SWITCH			its last frame by socket alone
 *	SWITCH ----------------------->		the last one of the host
 *
 * A worker that cannot map the memory ignores the offer.  So each direction
 * changes at a position of its stream that both sides know, behind SWITCH, and
 * positions go on: they count the bytes of frames, by whichever way they come.
 *
 * From then on the order of frames is that of the ring.  A frame that is too
 * long for the ring, or that has descriptors, is sent on the socket, and a mark
 * in the ring says that it is its turn.  The mark is published before the first
 * byte is sent, so a frame on the socket without its mark is a violation.
 * Unmarked come only WAKE, which wakes the peer and means nothing else, and an
 * ERROR of id 0, which says why the channel ends.
 *
 * A host sends a frame by the socket only to a worker that has nothing else to
 * do: else a WAKE behind that frame could not be read before it, by a worker
 * that waits for room in its ring.
 */

#include "base/spin.h"
#include "wire/ring.h"

struct brood__rings {
	struct brood__ring *ring;	/* NULL: there are none */
	void *own;
	const void *peer;
	size_t region_size;

	bool accepts_offer;		/* this side said so in HELLO */
	uint64_t out_from;		/* position in the stream sent from
					   which on the ring is used;
					   UINT64_MAX: not yet */
	uint64_t marked_to;		/* end of the frame on the socket whose
					   mark was put last */
	uint64_t n_by_ring;		/* bytes of frames that went by ring */
	uint64_t n_wakes;		/* bytes on the socket that are no part
					   of the stream: all WAKE sent */

	bool is_reading;		/* SWITCH was received */
	bool is_at_mark;		/* the frame whose turn it is comes on
					   the socket, and has not come */
	uint64_t position;		/* then: how far the stream was taken */
	size_t taken;			/* the last frame's part of that */

	bool is_asleep;			/* was said, and no WAKE was read since:
					   the peer sends one, or has sent it */
	bool owes_wake;			/* the peer is to be woken */
	unsigned n_cpus;
	struct brood__spin spin;
};

static inline void
brood__rings_init(struct brood__rings *rings)
{
	*rings = (struct brood__rings) { .out_from = UINT64_MAX };
}

/*
 * The memory is not in a forked copy of the process, and must not be unmapped
 * there: something else may be in its place.
 */
void	brood__rings_fini(struct brood__rings *rings, bool is_owner);

/*
 * Make both regions, and the end of the one who offers them.  The descriptors
 * are the caller's.  0, -ENOSYS or an error of memfd_create(2) or mmap(2).
 */
int	brood__rings_make(struct brood__rings *rings, size_t ring_bytes,
	    int ret_fds[2]);

/* The other end: map what was offered.  The descriptors stay the caller's. */
int	brood__rings_join(struct brood__rings *rings, uint64_t ring_bytes,
	    const int fds[2]);

/* Look for something to read for a short time, if that pays.  True: it is. */
bool	brood__rings_spin(struct brood__rings *rings);

#endif
