/* SPDX-License-Identifier: ISC */

/*
 * One worker as the host knows it; see worker.h.
 *
 * Owns the channel, the kept end and the list of requests.  Must not know the
 * queue, the fleet or the supervisor.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "host/in_flight.h"
#include "host/worker.h"
#include "wire/channel.h"
#include "wire/frame.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKER_AHEAD = 64 << 10 };	/* bytes behind the oldest request */

int
brood__worker_new(struct brood__worker **ret_worker, const int fds[2],
    const struct brood_channel_options *options, uint32_t peer_max)
{
	struct brood__worker *worker;
	int r;

	worker = calloc(1, sizeof(*worker));
	r = worker == NULL ? -ENOMEM :
	    brood_channel_new(&worker->channel, fds[0], options);
	if (r < 0) {
		(void)brood__fd_close(fds[0]);
		(void)brood__fd_close(fds[1]);
		free(worker);
		return r;
	}
	if (options->max_fds == 0)
		brood__channel_set_greedy(worker->channel);
	worker->kept_fd = fds[1];
	worker->events = BROOD__WORKER_UNWATCHED;
	TAILQ_INIT(&worker->requests);
	r = brood__channel_queue_hello(worker->channel, NULL);
	if (r < 0) {
		(void)brood__worker_free(worker);
		return r;
	}
	brood__channel_set_peer_max(worker->channel, peer_max);
	*ret_worker = worker;
	return 0;
}

struct brood__worker *
brood__worker_free(struct brood__worker *worker)
{
	struct brood__pending *pending;

	while ((pending = TAILQ_FIRST(&worker->requests)) != NULL) {
		brood__worker_remove(worker, pending);
		(void)brood__pending_free(pending);
	}
	(void)brood_channel_free(worker->channel);
	(void)brood__fd_close(worker->kept_fd);
	free(worker);
	return NULL;
}

void
brood__worker_blame(struct brood__worker *worker,
    enum brood__worker_fault fault, const char *text)
{
	if (worker->fault == BROOD__FAULT_NONE)
		(void)snprintf(worker->why, sizeof(worker->why),
		    "the worker broke the protocol: %s", text);
	if (worker->fault < fault)
		worker->fault = fault;
}

void
brood__worker_watch(struct brood__worker *worker, struct brood__ready *ready,
    short events)
{
	int fd = brood_channel_fd(worker->channel), r = 0;

	if (events == worker->events)
		return;
	if (events == BROOD__WORKER_UNWATCHED)
		brood__ready_remove(ready, fd);
	else if (worker->events == BROOD__WORKER_UNWATCHED)
		r = brood__ready_add(ready, fd, events,
		    brood__worker_token(worker));
	else
		r = brood__ready_change(ready, fd, events,
		    brood__worker_token(worker));
	if (r == 0)
		worker->events = events;
}

/* Requests */

bool
brood__worker_has_room(const struct brood__worker *worker,
    const struct brood__pending *pending)
{
	const struct brood__pending *oldest = brood__worker_oldest(worker);

	if (oldest == NULL)
		return true;
	return brood__channel_takes(worker->channel, pending->len,
	    pending->n_fds) && brood__channel_queued(worker->channel) -
	    oldest->end + BROOD__FRAME_SIZE + pending->len <= WORKER_AHEAD;
}

int
brood__worker_send(struct brood__worker *worker,
    struct brood__pending *pending, int64_t now_ms)
{
	int r;

	r = brood__in_flight_send(&worker->requests, worker->channel, pending,
	    now_ms);
	if (r < 0)
		return r;
	pending->worker = worker;
	worker->load++;
	return 0;
}

int
brood__worker_cancel(struct brood__worker *worker,
    const struct brood__pending *pending)
{
	return brood__in_flight_cancel(&worker->requests, worker->channel,
	    pending);
}

int
brood__worker_say_goodbye(struct brood__worker *worker)
{
	struct brood_message msg = { .kind = BROOD_KIND_GOODBYE };

	return brood__channel_queue_own(worker->channel, &msg);
}

struct brood__pending *
brood__worker_find(const struct brood__worker *worker, uint64_t id)
{
	return brood__in_flight_find(&worker->requests, id);
}

void
brood__worker_remove(struct brood__worker *worker,
    struct brood__pending *pending)
{
	TAILQ_REMOVE(&worker->requests, pending, next);
	pending->worker = NULL;
	worker->load--;
}

/* The end */

/* 0 if that cannot be told. */
static uint64_t
worker_n_unread(int fd)
{
	size_t n = 0;

	return brood__fd_unread(fd, &n) < 0 ? 0 : n;
}

void
brood__worker_set_last_byte(struct brood__worker *worker)
{
	brood__channel_freeze(worker->channel);
	worker->last_byte = brood__channel_received(worker->channel) +
	    worker_n_unread(brood_channel_fd(worker->channel));
}

bool
brood__worker_is_finished(const struct brood__worker *worker)
{
	return worker->fault == BROOD__FAULT_BROKEN ||
	    (worker->state == BROOD__WORKER_ENDED &&
	    brood__channel_received(worker->channel) >= worker->last_byte &&
	    brood__channel_is_ring_read(worker->channel));
}

uint64_t
brood__worker_consumed(const struct brood__worker *worker)
{
	return brood__channel_consumed(worker->channel,
	    worker_n_unread(worker->kept_fd));
}

void
brood__worker_wait_gone(struct brood__worker *worker, int64_t deadline_ms)
{
	struct brood_message msg;
	int left_ms, r;

	worker->kept_fd = brood__fd_close(worker->kept_fd);
	/* Where no signal tells the worker, the end of its channel does. */
	(void)shutdown(brood_channel_fd(worker->channel), SHUT_WR);
	do {
		left_ms = brood__time_left(deadline_ms, brood__now_ms());
		r = brood__channel_recv(worker->channel, left_ms, &msg);
	} while (r > 0 && left_ms > 0);
}
