/* SPDX-License-Identifier: ISC */

/*
 * Sending requests, and canceling them; see in_flight.h.
 *
 * Owns neither the list nor the channel.  Must not know what is at the other
 * end.
 */

#include "host/in_flight.h"

#include "base/clock.h"
#include "wire/channel.h"
#include "wire/frame.h"

/*
 * How long it may still take, for the wire: 0 means no limit, so 1 at least.
 */
static uint32_t
in_flight_timeout(const struct brood__pending *pending, int64_t now_ms)
{
	int left = brood__time_left(brood__earlier(pending->expire_at_ms,
	    brood__deadline(now_ms, pending->run_ms)), now_ms);

	return left < 0 ? 0 : left == 0 ? 1 : (uint32_t)left;
}

int
brood__in_flight_send(struct brood__pendings *requests,
    struct brood_channel *channel, struct brood__pending *pending,
    int64_t now_ms)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_REQUEST,
		.id = pending->id,
		.code = pending->code,
		.data = pending->data,
		.len = pending->len,
		.fds = pending->fds,
		.n_fds = pending->n_fds,
		.expire_ms = in_flight_timeout(pending, now_ms),
	};
	int r;

	r = brood__channel_queue_lent(channel, &msg);
	if (r < 0)
		return r;
	pending->end = brood__channel_queued(channel);
	pending->n_attempts++;
	pending->state = BROOD__PENDING_SENT;
	TAILQ_INSERT_TAIL(requests, pending, next);
	return 0;
}

/* Requests that were queued behind the place of the CANCEL end later now. */
int
brood__in_flight_cancel(struct brood__pendings *requests,
    struct brood_channel *channel, const struct brood__pending *pending)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_CANCEL,
		.id = pending->id,
	};
	struct brood__pending *other;
	uint64_t at;
	int r;

	r = brood__channel_queue_first(channel, &msg, pending->end, &at);
	if (r < 0)
		return r;
	TAILQ_FOREACH(other, requests, next)
		if (other->end > at)
			other->end += BROOD__FRAME_SIZE;
	return 0;
}

struct brood__pending *
brood__in_flight_find(const struct brood__pendings *requests, uint64_t id)
{
	struct brood__pending *pending;

	TAILQ_FOREACH(pending, requests, next)
		if (pending->id == id)
			return pending;
	return NULL;
}
