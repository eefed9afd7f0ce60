/* SPDX-License-Identifier: ISC */

/*
 * Claims about a channel whose peer breaks the rules, leaves, or speaks another
 * version: the right error is given and stays; the peer is told why, where that
 * is possible; and messages that were sent before are not lost.
 */

#include <brood.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/endian.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/support.h"
#include "support/wire.h"

BROOD_SUITE(channel_peer);

#define N_OF(array)	(sizeof(array) / sizeof((array)[0]))

static const struct brood_channel_options small = { .max_payload = 1000 };

/* Each function gives this error, and gives it again. */
static void
expect_stuck(struct brood_channel *channel, int error)
{
	struct brood_message msg = { .data = "x", .len = 1 };
	struct brood_message got;

	for (int i = 0; i < 2; i++) {
		cr_expect_eq(brood_channel_recv(channel, 0, &got), error);
		cr_expect_eq(brood_channel_queue(channel, &msg), error);
		cr_expect_eq(brood_channel_flush(channel, 0), error);
		cr_expect_eq(brood_channel_send(channel, &msg), error);
		cr_expect_eq(brood_channel_hello(channel, "x", 0), error);
	}
}

/* The peer has received an ERROR frame with a text. */
static void
expect_told(int raw, struct wire_frame *frame)
{
	cr_assert(wire_recv(raw, frame), "the peer was not told");
	cr_expect_eq(frame->header.kind, BROOD_KIND_ERROR);
	cr_expect_gt(frame->header.length, 0);
}

Test(channel_peer, broken_header_ends_the_channel_and_the_peer_is_told)
{
	static const struct wire_header broken[] = {
	    { .kind = 0 }, { .kind = 11 }, { .kind = 255 },
	    { .kind = 3, .flags = 2 }, { .kind = 3, .flags = 0x80 },
	    { .kind = 3, .flags = 0xff }, { .kind = 2, .flags = 1 },
	    { .kind = 4, .flags = 1 }, { .kind = 3, .reserved = 1 },
	    { .kind = 3, .reserved = 0x80 }, { .kind = 2, .nfds = 254 },
	    { .kind = 2, .nfds = 255 }, { .kind = 3, .timeout_ms = 1 },
	    { .kind = 8, .timeout_ms = 1 },
	};
	struct wire_frame frame;
	struct brood_message got;

	for (size_t i = 0; i < N_OF(broken); i++) {
		struct wire_half half = wire_half_new(NULL);

		wire_send(half.raw, &broken[i], "");
		int r = brood_channel_recv(half.channel, 0, &got);
		cr_expect_eq(r, -EPROTO, "header %zu: %d", i, r);
		expect_told(half.raw, &frame);
		cr_expect_eq(frame.header.code, BROOD_ERROR_PROTOCOL);
		expect_stuck(half.channel, -EPROTO);
		wire_half_free(&half);
	}
}

Test(channel_peer, announced_length_over_the_limit_ends_the_channel)
{
	static const uint32_t lengths[] = { 1001, 65536, 1u << 31,
	    UINT32_MAX };
	struct wire_frame frame;
	struct brood_message got;

	for (size_t i = 0; i < N_OF(lengths); i++) {
		struct wire_half half = wire_half_new(&small);
		uint8_t bytes[WIRE_HEADER];

		wire_encode(bytes, &(struct wire_header){ .kind = 3,
		    .length = lengths[i] }, NULL);
		wire_write(half.raw, bytes, sizeof(bytes));
		int r = brood_channel_recv(half.channel, 0, &got);
		cr_expect_eq(r, -EMSGSIZE, "%u: %d", lengths[i], r);
		expect_told(half.raw, &frame);
		expect_stuck(half.channel, -EMSGSIZE);
		wire_half_free(&half);
	}
}

Test(channel_peer, lost_descriptors_are_told)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	struct brood_message got;

	wire_send(half.raw, &(struct wire_header){ .kind = 3, .nfds = 1 }, "");
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), -EBADMSG);
	expect_told(half.raw, &frame);
	expect_stuck(half.channel, -EBADMSG);
	wire_half_free(&half);
}

Test(channel_peer, payload_at_the_limit_is_no_error)
{
	struct wire_half half = wire_half_new(&small);
	struct brood_message got;
	char bytes[1000] = "";

	wire_send(half.raw, &(struct wire_header){ .kind = 3, .length = 1000 },
	    bytes);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 1);
	cr_assert_eq(got.len, 1000);
	wire_half_free(&half);
}

Test(channel_peer, header_is_judged_only_when_it_is_whole)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;
	uint8_t bytes[WIRE_HEADER];

	memset(bytes, 0xff, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 0);
		wire_write(half.raw, bytes + i, 1);
	}
	cr_assert_lt(brood_channel_recv(half.channel, 0, &got), 0);
	wire_half_free(&half);
}

Test(channel_peer, messages_before_a_broken_one_are_received)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;

	for (uint64_t id = 1; id <= 3; id++)
		wire_send(half.raw, &(struct wire_header){ .kind = 3,
		    .id = id, .length = 4 }, "good");
	wire_send(half.raw, &(struct wire_header){ .kind = 99 }, "");
	for (uint64_t id = 1; id <= 3; id++) {
		cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 1);
		cr_assert_eq(got.id, id);
	}
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), -EPROTO);
	wire_half_free(&half);
}

/*
 * The peer does not read, and the socket is full with half a frame.  The error
 * must be given without waiting, and no ERROR frame may be put into the midst
 * of the frame that has been begun.
 */
Test(channel_peer, error_neither_waits_nor_cuts_a_frame_in_two)
{
	struct wire_half half = wire_half_new(NULL);
	const size_t len = 1 << 19;
	uint8_t *bytes = malloc(len + 1);
	struct brood_message got;
	int room = 65536;
	ssize_t n;

	cr_assert_not_null(bytes);
	memset(bytes, 0x55, len);
	setsockopt(brood_channel_fd(half.channel), SOL_SOCKET, SO_SNDBUF,
	    &room, sizeof(room));
	cr_assert_eq(brood_channel_queue(half.channel,
	    &(struct brood_message){ .data = bytes, .len = len }), 0);
	cr_assert_eq(brood_channel_flush(half.channel, 0), -EAGAIN);
	wire_send(half.raw, &(struct wire_header){ .kind = 99 }, "");
	cr_assert_eq(brood_channel_recv(half.channel, -1, &got), -EPROTO);

	cr_assert(wire_read(half.raw, bytes, WIRE_HEADER));
	while ((n = recv(half.raw, bytes, len, MSG_DONTWAIT)) > 0)
		for (ssize_t i = 0; i < n; i++)
			cr_assert_eq(bytes[i], 0x55);
	free(bytes);
	wire_half_free(&half);
}

/* Linux has out-of-band data on UNIX sockets since 5.15. */
static bool
write_urgent(int fd, const void *bytes, size_t len)
{
	ssize_t n = send(fd, bytes, len, MSG_OOB | MSG_NOSIGNAL);

	cr_assert(n == (ssize_t)len || (n < 0 && errno == EOPNOTSUPP));
	return n > 0;
}

Test(channel_peer, out_of_band_byte_is_a_byte_of_the_stream)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_header header = { .kind = 3, .length = 4 };
	uint8_t bytes[WIRE_HEADER + 4];
	struct brood_message got;
	size_t n_unread;

	wire_encode(bytes, &header, "text");
	for (size_t n = 1; n < sizeof(bytes); n++) {
		if (!write_urgent(half.raw, bytes, n))
			break;
		wire_write(half.raw, bytes + n, sizeof(bytes) - n);
		cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 1,
		    "after %zu bytes", n);
		cr_assert_arr_eq(got.data, "text", 4);
		cr_assert_eq(brood__fd_unread(brood_channel_fd(half.channel),
		    &n_unread), 0);
		cr_assert_eq(n_unread, 0);
	}
	wire_half_free(&half);
}

Test(channel_peer, reply_that_ends_in_an_out_of_band_byte_is_received)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_header header = { .kind = 3, .id = 7, .length = 4 };
	uint8_t bytes[WIRE_HEADER + 4];
	struct brood_message got;

	wire_encode(bytes, &header, "text");
	if (write_urgent(half.raw, bytes, sizeof(bytes))) {
		cr_assert_eq(brood_channel_recv(half.channel, 200, &got), 1);
		cr_assert_eq(got.id, 7);
	}
	wire_half_free(&half);
}

Test(channel_peer, end_of_stream_is_epipe_for_good)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;

	shutdown(half.raw, SHUT_RDWR);
	cr_assert_eq(brood_channel_recv(half.channel, -1, &got), -EPIPE);
	expect_stuck(half.channel, -EPIPE);
	wire_half_free(&half);
}

static void
send_three_and_close(struct wire_half *half)
{
	for (uint64_t id = 1; id <= 3; id++)
		wire_send(half->raw, &(struct wire_header){ .kind = 3,
		    .id = id, .length = 4 }, "last");
	close(half->raw);
	half->raw = -1;
}

static void
expect_three_then_epipe(struct wire_half *half)
{
	struct brood_message got;

	for (uint64_t id = 1; id <= 3; id++) {
		int r = brood_channel_recv(half->channel, 0, &got);
		cr_assert_eq(r, 1, "message %d: %d", (int)id, r);
		cr_assert_eq(got.id, id);
		cr_assert_arr_eq(got.data, "last", 4);
	}
	cr_assert_eq(brood_channel_recv(half->channel, 0, &got), -EPIPE);
	expect_stuck(half->channel, -EPIPE);
	brood_channel_free(half->channel);
}

Test(channel_peer, messages_sent_before_the_end_are_received)
{
	struct wire_half half = wire_half_new(NULL);

	send_three_and_close(&half);
	expect_three_then_epipe(&half);
}

/* A peer that closes its socket with bytes unread resets the connection. */
Test(channel_peer, messages_sent_before_a_reset_are_received)
{
	struct wire_half half = wire_half_new(NULL);

	cr_assert_eq(brood_channel_send(half.channel, &(struct brood_message){
	    .data = "unread", .len = 6 }), 0);
	send_three_and_close(&half);
	expect_three_then_epipe(&half);
}

Test(channel_peer, failed_send_loses_nothing_that_had_come)
{
	struct wire_half half = wire_half_new(NULL);

	signal(SIGPIPE, SIG_DFL);
	send_three_and_close(&half);
	cr_assert_eq(brood_channel_send(half.channel, &(struct brood_message){
	    .data = "x", .len = 1 }), -EPIPE);
	expect_three_then_epipe(&half);
}

Test(channel_peer, send_to_a_peer_that_is_gone_is_epipe_without_a_signal)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message msg = { .data = "x", .len = 1 };

	signal(SIGPIPE, SIG_DFL);
	close(half.raw);
	cr_assert_eq(brood_channel_queue(half.channel, &msg), 0);
	cr_assert_eq(brood_channel_flush(half.channel, 0), -EPIPE);
	cr_assert_eq(brood_channel_send(half.channel, &msg), -EPIPE);
	brood_channel_free(half.channel);
}

Test(channel_peer, end_within_a_frame_gives_no_message)
{
	for (size_t len = 1; len < WIRE_HEADER + 4; len += 5) {
		struct wire_half half = wire_half_new(NULL);
		struct brood_message got;
		uint8_t bytes[64];

		wire_encode(bytes, &(struct wire_header){ .kind = 3,
		    .length = 4 }, "data");
		wire_write(half.raw, bytes, len);
		shutdown(half.raw, SHUT_WR);
		int r = brood_channel_recv(half.channel, -1, &got);
		cr_expect(r == -EPIPE || r == -EPROTO, "%zu: %d", len, r);
		cr_expect_eq(brood_channel_recv(half.channel, 0, &got), r);
		wire_half_free(&half);
	}
}

Test(channel_peer, hello_has_the_bytes_of_version_1)
{
	struct wire_half half = wire_half_new(&small);
	struct wire_frame frame;

	wire_send_hello(half.raw, 77);
	cr_assert_eq(brood_channel_hello(half.channel, "tester", 0), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.kind, BROOD_KIND_HELLO);
	cr_assert_eq(frame.header.length, 16 + 6);
	cr_assert_arr_eq(frame.payload, "BROD\1\0\0\0", 8);
	cr_assert_eq(le32dec(frame.payload + 12), 1000);
	cr_assert_str_eq((char *)frame.payload + 16, "tester");
	cr_assert(wire_is_silent(half.raw));
	wire_half_free(&half);
}

static int
say_hello(void *arg)
{
	struct brood_channel *channel;

	if (brood_channel_new(&channel, *(int *)arg, NULL) != 0)
		return 1;
	return -brood_channel_hello(channel, NULL, WIRE_PATIENCE);
}

Test(channel_peer, hello_is_exchanged_between_two_processes)
{
	struct wire_half half = wire_half_new(NULL);
	pid_t pid = support_fork(say_hello, &half.raw);

	cr_assert_eq(brood_channel_hello(half.channel, "host",
	    WIRE_PATIENCE), 0);
	cr_assert_eq(support_join(pid), 0);
	wire_half_free(&half);
}

Test(channel_peer, message_right_behind_the_hello_is_received)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;

	wire_send_hello(half.raw, 77);
	wire_send(half.raw, &(struct wire_header){ .kind = 2, .id = 5 }, "");
	cr_assert_eq(brood_channel_hello(half.channel, NULL, 0), 0);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 1);
	cr_assert_eq(got.kind, BROOD_KIND_REQUEST);
	cr_assert_eq(got.id, 5);
	wire_half_free(&half);
}

/*
 * The first frame of the peer is of this kind and has these bytes as payload.
 */
static int
hello_against(struct wire_half *half, uint8_t kind, const uint8_t *payload,
    size_t len)
{
	wire_send(half->raw, &(struct wire_header){ .kind = kind,
	    .length = (uint32_t)len }, payload);
	return brood_channel_hello(half->channel, "test", WIRE_PATIENCE);
}

Test(channel_peer, other_version_is_refused_by_an_error_that_names_both)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	uint8_t hello[64];
	size_t len = wire_hello(hello, 4242, 1000, "future");

	cr_assert_eq(hello_against(&half, 1, hello, len), -EPROTONOSUPPORT);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.kind, BROOD_KIND_HELLO);
	expect_told(half.raw, &frame);
	cr_expect_eq(frame.header.code, BROOD_ERROR_VERSION);
	cr_expect_not_null(strstr((char *)frame.payload, "4242"));
	cr_expect_not_null(strstr((char *)frame.payload, "1"));
	wire_half_free(&half);
}

Test(channel_peer, broken_hello_is_refused)
{
	static const struct {
		size_t at, len;
		uint8_t kind, value;
	} broken[] = {
	    { 0, 20, 1, 'b' },	/* magic */
	    { 3, 20, 1, 0 },
	    { 6, 20, 1, 1 },	/* reserved */
	    { 0, 15, 1, 'B' },	/* too short */
	    { 0, 0, 1, 'B' },
	    { 0, 20, 2, 'B' },	/* not a HELLO */
	    { 0, 0, 8, 'B' },
	};

	for (size_t i = 0; i < N_OF(broken); i++) {
		struct wire_half half = wire_half_new(NULL);
		uint8_t hello[64];

		wire_hello(hello, 1, 1000, "test");
		hello[broken[i].at] = broken[i].value;
		int r = hello_against(&half, broken[i].kind, hello,
		    broken[i].len);
		cr_expect_eq(r, -EPROTO, "%zu: %d", i, r);
		wire_half_free(&half);
	}
}

Test(channel_peer, hello_times_out_but_not_early)
{
	struct wire_half half = wire_half_new(NULL);
	int64_t before = wire_now_ms();

	cr_assert_eq(brood_channel_hello(half.channel, NULL, 50), -ETIMEDOUT);
	cr_assert_geq(wire_now_ms() - before, 49);
	wire_half_free(&half);
}

Test(channel_peer, hello_that_timed_out_is_waited_on_and_sent_once)
{
	struct wire_half half = wire_half_new(&small);
	struct brood_message ping = { .kind = BROOD_KIND_PING };
	struct wire_frame frame;

	for (int i = 0; i < 3; i++)
		cr_assert_eq(brood_channel_hello(half.channel, "a", 0),
		    -ETIMEDOUT);
	wire_send_hello(half.raw, 77);
	cr_assert_eq(brood_channel_hello(half.channel, "a", 0), 0);
	cr_assert_eq(brood_channel_send(half.channel, &ping), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_expect_eq(frame.header.kind, BROOD_KIND_HELLO);
	cr_assert(wire_recv(half.raw, &frame));
	cr_expect_eq(frame.header.kind, BROOD_KIND_PING);
	wire_half_free(&half);
}

Test(channel_peer, hello_to_a_peer_that_is_gone_is_epipe)
{
	struct wire_half half = wire_half_new(NULL);

	signal(SIGPIPE, SIG_DFL);
	close(half.raw);
	cr_assert_eq(brood_channel_hello(half.channel, NULL, -1), -EPIPE);
	brood_channel_free(half.channel);
}
