/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SERVER_H
#define BROOD__SERVER_H

/*
 * What a brood run serves, and within which limits: a pool, a listener, and
 * the lists of connections and jobs.
 *
 * The files of this folder use each other in one direction only:
 *
 *	run -> loop -> admin -> job -> connection -> timing -> server -> quota
 *	job -> quarantine
 */

#include "base/blocks.h"
#include "base/ready.h"
#include "command/serve/quarantine.h"
#include "command/serve/quota.h"

#include <brood.h>
#include <brood/socket.h>

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The time that what was accepted has at a stop, if nobody says another. */
enum { SERVER_STOP_MS = 30000 };

struct connection;
struct job;
TAILQ_HEAD(connections, connection);
TAILQ_HEAD(jobs, job);

/*
 *	STARTING -> SERVING <-> RELOADING	a reload may come first, too
 *	    |          |            |
 *	    +----------+------------+
 *	               |
 *	            STOPPING -> STOPPED
 */
enum server_state {
	SERVER_STARTING,	/* no worker was ready yet */
	SERVER_SERVING,
	SERVER_RELOADING,	/* the workers are being replaced */
	SERVER_STOPPING,	/* nothing new is accepted */
	SERVER_STOPPED,		/* the pool has no process left */
};

/*
 * The tokens in the readiness set.  That of a connection is its descriptor, and
 * in the upper half its number since the start, which is not 0.
 */
enum { SERVER_WAKE, SERVER_POOL, SERVER_LISTENER };

struct server_options {
	bool fds_from_others;	/* take descriptors also from clients that are
				   neither of this uid nor root */
	int32_t frame_ms;	/* a frame must have come whole in this time */
	int32_t idle_ms;	/* how long a client may have no request open;
				   0: for ever */
	bool is_idempotent;	/* every request may run twice */
	struct quarantine *quarantine;	/* NULL: no request is kept */
};

struct server {
	struct brood_pool *pool;
	const struct brood_pool_options *pool_options;
	const struct server_options *options;
	struct brood_listener *listener;	/* NULL once it stops */
	const char *path;		/* of the listener; "" if inherited */
	enum server_state state;
	struct connections connections;
	struct connections touched;	/* to be looked at in this turn */
	/*
	 * Connections that have until an instant, and need no look before that,
	 * in the order of these instants.
	 */
	struct connections greeting;	/* for their HELLO */
	struct connections sending;	/* for the rest of a frame */
	struct connections idle;	/* the one that is it longest is first;
					   only if there is a limit of that */

	/*
	 * Limits: server_set_limits() sets them.  quota.max is what all may
	 * have, the owner included, of connections and descriptors.
	 */
	unsigned max_jobs;		/* of one connection */
	struct quota quota;

	struct brood__blocks *blocks;	/* memory of jobs */

	/* connection.c counts connections, job.c descriptors. */
	unsigned n_connections;
	uint64_t n_accepted;		/* connections, since the start */
	uint64_t n_dropped;		/* for breaking a rule, since then */
	size_t n_fds;			/* of all unanswered requests, and
					   frames that are not whole */

	time_t started;			/* seconds of the epoch */
	int64_t started_ms;

	/* What is waited for. */
	struct brood__ready *ready;
	struct connection **by_fd;	/* connection.c: the descriptor is the
					   index */
	size_t n_by_fd;
	bool is_accepting;		/* the listener is in the set */

	/* For loop.c alone. */
	int64_t accept_ms;		/* accept nothing before this instant */
	int64_t end_ms;			/* STOPPED: when to end, sent or not */
};

/*
 * Make a server of the pool that was made with these pool_options; they stay
 * the caller's, and so do options, path and wake_fd, which is to be waited for
 * too.  Takes the listener, on success only.
 *
 * Raises the soft limit of descriptors of this process; the pool's processes
 * are not touched by that.
 */
int	server_new(struct server **ret_server, struct brood_pool *pool,
	    const struct brood_pool_options *pool_options,
	    const struct server_options *options,
	    struct brood_listener *listener, const char *path, int wake_fd);

/* The connections and jobs must be gone: loop_free() sees to that. */
struct server *
	server_free(struct server *server);

/* May a client with these credentials do what the owner may? */
static inline bool
server_trusts(const struct server *server, const struct brood_credentials *who)
{
	return who->uid == 0 || who->uid == server->quota.own;
}

/* Have the listener in the readiness set or not.  0 or a negative errno. */
int	server_set_accepting(struct server *server, bool is_accepting);

/*
 * Begin to stop, or shorten a stop under way; replace the workers; change
 * their number.  The errors are those of the pool's functions.  A timeout_ms of
 * -1 is for ever.
 */
void	server_stop(struct server *server, int timeout_ms);
int	server_reload(struct server *server);
int	server_resize(struct server *server, unsigned workers);

#endif
