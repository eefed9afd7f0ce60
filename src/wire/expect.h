/* SPDX-License-Identifier: ISC */
#ifndef BROOD__EXPECT_H
#define BROOD__EXPECT_H

/*
 * The steps of brood_channel_call(), for one that has more to wait for than the
 * channel.
 */

#include <brood/channel.h>

/*
 * Queue msg as a request with an id of its own, which is stored in ret_id.  The
 * peer is told what is left until deadline_ms if msg has no time.  The errors
 * are those of brood_channel_queue().
 */
int	brood__call_queue(struct brood_channel *channel,
	    const struct brood_message *msg, int64_t deadline_ms,
	    uint64_t *ret_id);

/* The answer of a call that was queued is not wanted: tell the peer so. */
void	brood__call_cancel(struct brood_channel *channel, uint64_t id);

#endif
