/* SPDX-License-Identifier: ISC */

/*
 * A server as a whole: making it, its limits, and what changes all workers.
 * Knows nothing of what a connection or a job is.
 */

#include "command/serve/server.h"

#include "base/clock.h"
#include "base/passrights.h"

#include <sys/param.h>
#include <sys/resource.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	SERVER_MIN_JOBS = 16,
	SERVER_MIN_FDS = 32,
	SERVER_MAX_LIMIT = 1 << 16,	/* of descriptors that is asked for */
	SERVER_OWN_FDS = 32,		/* standard ones, the pool's, ... */
	SERVER_BYTES = 256 << 20,	/* a user may have a quarter: some
					   requests of the longest kind */
};

static size_t
server_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	limit.rlim_max = MIN(limit.rlim_max, SERVER_MAX_LIMIT);
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

/*
 * Descriptors run out first.  Set aside those of the workers and of one frame
 * that carries the most (received, and copied for the pool).  Of the rest, one
 * half is for connections and one half for what unanswered requests carry: so
 * a client that sends many descriptors does not keep others from connecting.
 */
static void
server_set_limits(struct server *server)
{
	size_t limit = server_raise_limit(), used;
	struct brood_pool_stats stats;

	brood_pool_stats(server->pool, &stats);
	used = SERVER_OWN_FDS + 2 * BROOD_MAX_FDS + 2 *
	    ((size_t)stats.workers + server->pool_options->spare);
	limit = limit > used + SERVER_MIN_FDS ? limit - used : SERVER_MIN_FDS;
	server->quota.max[QUOTA_CONNECTIONS] = limit / 2;
	server->quota.max[QUOTA_FDS] = limit / 2;
	server->quota.max[QUOTA_REQUESTS] = server->pool_options->queue +
	    (size_t)stats.workers * server->pool_options->in_flight;
	server->quota.max[QUOTA_BYTES] = SERVER_BYTES;
	server->max_jobs = MAX(SERVER_MIN_JOBS,
	    2 * stats.workers * server->pool_options->in_flight);
}

/* A pool without a descriptor is asked in each turn. */
static int
server_watch(struct server *server, int wake_fd)
{
	int pool_fd = brood_pool_fd(server->pool), r;

	r = brood__ready_new(&server->ready);
	if (r == 0)
		r = brood__ready_add(server->ready, wake_fd, POLLIN,
		    SERVER_WAKE);
	if (r == 0 && pool_fd >= 0)
		r = brood__ready_add(server->ready, pool_fd, POLLIN,
		    SERVER_POOL);
	return r;
}

int
server_new(struct server **ret_server, struct brood_pool *pool,
    const struct brood_pool_options *pool_options,
    const struct server_options *options, struct brood_listener *listener,
    const char *path, int wake_fd)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (server == NULL)
		return -ENOMEM;
	server->pool = pool;
	server->pool_options = pool_options;
	server->options = options;
	server->listener = listener;
	server->path = path;
	server->started = time(NULL);
	server->started_ms = brood__now_ms();
	server->end_ms = BROOD__NEVER;
	TAILQ_INIT(&server->connections);
	TAILQ_INIT(&server->touched);
	TAILQ_INIT(&server->greeting);
	TAILQ_INIT(&server->sending);
	TAILQ_INIT(&server->idle);
	quota_init(&server->quota, geteuid());
	server->blocks = brood__blocks_new();
	server_set_limits(server);
	/* Until it is known who has connected. */
	brood__passrights_set(brood_listener_fd(listener), false);
	r = server_watch(server, wake_fd);
	if (r < 0) {
		(void)brood__ready_free(server->ready);
		brood__blocks_close(server->blocks);
		free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

struct server *
server_free(struct server *server)
{
	(void)brood__ready_free(server->ready);
	(void)brood_listener_free(server->listener);
	free(server->by_fd);
	brood__blocks_close(server->blocks);
	free(server);
	return NULL;
}

int
server_set_accepting(struct server *server, bool is_accepting)
{
	int fd, r = 0;

	if (is_accepting == server->is_accepting)
		return 0;
	fd = brood_listener_fd(server->listener);
	if (is_accepting)
		r = brood__ready_add(server->ready, fd, POLLIN,
		    SERVER_LISTENER);
	else
		brood__ready_remove(server->ready, fd);
	if (r == 0)
		server->is_accepting = is_accepting;
	return r;
}

void
server_stop(struct server *server, int timeout_ms)
{
	if (server->state < SERVER_STOPPING)
		server->state = SERVER_STOPPING;
	(void)server_set_accepting(server, false);
	/* A new server may take the path while this one finishes. */
	server->listener = brood_listener_free(server->listener);
	(void)brood_pool_stop(server->pool, timeout_ms);
}

int
server_reload(struct server *server)
{
	int r = brood_pool_reload(server->pool);

	if (r == 0)
		server->state = SERVER_RELOADING;
	return r;
}

int
server_resize(struct server *server, unsigned workers)
{
	int r = brood_pool_resize(server->pool, workers);

	if (r == 0)
		server_set_limits(server);
	return r;
}
