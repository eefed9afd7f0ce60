/* SPDX-License-Identifier: ISC */
#ifndef BROOD__RECEIVE_H
#define BROOD__RECEIVE_H

/*
 * Receiving on a channel whose owner awaits one message now and then, and keeps
 * the others: below brood_channel_recv(), brood_channel_call() and a worker's
 * loop.  What a pool receives does not come this way.
 */

#include "wire/kept.h"

#include <brood/channel.h>

/*
 * As brood_channel_recv(): of the messages that are kept the first that is no
 * LINK, else from the socket.
 */
int	brood__receive_work(struct brood_channel *channel, int timeout_ms,
	    struct brood_message *ret_msg);

/*
 * From the socket alone, until deadline_ms.  Answers to calls that are over are
 * dropped.  1 with a message, 0 if there was none in time.
 */
int	brood__receive_new(struct brood_channel *channel, int64_t deadline_ms,
	    struct brood_message *ret_msg);

/*
 * Keep a message that brood__receive_new() or _work() gave.  A LINK takes the
 * place of an older one of the same name, whose other end is gone.
 *
 *   -ENOMEM	it is received again
 *   -ENOBUFS	it is kept, but now more is kept than may be queued
 */
int	brood__receive_keep(struct brood_channel *channel,
	    const struct brood_message *msg);

/*
 * Have the message that was given last stay valid, with its descriptors, until
 * unhold, though others are received.  For a handler and its request.
 */
void	brood__receive_hold(struct brood_channel *channel);
void	brood__receive_unhold(struct brood_channel *channel);
int	brood__receive_take_held_fd(struct brood_channel *channel, size_t i);

/* Was this request canceled, as far as is known here or waits in the socket? */
bool	brood__receive_is_canceled(const struct brood_channel *channel,
	    uint64_t id, uint64_t *position);

/*
 * Calls.  begin gives the id of a new one, whose answer may be expected.  The
 * answer is received once; if it is a part, the others come by
 * brood_channel_recv(), until the next call begins.
 */
uint64_t brood__receive_begin_call(struct brood_channel *channel);
int	brood__receive_answer(struct brood_channel *channel, uint64_t id,
	    int64_t deadline_ms, struct brood_message *ret_msg);

/* Nothing more of this call is wanted. */
void	brood__receive_end_call(struct brood_channel *channel);

#endif
