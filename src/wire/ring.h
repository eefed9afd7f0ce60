/* SPDX-License-Identifier: ISC */
#ifndef BROOD__RING_H
#define BROOD__RING_H

/*
 * Frames between two processes through shared memory: one end of a pair of
 * rings, without any system call.  ring.c explains how it works.  What wakes an
 * end that sleeps, and what goes beside the rings, is its owner's business.
 *
 * Nothing that the peer writes is trusted.  The functions that can meet it give
 * -EPROTO if it makes no sense; then the ring must not be used again but to be
 * freed.
 */

#include "wire/frame.h"

#include <stdbool.h>
#include <stddef.h>

struct brood__ring;

enum {
	BROOD__RING_MIN = 1 << 18,	/* bytes of one ring */
	BROOD__RING_MAX = 1 << 30,
};

/* How much memory each of the two regions is, for rings of so many bytes. */
size_t	brood__ring_region_size(size_t ring_bytes);

/*
 * Make one end.  own is the region that this process writes, peer the one that
 * it reads; both are mapped, and stay the caller's.  ring_bytes is a power of
 * two between the limits.  0 or -ENOMEM.
 */
int	brood__ring_new(struct brood__ring **ret_ring, void *own,
	    const void *peer, size_t ring_bytes);
struct brood__ring *
	brood__ring_free(struct brood__ring *ring);

/* Writing */

/* Can a frame with a payload of len bytes go through the ring at all? */
bool	brood__ring_takes(const struct brood__ring *ring, size_t len);

/*
 * Write a frame behind the others.  The peer does not see it before
 * brood__ring_publish().
 *
 *   -EAGAIN	there is no room
 */
int	brood__ring_put(struct brood__ring *ring,
	    const uint8_t header[BROOD__FRAME_SIZE], const void *payload,
	    size_t len);

/*
 * Find the place of the next frame, with a payload of len bytes that the owner
 * writes there; then brood__ring_put() with that payload, of at most len bytes,
 * copies nothing.  To put something else gives the place up.  The errors are
 * those of brood__ring_put().
 */
int	brood__ring_reserve(struct brood__ring *ring, size_t len,
	    void **ret_payload);

/*
 * May a payload be put, or sent another way?  Not if it is in the ring, but for
 * the place that was found last, and for so much.
 */
bool	brood__ring_may_put(const struct brood__ring *ring,
	    const void *payload, size_t len);

/* Write the mark of a frame that comes in another way. */
int	brood__ring_put_mark(struct brood__ring *ring);

/*
 * Show the peer what was written.  True: the peer sleeps, and is to be woken;
 * this is said once each time that it falls asleep.
 */
bool	brood__ring_publish(struct brood__ring *ring);

/*
 * Ask to be woken when there is room.  True: there was none when it was asked;
 * false: look again.
 */
bool	brood__ring_ask_for_room(struct brood__ring *ring);

/* Reading */

enum brood__ring_found {
	BROOD__RING_NOTHING,
	BROOD__RING_FRAME,
	BROOD__RING_MARK,
};

/*
 * Look at the next frame, and leave it there.  header is a copy that was not
 * judged but for its length; the payload is the peer's memory.  Of a frame that
 * was taken before, the payload may now be overwritten, unless it is held.
 * Gives an enum brood__ring_found or -EPROTO.
 *
 * *ret_wakes is set to true if the peer waits for room, and is to be woken.
 */
int	brood__ring_peek(struct brood__ring *ring,
	    uint8_t header[BROOD__FRAME_SIZE], const uint8_t **ret_payload,
	    bool *ret_wakes);

/* Take what brood__ring_peek() has given; or give that back. */
void	brood__ring_take(struct brood__ring *ring);
void	brood__ring_untake(struct brood__ring *ring);

/* Keep the frame that was taken last as it is, until unhold. */
void	brood__ring_hold(struct brood__ring *ring);
void	brood__ring_unhold(struct brood__ring *ring);

/* Is there something to be looked at?  Costs one load. */
bool	brood__ring_has_more(const struct brood__ring *ring);

/*
 * Of a peer that can be trusted: is there a frame of this kind and id among
 * those that were not taken?
 */
bool	brood__ring_look_ahead(const struct brood__ring *ring, uint8_t kind,
	    uint64_t id);

/* The peer is dead: what it has published by now is all that is read. */
void	brood__ring_freeze(struct brood__ring *ring);

/* Sleeping */

/*
 * Say that this end falls asleep.  True: it may, and the peer will wake it
 * when it publishes.  False: there is something to be looked at.
 */
bool	brood__ring_fall_asleep(struct brood__ring *ring);

/* Say that this end is awake, and does not need to be woken. */
void	brood__ring_stay_awake(struct brood__ring *ring);

/* Does the peer sleep, or has it been woken and not said that it is awake? */
bool	brood__ring_is_peer_asleep(const struct brood__ring *ring);

/* Begun requests */

/*
 * Say how far in the stream of frames this end has come: the position behind
 * the frame that it begins to work on.  It can be read after this process has
 * died, whatever it died of.
 */
void	brood__ring_set_begun(struct brood__ring *ring, uint64_t position);

/* What the peer has said; UINT64_MAX if that cannot be what it has written. */
uint64_t brood__ring_begun(const struct brood__ring *ring);

#endif
