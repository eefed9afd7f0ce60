/* SPDX-License-Identifier: ISC */

/*
 * The host's side of one worker: what was sent, and how much of it was read.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "host/worker.h"
#include "wire/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PEER_DRAIN = 64 << 10 };

int
brood__peer_new(struct brood__peer **ret_peer, const int fds[2],
    const struct brood_channel_options *options, uint32_t peer_max)
{
	struct brood__peer *peer;
	int r;

	peer = calloc(1, sizeof(*peer));
	r = peer == NULL ? -ENOMEM :
	    brood_channel_new(&peer->channel, fds[0], options);
	if (r < 0) {
		(void)brood__fd_close(fds[0]);
		(void)brood__fd_close(fds[1]);
		free(peer);
		return r;
	}
	if (options->max_fds == 0)
		brood__channel_set_greedy(peer->channel);
	peer->kept_fd = fds[1];
	TAILQ_INIT(&peer->requests);
	r = brood__channel_queue_hello(peer->channel, NULL);
	if (r < 0) {
		(void)brood__peer_free(peer);
		return r;
	}
	brood__channel_set_peer_max(peer->channel, peer_max);
	*ret_peer = peer;
	return 0;
}

struct brood__peer *
brood__peer_free(struct brood__peer *peer)
{
	struct brood__request *req;

	while ((req = TAILQ_FIRST(&peer->requests)) != NULL) {
		brood__peer_remove(peer, req);
		(void)brood__request_free(req);
	}
	(void)brood_channel_free(peer->channel);
	(void)brood__fd_close(peer->kept_fd);
	free(peer);
	return NULL;
}

/* On the wire: at least 1, since 0 is none. */
static uint32_t
peer_timeout(const struct brood__request *req, int64_t now_ms)
{
	int left = brood__time_left(req->deadline_ms, now_ms);

	return left < 0 ? 0 : left == 0 ? 1 : (uint32_t)left;
}

int
brood__peer_send(struct brood__peer *peer, struct brood__request *req,
    int64_t now_ms)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_REQUEST,
		.id = req->id,
		.code = req->code,
		.data = req->data,
		.len = req->len,
		.fds = req->fds,
		.n_fds = req->n_fds,
		.timeout_ms = peer_timeout(req, now_ms),
	};
	int r;

	r = brood__channel_queue(peer->channel, &msg);
	if (r < 0)
		return r;
	req->end = brood__channel_queued(peer->channel);
	req->peer = peer;
	req->sent_ms = now_ms;
	TAILQ_INSERT_TAIL(&peer->requests, req, next);
	peer->load++;
	return 0;
}

int
brood__peer_send_kind(struct brood__peer *peer, enum brood_kind kind,
    uint64_t id)
{
	struct brood_message msg = { .kind = kind, .id = id };

	return brood__channel_queue(peer->channel, &msg);
}

struct brood__request *
brood__peer_find(const struct brood__peer *peer, uint64_t id)
{
	struct brood__request *req;

	TAILQ_FOREACH(req, &peer->requests, next)
		if (req->id == id)
			return req;
	return NULL;
}

void
brood__peer_remove(struct brood__peer *peer, struct brood__request *req)
{
	TAILQ_REMOVE(&peer->requests, req, next);
	req->peer = NULL;
	peer->load--;
}

/*
 * recv(2) without a control buffer: the kernel drops the descriptors of
 * requests that are sent again with copies of their own.  If the worker had
 * shut its end down, what was queued before is still given, then 0.
 */
uint64_t
brood__peer_consumed(struct brood__peer *peer)
{
	uint64_t n_left = 0;
	char *bytes;
	ssize_t n;

	bytes = malloc(PEER_DRAIN);
	if (bytes == NULL)		/* unknown: it may have read all */
		return brood__channel_sent(peer->channel);
	do {
		n = recv(peer->kept_fd, bytes, PEER_DRAIN, MSG_DONTWAIT);
		if (n > 0)
			n_left += (uint64_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	free(bytes);
	return brood__channel_sent(peer->channel) - n_left;
}

void
brood__peer_wait_gone(struct brood__peer *peer, int64_t deadline_ms)
{
	struct brood_message msg;
	int left_ms, r;

	peer->kept_fd = brood__fd_close(peer->kept_fd);
	do {
		left_ms = brood__time_left(deadline_ms, brood__now_ms());
		r = brood__channel_recv(peer->channel, left_ms, &msg);
	} while (r > 0 && left_ms > 0);
}
