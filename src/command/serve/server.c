/* SPDX-License-Identifier: ISC */

/*
 * The loop between a listener, its clients and a pool.
 *
 * Owns the list of clients and the jobs that outlived theirs.  Knows nothing of
 * signals, of the service manager, or of how an event reads.
 *
 * One poll(2) for everything, then each in a bounded amount: the pool's
 * completions, CLIENT_READS frames of each client, a few new clients.  Nothing
 * here waits but that poll.  Answers leave at the end of the turn, those of one
 * client together.
 */

#include "base/clock.h"
#include "command/serve/admin.h"
#include "command/serve/connection.h"
#include "command/serve/server.h"

#include <sys/resource.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

enum {
	SERVER_ACCEPTS = 16,		/* in one turn */
	SERVER_ACCEPT_MS = 100,		/* until the next try for want of fds */
	SERVER_FLUSH_MS = 2000,		/* for the last answers */
	SERVER_POLL_MS = 10,		/* without a descriptor of the pool */
	SERVER_MIN_JOBS = 16,
	SERVER_MAX_LIMIT = 1 << 16,
	SERVER_OWN_FDS = 32,
	SERVER_QUEUED = 32 << 20,	/* two answers of the largest kind */
};

enum { SERVER_WAKE, SERVER_POOL, SERVER_LISTENER, SERVER_CLIENTS };

/* Making and freeing */

static size_t
server_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	if (limit.rlim_max > SERVER_MAX_LIMIT)
		limit.rlim_max = SERVER_MAX_LIMIT;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

/*
 * Descriptors are what runs out first.  Of those that are left beside the
 * workers' and one frame with the most of them, half are for clients and half
 * for what their requests carry: no client can take what another needs to be
 * received.
 */
static void
server_bound(struct server *server)
{
	size_t limit = server_raise_limit(), used;
	struct brood_pool_stats stats;

	brood_pool_stats(server->pool, &stats);
	used = SERVER_OWN_FDS + 2 * BROOD_MAX_FDS + 2 * (size_t)stats.workers;
	limit = limit > used + 32 ? limit - used : 32;
	server->max_clients = (unsigned)(limit / 2);
	server->max_fds = limit / 2;
	server->max_jobs = 2 * stats.workers > SERVER_MIN_JOBS ?
	    2 * stats.workers : SERVER_MIN_JOBS;
}

int
server_new(struct server **ret_server, const struct server_options *options)
{
	struct server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return -ENOMEM;
	server->options = *options;
	server->pool = options->pool;
	server->started = time(NULL);
	server->started_ms = brood__now_ms();
	server->end_ms = BROOD__NEVER;
	TAILQ_INIT(&server->clients);
	TAILQ_INIT(&server->orphans);
	server_bound(server);
	*ret_server = server;
	return 0;
}

static void
server_remove(struct server *server, struct client *client)
{
	TAILQ_REMOVE(&server->clients, client, next);
	server->n_clients--;
	server->accept_ms = 0;
	(void)client_free(client);
}

struct server *
server_free(struct server *server)
{
	struct client *client;
	struct job *job;

	if (server == NULL)
		return NULL;
	while ((client = TAILQ_FIRST(&server->clients)) != NULL)
		server_remove(server, client);
	while ((job = TAILQ_FIRST(&server->orphans)) != NULL)
		(void)job_free(job);
	(void)brood_listener_free(server->options.listener);
	free(server->pfds);
	free(server);
	return NULL;
}

/* Clients */

static void
server_admit(struct server *server, struct brood_channel *channel,
    const struct brood_credentials *who)
{
	struct client *client;

	if (client_new(&client, server, channel, who) < 0) {
		(void)brood_channel_free(channel);
		return;
	}
	TAILQ_INSERT_TAIL(&server->clients, client, next);
	server->n_clients++;
	server->n_accepted++;
	client_ready(client, 0);
}

static void
server_accept(struct server *server)
{
	struct brood_channel_options options = {
		.max_queued = SERVER_QUEUED,
		.max_fds = BROOD_MAX_FDS,
	};
	struct brood_credentials who;
	struct brood_channel *channel;
	int r;

	/* The first words of a client may be to stop: then it is gone. */
	for (int i = 0; i < SERVER_ACCEPTS &&
	    server->options.listener != NULL &&
	    server->n_clients < server->max_clients; i++) {
		r = brood_accept_channel(server->options.listener, 0, &options,
		    &channel, &who);
		if (r < 0)
			server->accept_ms = brood__now_ms() +
			    SERVER_ACCEPT_MS;
		if (r <= 0)
			return;
		server_admit(server, channel, &who);
	}
}

static void
server_sweep(struct server *server)
{
	struct client *client, *next;

	TAILQ_FOREACH_SAFE(client, &server->clients, next, next) {
		client_flush(client);
		if (client->is_gone)
			server_remove(server, client);
	}
}

/* The pool */

static void
server_take(struct server *server)
{
	struct brood_completion done;

	while (brood_pool_take(server->pool, &done) == 1) {
		job_complete(done.tag, &done);
		brood_completion_fini(&done);
	}
}

/* The turn */

static int
server_reserve(struct server *server, size_t n)
{
	struct pollfd *pfds;

	if (n <= server->n_pfds)
		return 0;
	n += n / 2;
	pfds = reallocarray(server->pfds, n, sizeof(*pfds));
	if (pfds == NULL)
		return -ENOMEM;
	server->pfds = pfds;
	server->n_pfds = n;
	return 0;
}

static bool
server_is_accepting(const struct server *server)
{
	return server->options.listener != NULL &&
	    server->n_clients < server->max_clients &&
	    brood__now_ms() >= server->accept_ms;
}

/* Gives how many there are. */
static size_t
server_list_fds(struct server *server, int wake_fd)
{
	struct pollfd *pfds = server->pfds;
	struct client *client;
	size_t n = SERVER_CLIENTS;

	pfds[SERVER_WAKE] = (struct pollfd) { wake_fd, POLLIN, 0 };
	pfds[SERVER_POOL] = (struct pollfd) {
		brood_pool_fd(server->pool), POLLIN, 0
	};
	pfds[SERVER_LISTENER] = (struct pollfd) {
		server_is_accepting(server) ?
		    brood_listener_fd(server->options.listener) : -1, POLLIN, 0
	};
	TAILQ_FOREACH(client, &server->clients, next)
		pfds[n++] = (struct pollfd) {
			brood_channel_fd(client->channel),
			client_events(client), 0
		};
	return n;
}

static int
server_wait_ms(const struct server *server, int timeout_ms)
{
	int64_t due_ms = server->end_ms;
	const struct client *client;
	int left_ms;

	if (server->accept_ms != 0)
		due_ms = brood__earlier(due_ms, server->accept_ms);
	TAILQ_FOREACH(client, &server->clients, next)
		due_ms = brood__earlier(due_ms, client_due_ms(client));
	if (brood_pool_fd(server->pool) < 0)
		due_ms = brood__earlier(due_ms,
		    brood__now_ms() + SERVER_POLL_MS);
	left_ms = brood__time_left(due_ms, brood__now_ms());
	if (timeout_ms >= 0 && (left_ms < 0 || left_ms > timeout_ms))
		return timeout_ms;
	return left_ms;
}

static void
server_serve(struct server *server, size_t n)
{
	struct client *client = TAILQ_FIRST(&server->clients);

	for (size_t i = SERVER_CLIENTS; i < n; i++) {
		if (server->pfds[i].revents != 0 ||
		    client->hello_ms != BROOD__NEVER)
			client_ready(client, server->pfds[i].revents);
		client = TAILQ_NEXT(client, next);
	}
	if (server->accept_ms != 0 && brood__now_ms() >= server->accept_ms)
		server->accept_ms = 0;
	if (server->pfds[SERVER_LISTENER].revents != 0)
		server_accept(server);
}

int
server_turn(struct server *server, int wake_fd, int timeout_ms)
{
	size_t n;
	int r;

	r = server_reserve(server, SERVER_CLIENTS + server->n_clients);
	if (r < 0)
		return r;
	n = server_list_fds(server, wake_fd);
	r = poll(server->pfds, n, server_wait_ms(server, timeout_ms));
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	r = brood_pool_dispatch(server->pool);
	if (r < 0)
		return r;
	server_take(server);
	server_serve(server, n);
	server_sweep(server);
	return 0;
}

void
server_event(struct server *server, const struct brood_event *event)
{
	if (event->kind == BROOD_EVENT_RELOADED ||
	    event->kind == BROOD_EVENT_NOT_RELOADED)
		server->is_reloading = false;
	control_event(server, event);
	if (event->kind == BROOD_EVENT_STOPPED) {
		server->is_stopped = true;
		server->end_ms = brood__now_ms() + SERVER_FLUSH_MS;
		server_take(server);
		control_end(server);
	}
	server_sweep(server);
}

/* The pool as a whole */

void
server_stop(struct server *server, int drain_ms)
{
	server->is_stopping = true;
	/* Another may have the place while this one finishes. */
	server->options.listener =
	    brood_listener_free(server->options.listener);
	(void)brood_pool_stop(server->pool, drain_ms);
}

int
server_reload(struct server *server)
{
	int r = brood_pool_reload(server->pool);

	if (r == 0)
		server->is_reloading = true;
	return r;
}

int
server_resize(struct server *server, unsigned workers)
{
	int r = brood_pool_resize(server->pool, workers);

	if (r == 0)
		server_bound(server);
	return r;
}

bool
server_is_over(const struct server *server)
{
	const struct client *client;

	if (!server->is_stopped)
		return false;
	if (brood__now_ms() >= server->end_ms)
		return true;
	TAILQ_FOREACH(client, &server->clients, next)
		if (brood_channel_events(client->channel) & POLLOUT)
			return false;
	return true;
}
