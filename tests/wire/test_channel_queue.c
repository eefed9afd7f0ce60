/* SPDX-License-Identifier: ISC */

/*
 * Claims about the queue of a channel, about waiting, and about what a channel
 * leaves alone: the flags of its descriptor, the channel of another process,
 * and the processor while it waits.
 *
 * A wait may not end early, but for the rounding of the clock to milliseconds.
 * On a busy machine it may end late, so only the time limit of the suite bounds
 * it.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/support.h"
#include "support/wire.h"
#include "wire/channel.h"

BROOD_SUITE(channel_queue);

#define BIG	(512 * 1024)	/* more than a socket's buffer holds */

/*
 * Queue one message that does not fit into the socket, so that a part of it
 * stays queued for as long as nobody reads.
 */
static void
stuff(struct wire_half *half)
{
	uint8_t *bytes = calloc(1, BIG);
	int room = 65536;
	int r;

	cr_assert_not_null(bytes);
	setsockopt(brood_channel_fd(half->channel), SOL_SOCKET, SO_SNDBUF,
	    &room, sizeof(room));
	r = brood_channel_queue(half->channel,
	    &(struct brood_message){ .data = bytes, .len = BIG, .id = 1 });
	cr_assert_eq(r, 0, "queue: %d", r);
	free(bytes);
	cr_assert_eq(brood_channel_flush(half->channel, 0), -EAGAIN);
}

/* Read the bytes that stuff() has queued; flush and read by turns. */
static void
drain(struct wire_half *half, size_t left)
{
	char bytes[65536];
	ssize_t n;
	int r = -EAGAIN;

	for (int rounds = 0; left > 0 && rounds < 100000; rounds++) {
		r = brood_channel_flush(half->channel, 0);
		cr_assert(r == 0 || r == -EAGAIN, "flush: %d", r);
		n = recv(half->raw, bytes, sizeof(bytes), MSG_DONTWAIT);
		cr_assert(n > 0 || (n < 0 && errno == EAGAIN));
		left -= n > 0 ? (size_t)n : 0;
	}
	cr_assert_eq(r, 0);
	cr_assert_eq(left, 0, "%zu bytes never came", left);
}

Test(channel_queue, nothing_leaves_before_a_flush)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;

	cr_assert_eq(brood_channel_queue(half.channel,
	    &(struct brood_message){ .data = "x", .len = 1 }), 0);
	cr_assert(wire_is_silent(half.raw));
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_str_eq((char *)frame.payload, "x");
	wire_half_free(&half);
}

Test(channel_queue, queue_copies_what_it_is_given)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	char text[] = "before";

	cr_assert_eq(brood_channel_queue(half.channel,
	    &(struct brood_message){ .data = text, .len = 6 }), 0);
	memcpy(text, "after!", 6);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_str_eq((char *)frame.payload, "before");
	wire_half_free(&half);
}

/*
 * A stream socket is full after some 280 sends, however short they are.  So a
 * thousand messages that leave in one flush have left in a few sends.
 */
Test(channel_queue, a_thousand_small_messages_leave_in_one_flush)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;

	for (uint64_t i = 0; i < 1000; i++)
		cr_assert_eq(brood_channel_queue(half.channel,
		    &(struct brood_message){ .data = &i, .len = sizeof(i),
		    .id = i }), 0);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		cr_assert(wire_recv(half.raw, &frame));
		cr_assert_eq(frame.header.id, i);
		cr_assert_arr_eq(frame.payload, (uint8_t *)&i, sizeof(i));
	}
	cr_assert(wire_is_silent(half.raw));
	wire_half_free(&half);
}

Test(channel_queue, full_queue_refuses_until_it_is_flushed)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_queued = 4096 });
	char text[100] = "";
	struct brood_message msg = { .data = text, .len = sizeof(text) };
	struct wire_frame frame;
	int n = 0;

	while (n < 1000 && brood_channel_queue(half.channel, &msg) == 0)
		n++;
	cr_assert_geq(n, 4096 / 124 - 1, "full after %d messages", n);
	cr_assert_leq(n, 4096 / 100 + 1, "%d messages in 4096 bytes", n);
	cr_assert_eq(brood_channel_queue(half.channel, &msg), -EAGAIN);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert_eq(brood_channel_queue(half.channel, &msg), 0);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	for (int i = 0; i < n + 1; i++)
		cr_assert(wire_recv(half.raw, &frame));
	cr_assert(wire_is_silent(half.raw));
	wire_half_free(&half);
}

Test(channel_queue, brood_s_own_message_is_queued_even_if_the_queue_is_full)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_queued = 1 });
	struct brood_message own = { .kind = BROOD_KIND_GOODBYE, .id = 2 };
	struct wire_frame frame;

	cr_assert_eq(brood_channel_queue(half.channel,
	    &(struct brood_message){ .id = 1 }), 0);
	cr_assert_eq(brood__channel_queue(half.channel, &own), -EAGAIN);
	cr_assert_eq(brood__channel_queue_own(half.channel, &own), 0);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	for (uint64_t id = 1; id <= 2; id++) {
		cr_assert(wire_recv(half.raw, &frame));
		cr_assert_eq(frame.header.id, id);
	}
	own.expire_ms = 1;
	cr_assert_eq(brood__channel_queue_own(half.channel, &own), -EINVAL);
	wire_half_free(&half);
}

Test(channel_queue, bytes_received_and_bytes_to_be_received_are_counted)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;
	size_t n_unread;

	cr_assert_eq(brood__channel_received(half.channel), 0);
	for (unsigned i = 1; i <= 3; i++)
		wire_send(half.raw, &(struct wire_header){ .kind = 2,
		    .length = 5 }, "12345");
	for (unsigned i = 1; i <= 3; i++) {
		cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 1);
		cr_assert_eq(brood__channel_received(half.channel),
		    i * (WIRE_HEADER + 5));
		cr_assert_eq(brood__fd_unread(brood_channel_fd(half.channel),
		    &n_unread), 0);
		cr_assert_eq(n_unread, (3 - i) * (WIRE_HEADER + 5));
	}
	cr_assert_eq(brood__fd_unread(-1, &n_unread), -EBADF);
	wire_half_free(&half);
}

Test(channel_queue, flush_gives_up_in_time_and_the_rest_leaves_later)
{
	struct wire_half half = wire_half_new(NULL);
	int64_t before;

	stuff(&half);
	before = wire_now_ms();
	cr_assert_eq(brood_channel_flush(half.channel, 50), -EAGAIN);
	cr_assert_geq(wire_now_ms() - before, 49);
	drain(&half, WIRE_HEADER + BIG);
	cr_assert(wire_is_silent(half.raw));
	wire_half_free(&half);
}

Test(channel_queue, pollout_is_asked_for_only_while_something_is_queued)
{
	struct wire_half half = wire_half_new(NULL);

	cr_assert_eq(brood_channel_events(half.channel), POLLIN);
	cr_assert_eq(brood_channel_queue(half.channel,
	    &(struct brood_message){ .data = "x", .len = 1 }), 0);
	cr_assert_eq(brood_channel_events(half.channel), POLLIN | POLLOUT);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert_eq(brood_channel_events(half.channel), POLLIN);

	stuff(&half);
	cr_assert_eq(brood_channel_events(half.channel), POLLIN | POLLOUT);
	drain(&half, WIRE_HEADER + 1 + WIRE_HEADER + BIG);
	cr_assert_eq(brood_channel_events(half.channel), POLLIN);
	wire_half_free(&half);
}

Test(channel_queue, message_is_received_while_the_way_out_is_full)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;

	stuff(&half);
	wire_send(half.raw, &(struct wire_header){ .kind = 3, .id = 4 }, NULL);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 1);
	cr_assert_eq(got.id, 4);
	drain(&half, WIRE_HEADER + BIG);
	wire_half_free(&half);
}

static int64_t
processor_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Wait for a message that does not come: the wait does not end early, and uses
 * no processor time.
 */
static void
expect_silence(struct brood_channel *channel, int timeout_ms)
{
	struct brood_message got;
	int64_t before = wire_now_ms();
	int64_t used = processor_ms();
	int r = brood_channel_recv(channel, timeout_ms, &got);

	cr_assert_eq(r, 0, "recv: %d", r);
	cr_assert_geq(wire_now_ms() - before, timeout_ms - 1);
	cr_assert_leq(processor_ms() - used, timeout_ms / 2 + 10);
}

Test(channel_queue, receive_waits_its_time_for_nothing_or_half_a_frame)
{
	struct wire_half half = wire_half_new(NULL);
	uint8_t bytes[64];
	struct brood_message got;
	size_t len;

	expect_silence(half.channel, 0);
	expect_silence(half.channel, 200);
	len = wire_encode(bytes, &(struct wire_header){ .length = 4,
	    .kind = 3 }, "late");
	wire_write(half.raw, bytes, 10);
	expect_silence(half.channel, 100);
	wire_write(half.raw, bytes + 10, WIRE_HEADER - 10 + 2);
	expect_silence(half.channel, 100);
	wire_write(half.raw, bytes + WIRE_HEADER + 2, len - WIRE_HEADER - 2);
	cr_assert_eq(brood_channel_recv(half.channel, -1, &got), 1);
	cr_assert_arr_eq(got.data, "late", 4);
	wire_half_free(&half);
}

static int
send_later(void *arg)
{
	struct brood_channel *channel;
	struct pollfd none = { .fd = -1 };

	/* A fixed delay, because no event tells that the receiver sleeps. */
	poll(&none, 1, 30);
	if (brood_channel_new(&channel, *(int *)arg, NULL) != 0)
		return 1;
	return -brood_channel_send(channel,
	    &(struct brood_message){ .data = "late", .len = 4 });
}

static void
expect_late_message(int flags)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;
	int fd = brood_channel_fd(half.channel);
	pid_t pid;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | flags);
	pid = support_fork(send_later, &half.raw);
	cr_assert_eq(brood_channel_recv(half.channel, WIRE_PATIENCE, &got), 1);
	cr_assert_arr_eq(got.data, "late", 4);
	cr_assert_eq(support_join(pid), 0);
	wire_half_free(&half);
}

Test(channel_queue, receive_wakes_for_a_message)
{
	expect_late_message(0);
}

Test(channel_queue, receive_waits_on_a_nonblocking_socket_too)
{
	expect_late_message(O_NONBLOCK);
}

/* Call every function once, on a socket with these flags. */
static void
expect_flags_kept(int flags)
{
	struct wire_half half = { NULL, -1 };
	struct brood_message msg = { .data = "x", .len = 1 };
	int fds[2], before;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fcntl(fds[0], F_SETFL, fcntl(fds[0], F_GETFL) | flags);
	before = fcntl(fds[0], F_GETFL);
	cr_assert_eq(brood_channel_new(&half.channel, fds[0], NULL), 0);
	half.raw = fds[1];
	cr_assert_eq(brood_channel_fd(half.channel), fds[0]);
	cr_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);

	cr_assert_eq(brood_channel_send(half.channel, &msg), 0);
	wire_send(half.raw, &(struct wire_header){ .kind = 3 }, NULL);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &msg), 1);
	cr_assert_eq(brood_channel_recv(half.channel, 1, &msg), 0);
	stuff(&half);
	cr_assert_eq(brood_channel_flush(half.channel, 1), -EAGAIN);
	cr_assert_eq(fcntl(fds[0], F_GETFL), before);
	wire_half_free(&half);
}

Test(channel_queue, nonblocking_flag_is_left_as_it_was)
{
	expect_flags_kept(0);
	expect_flags_kept(O_NONBLOCK);
}

static int
use_a_copy(void *arg)
{
	struct brood_channel *channel = arg;
	struct brood_message msg = { .data = "x", .len = 1 };

	if (brood_channel_queue(channel, &msg) != -ECHILD)
		return 1;
	if (brood_channel_flush(channel, 0) != -ECHILD)
		return 2;
	if (brood_channel_send(channel, &msg) != -ECHILD)
		return 3;
	if (brood_channel_recv(channel, 0, &msg) != -ECHILD)
		return 4;
	if (brood_channel_read_ahead(channel) != -ECHILD)
		return 8;
	if (brood_channel_take_fd(channel, 0) != -ECHILD)
		return 5;
	if (brood_channel_hello(channel, NULL, 0) != -ECHILD)
		return 6;
	return brood_channel_free(channel) == NULL ? 0 : 7;
}

Test(channel_queue, forked_copy_does_nothing_and_harms_nothing)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message msg = { .data = "x", .len = 1 };
	struct wire_frame frame;

	cr_assert_eq(brood_channel_queue(half.channel, &msg), 0);
	wire_send(half.raw, &(struct wire_header){ .kind = 3, .id = 6 }, NULL);
	support_in_child(use_a_copy, half.channel);
	cr_assert(wire_is_silent(half.raw));
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert(wire_is_silent(half.raw));
	cr_assert_eq(brood_channel_recv(half.channel, 0, &msg), 1);
	cr_assert_eq(msg.id, 6);
	wire_half_free(&half);
}

Test(channel_queue, free_takes_null)
{
	cr_assert_null(brood_channel_free(NULL));
}
