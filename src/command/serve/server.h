/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SERVER_H
#define BROOD__SERVER_H

/*
 * A pool's requests, from clients of a listener.
 *
 * server.c owns the listener, the list of clients and the loop; client.c one
 * connection; control.c the methods that no worker sees.
 */

#include <brood.h>
#include <brood/socket.h>

#include <sys/queue.h>

#include <stdint.h>
#include <time.h>

struct client;
struct job;
TAILQ_HEAD(clients, client);
TAILQ_HEAD(jobs, job);

/* What a server is made of; it takes neither pool nor strings. */
struct server_options {
	struct brood_pool *pool;
	struct brood_listener *listener;	/* taken */
	const char *name;
	const char *path;		/* of the listener; "" if inherited */
	const char *const *argv;	/* of the workers */
	unsigned queue;			/* 0: the pool's default */
	int timeout_ms;			/* of a request at most; -1: none */
	bool fds_from_worker;
};

struct server {
	struct server_options options;
	struct brood_pool *pool;
	struct clients clients;
	struct jobs orphans;		/* of clients that are gone */
	struct pollfd *pfds;
	size_t n_pfds;
	time_t started;			/* of the epoch */
	int64_t started_ms;

	/* Bounds: see server_bounds(). */
	unsigned n_clients;
	unsigned max_clients;
	unsigned max_jobs;		/* of one client */
	size_t n_fds;			/* of requests under way */
	size_t max_fds;
	int64_t accept_ms;		/* not before this instant */

	uint64_t n_accepted;
	uint64_t n_dropped;		/* for what they did */

	/* What the clients asked for, for the owner of the loop to see. */
	bool is_stopping;
	bool is_reloading;
	bool is_stopped;		/* the pool has no process left */
	int64_t end_ms;			/* then what is unsent is lost */
};

/*
 * Takes the listener, on success only.  Raises this process's own limit of
 * descriptors: the pool, made before, is not touched by that.
 */
int	server_new(struct server **ret_server,
	    const struct server_options *options);
struct server *
	server_free(struct server *server);

/*
 * Wait up to timeout_ms for wake_fd to be readable or something to do, and do
 * it.  Completions are taken here; events are left for the caller, who then
 * shows each to server_event().
 */
int	server_turn(struct server *server, int wake_fd, int timeout_ms);
void	server_event(struct server *server, const struct brood_event *event);

/* Begin to stop, or shorten the stop; to replace the workers. */
void	server_stop(struct server *server, int drain_ms);
int	server_reload(struct server *server);
int	server_resize(struct server *server, unsigned workers);

/* Stopped, and the clients have what was for them. */
bool	server_is_over(const struct server *server);

#endif
