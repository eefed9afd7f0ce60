/* SPDX-License-Identifier: ISC */
#ifndef BROOD__IN_FLIGHT_H
#define BROOD__IN_FLIGHT_H

/*
 * Requests that were sent on a channel, or are queued there, and have no last
 * answer yet: those of one worker, or of a client.
 *
 * They are in a list, the oldest first.  Each knows where its frame ends in the
 * stream of the channel, so that its owner can tell whether the kernel has
 * taken all of it.
 */

#include "host/pending.h"

#include <brood/channel.h>

/*
 * Queue a request on the channel and append it to the list.  The errors are
 * those of brood_channel_queue(); nothing has changed then.  The request must
 * live as brood__channel_queue_lent() says.
 */
int	brood__in_flight_send(struct brood__pendings *requests,
	    struct brood_channel *channel, struct brood__pending *pending,
	    int64_t now_ms);

/*
 * Queue CANCEL for a request of the list: in front of the requests of which
 * nothing was sent yet, which end later from now on.
 */
int	brood__in_flight_cancel(struct brood__pendings *requests,
	    struct brood_channel *channel,
	    const struct brood__pending *pending);

/* A request of the list by its id, or NULL. */
struct brood__pending *
	brood__in_flight_find(const struct brood__pendings *requests,
	    uint64_t id);

#endif
