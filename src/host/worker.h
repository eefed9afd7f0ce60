/* SPDX-License-Identifier: ISC */
#ifndef BROOD__WORKER_H
#define BROOD__WORKER_H

/*
 * One worker process as the host knows it, from the notice READY until its end
 * is settled: its channel, and the requests that it has.
 *
 *	SPARE ----> READY ----> DRAINING ----> STOPPING ----> ENDED
 *	  |           |             |		  ^	         ^
 *	  +-----------+-------------+-------------+--------------+
 *
 * The state only moves to the right, by brood__worker_enter().  Which list of
 * lists.h the worker is in, and what its socket is polled for, are derived
 * from the state, the fault and the load, and are kept nowhere else.
 *
 * Both ends of the worker's socketpair are here.  After the worker's death its
 * last replies are read from one end; the other end then tells how much of the
 * stream of requests the worker never took: requests that end in that rest have
 * provably not run.
 */

#include "base/ready.h"
#include "host/pending.h"

#include <brood/channel.h>
#include <poll.h>
#include <sys/types.h>

enum { BROOD__IN_FLIGHT_MAX = 64 };	/* requests at one worker */

enum brood__worker_state {
	BROOD__WORKER_SPARE,		/* gets no requests: all places are
					   taken, see fleet.h */
	BROOD__WORKER_READY,		/* gets requests */
	BROOD__WORKER_DRAINING,		/* unwanted: finishes what it has */
	BROOD__WORKER_STOPPING,		/* the supervisor was told to stop it */
	BROOD__WORKER_ENDED,		/* reaped, or out of reach for ever */
};

enum brood__worker_fault {
	BROOD__FAULT_NONE,
	BROOD__FAULT_DEAF,		/* it receives no more: shutdown(2).
					   Its replies are still read */
	BROOD__FAULT_BROKEN,		/* it broke the protocol: not read */
};

struct brood__worker {
	TAILQ_ENTRY(brood__worker) in_list;
	TAILQ_ENTRY(brood__worker) in_touched;
	TAILQ_ENTRY(brood__worker) in_ringed;
	TAILQ_ENTRY(brood__worker) in_awake;
	TAILQ_ENTRY(brood__worker) in_viewed;
	struct brood__workers *list;	/* the one in_list belongs to, or NULL */
	bool is_touched;		/* in the list of touched ones */

	unsigned slot;
	uint32_t generation;
	uint32_t revision;		/* of FILL, when it was forked */
	pid_t pid;
	enum brood__worker_state state;
	int64_t state_ms;		/* when the state was entered */
	enum brood__worker_fault fault;
	char why[256];			/* the fault, or else how it ended */
	int status;			/* ENDED: of wait(2) */

	struct brood_channel *channel;
	int kept_fd;			/* the worker's end; see above */
	short events;			/* polled for; WORKER_UNWATCHED: not in
					   the readiness set */
	uint64_t gate;			/* the end of USED, or of STOP, in the
					   stream to the supervisor: nothing is
					   sent to this worker before the kernel
					   has taken that; 0: USED was not
					   queued yet */
	uint64_t last_byte;		/* ENDED: the end of what it sent, as a
					   position in the stream from it */

	struct brood__pendings requests; /* the oldest, which it runs, first */
	unsigned load;			/* their number */
	uint64_t served;		/* requests that it answered */
	uint64_t served_limit;		/* then it is replaced; 0: never */
	uint64_t served_max;		/* it gets no more than this; 0: any */
	uint64_t rss;			/* bytes of memory, when it was looked
					   at last */
	int64_t rss_ms;			/* when that was; 0: never */
	bool takes_rings;		/* its HELLO said so */
	bool is_ringed;			/* in the lists of these names */
	bool is_awake;
	bool is_viewed;
	struct brood__result *view;	/* is_viewed: the result, if it was not
					   taken */
};

TAILQ_HEAD(brood__workers, brood__worker);

#define BROOD__WORKER_UNWATCHED	((short)-1)

/*
 * What its events are known by in the readiness set: a number to be compared,
 * so that an event of a worker that is gone reaches no other.
 */
static inline uint64_t
brood__worker_token(const struct brood__worker *worker)
{
	return (uint64_t)worker->generation << 32 | worker->slot;
}

/*
 * Takes both descriptors, on error too: the host's end and the worker's.
 * Queues this side's HELLO.  peer_max is the payload limit that the worker's
 * HELLO named.
 */
int	brood__worker_new(struct brood__worker **ret_worker, const int fds[2],
	    const struct brood_channel_options *options, uint32_t peer_max);

/* Frees the requests that it still has, without a completion. */
struct brood__worker *
	brood__worker_free(struct brood__worker *worker);

/* Change the state, unless the worker is there or further already. */
static inline void
brood__worker_enter(struct brood__worker *worker,
    enum brood__worker_state state, int64_t now_ms)
{
	if (state <= worker->state)
		return;
	worker->state = state;
	worker->state_ms = now_ms;
}

/*
 * Have the readiness set poll for events, or WORKER_UNWATCHED.  Must be
 * unwatched before it is freed.  If there is no memory nothing changes.
 */
void	brood__worker_watch(struct brood__worker *worker,
	    struct brood__ready *ready, short events);

/* Record a fault; the text of the first one stays. */
void	brood__worker_blame(struct brood__worker *worker,
	    enum brood__worker_fault fault, const char *text);

/* The request that it runs, or NULL. */
static inline struct brood__pending *
brood__worker_oldest(const struct brood__worker *worker)
{
	return TAILQ_FIRST(&worker->requests);
}

/*
 * May this request be sent now?  At most 64 KiB go ahead of the request that
 * the worker runs, so that a CANCEL that follows them reaches it; a longer
 * request waits for an idle worker.
 */
bool	brood__worker_has_room(const struct brood__worker *worker,
	    const struct brood__pending *pending);

/*
 * Queue a request for it and append it to its list.  The errors are those of
 * brood_channel_queue(); the request stays the caller's then.
 */
int	brood__worker_send(struct brood__worker *worker,
	    struct brood__pending *pending, int64_t now_ms);

/* Tell it that a request which it has is canceled, before it reads others. */
int	brood__worker_cancel(struct brood__worker *worker,
	    const struct brood__pending *pending);

int	brood__worker_say_goodbye(struct brood__worker *worker);

struct brood__pending *
	brood__worker_find(const struct brood__worker *worker, uint64_t id);
void	brood__worker_remove(struct brood__worker *worker,
	    struct brood__pending *pending);

/*
 * After its death: look once how much it has sent that was not read, and set
 * last_byte.  More may be written later, by processes that it left behind; that
 * is not read.
 */
void	brood__worker_set_last_byte(struct brood__worker *worker);

/*
 * Has all been read that ever will be?  Of a worker that has ended, no more is
 * read than it had sent when it ended; of one that broke the protocol, nothing.
 */
bool	brood__worker_is_finished(const struct brood__worker *worker);

/*
 * After its death: how far it has read the stream of requests, as a position to
 * compare with a request's end.
 */
uint64_t brood__worker_consumed(const struct brood__worker *worker);

/*
 * End the stream to the worker, close the worker's end and wait until no
 * process holds that end, or the deadline: for when there is no supervisor left
 * to say that the worker is dead.
 */
void	brood__worker_wait_gone(struct brood__worker *worker,
	    int64_t deadline_ms);

#endif
