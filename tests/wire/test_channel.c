/* SPDX-License-Identifier: ISC */

/*
 * Claims about a channel between honest peers: what is sent arrives, whole and
 * in order, however the stream splits it.  Queueing and waiting are tested in
 * test_channel_queue.c, descriptors in test_channel_fds.c, and peers that break
 * the rules in test_channel_peer.c.
 *
 * Both ends are in one process where a socket buffer has room for what is sent:
 * a send that nobody receives would block for ever.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/support.h"
#include "support/wire.h"

BROOD_SUITE(channel);

#define MIB	((size_t)1 << 20)

/* A channel at either end. */
struct ends {
	struct brood_channel *a;
	struct brood_channel *b;
};

static struct ends
ends_new(const struct brood_channel_options *options)
{
	struct ends ends = { NULL, NULL };
	int fds[2];

	wire_pair(fds);
	cr_assert_eq(brood_channel_new(&ends.a, fds[0], options), 0);
	cr_assert_eq(brood_channel_new(&ends.b, fds[1], options), 0);
	return ends;
}

static void
ends_free(struct ends *ends)
{
	brood_channel_free(ends->a);
	brood_channel_free(ends->b);
}

/*
 * Bytes that differ from page to page, so that a page at a wrong place is seen.
 */
static uint8_t *
pattern_new(size_t len)
{
	uint8_t *bytes = malloc(len + 1);

	cr_assert_not_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8) + (i >> 16));
	return bytes;
}

/*
 * Carry one message from a to b.  The socket may hold only a part of it, so a
 * flushes and b receives by turns.
 */
static void
carry(struct ends *ends, const struct brood_message *msg,
    struct brood_message *ret_msg)
{
	int rounds = 0;
	int r, got;

	r = brood_channel_queue(ends->a, msg);
	cr_assert_eq(r, 0, "queue of %zu bytes: %d", msg->len, r);
	do {
		r = brood_channel_flush(ends->a, 0);
		cr_assert(r == 0 || r == -EAGAIN, "flush: %d", r);
		got = brood_channel_recv(ends->b, 0, ret_msg);
		cr_assert_geq(got, 0, "recv: %d", got);
	} while (got == 0 && ++rounds < 100000);
	cr_assert_eq(got, 1, "%zu bytes never arrived", msg->len);
}

Test(channel, messages_of_every_size_arrive_as_sent)
{
	const size_t limit = 3 * MIB / 2;
	const size_t sizes[] = { 0, 1, 65535, 65536, MIB, limit, 0, 1 };
	struct brood_channel_options options = {
	    .max_payload = limit, .max_queued = 8 * MIB };
	struct ends ends = ends_new(&options);
	uint8_t *bytes = pattern_new(limit);
	struct brood_message got;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		carry(&ends, &(struct brood_message){ .data = bytes,
		    .len = sizes[i], .id = i }, &got);
		cr_assert_eq(got.len, sizes[i]);
		cr_assert_eq(got.id, i);
		cr_assert(got.len == 0 || !memcmp(got.data, bytes, got.len));
	}
	free(bytes);
	ends_free(&ends);
}

Test(channel, message_over_the_limit_is_refused_before_a_byte_is_sent)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_payload = 100 });
	uint8_t *bytes = pattern_new(101);
	struct brood_message msg = { .data = bytes, .len = 101 };
	struct wire_frame frame;

	cr_assert_eq(brood_channel_queue(half.channel, &msg), -EMSGSIZE);
	cr_assert_eq(brood_channel_send(half.channel, &msg), -EMSGSIZE);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert(wire_is_silent(half.raw));
	msg.len = 100;
	cr_assert_eq(brood_channel_send(half.channel, &msg), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.length, 100);
	free(bytes);
	wire_half_free(&half);
}

Test(channel, limit_is_16_mib_unless_set)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_queued = 64 * MIB });
	struct brood_message msg = { .len = BROOD_MAX_PAYLOAD + 1 };
	uint8_t *bytes = calloc(1, msg.len);

	cr_assert_not_null(bytes);
	msg.data = bytes;
	cr_assert_eq(brood_channel_queue(half.channel, &msg), -EMSGSIZE);
	msg.len--;
	cr_assert_eq(brood_channel_queue(half.channel, &msg), 0);
	free(bytes);
	wire_half_free(&half);
}

Test(channel, every_field_arrives_as_sent)
{
	const struct brood_message sent[] = {
	    { .kind = BROOD_KIND_REQUEST, .id = UINT64_MAX, .code = 7,
		.expire_ms = UINT32_MAX },
	    { .kind = BROOD_KIND_REPLY, .id = 1, .code = UINT32_MAX },
	    { .kind = BROOD_KIND_REPLY, .id = 1, .more = true },
	    { .kind = BROOD_KIND_ERROR, .code = BROOD_ERROR_EXPIRED,
		.data = "late", .len = 4 },
	    { .kind = BROOD_KIND_PROGRESS, .id = 3 },
	    { .kind = BROOD_KIND_CANCEL, .id = UINT64_C(1) << 40 },
	    { .kind = BROOD_KIND_GOODBYE },
	    { .kind = BROOD_KIND_PING, .id = 9, .data = "p", .len = 1 },
	    { .kind = BROOD_KIND_PONG, .id = 9, .data = "p", .len = 1 },
	    { .kind = BROOD_KIND_LINK, .data = "sibling", .len = 7 },
	};
	struct ends ends = ends_new(NULL);
	struct brood_message got;

	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		carry(&ends, &sent[i], &got);
		cr_expect_eq(got.kind, sent[i].kind, "%zu", i);
		cr_expect_eq(got.id, sent[i].id, "%zu", i);
		cr_expect_eq(got.code, sent[i].code, "%zu", i);
		cr_expect_eq(got.expire_ms, sent[i].expire_ms, "%zu", i);
		cr_expect_eq(got.more, sent[i].more, "%zu", i);
		cr_expect_eq(got.len, sent[i].len, "%zu", i);
		cr_expect_eq(got.n_fds, 0, "%zu", i);
	}
	ends_free(&ends);
}

Test(channel, frame_has_the_bytes_of_version_1)
{
	static const uint8_t want[] = { 2, 0, 0, 0, 3, 1, 0, 0,
	    8, 7, 6, 5, 4, 3, 2, 1, 0xef, 0xbe, 0xad, 0xde, 0, 0, 0, 0,
	    'h', 'i' };
	static const uint8_t zeroed[] = { 0, 0, 0, 0, 2 };
	struct wire_half half = wire_half_new(NULL);
	uint8_t bytes[sizeof(want)];

	cr_assert_eq(brood_channel_send(half.channel, &(struct brood_message){
	    .kind = BROOD_KIND_REPLY, .more = true, .code = 0xdeadbeef,
	    .id = UINT64_C(0x0102030405060708), .data = "hi", .len = 2 }), 0);
	cr_assert(wire_read(half.raw, bytes, sizeof(bytes)));
	cr_assert_arr_eq(bytes, want, sizeof(want));

	cr_assert_eq(brood_channel_send(half.channel,
	    &(struct brood_message){ .len = 0 }), 0);
	cr_assert(wire_read(half.raw, bytes, WIRE_HEADER));
	cr_assert_arr_eq(bytes, zeroed, sizeof(zeroed));
	cr_assert(wire_is_silent(half.raw));
	wire_half_free(&half);
}

/*
 * Encode frame 1 ("one") and frame 2 ("second"), one behind the other.  Gives
 * the length of both; *ret_first is the length of the first.
 */
static size_t
two_frames(uint8_t *bytes, size_t *ret_first)
{
	size_t n;

	n = wire_encode(bytes, &(struct wire_header){ .length = 3, .kind = 2,
	    .id = 1 }, "one");
	*ret_first = n;
	return n + wire_encode(bytes + n, &(struct wire_header){ .length = 6,
	    .kind = 3, .id = 2 }, "second");
}

static void
expect_message(struct brood_channel *channel, uint64_t id, const char *text)
{
	struct brood_message got;
	int r = brood_channel_recv(channel, 0, &got);

	cr_assert_eq(r, 1, "recv of %s: %d", text, r);
	cr_assert_eq(got.id, id);
	cr_assert_eq(got.len, strlen(text));
	cr_assert_arr_eq(got.data, text, got.len);
}

static void
expect_none(struct brood_channel *channel)
{
	struct brood_message got;
	int r = brood_channel_recv(channel, 0, &got);

	cr_assert_eq(r, 0, "recv of nothing: %d", r);
}

Test(channel, frames_may_come_byte_by_byte)
{
	struct wire_half half = wire_half_new(NULL);
	uint8_t bytes[128];
	size_t first;
	size_t len = two_frames(bytes, &first);

	for (size_t i = 0; i < len; i++) {
		expect_none(half.channel);
		wire_write(half.raw, bytes + i, 1);
		if (i + 1 == first)
			expect_message(half.channel, 1, "one");
	}
	expect_message(half.channel, 2, "second");
	expect_none(half.channel);
	wire_half_free(&half);
}

Test(channel, two_frames_may_be_split_anywhere)
{
	struct wire_half half = wire_half_new(NULL);
	uint8_t bytes[128];
	size_t first;
	size_t len = two_frames(bytes, &first);

	for (size_t split = 1; split < len; split++) {
		wire_write(half.raw, bytes, split);
		if (split >= first)
			expect_message(half.channel, 1, "one");
		expect_none(half.channel);
		wire_write(half.raw, bytes + split, len - split);
		if (split < first)
			expect_message(half.channel, 1, "one");
		expect_message(half.channel, 2, "second");
		expect_none(half.channel);
	}
	wire_half_free(&half);
}

static short
pending_events(const struct brood_channel *channel)
{
	struct pollfd p = { .fd = brood_channel_fd(channel),
	    .events = POLLIN };

	return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

Test(channel, poll_announces_each_of_several_frames_in_one_write)
{
	struct wire_half half = wire_half_new(NULL);
	uint8_t bytes[512];
	size_t first, len = 0;

	for (int i = 0; i < 4; i++)
		len += two_frames(bytes + len, &first);
	wire_write(half.raw, bytes, len);
	for (int i = 0; i < 4; i++) {
		cr_assert(pending_events(half.channel) & POLLIN);
		expect_message(half.channel, 1, "one");
		cr_assert(pending_events(half.channel) & POLLIN);
		expect_message(half.channel, 2, "second");
	}
	cr_assert_eq(pending_events(half.channel), 0);
	expect_none(half.channel);
	wire_half_free(&half);
}

Test(channel, reading_ahead_takes_all_that_has_come_at_once)
{
	struct ends ends = ends_new(NULL);
	struct pollfd p = { .fd = brood_channel_fd(ends.b), .events = POLLIN };
	struct brood_message msg = { .data = "data", .len = 4 }, got;

	for (msg.id = 1; msg.id <= 100; msg.id++)
		cr_assert_eq(brood_channel_queue(ends.a, &msg), 0);
	cr_assert_eq(brood_channel_flush(ends.a, -1), 0);
	cr_assert_eq(brood_channel_read_ahead(ends.b), 0);
	for (uint64_t id = 1; id <= 100; id++) {
		cr_assert_eq(brood_channel_recv(ends.b, 0, &got), 1);
		cr_assert_eq(got.id, id);
		cr_assert_eq(poll(&p, 1, 0), 0, "a frame is in the socket");
	}
	cr_assert_eq(brood_channel_recv(ends.b, 0, &got), 0);
	ends_free(&ends);
}

Test(channel, received_data_stays_until_the_next_receive)
{
	struct ends ends = ends_new(NULL);
	uint8_t *bytes = pattern_new(5000);
	struct brood_message got;

	carry(&ends, &(struct brood_message){ .data = bytes, .len = 5000 },
	    &got);
	got.kind = BROOD_KIND_REPLY;
	cr_assert_eq(brood_channel_queue(ends.b, &got), 0);
	cr_assert_eq(brood_channel_send(ends.b, &got), 0);
	cr_assert_arr_eq(got.data, bytes, 5000);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(brood_channel_recv(ends.a, 0, &got), 1);
		cr_assert_arr_eq(got.data, bytes, 5000);
	}
	free(bytes);
	ends_free(&ends);
}

/* In another process: receive one message of any size and send it back. */
static int
send_back(void *arg)
{
	struct brood_channel *channel;
	struct brood_message msg;

	if (brood_channel_new(&channel, *(int *)arg, NULL) != 0)
		return 1;
	if (brood_channel_recv(channel, WIRE_PATIENCE, &msg) != 1)
		return 2;
	if (brood_channel_send(channel, &msg) != 0)
		return 3;
	brood_channel_free(channel);
	return 0;
}

Test(channel, send_waits_for_a_peer_that_reads)
{
	const size_t len = BROOD_MAX_PAYLOAD;
	uint8_t *bytes = pattern_new(len);
	struct brood_channel *channel;
	struct brood_message got;
	int fds[2];
	pid_t pid;

	wire_pair(fds);
	pid = support_fork(send_back, &fds[1]);
	close(fds[1]);
	cr_assert_eq(brood_channel_new(&channel, fds[0], NULL), 0);
	cr_assert_eq(brood_channel_send(channel, &(struct brood_message){
	    .data = bytes, .len = len, .id = 5 }), 0);
	cr_assert_eq(brood_channel_recv(channel, WIRE_PATIENCE, &got), 1);
	cr_assert_eq(got.id, 5);
	cr_assert_eq(got.len, len);
	cr_assert(memcmp(got.data, bytes, len) == 0);
	brood_channel_free(channel);
	cr_assert_eq(support_join(pid), 0);
	free(bytes);
}

Test(channel, descriptor_that_is_no_unix_stream_socket_is_not_taken)
{
	struct brood_channel *channel = (void *)&channel;
	struct { int fd, error; } bad[] = {
	    { -1, -EBADF },
	    { 1 << 20, -EBADF },
	    { open("/dev/null", O_RDWR | O_CLOEXEC), -ENOTSOCK },
	    { socket(AF_UNIX, SOCK_DGRAM, 0), -EPROTOTYPE },
	    { socket(AF_UNIX, SOCK_SEQPACKET, 0), -EPROTOTYPE },
	    { socket(AF_INET, SOCK_STREAM, 0), -EPROTOTYPE },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = brood_channel_new(&channel, bad[i].fd, NULL);

		cr_expect_eq(r, bad[i].error, "%zu: %d", i, r);
		cr_expect_eq(channel, (void *)&channel, "%zu: changed", i);
		if (bad[i].error != -EBADF)
			cr_expect_eq(close(bad[i].fd), 0, "%zu: taken", i);
	}
}

Test(channel, options_out_of_range_are_refused_and_the_descriptor_kept)
{
	const size_t huge = SIZE_MAX > UINT32_MAX ? SIZE_MAX : 0;
	struct brood_channel_options bad[] = {
	    { .max_fds = BROOD_MAX_FDS + 1 },
	    { .max_payload = huge },
	    { .max_queued = huge },
	};
	struct brood_channel *channel;
	int fds[2];

	wire_pair(fds);
	for (size_t i = 0; i < (huge ? 3 : 1); i++) {
		int r = brood_channel_new(&channel, fds[0], &bad[i]);

		cr_expect_eq(r, -EINVAL, "%zu: %d", i, r);
		cr_expect_geq(fcntl(fds[0], F_GETFD), 0, "%zu: taken", i);
	}
	close(fds[0]);
	close(fds[1]);
}

Test(channel, unknown_kind_is_refused_and_the_channel_lives)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	const int bad[] = { BROOD_KIND_LINK + 1, 256 + BROOD_KIND_REPLY, -1 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(brood_channel_queue(half.channel,
		    &(struct brood_message){ .kind = (enum brood_kind)bad[i] }),
		    -EINVAL);
	cr_assert_eq(brood_channel_send(half.channel,
	    &(struct brood_message){ .id = 8 }), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.id, 8);
	wire_half_free(&half);
}

Test(channel, inherit_takes_the_descriptor_named_in_the_environment)
{
	struct brood_channel *channel;
	char number[16];
	int fds[2];

	wire_pair(fds);
	snprintf(number, sizeof(number), "%d", fds[0]);
	setenv("BROOD_FD", number, 1);
	cr_assert_eq(brood_channel_inherit(&channel, NULL), 0);
	cr_assert_null(getenv("BROOD_FD"));
	cr_assert_eq(brood_channel_fd(channel), fds[0]);
	cr_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	brood_channel_free(channel);
	close(fds[1]);
}

Test(channel, inherit_refuses_what_names_no_socket)
{
	static const char *const bad[] = { "abc", "-1", "3x", " ",
	    "1048576", "99999999999999999999" };
	struct brood_channel *channel;

	unsetenv("BROOD_FD");
	cr_assert_eq(brood_channel_inherit(&channel, NULL), -ENOENT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("BROOD_FD", bad[i], 1);
		int r = brood_channel_inherit(&channel, NULL);
		cr_expect_eq(r, -EBADF, "\"%s\": %d", bad[i], r);
	}
}
