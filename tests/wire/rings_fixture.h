/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_RINGS_FIXTURE_H
#define BROOD_TESTS_RINGS_FIXTURE_H

/*
 * A host and a worker whose frames go through shared memory.  Both ends are in
 * this process, so no call may wait for the other one.
 */

#include "base/fd.h"
#include "support/support.h"
#include "support/wire.h"
#include "wire/channel.h"
#include "wire/frame.h"
#include "wire/region.h"
#include "wire/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING	BROOD__RING_MIN
#define BIG	(300 * 1024)	/* more than a ring of that size takes */

static struct brood_channel *host, *worker;
static uint8_t *big;

/* A host and a worker with a socket between them, which have said nothing. */
static inline void
start_by_socket(void)
{
	struct brood_channel_options options = { .max_fds = BROOD_MAX_FDS };
	const void *memory;
	int fds[2], fd;

	if (brood__region_new_for_peer(4096, &memory, &fd) == -ENOSYS)
		cr_skip_test("this system has no such memory");
	brood__region_unmap(memory, 4096);
	(void)close(fd);
	wire_pair(fds);
	cr_assert_eq(brood_channel_new(&host, fds[0], NULL), 0);
	cr_assert_eq(brood_channel_new(&worker, fds[1], &options), 0);
	brood__channel_set_greedy(host);
	brood__channel_accept_rings(worker);
	big = malloc(BIG);
	cr_assert_not_null(big);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (uint8_t)(i * 7 + i / 251);
}

static inline void
end(void)
{
	host = brood_channel_free(host);
	worker = brood_channel_free(worker);
	free(big);
}

/* Flush this end, and receive at the other what has come. */
static inline int
pass(struct brood_channel *from, struct brood_channel *to,
    struct brood_message *ret_msg)
{
	int r;

	for (int i = 0; i < 10000; i++) {
		r = brood__channel_flush(from, 0);
		if (r < 0 && r != -EAGAIN)
			return r;
		r = brood__channel_next(to, ret_msg);
		if (r != 0)
			return r;
		r = brood__channel_fill(to);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Nothing comes, and nothing is waited for. */
static inline int
pass_nothing(struct brood_channel *from, struct brood_channel *to)
{
	struct brood_message msg;
	int r = 0;

	for (int i = 0; i < 4 && r == 0; i++) {
		r = brood__channel_flush(from, 0);
		if (r == 0)
			r = brood__channel_next(to, &msg);
		if (r == 0)
			r = brood__channel_fill(to);
		if (r == 1)
			r = brood__channel_next(to, &msg);
	}
	return r;
}

static inline void
start(void)
{
	start_by_socket();
	brood__channel_offer_rings(host, RING);
	cr_assert_eq(pass_nothing(host, worker), 0);
	cr_assert_eq(pass_nothing(worker, host), 0);
	cr_assert(brood__channel_is_reading_ring(host));
	cr_assert_eq(pass_nothing(host, worker), 0);
	cr_assert(brood__channel_is_reading_ring(worker));
}

static inline size_t
n_in_socket(const struct brood_channel *channel)
{
	size_t n = 0;

	cr_assert_eq(brood__fd_unread(brood_channel_fd(channel), &n), 0);
	return n;
}

static inline void
queue_as(int (*queue)(struct brood_channel *, const struct brood_message *),
    struct brood_channel *channel, uint64_t id, size_t len, int fd)
{
	struct brood_message msg = {
		.kind = channel == host ? BROOD_KIND_REQUEST :
		    BROOD_KIND_REPLY,
		.id = id,
		.data = big,
		.len = len,
		.fds = &fd,
		.n_fds = fd >= 0,
	};

	cr_assert_eq(queue(channel, &msg), 0);
}

static inline void
queue(struct brood_channel *channel, uint64_t id, size_t len, int fd)
{
	queue_as(brood__channel_queue, channel, id, len, fd);
}

static inline void
expect(struct brood_channel *from, struct brood_channel *to, uint64_t id,
    size_t len, size_t n_fds)
{
	struct brood_message msg;

	cr_assert_eq(pass(from, to, &msg), 1, "message %d", (int)id);
	cr_assert_eq(msg.id, id);
	cr_assert_eq(msg.len, len);
	cr_assert_eq(memcmp(msg.data, big, len), 0, "message %d", (int)id);
	cr_assert_eq(msg.n_fds, n_fds);
	if (n_fds > 0)
		cr_assert_geq(msg.fds[0], 0);
}

#endif
