/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CLIENT_H
#define BROOD__CLIENT_H

/*
 * A client of a server's socket: what client.c, which the program calls, and
 * client_turn.c, which is what the client does on its own, share.
 *
 * A request waits in the queue until the channel has room for it; then it is in
 * the list of those that were sent, until its last answer has come.  If it gets
 * its completion before that (expired, canceled), it stays there, so that the
 * answer is recognized and dropped.
 *
 * One turn:
 *
 *	1 wait for readiness		4 hand waiting requests to the channel
 *	2 read answers: complete	5 flush
 *	3 expire what is due		6 derive what to poll for, set the alarm
 *
 * That the connection is lost is found out in 2, and what then has no
 * completion gets one.  A server that receives no more is found out in 5: the
 * next turn reads what it had sent before.
 */

#include "base/clock.h"
#include "base/ready.h"
#include "host/queue.h"

#include <brood/channel.h>
#include <brood/client.h>
#include <sys/types.h>

enum brood__client_state {
	BROOD__CLIENT_OPEN,
	BROOD__CLIENT_LEAVING,		/* the server sent GOODBYE: nothing more
					   is accepted, but all is answered */
	BROOD__CLIENT_DEAF,		/* the server receives no more: what it
					   has sent is read, then it is lost */
	BROOD__CLIENT_LOST,		/* there is no channel any more */
};

struct brood_client {
	pid_t owner;			/* the process that may use it */
	enum brood__client_state state;
	unsigned max_requests;
	size_t max_payload;
	struct brood_request_options usual; /* of a request that names none */

	struct brood__ready *ready;
	struct brood_channel *channel;	/* NULL: LOST */
	short events;			/* polled for; CLIENT_UNWATCHED: not in
					   the readiness set */
	struct brood__queue queue;
	struct brood__pendings sent;	/* no last answer yet; oldest first */
	unsigned n_sent;		/* their number */
	unsigned n_submitted;		/* requests since the last turn */
	unsigned n_gathered;		/* of those in the queue: submitted
					   while the server was busy, to leave
					   together in the next turn */
	int64_t wake_ms;		/* a turn is due then, whatever is
					   readable; 0: at once */
};

#define BROOD__CLIENT_UNWATCHED	((short)-1)

/* The program has called: this is the instant of all that the call does. */
static inline int64_t
brood__client_set_now(struct brood_client *client)
{
	return client->queue.now_ms = brood__now_ms();
}

/* Take a turn, waiting up to timeout_ms for something to do. */
int	brood__client_turn(struct brood_client *client, int timeout_ms);

/*
 * Put a request into the queue.  It is sent at once, or if the server has
 * enough to do, with others: a turn is due, and sends them before it waits.
 */
void	brood__client_add(struct brood_client *client,
	    struct brood__pending *pending);

/*
 * Steps 4 to 6, after a function of the interface has changed something, at the
 * instant that brood__client_set_now() has set.  If there is something to take,
 * the descriptor of the client becomes readable.
 */
int	brood__client_act(struct brood_client *client);

/* Parts were taken: receive again. */
int	brood__client_resume(struct brood_client *client);

/* Complete a request that has no completion yet, and tell the server. */
void	brood__client_cancel(struct brood_client *client,
	    struct brood__pending *pending, enum brood_fate fate,
	    const char *text);

#endif
