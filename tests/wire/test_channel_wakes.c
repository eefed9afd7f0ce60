/* SPDX-License-Identifier: ISC */

/*
 * Claims about what wakes a side that sleeps, or that waits for room in a ring.
 *
 * The program is linked with --wrap=send: a test decides how many WAKE fail.
 */

#include "wire/rings_fixture.h"

#include <poll.h>
#include <sys/socket.h>

BROOD_SUITE(channel_wakes);

static unsigned n_refused;	/* sends that fail, the next ones */

ssize_t	__real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t	__wrap_send(int fd, const void *bytes, size_t len, int flags);

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	if (n_refused == 0)
		return __real_send(fd, bytes, len, flags);
	n_refused--;
	errno = ENOBUFS;
	return -1;
}

Test(channel_wakes, a_side_that_sleeps_is_woken_once)
{
	start();
	for (uint64_t id = 1; id < 300; id += 3) {
		cr_assert(brood__channel_fall_asleep(worker));
		for (uint64_t i = 0; i < 3; i++) {
			queue(host, id + i, 100, -1);
			cr_assert_eq(brood__channel_flush(host, 0), 0);
			cr_assert_eq(n_in_socket(worker), BROOD__FRAME_SIZE);
		}
		cr_assert_eq(brood__channel_fill(worker), 1);
		for (uint64_t i = 0; i < 3; i++)
			expect(host, worker, id + i, 100, 0);
		cr_assert_eq(n_in_socket(worker), 0);
	}
	/* Who has something to read may not sleep, and so is not woken. */
	queue(host, 1000, 100, -1);
	cr_assert_eq(brood__channel_flush(host, 0), 0);
	cr_assert_not(brood__channel_fall_asleep(worker));
	queue(host, 1001, 100, -1);
	cr_assert_eq(brood__channel_flush(host, 0), 0);
	cr_assert_eq(n_in_socket(worker), 0);
	end();
}

/* Put requests until one more would have to wait. */
static uint64_t
fill_ring(size_t len)
{
	uint64_t id = 0;

	while (brood__channel_flush(host, 0) == 0)
		queue(host, ++id, len, -1);
	return id;
}

Test(channel_wakes, a_full_ring_keeps_the_rest_and_room_wakes)
{
	uint64_t n;

	start();
	for (size_t len = 1; len < RING / 4; len = len * 3 + 5) {
		n = fill_ring(len);
		cr_assert_eq(brood_channel_events(host) & POLLOUT, 0);
		for (uint64_t id = 1; id < n; id++)
			expect(worker, worker, id, len, 0);
		/* The next look gives back the last. */
		cr_assert_eq(pass_nothing(worker, worker), 0);
		cr_assert_eq(n_in_socket(host), BROOD__FRAME_SIZE);
		expect(host, worker, n, len, 0);
		cr_assert_eq(pass_nothing(worker, host), 0);
	}
	end();
}

/* The reply is there, though the host cannot be told at once. */
Test(channel_wakes, a_wake_that_fails_is_sent_before_the_worker_waits)
{
	struct brood_message reply = { .kind = BROOD_KIND_REPLY, .id = 1,
	    .data = big, .len = 100 }, msg;

	start();
	reply.data = big;
	cr_assert(brood__channel_fall_asleep(host));
	n_refused = 3;
	cr_assert_eq(brood__channel_send(worker, &reply), 0);
	cr_assert_eq(n_in_socket(host), 0);
	cr_assert_eq(brood__channel_recv(worker, 50, &msg), 0);
	cr_assert_eq(n_refused, 0);
	cr_assert_eq(n_in_socket(host), BROOD__FRAME_SIZE);
	expect(worker, host, 1, 100, 0);
	end();
}

/* The same, if the host waits for room and the worker has nothing to send. */
Test(channel_wakes, a_wake_for_room_that_fails_is_sent_later)
{
	struct brood_message msg;
	uint64_t n;

	start();
	n = fill_ring(1000);
	n_refused = 1;
	for (uint64_t id = 1; id < n; id++) {
		cr_assert_eq(brood__channel_recv(worker, 0, &msg), 1);
		cr_assert_eq(msg.id, id);
	}
	cr_assert_eq(brood__channel_recv(worker, 50, &msg), 0);
	cr_assert_eq(n_refused, 0);
	cr_assert_eq(n_in_socket(host), BROOD__FRAME_SIZE);
	end();
}
