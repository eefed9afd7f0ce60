/* SPDX-License-Identifier: ISC */

/*
 * Claims about channels whose frames go through shared memory: how both sides
 * agree on it, which frames go by the socket all the same, in what order they
 * come, and what the host can tell of a worker that is dead.
 */

#include "wire/rings_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

BROOD_SUITE(channel_rings);

static bool has_memory = true;	/* for the inbox to set a frame aside */

void	*__real_reallocarray(void *memory, size_t n, size_t size);
void	*__wrap_reallocarray(void *memory, size_t n, size_t size);

void *
__wrap_reallocarray(void *memory, size_t n, size_t size)
{
	return has_memory ? __real_reallocarray(memory, n, size) : NULL;
}

Test(channel_rings, frames_come_without_the_socket)
{
	start();
	for (uint64_t id = 1; id <= 20000; id++) {
		size_t len = (size_t)(id * 37 % 3000);

		queue(host, id, len, -1);
		expect(host, worker, id, len, 0);
		queue(worker, id, len, -1);
		expect(worker, host, id, len, 0);
	}
	cr_expect_eq(n_in_socket(worker), 0);
	cr_expect_eq(n_in_socket(host), 0);
	end();
}

Test(channel_rings, long_frames_and_descriptors_keep_their_order)
{
	int file = wire_file();

	start();
	for (uint64_t id = 1; id < 100; id += 6) {
		queue(host, id, 10, -1);
		queue(host, id + 1, BIG, -1);
		queue(host, id + 2, 20, file);
		queue(host, id + 3, 30, -1);
		queue(host, id + 4, BIG - 1, file);
		queue(host, id + 5, RING / 4 - BROOD__FRAME_SIZE, -1);
		expect(host, worker, id, 10, 0);
		expect(host, worker, id + 1, BIG, 0);
		expect(host, worker, id + 2, 20, 1);
		expect(host, worker, id + 3, 30, 0);
		expect(host, worker, id + 4, BIG - 1, 1);
		expect(host, worker, id + 5, RING / 4 - BROOD__FRAME_SIZE, 0);
		queue(worker, id, 5, -1);
		queue(worker, id + 1, BIG, -1);
		queue(worker, id + 2, 0, -1);
		expect(worker, host, id, 5, 0);
		expect(worker, host, id + 1, BIG, 0);
		expect(worker, host, id + 2, 0, 0);
	}
	(void)close(file);
	end();
}

Test(channel_rings, what_was_begun_can_be_told_of_each_transport)
{
	struct brood_message msg;
	uint64_t ends[6];

	start_by_socket();
	/* By the socket, as far as the worker has read there. */
	queue(host, 1, 10, -1);
	ends[0] = brood__channel_queued(host);
	queue(host, 2, 10, -1);
	ends[1] = brood__channel_queued(host);
	expect(host, worker, 1, 10, 0);
	cr_expect_eq(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[0]);
	brood__channel_offer_rings(host, RING);
	expect(host, worker, 2, 10, 0);
	cr_expect_eq(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[1]);
	cr_assert_eq(pass_nothing(host, worker), 0);
	/* The host has not yet heard that the worker has switched. */
	queue(host, 3, 10, -1);
	ends[2] = brood__channel_queued(host);
	cr_assert_eq(brood__channel_flush(host, 0), 0);
	cr_assert_eq(pass_nothing(worker, host), 0);
	queue(host, 4, 10, -1);
	ends[3] = brood__channel_queued(host);
	queue(host, 5, BIG, -1);
	ends[4] = brood__channel_queued(host);
	queue(host, 6, 10, -1);
	ends[5] = brood__channel_queued(host);
	cr_assert_eq(brood__channel_flush(host, 0), -EAGAIN);
	cr_expect_lt(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[2]);
	expect(host, worker, 3, 10, 0);
	cr_expect_eq(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[2]);
	expect(host, worker, 4, 10, 0);
	cr_expect_eq(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[3]);
	cr_expect_eq(brood__channel_next(worker, &msg), 0);
	cr_expect_eq(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[3]);
	expect(host, worker, 5, BIG, 0);
	cr_expect_eq(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[4]);
	expect(host, worker, 6, 10, 0);
	cr_expect_eq(brood__channel_consumed(host, n_in_socket(worker)),
	    ends[5]);
	end();
}

Test(channel_rings, a_cancel_is_seen_from_the_request_that_it_is_of)
{
	struct brood_message cancel = { .kind = BROOD_KIND_CANCEL, .id = 1 };
	uint64_t at, position = 0;

	start();
	queue(host, 1, 10, -1);
	queue(host, 2, 10, -1);
	expect(host, worker, 1, 10, 0);
	cr_expect_eq(brood__channel_look_ahead(worker, BROOD_KIND_CANCEL, 1,
	    &position), 0);
	cr_assert_eq(brood__channel_queue_first(host, &cancel, 0, &at), 0);
	cr_assert_eq(brood__channel_flush(host, 0), 0);
	cr_expect_eq(brood__channel_look_ahead(worker, BROOD_KIND_CANCEL, 1,
	    &position), 1);
	cr_expect_eq(brood__channel_look_ahead(worker, BROOD_KIND_CANCEL, 2,
	    &position), 0);
	expect(host, worker, 2, 10, 0);
	end();
}

Test(channel_rings, what_is_held_stays_while_others_come)
{
	struct brood_message first, msg;

	start();
	queue(host, 1, 1000, -1);
	cr_assert_eq(pass(host, worker, &first), 1);
	brood__channel_hold(worker);
	/* More than it takes until the start of the ring is used again. */
	for (uint64_t id = 2; id < 1000; id++) {
		queue(host, id, 200, -1);
		cr_assert_eq(pass(host, worker, &msg), 1);
	}
	cr_expect_eq(first.len, 1000);
	cr_expect_eq(memcmp(first.data, big, 1000), 0);
	brood__channel_unhold(worker);
	/* And one that is given back comes again. */
	brood__channel_unget(worker);
	cr_assert_eq(brood__channel_next(worker, &msg), 1);
	cr_expect_eq(msg.id, 999);
	end();
}

Test(channel_rings, a_frame_beside_the_ring_is_a_breach)
{
	struct wire_header header = {
		.length = 3, .kind = BROOD_KIND_REPLY, .id = 1,
	};
	struct brood_message msg;

	start();
	wire_send(brood_channel_fd(worker), &header, "abc");
	cr_expect_eq(pass(worker, host, &msg), -EPROTO);
	end();
}

Test(channel_rings, what_was_not_offered_or_switched_is_a_breach)
{
	static const uint8_t kinds[] = {
		BROOD__KIND_OFFER, BROOD__KIND_SWITCH, BROOD__KIND_WAKE,
	};
	struct brood_message msg;

	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct wire_header header = { .kind = kinds[i] };

		start_by_socket();
		wire_send(brood_channel_fd(worker), &header, NULL);
		cr_expect_eq(pass(worker, host, &msg), -EPROTO, "%zu", i);
		end();
		start_by_socket();
		wire_send(brood_channel_fd(host), &header, NULL);
		cr_expect_eq(pass(host, worker, &msg), -EPROTO, "%zu", i);
		end();
	}
}

/* Memory that could be made shorter, and a size that is no power of two. */
Test(channel_rings, a_worker_goes_on_without_what_it_cannot_use)
{
	static const uint64_t sizes[] = {
		RING, RING + 8, RING / 2, UINT64_C(1) << 40, 0,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fds[2] = { wire_file(), wire_file() };
		uint8_t bytes[WIRE_HEADER + 8];
		struct wire_header header = {
			.length = 8, .kind = BROOD__KIND_OFFER, .nfds = 2,
		};

		start_by_socket();
		cr_assert_eq(ftruncate(fds[0], RING + 4096), 0);
		cr_assert_eq(ftruncate(fds[1], RING + 4096), 0);
		(void)wire_encode(bytes, &header, &sizes[i]);
		wire_write_fds(brood_channel_fd(host), bytes, sizeof(bytes),
		    fds, 2);
		cr_assert_eq(pass_nothing(host, worker), 0);
		queue(host, 1, 10, -1);
		expect(host, worker, 1, 10, 0);
		queue(worker, 1, 10, -1);
		expect(worker, host, 1, 10, 0);
		cr_expect_eq(n_in_socket(host), 0);
		(void)close(fds[0]);
		(void)close(fds[1]);
		end();
	}
}

Test(channel_rings, of_the_dead_no_more_is_read_than_was_there)
{
	struct brood_message msg;

	start();
	queue(worker, 1, 10, -1);
	queue(worker, 2, 10, -1);
	cr_assert_eq(brood__channel_flush(worker, 0), 0);
	brood__channel_freeze(host);
	queue(worker, 3, 10, -1);
	cr_assert_eq(brood__channel_flush(worker, 0), 0);
	cr_expect_not(brood__channel_is_ring_read(host));
	cr_expect_eq(brood__channel_next(host, &msg), 1);
	cr_expect_eq(brood__channel_next(host, &msg), 1);
	cr_expect_eq(msg.id, 2);
	cr_expect(brood__channel_is_ring_read(host));
	cr_expect_eq(brood__channel_next(host, &msg), 0);
	end();
}

Test(channel_rings, the_end_is_told_behind_what_was_sent)
{
	struct brood_message msg;

	start();
	queue(host, 1, 10, -1);
	queue(host, 2, 10, -1);
	cr_assert_eq(brood__channel_flush(host, 0), 0);
	host = brood_channel_free(host);
	cr_expect_eq(brood__channel_recv(worker, -1, &msg), 1);
	cr_expect_eq(brood__channel_recv(worker, -1, &msg), 1);
	cr_expect_eq(brood__channel_recv(worker, -1, &msg), -EPIPE);
	end();
}

/* They are closed although nothing else comes on the socket. */
Test(channel_rings, descriptors_go_when_the_next_frame_comes)
{
	int pipe_fds[2];

	start();
	cr_assert_eq(pipe(pipe_fds), 0);
	queue(host, 1, 10, pipe_fds[1]);
	(void)close(pipe_fds[1]);
	expect(host, worker, 1, 10, 1);
	queue(host, 2, 10, -1);
	expect(host, worker, 2, 10, 0);
	cr_expect(wire_is_hung_up(pipe_fds[0]));
	(void)close(pipe_fds[0]);
	end();
}

Test(channel_rings, what_is_given_back_is_not_begun_twice)
{
	struct brood_message msg;
	uint64_t first_end;

	start();
	queue(host, 1, 10, -1);
	first_end = brood__channel_queued(host);
	queue(host, 2, 10, -1);
	cr_assert_eq(brood__channel_flush(host, 0), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(brood__channel_next(worker, &msg), 1);
		cr_expect_eq(msg.id, 1);
		cr_expect_eq(brood__channel_consumed(host,
		    n_in_socket(worker)), first_end);
		if (i < 2)
			brood__channel_unget(worker);
	}
	expect(host, worker, 2, 10, 0);
	end();
}

/* What is mapped there now, in its place. */
static int
free_in_copy(void *arg)
{
	const void *at = arg;
	volatile uint8_t *memory;
	size_t size = brood__ring_region_size(RING);
	void *place;

	memcpy(&place, &at, sizeof(place));
	memory = mmap(place, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	(void)brood_channel_free(worker);
	memory[0] = 1;
	memory[size - 1] = 1;
	return 0;
}

Test(channel_rings, a_forked_copy_unmaps_nothing)
{
	struct brood_message msg;
	uintptr_t place;

	start();
	queue(host, 1, 10, -1);
	cr_assert_eq(pass(host, worker, &msg), 1);
	/* The page of words is in front of the ring and its first frame. */
	place = (uintptr_t)msg.data & ~(uintptr_t)4095;
	cr_assert_eq(support_join(support_fork(free_in_copy,
	    (void *)(place - 4096))), 0);
	queue(host, 2, 10, -1);
	expect(host, worker, 2, 10, 0);
	end();
}

Test(channel_rings, a_want_of_memory_passes)
{
	struct brood_message msg;

	start();
	queue(host, 1, BIG, -1);
	expect(host, worker, 1, BIG, 0);
	brood__channel_hold(worker);
	queue(host, 2, 10, -1);
	cr_assert_eq(brood__channel_flush(host, 0), 0);
	has_memory = false;
	cr_expect_eq(brood__channel_next(worker, &msg), -ENOMEM);
	has_memory = true;
	cr_expect_eq(brood__channel_next(worker, &msg), 1);
	cr_expect_eq(msg.id, 2);
	brood__channel_unhold(worker);
	end();
}

/* Before the offer, behind SWITCH while that waits, and in the ring. */
Test(channel_rings, a_payload_that_is_lent_goes_by_either_way)
{
	static const size_t lens[] = { 40000, RING / 4, BIG, 100 };

	start_by_socket();
	for (uint64_t id = 0; id < 12; id++) {
		if (id == 2)
			brood__channel_offer_rings(host, RING);
		queue_as(brood__channel_queue_lent, host, id, lens[id % 4], -1);
		queue_as(brood__channel_queue_lent, host, 100 + id,
		    lens[(id + 1) % 4], -1);
		expect(host, worker, id, lens[id % 4], 0);
		expect(host, worker, 100 + id, lens[(id + 1) % 4], 0);
		/* The worker's SWITCH: the host queues its own. */
		cr_assert_eq(pass_nothing(worker, host), 0);
	}
	cr_assert(brood__channel_is_reading_ring(worker));
	end();
}

/* The other side looked at the ring, and then comes to look at the socket. */
Test(channel_rings, what_is_in_the_ring_comes_before_the_end_of_the_socket)
{
	struct brood_message msg;

	start();
	cr_assert_eq(brood__channel_next(host, &msg), 0);
	queue(worker, 1, 100, -1);
	queue(worker, 2, 3000, -1);
	cr_assert_eq(brood__channel_flush(worker, 0), 0);
	cr_assert_eq(shutdown(brood_channel_fd(worker), SHUT_RDWR), 0);
	cr_assert_eq(brood__channel_fill(host), -EPIPE);
	for (uint64_t id = 1; id <= 2; id++) {
		cr_assert_eq(brood__channel_next(host, &msg), 1);
		cr_assert_eq(msg.id, id);
	}
	cr_assert_eq(brood__channel_next(host, &msg), -EPIPE);
	cr_assert_eq(brood__channel_fill(host), -EPIPE);
	end();
}

/* Whoever sends it, and by whichever function. */
Test(channel_rings, a_place_that_was_given_up_is_einval)
{
	struct brood_message msg = { .kind = BROOD_KIND_REPLY, .len = 100 };
	void *place;

	start();
	cr_assert_eq(brood__channel_alloc(worker, 100, &place), 0);
	memcpy(place, big, 100);
	msg.data = place;
	msg.len = 101;
	cr_assert_eq(brood__channel_send(worker, &msg), -EINVAL);
	msg.len = 100;
	msg.id = 1;
	cr_assert_eq(brood__channel_send(worker, &msg), 0);
	cr_assert_eq(brood__channel_send(worker, &msg), -EINVAL);
	cr_assert_eq(brood__channel_queue(worker, &msg), -EINVAL);
	expect(worker, host, 1, 100, 0);
	cr_assert_eq(pass_nothing(worker, host), 0);
	end();
}
