/* SPDX-License-Identifier: ISC */
#ifndef BROOD__INBOX_H
#define BROOD__INBOX_H

/*
 * Bytes of a stream socket in; frames and their descriptors out.
 *
 * Holds one frame at a time, or what has come of it.  An inbox that is greedy
 * holds further ones behind it.
 */

#include "base/buffer.h"
#include "wire/frame.h"

#include <sys/types.h>

enum brood__inbox_mode {
	/*
	 * Never receive more than the rest of the current header or payload.
	 * So descriptors arrive with the first byte of a frame or not at all,
	 * which tells whose they are; poll(2) tells of every frame that was not
	 * received; and what a worker has not begun stays in the socket, where
	 * the host can count it.
	 */
	BROOD__INBOX_EXACT,

	/*
	 * Receive as much as there is room for.  The kernel ends a receive with
	 * the bytes that brought descriptors; so these are of the one frame
	 * that begins among the bytes received and says that it has some.
	 */
	BROOD__INBOX_GREEDY,

	/*
	 * As EXACT, but a frame whose descriptors were lost is delivered
	 * without any: for a peer that is trusted, when it is this process that
	 * has no descriptor left.
	 */
	BROOD__INBOX_LOSSY,
};

/* What the bytes at the front of the buffer are. */
enum brood__inbox_state {
	BROOD__INBOX_HEADER,	/* a part of a header, or nothing */
	BROOD__INBOX_PAYLOAD,	/* a header, decoded, and what follows it */
	BROOD__INBOX_GIVEN,	/* a frame that the owner has been given */
};

/* A frame that was set aside, because its owner still looks at it. */
struct brood__inbox_held {
	struct brood__buffer bytes;	/* without memory: there is none */
	int *fds;
	size_t n_fds;
};

/*
 * GREEDY: descriptors that came with the last receive, until the header is
 * decoded of the frame whose they are.
 */
struct brood__inbox_ahead {
	int *fds;			/* NULL: no memory was needed yet */
	size_t n_fds;
	uint64_t from;			/* position of the first byte of that
					   receive */
};

struct brood__inbox {
	enum brood__inbox_mode mode;
	enum brood__inbox_state state;
	struct brood__buffer bytes;
	struct brood__frame frame;	/* the header, unless state is HEADER */
	uint32_t max_payload;
	unsigned max_fds;
	int *fds;			/* of the current frame; -1: taken */
	size_t n_fds;
	struct brood__inbox_ahead ahead;
	size_t spare;			/* room that the last receive left */
	uint64_t n_received;		/* bytes, since init */
	bool is_holding;		/* between hold and unhold */
	struct brood__inbox_held held;	/* the frame of hold, if another one was
					   received since */
};

/* 0 or -ENOMEM. */
int	brood__inbox_init(struct brood__inbox *inbox, uint32_t max_payload,
	    unsigned max_fds);
void	brood__inbox_fini(struct brood__inbox *inbox);

/*
 * The frame that was given last stays valid until unhold, though others are
 * received meanwhile.  Not for a greedy inbox.
 */
void	brood__inbox_hold(struct brood__inbox *inbox);
void	brood__inbox_unhold(struct brood__inbox *inbox);

/* Keep descriptor i of the frame that is held: gives it, or -EBADF. */
int	brood__inbox_take_held_fd(struct brood__inbox *inbox, size_t i);

/*
 * The owner is done with the frame that was given last, and another one comes
 * without the inbox.  0, or -ENOMEM if it is held and cannot be set aside.
 */
int	brood__inbox_forget(struct brood__inbox *inbox);

/* Give the frame that was given last once more. */
void	brood__inbox_unget(struct brood__inbox *inbox);

/*
 * Receive once; flags are those of recvmsg(2).  Gives 1 if bytes came.  Only
 * after brood__inbox_next() has said that no frame is complete, or right after
 * it has given one and no other can be behind it.
 *
 *   -EAGAIN	nothing to receive
 *   -EPIPE	the end of the stream
 *   -EBADMSG	descriptors that came too late, too many, or not all of them
 */
int	brood__inbox_recv(struct brood__inbox *inbox, int socket, int flags);

/*
 * Forget the frame that was given last, and give the next if all of it has been
 * received: 1 with it, otherwise 0.  The payload and the descriptors belong to
 * the inbox until it forgets the frame.
 *
 *   -EPROTO, -EMSGSIZE	as of brood__frame_decode()
 *   -EBADMSG	not as many descriptors as the header says
 */
int	brood__inbox_next(struct brood__inbox *inbox,
	    struct brood_message *ret_msg);

/*
 * Look for a frame of this kind and id among those that are still in the
 * socket, behind the one that was given last or is held; take none of them.
 * Gives 1 if it is there, otherwise 0.  Not for a greedy inbox.
 *
 * *position is where to begin, and then where to go on next time: a position in
 * the stream of received bytes.  What was looked at is not looked at again.
 */
int	brood__inbox_look_ahead(const struct brood__inbox *inbox, int socket,
	    enum brood_kind kind, uint64_t id, uint64_t *position);

/* Keep descriptor i of the frame that was given last: gives it, or -EBADF. */
int	brood__inbox_take_fd(struct brood__inbox *inbox, size_t i);

/* How many bytes, and descriptors, are here of frames that were not given? */
size_t	brood__inbox_unread(const struct brood__inbox *inbox,
	    size_t *ret_n_fds);

/* Close the descriptors that came and were not taken. */
void	brood__inbox_close_fds(struct brood__inbox *inbox);

#endif
