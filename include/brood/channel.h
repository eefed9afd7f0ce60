/* SPDX-License-Identifier: ISC */
#ifndef BROOD_CHANNEL_H
#define BROOD_CHANNEL_H

/*
 * A channel: messages and descriptors over one connected UNIX stream socket.
 *
 * A channel never sets O_NONBLOCK, which would reach every process that shares
 * the socket; waiting is a matter of each call.  What it holds is bounded: one
 * incoming message, and outgoing ones up to max_queued bytes, or one that is
 * longer.
 *
 * Once a peer has broken the protocol, or the stream has ended, the channel
 * stays in that state: every later call says the same.
 *
 *   -EPIPE	the peer is gone
 *   -EPROTO	the peer sent what is no frame of this protocol
 *   -EMSGSIZE	the peer announced a payload longer than max_payload
 *   -EBADMSG	a frame arrived without its descriptors, or with others
 *
 * Two processes that both send more than a socket buffer holds before they
 * receive will wait for each other for ever: let one of them use
 * brood_channel_queue().
 */

#include <brood/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_channel;

struct brood_channel_options {
	size_t	 max_payload;	/* of a message, both ways; 0: 16 MiB */
	size_t	 max_queued;	/* bytes waiting to be sent; 0: 1 MiB; one
				   message may always wait */
	unsigned max_fds;	/* accepted with one message; 0: none */
};

/*
 * Make a channel of a connected UNIX stream socket.
 *
 * Takes fd, on success only, and sets its close-on-exec flag.  NULL options are
 * the defaults.  A channel that accepts no descriptors receives without a
 * control buffer: the kernel drops what a peer attaches.
 *
 *   -EBADF, -ENOTSOCK, -EPROTOTYPE	fd is not a UNIX stream socket
 *   -EINVAL	max_fds over BROOD_MAX_FDS, or a limit that does not fit 32 bits
 */
int	brood_channel_new(struct brood_channel **ret_channel, int fd,
	    const struct brood_channel_options *options);

/*
 * Make a channel of the descriptor that this program was started with.
 *
 * For programs run by brood_child_exec() or a pool with an argv: the number is
 * in the environment variable BROOD_FD, which is removed so that no program
 * started from here takes it for its own.
 *
 *   -ENOENT	BROOD_FD is not set: the program was started by hand
 *   -EBADF, -ENOTSOCK, -EPROTOTYPE	BROOD_FD names no UNIX stream socket
 */
int	brood_channel_inherit(struct brood_channel **ret_channel,
	    const struct brood_channel_options *options);

/*
 * Close the channel and whatever it still holds.  Takes NULL; gives NULL.
 */
struct brood_channel *
	brood_channel_free(struct brood_channel *channel);

/*
 * The socket, to poll(2): for the events of brood_channel_events().
 */
int	brood_channel_fd(const struct brood_channel *channel);

/*
 * What to wait for: POLLIN, with POLLOUT while something is queued.
 */
short	brood_channel_events(const struct brood_channel *channel);

/*
 * Add a message to those waiting to be sent, without sending.
 *
 * Borrows msg, which is copied, descriptors included.  kind 0 is REQUEST.
 * Several small messages queued and then flushed leave in one sendmsg(2).
 *
 *   -EAGAIN	max_queued is reached: flush, then retry
 *   -EMSGSIZE	msg is longer than max_payload, or than the peer's HELLO allows
 *   -EINVAL	an unknown kind, a field that its kind does not have (more: only
 *		REPLY; timeout_ms: REQUEST), or more than BROOD_MAX_FDS
 *   -EMFILE	no descriptor left to copy msg's
 */
int	brood_channel_queue(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Hand what is queued to the kernel, waiting up to timeout_ms for room.
 *
 *   -EAGAIN	some is still queued
 *   -ETOOMANYREFS	too many of this user's descriptors are under way in
 *		sockets (unix(7)): everything else goes on; flush again later
 */
int	brood_channel_flush(struct brood_channel *channel, int timeout_ms);

/*
 * Queue a message and wait until the kernel has all of it.
 *
 * The errors are those of brood_channel_queue(), and:
 *
 *   -ETOOMANYREFS	as above: msg remains queued, flush again later
 */
int	brood_channel_send(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Receive one message, waiting up to timeout_ms for the whole of it.  Nothing
 * behind it is read: poll(2) tells of every message that is there.
 *
 * msg's data and descriptors belong to the channel until the next receive or
 * free; keep a descriptor with brood_channel_take_fd().
 *
 * Returns 1 with a message, 0 if there was none in time.
 */
int	brood_channel_recv(struct brood_channel *channel, int timeout_ms,
	    struct brood_message *ret_msg);

/*
 * Keep descriptor number i of the message received last.
 *
 * Gives the descriptor, or -EBADF if there is none or it was taken already.
 */
int	brood_channel_take_fd(struct brood_channel *channel, size_t i);

/*
 * Exchange HELLO: send this side's, wait for the peer's, compare versions.
 *
 * Needed between a program run by brood_child_exec() and its parent when the
 * program uses brood_worker_main(); a pool does it by itself.  name says who
 * this is in the peer's messages; NULL is none.  timeout_ms is for sending, and
 * again for the answer.
 *
 *   -EPROTONOSUPPORT	the peer speaks another version of the protocol
 *   -ETIMEDOUT	no HELLO within timeout_ms: call again to wait on for it
 */
int	brood_channel_hello(struct brood_channel *channel, const char *name,
	    int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
