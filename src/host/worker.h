/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PEER_H
#define BROOD__PEER_H

/*
 * The host's side of one worker that is ready: its channel, and what was sent
 * to it and has no answer yet.
 *
 * Both ends of the worker's socketpair are here.  After the worker's death, and
 * its replies read, the other end gives what the worker never took off the
 * socket: requests that end beyond it have provably not run.
 */

#include "host/pending.h"

#include <brood/channel.h>
#include <sys/types.h>

struct brood__peer {
	TAILQ_ENTRY(brood__peer) next;	/* in the pool's list for its load */
	unsigned slot;
	uint32_t generation;
	pid_t pid;
	struct brood_channel *channel;
	int kept_fd;			/* the worker's end */
	struct brood__requests requests;	/* the first is running */
	unsigned load;			/* their number */
	uint64_t n_served;
	uint64_t max_served;		/* then it is replaced; 0 never ... */
	uint64_t last_served;		/* ... and gets no more than this */
	short events;			/* watched for, if ... */
	bool is_watched;		/* ... it is: in the readiness set */

	bool is_used;			/* the supervisor was told */
	bool is_listed;			/* may be given requests: in the ... */
	unsigned listed_load;		/* ... list for this load */
	bool is_leaving;		/* finishes what it has, then goes */
	bool is_stopping;		/* the supervisor is to stop it */
	bool is_shut;			/* it will not receive any more */
	bool is_broken;			/* it broke the protocol: not read */
	char text[160];			/* how it broke it */
};

TAILQ_HEAD(brood__peers, brood__peer);

/* What its events are known by; the control channel's fits no peer. */
#define BROOD__CONTROL_TOKEN	((uint64_t)UINT32_MAX)

static inline uint64_t
brood__peer_token(const struct brood__peer *peer)
{
	return (uint64_t)peer->generation << 32 | peer->slot;
}

/* Is the request with this id the one it runs? */
static inline bool
brood__peer_runs(const struct brood__peer *peer, uint64_t id)
{
	const struct brood__request *req = TAILQ_FIRST(&peer->requests);

	return req != NULL && req->id == id;
}

/*
 * Takes both descriptors, on error too.  Queues this side's HELLO.
 */
int	brood__peer_new(struct brood__peer **ret_peer, const int fds[2],
	    const struct brood_channel_options *options, uint32_t peer_max);

/* Frees the requests that it still has. */
struct brood__peer *
	brood__peer_free(struct brood__peer *peer);

/*
 * Queue a request for it and add it to its list.  The errors are those of
 * brood_channel_queue(); the request stays the caller's then.
 */
int	brood__peer_send(struct brood__peer *peer,
	    struct brood__request *request, int64_t now_ms);

int	brood__peer_send_kind(struct brood__peer *peer, enum brood_kind kind,
	    uint64_t id);

struct brood__request *
	brood__peer_find(const struct brood__peer *peer, uint64_t id);
void	brood__peer_remove(struct brood__peer *peer,
	    struct brood__request *request);

/*
 * How far the worker, which is dead, has read what was sent to it: a position,
 * to be compared with a request's end.
 */
uint64_t brood__peer_consumed(struct brood__peer *peer);

/*
 * Close the worker's end, and wait until no process holds it, or the deadline:
 * for when there is no supervisor left to say that it is dead.
 */
void	brood__peer_wait_gone(struct brood__peer *peer, int64_t deadline_ms);

#endif
