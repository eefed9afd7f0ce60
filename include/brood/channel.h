/* SPDX-License-Identifier: ISC */
#ifndef BROOD_CHANNEL_H
#define BROOD_CHANNEL_H

/*
 * A channel sends and receives messages, with descriptors, over one connected
 * UNIX stream socket.
 *
 * A channel never sets O_NONBLOCK, because that flag would apply to every
 * process that shares the socket.  Each call says for itself how long it may
 * wait.  The memory of a channel is bounded: it holds one incoming message, and
 * outgoing messages of up to max_queued bytes together (or one longer message).
 * With brood_channel_read_ahead() it also holds what fits behind that incoming
 * message, in memory of less than twice its length, or of 16 KiB.
 *
 * When the stream has ended, or the peer has broken the protocol, receiving
 * fails with one of the following errors.  From then on every call that sends
 * or receives fails with that same error: free the channel.
 *
 *   -EPIPE	the peer closed its end, or has died.  Sending alone can find
 *		this out first; what the peer sent before can still be received.
 *		So can sending descriptors to a peer that lets none arrive
 *   -EPROTO	the peer sent bytes that are not a frame of the protocol
 *   -EMSGSIZE	the peer announced a payload longer than max_payload
 *   -EBADMSG	a frame arrived with other descriptors than it announced, or
 *		with more than max_fds, or this process had no descriptor left
 *		to receive them
 *
 * Beware of a deadlock: two processes that both send more than a socket buffer
 * holds, before either receives, wait for each other for ever.  One of them has
 * to use brood_channel_queue() and brood_channel_flush() with a timeout of 0.
 */

#include <brood/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_channel;

struct brood_channel_options {
	size_t	 max_payload;	/* the longest payload, in bytes, to send or
				   receive; 0: 16 MiB */
	size_t	 max_queued;	/* the bytes that may wait to be sent; 0: 1 MiB.
				   An empty queue takes one message of any
				   length */
	uint32_t max_fds;	/* the most descriptors accepted with one
				   message; 0: none, which HELLO says */
	uint32_t reserved_1;
	uint64_t reserved[4];
};

/*
 * Make a channel of a connected UNIX stream socket.
 *
 * Takes fd, but only on success, and sets its close-on-exec flag.  options may
 * be NULL: then every option has its default.  If max_fds is 0 the kernel
 * refuses descriptors (SO_PASSRIGHTS, Linux 6.16): the peer cannot send them.
 * Elsewhere it drops those that a peer attaches, and to close one can take as
 * long as that peer likes; a frame that announces descriptors is -EBADMSG.
 *
 *   -EBADF, -ENOTSOCK, -EPROTOTYPE	fd is not a UNIX stream socket
 *   -EINVAL	max_fds is over BROOD_MAX_FDS, max_payload does not fit 32 bits
 *		together with a header, or max_queued is over SIZE_MAX / 2
 */
int	brood_channel_new(struct brood_channel **ret_channel, int fd,
	    const struct brood_channel_options *options);

/*
 * Make a channel of the socket that this program was started with.
 *
 * For programs that are started by brood_child_exec(), by a pool with an argv,
 * or by a supervisor.  The number of the socket is in the environment variable
 * BROOD_FD.  On success the variable is removed, so that a program that is
 * started from here does not take the socket for its own.
 *
 *   -ENOENT	BROOD_FD is not set: the program was started in another way
 *   -EBADF, -ENOTSOCK, -EPROTOTYPE	BROOD_FD names no UNIX stream socket
 *   -EINVAL	as for brood_channel_new()
 */
int	brood_channel_inherit(struct brood_channel **ret_channel,
	    const struct brood_channel_options *options);

/*
 * Close the socket and all descriptors that the channel still holds, and free
 * the channel.  Messages that are still queued are lost.
 *
 * channel may be NULL.  Returns NULL.
 */
struct brood_channel *
	brood_channel_free(struct brood_channel *channel);

/*
 * Get the socket, to poll(2) it for the events of brood_channel_events().  The
 * socket belongs to the channel.
 */
int	brood_channel_fd(const struct brood_channel *channel);

/*
 * Get the events to poll(2) for: POLLIN, and also POLLOUT while something is
 * queued.
 */
short	brood_channel_events(const struct brood_channel *channel);

/*
 * Add a message to the queue of messages to be sent.  Sends nothing; call
 * brood_channel_flush() afterwards.  Small messages that are queued and then
 * flushed leave together, in one sendmsg(2).
 *
 * Borrows msg: the payload is copied, and the descriptors are duplicated.  A
 * kind of 0 is REQUEST.
 *
 *   -EAGAIN	max_queued is reached: flush, then try again
 *   -EMSGSIZE	the payload is longer than max_payload, or longer than the peer
 *		said in its HELLO that it accepts
 *   -EINVAL	the kind is unknown; a field is set that this kind does not have
 *		(more is for REPLY only, expire_ms for REQUEST only); or there
 *		are more than BROOD_MAX_FDS descriptors
 *   -EPERM	the message has descriptors, and the peer has said in its HELLO
 *		that it takes none
 *   -EMFILE	no descriptor is left to duplicate those of msg
 */
int	brood_channel_queue(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Hand the queued messages to the kernel, waiting up to timeout_ms for room in
 * the socket.  Returns 0 when the queue is empty.
 *
 *   -EAGAIN	a part is still queued: wait for POLLOUT, then flush again
 *   -ETOOMANYREFS	this user has too many descriptors in messages that
 *		nobody has received yet (see unix(7)).  The rest is still
 *		queued; no event tells when to go on: flush again a little later
 */
int	brood_channel_flush(struct brood_channel *channel, int timeout_ms);

/*
 * Queue a message and wait, without limit, until the kernel has taken all of
 * it.
 *
 * Borrows msg.  The errors are those of brood_channel_queue() except -EAGAIN,
 * and:
 *
 *   -ETOOMANYREFS	as for brood_channel_flush().  If the queue had room for
 *		it, msg is queued: do not send it again, but flush.  Where that
 *		must be known, use brood_channel_queue() instead
 */
int	brood_channel_send(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Receive one message, waiting up to timeout_ms for all of it.  If only a part
 * of it has come in that time, the part is kept for the next call.
 *
 * Nothing behind the message is read from the socket.  So poll(2) reports
 * POLLIN as long as a message is there, unless brood_channel_read_ahead() was
 * called.
 *
 * The data and the descriptors of ret_msg belong to the channel until the next
 * receive, or until it is freed.  Keep a descriptor with
 * brood_channel_take_fd(); the others are closed then.
 *
 * Returns 1 with a message, 0 if there was none in time.
 */
int	brood_channel_recv(struct brood_channel *channel, int timeout_ms,
	    struct brood_message *ret_msg);

/*
 * From now on let one recvmsg(2) bring several messages: for a channel on which
 * many come, such as that of a server to its client.  It cannot be undone.
 *
 * poll(2) does not tell of the messages that have come so and were not received
 * yet.  Receive with a timeout of 0 until there is none, before you poll.  If
 * you stop before that, go on without waiting.
 *
 * brood_worker_run() refuses such a channel: what a worker has not begun has to
 * stay in the socket.
 *
 *   -ECHILD	this process is a forked copy of the one that made the channel
 */
int	brood_channel_read_ahead(struct brood_channel *channel);

/* What a channel holds because of its peer. */
struct brood_channel_held {
	size_t	 unread;	/* bytes that came of messages that were not
				   received yet; the last of them may not have
				   come whole */
	size_t	 unread_fds;	/* descriptors that came with them */
	size_t	 unsent;	/* bytes that are queued */
	uint64_t position;	/* of the first unread byte in the stream */
	uint64_t reserved[4];
};

/*
 * See what a channel holds: for a server that must not let its clients have it
 * hold too much, or for too long.  If brood_channel_recv() with a timeout of 0
 * has just given 0, what is unread is a part of one message; as long as that is
 * the same message, position is the same.
 */
void	brood_channel_held(const struct brood_channel *channel,
	    struct brood_channel_held *ret_held);

/*
 * Send a request and wait up to timeout_ms for its answer: a REPLY, or an
 * ERROR.  Chooses the id of the request, so that must be 0; ids from 2^63 on
 * are for these calls, and programs use lower ones.  If msg has no expire_ms,
 * the peer is told timeout_ms.
 *
 * Progress is dropped.  If more is set in ret_msg, it is a part of the answer,
 * and the other parts come by brood_channel_recv(), until the next call.  Any
 * other message that comes while this call waits is kept, and
 * brood_channel_recv() gives it before later ones.  poll(2) does not tell of a
 * message that is kept: so, after this call, receive with a timeout of 0 until
 * there is none, before you poll.
 *
 * Borrows msg.  The data and the descriptors of ret_msg belong to the channel,
 * as those of brood_channel_recv().
 *
 * Returns 1 with the answer.  Returns 0 if it did not come in time.  Then, and
 * after an error that is found when the request is queued already, the peer is
 * told by CANCEL, and a late answer is dropped.  The errors are those of
 * brood_channel_queue(), brood_channel_flush() and brood_channel_recv(), and:
 *
 *   -EPIPE	the peer closed its end, or has died: the request may have run
 *   -EINVAL	id is not 0, or kind is not 0 or REQUEST
 *   -ENOBUFS	the messages that are kept are more than max_queued bytes:
 *		receive them
 */
int	brood_channel_call(struct brood_channel *channel,
	    const struct brood_message *msg, int timeout_ms,
	    struct brood_message *ret_msg);

/*
 * Keep descriptor number i (from 0) of the message that was received last.
 *
 * Gives the descriptor.
 *
 *   -EBADF	the message has no such descriptor, or it was taken before
 */
int	brood_channel_take_fd(struct brood_channel *channel, size_t i);

/*
 * Exchange HELLO: send this side's, wait for the peer's, compare the versions.
 * Call it before anything else is sent or received on the channel.
 *
 * It is needed in a program that a supervisor or a pool starts, unless that
 * program calls brood_worker_main(), which does it; and in a parent that starts
 * such a program by brood_child_exec().  Pools and supervisors do it on their
 * side.
 *
 * name is the name of this side, up to 64 bytes, for the peer's messages; it
 * may be NULL.  timeout_ms is for the sending, and once more for the answer.
 *
 *   -EPROTONOSUPPORT	the peer speaks another version of the protocol
 *   -EPROTO	the peer's first message was not a HELLO
 *   -ETIMEDOUT	no HELLO came within timeout_ms: call again to go on waiting
 */
int	brood_channel_hello(struct brood_channel *channel, const char *name,
	    int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
