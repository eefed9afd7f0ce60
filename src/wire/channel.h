/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CHANNEL_H
#define BROOD__CHANNEL_H

/*
 * What the rest of the library can do with a channel, beyond brood/channel.h.
 * Only brood__channel_check() asks whether this process owns the channel; the
 * callers of the other functions know.
 */

#include "wire/kept.h"

#include <brood/channel.h>
#include <sys/types.h>

struct brood__inbox;

/* As brood_channel_read_ahead(); and was it called? */
void	brood__channel_set_greedy(struct brood_channel *channel);
bool	brood__channel_is_greedy(const struct brood_channel *channel);

/*
 * From now on deliver a frame whose descriptors were lost, without any, instead
 * of breaking the channel.  For a trusted peer: descriptors are lost when this
 * process has no number left for them.
 */
void	brood__channel_set_lossy(struct brood_channel *channel);

/*
 * 0; -ECHILD in a forked copy of the process that made the channel; or the
 * error because of which nothing can be received any more.
 */
int	brood__channel_check(const struct brood_channel *channel);

/* Are these options, or NULL, possible?  0 or -EINVAL. */
int	brood__channel_check_options(
	    const struct brood_channel_options *options);

/* Has the peer closed its end, as far as was seen in sending or receiving? */
bool	brood__channel_is_ended(const struct brood_channel *channel);

/* The longest payload that the channel accepts. */
uint32_t brood__channel_max_payload(const struct brood_channel *channel);

/* The longest payload that may be sent: the smaller of the sides' limits. */
uint32_t brood__channel_max_send(const struct brood_channel *channel);

/*
 * Set the longest payload that may be sent from now on.  What the channel
 * itself accepts remains the upper bound.
 */
void	brood__channel_set_peer_max(struct brood_channel *channel,
	    uint32_t max_payload);

/*
 * What the peer's HELLO says besides.  If it takes no descriptors a message
 * that has some cannot be sent: -EPERM.
 */
void	brood__channel_set_peer_features(struct brood_channel *channel,
	    uint32_t features);

/* The level that this process is confined to, for its HELLO. */
void	brood__channel_set_level(struct brood_channel *channel, unsigned level);
unsigned brood__channel_level(const struct brood_channel *channel);

/* Does this side accept descriptors, and does the peer? */
bool	brood__channel_takes_fds(const struct brood_channel *channel);
bool	brood__channel_peer_takes_fds(const struct brood_channel *channel);

/* What is so between one receive of the program and the next: receive.h. */
struct brood__waiting {
	struct brood__kepts kept;
	uint64_t last_call;		/* id of the last brood_channel_call();
					   0: there was none */
	uint64_t open_call;		/* the call whose answer, or parts of
					   that, may still come; 0: none */
};

struct brood__waiting *
	brood__channel_waiting(struct brood_channel *channel);
const struct brood__waiting *
	brood__channel_waiting_const(const struct brood_channel *channel);
struct brood__inbox *
	brood__channel_inbox(struct brood_channel *channel);

/*
 * Have the message that was given last stay valid until unhold; and give it
 * once more.
 */
void	brood__channel_hold(struct brood_channel *channel);
void	brood__channel_unhold(struct brood_channel *channel);
void	brood__channel_unget(struct brood_channel *channel);

size_t	brood__channel_max_queued(const struct brood_channel *channel);

/*
 * Read from the socket once, without waiting.  Gives 1 if anything came, 0 if
 * not, and the errors of brood_channel_recv().  Only after
 * brood__channel_next() has given 0.
 */
int	brood__channel_fill(struct brood_channel *channel);

/*
 * Did the last brood__channel_fill() get less than it had room for?  Then the
 * socket was probably empty; if not, poll(2) will tell.
 */
bool	brood__channel_is_drained(const struct brood_channel *channel);

/*
 * Give the next message of those that have been received, without a system
 * call.  1 with a message, 0 if none is complete.  -EPIPE, the end of the
 * socket, comes only when nothing is in the ring any more.
 */
int	brood__channel_next(struct brood_channel *channel,
	    struct brood_message *ret_msg);

/*
 * Look for a frame of this kind and id among those that are still in the
 * socket, and take none: 1 if it is there, otherwise 0.  *position is where to
 * begin, 0 the first time; it is moved behind what was looked at.  Not for a
 * greedy channel.
 */
int	brood__channel_look_ahead(const struct brood_channel *channel,
	    enum brood_kind kind, uint64_t id, uint64_t *position);

/* As the functions of brood/channel.h without the second underscore. */
int	brood__channel_queue(struct brood_channel *channel,
	    const struct brood_message *msg);
int	brood__channel_flush(struct brood_channel *channel, int timeout_ms);
int	brood__channel_send(struct brood_channel *channel,
	    const struct brood_message *msg);
int	brood__channel_recv(struct brood_channel *channel, int timeout_ms,
	    struct brood_message *ret_msg);

/*
 * As brood__channel_send(), but after an error the message is not queued: while
 * the system is short of memory, or has too many descriptors in messages, this
 * waits and tries again.  For an answer, of which there must not be two.
 */
int	brood__channel_insist(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Queue a message of brood's own, whether or not max_queued is reached: HELLO,
 * CANCEL, LINK and GOODBYE must not be lost because the program has filled the
 * queue.  The caller sees to it that there are few of them.
 */
int	brood__channel_queue_own(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * The same for a message without descriptors that must not wait, as CANCEL: it
 * goes in front of all frames of which nothing was sent yet, but behind
 * position `after`.  That is the end of the frame which the message is about,
 * as brood__channel_queued() gave it when that frame was queued.  So a CANCEL
 * never arrives before its request.
 *
 * Frames that now come later end later: add BROOD__FRAME_SIZE + msg->len to
 * each position that is greater than *ret_at, which is where the message was
 * put.  Other positions stay as they are.
 */
int	brood__channel_queue_first(struct brood_channel *channel,
	    const struct brood_message *msg, uint64_t after, uint64_t *ret_at);

/*
 * As brood__channel_queue(), but a long payload may be sent from where it is:
 * that must stay as it is until brood__channel_sent() is behind the message, or
 * brood__channel_stop_sending().
 */
int	brood__channel_queue_lent(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Memory for a payload of len bytes: in the ring, where brood__channel_send()
 * finds it in place, or else apart.  It is there until something is sent, or
 * memory is asked for again.
 *
 *   -EMSGSIZE	the peer does not accept so much
 */
int	brood__channel_alloc(struct brood_channel *channel, size_t len,
	    void **ret_data);

/* The memory apart is not needed any more. */
void	brood__channel_free_memory(struct brood_channel *channel);

/* Nothing is sent any more, of what is queued either: -EPIPE from now on. */
void	brood__channel_stop_sending(struct brood_channel *channel);

/*
 * Position in the stream of bytes received, counted since the channel was made:
 * how many were taken off the socket.
 */
uint64_t brood__channel_received(const struct brood_channel *channel);

/*
 * Make room for n messages without descriptors, whose payloads have len bytes
 * together: brood__channel_queue() cannot fail for want of memory with those,
 * until something is flushed.  0 or -ENOMEM.
 */
int	brood__channel_reserve(struct brood_channel *channel, size_t n,
	    size_t len);

/*
 * Send a message now, descriptors and all, or do nothing.  Its descriptors are
 * not copied, and it never waits in the queue, where it would hold back what
 * comes after it.
 *
 *   -EAGAIN	something is queued, or the socket is full
 *   -ENOMEM, -ENOBUFS, -ETOOMANYREFS	not now: try again after some time
 *   -EPIPE	the peer is gone
 */
int	brood__channel_try(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Positions in the stream of bytes sent, counted since the channel was made:
 * the end of all that was queued, and the end of what the kernel has taken of
 * that.
 */
uint64_t brood__channel_queued(const struct brood_channel *channel);
uint64_t brood__channel_sent(const struct brood_channel *channel);

/*
 * Rings, see rings.h.  A worker's side says with _accept_rings(), before HELLO,
 * that it takes them; only if poll(2) need not tell of each message.  A host
 * offers them to a worker that has said so; without memory or descriptors the
 * channel stays as it is.
 */
void	brood__channel_accept_rings(struct brood_channel *channel);
bool	brood__channel_accepts_rings(const struct brood_channel *channel);
void	brood__channel_offer_rings(struct brood_channel *channel,
	    size_t ring_bytes);

/*
 * Is the message that was given last in the ring?  Then it stays there as it
 * is, also while others are received, until it is released.
 */
bool	brood__channel_keep_frame(struct brood_channel *channel);
void	brood__channel_release_frame(struct brood_channel *channel);

/*
 * Do messages come by the ring?  Then poll(2) tells of them only if the owner
 * has fallen asleep: it looks with _has_more(), and before it waits for
 * readiness, or its program may, it calls _fall_asleep().  False: there is
 * something to be read by brood__channel_next().
 */
bool	brood__channel_is_reading_ring(const struct brood_channel *channel);
bool	brood__channel_is_peer_asleep(const struct brood_channel *channel);
bool	brood__channel_has_more(const struct brood_channel *channel);
bool	brood__channel_is_asleep(const struct brood_channel *channel);
bool	brood__channel_fall_asleep(struct brood_channel *channel);

/* The peer is dead: read no more from the ring than it had written by now. */
void	brood__channel_freeze(struct brood_channel *channel);

/* Has all been read that a peer had written to the ring when it was frozen? */
bool	brood__channel_is_ring_read(const struct brood_channel *channel);

/*
 * Can a message be sent through the ring?  If not, and there is one, it is for
 * a peer that has nothing else to do.
 */
bool	brood__channel_takes(const struct brood_channel *channel, size_t len,
	    size_t n_fds);

/*
 * How far the peer has come in the stream sent to it, as a position.  n_unread
 * is what is left of that in the peer's socket.
 */
uint64_t brood__channel_consumed(const struct brood_channel *channel,
	    size_t n_unread);

/*
 * Queue this side's HELLO; and judge the first message that came from the peer,
 * which should be the peer's.  Both are in hello.c.
 *
 *   -EPROTO, -EPROTONOSUPPORT	msg is no HELLO of this version: the peer has
 *		been told, and text says why
 */
int	brood__channel_queue_hello(struct brood_channel *channel,
	    const char *name);
int	brood__channel_read_hello(struct brood_channel *channel,
	    const struct brood_message *msg, char *text, size_t text_size);

/*
 * Tell the peer what is wrong with the bytes that it has sent.  Does nothing if
 * that would need waiting.
 */
void	brood__channel_complain(struct brood_channel *channel,
	    enum brood_error code, const char *text);

/*
 * Free the channel and give its socket, still open.  Bytes that were received,
 * but not delivered as a message, are lost.
 */
int	brood__channel_release(struct brood_channel *channel);

#endif
