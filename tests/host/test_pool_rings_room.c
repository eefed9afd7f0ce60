/* SPDX-License-Identifier: ISC */

/*
 * A worker whose ring is full, and a host that has stopped reading at the last
 * frame in it, because the program has too many parts to take.
 *
 * The order of events that matters is made by recvmsg(2) here: it lets the
 * worker go on when the host has read WAKE, and has not fallen asleep yet.
 */

#include "support/support.h"

#include <brood.h>

#include <sys/mman.h>
#include <sys/socket.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

BROOD_SUITE(pool_rings_room);

enum {
	LONG = 250 << 10,	/* four of them are nearly the limit of parts
				   that a program has not taken */
	SHORT = 24 << 10,	/* and this one passes it */
	N_LONG = 4,
	N_PARTS = 6,
	KIND_WAKE = 13,
	KIND_AT = 4,		/* in a header */
	PATIENCE_MS = 10000,
};

/* Shared with the worker. */
static struct {
	_Atomic int n_allowed;	/* parts that it may send */
	_Atomic int n_sent;
} *parts;

static bool is_armed;

ssize_t	__real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t	__wrap_recvmsg(int fd, struct msghdr *msg, int flags);

static void
room_wait(_Atomic int *count, int n)
{
	for (int i = 0; i < PATIENCE_MS && atomic_load(count) < n; i++)
		(void)usleep(1000);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = __real_recvmsg(fd, msg, flags);
	const uint8_t *bytes = msg->msg_iov[0].iov_base;

	if (is_armed && n > KIND_AT && bytes[KIND_AT] == KIND_WAKE) {
		is_armed = false;
		atomic_store(&parts->n_allowed, N_LONG + 1);
		room_wait(&parts->n_sent, N_LONG + 1);
	}
	return n;
}

static int
room_handle(struct brood_request *request, void *arg)
{
	static uint8_t bytes[LONG];
	int r = 0;

	(void)arg;
	for (int i = 0; i < N_PARTS && r == 0; i++) {
		room_wait(&parts->n_allowed, i + 1);
		r = brood_request_reply_more(request, bytes,
		    i == N_LONG ? SHORT : LONG);
		atomic_store(&parts->n_sent, i + 1);
	}
	return r < 0 ? r : brood_request_reply(request, 0, NULL, 0);
}

/* Dispatch until so many results are there. */
static void
room_await(struct brood_pool *pool, unsigned n)
{
	struct brood_pool_stats stats = { .untaken = 0 };

	for (int i = 0; i < PATIENCE_MS && stats.untaken < n; i++) {
		cr_assert_eq(brood_pool_dispatch(pool), 0);
		brood_pool_stats(pool, &stats);
		(void)usleep(1000);
	}
	cr_assert_geq(stats.untaken, n, "nothing comes any more");
}

static void
room_take(struct brood_pool *pool, unsigned n)
{
	struct brood_completion done;

	for (unsigned i = 0; i < n; i++) {
		cr_assert_eq(brood_pool_take(pool, &done), 1);
		brood_completion_fini(&done);
	}
}

Test(pool_rings_room, room_is_given_back_for_the_last_frame_before_a_pause)
{
	struct brood_pool_options options = {
		.handler = room_handle,
		.workers = 1,
		.transport = BROOD_RINGS,
		.stderr_fd = -1,
	};
	struct brood_request_options stream = { .flags = BROOD_STREAM };
	struct brood_message msg = { .data = NULL };
	struct brood_pool *pool;
	uint64_t id;

	parts = mmap(NULL, sizeof(*parts), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(parts, MAP_FAILED);
	cr_assert_eq(brood_pool_new(&pool, &options, NULL), 0);
	cr_assert_eq(brood_pool_submit(pool, &msg, &stream, &id), 0);
	for (int i = 1; i <= N_LONG; i++) {
		is_armed = i == N_LONG;
		atomic_store(&parts->n_allowed, i);
		room_await(pool, (unsigned)i);
	}
	/* Without rings there is no WAKE. */
	atomic_store(&parts->n_allowed, N_LONG + 1);
	room_await(pool, N_LONG + 1);
	atomic_store(&parts->n_allowed, N_PARTS);
	room_take(pool, N_LONG + 1);
	room_await(pool, 2);
	room_take(pool, 2);
	cr_assert_null(brood_pool_free(pool));
	cr_assert_eq(munmap(parts, sizeof(*parts)), 0);
}
