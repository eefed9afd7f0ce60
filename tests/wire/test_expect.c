/* SPDX-License-Identifier: ISC */

/*
 * Waiting for one message while others come: brood_channel_call() and
 * brood_channel_wait_link().
 */

#include "base/fd.h"
#include "support/support.h"
#include "support/wire.h"

#include <brood/supervisor.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

BROOD_SUITE(expect);

#define FIRST_CALL	((UINT64_C(1) << 63) + 1)

static const struct brood_message question = {
	.data = "why", .len = 3, .code = 7,
};

/* The peer's end is answered before the call: the kernel keeps the frames. */
static void
answer(struct wire_half *half, uint8_t kind, uint8_t flags, uint64_t id,
    const char *text)
{
	wire_send(half->raw, &(struct wire_header){ .kind = kind,
	    .flags = flags, .id = id, .length = (uint32_t)strlen(text) },
	    text);
}

static void
expect_next(struct wire_half *half, enum brood_kind kind, const char *text)
{
	struct brood_message msg;

	cr_assert_eq(brood_channel_recv(half->channel, 0, &msg), 1);
	cr_assert_eq(msg.kind, kind);
	cr_assert_eq(msg.len, strlen(text));
	cr_assert_eq(memcmp(msg.data, text, msg.len), 0);
}

static void
expect_none(struct wire_half *half)
{
	struct brood_message msg;

	cr_assert_eq(brood_channel_recv(half->channel, 0, &msg), 0);
}

Test(expect, call_sends_a_request_with_its_time_and_gives_its_answer)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	struct brood_message msg;

	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL, "because");
	cr_assert_eq(brood_channel_call(half.channel, &question, 5000, &msg),
	    1);
	cr_assert_eq(msg.kind, BROOD_KIND_REPLY);
	cr_assert_eq(msg.len, 7);
	cr_assert_eq(memcmp(msg.data, "because", 7), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.kind, BROOD_KIND_REQUEST);
	cr_assert_eq(frame.header.id, FIRST_CALL);
	cr_assert_eq(frame.header.code, 7);
	cr_assert_eq(frame.header.timeout_ms, 5000);
	cr_assert_str_eq((char *)frame.payload, "why");

	answer(&half, BROOD_KIND_ERROR, BROOD_NOT_RUN << 1, FIRST_CALL + 1,
	    "no");
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	cr_assert_eq(msg.kind, BROOD_KIND_ERROR);
	cr_assert_eq(msg.ran, BROOD_NOT_RUN);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.timeout_ms, 0);
	wire_half_free(&half);
}

Test(expect, other_messages_are_kept_in_order_and_before_later_ones)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message msg;

	answer(&half, BROOD_KIND_REQUEST, 0, 1, "one");
	answer(&half, BROOD_KIND_REPLY, 0, 5, "own");
	answer(&half, BROOD_KIND_PROGRESS, 0, FIRST_CALL, "half");
	answer(&half, BROOD_KIND_GOODBYE, 0, 0, "");
	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL, "answer");
	answer(&half, BROOD_KIND_PING, 0, 9, "later");
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	cr_assert_eq(memcmp(msg.data, "answer", 6), 0);
	expect_next(&half, BROOD_KIND_REQUEST, "one");
	expect_next(&half, BROOD_KIND_REPLY, "own");
	expect_next(&half, BROOD_KIND_GOODBYE, "");
	expect_next(&half, BROOD_KIND_PING, "later");
	expect_none(&half);
	wire_half_free(&half);
}

Test(expect, call_that_runs_out_of_time_cancels_and_drops_the_late_answer)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	struct brood_message msg;

	cr_assert_eq(brood_channel_call(half.channel, &question, 10, &msg), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.kind, BROOD_KIND_CANCEL);
	cr_assert_eq(frame.header.id, FIRST_CALL);

	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL, "late");
	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL + 1, "right");
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	cr_assert_eq(memcmp(msg.data, "right", 5), 0);
	expect_none(&half);
	wire_half_free(&half);
}

Test(expect, parts_behind_the_first_are_received)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message msg;

	answer(&half, BROOD_KIND_REPLY, 1, FIRST_CALL, "a");
	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL, "b");
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	cr_assert_eq(msg.more, 1);
	expect_next(&half, BROOD_KIND_REPLY, "b");
	wire_half_free(&half);
}

Test(expect, what_was_kept_is_received_after_the_end_of_the_stream)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message msg;

	answer(&half, BROOD_KIND_REQUEST, 0, 1, "last");
	half.raw = brood__fd_close(half.raw);
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg),
	    -EPIPE);
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg),
	    -EPIPE);
	wire_half_free(&half);

	half = wire_half_new(NULL);
	answer(&half, BROOD_KIND_REQUEST, 0, 1, "last");
	cr_assert_eq(brood_channel_call(half.channel, &question, 1, &msg), 0);
	half.raw = brood__fd_close(half.raw);
	expect_next(&half, BROOD_KIND_REQUEST, "last");
	cr_assert_eq(brood_channel_recv(half.channel, 0, &msg), -EPIPE);
	wire_half_free(&half);
}

Test(expect, more_than_may_be_kept_is_said_and_nothing_is_lost)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_queued = 100 });
	struct brood_message msg;

	for (uint64_t id = 1; id <= 4; id++)
		answer(&half, BROOD_KIND_REQUEST, 0, id, "0123456789");
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg),
	    -ENOBUFS);
	for (uint64_t id = 1; id <= 4; id++)
		expect_next(&half, BROOD_KIND_REQUEST, "0123456789");
	wire_half_free(&half);
}

Test(expect, request_with_an_id_or_another_kind_is_einval)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message msg, bad = { .id = 1 };

	cr_assert_eq(brood_channel_call(half.channel, &bad, 0, &msg), -EINVAL);
	bad = (struct brood_message){ .kind = BROOD_KIND_PING };
	cr_assert_eq(brood_channel_call(half.channel, &bad, 0, &msg), -EINVAL);
	wire_half_free(&half);
}

/* Send LINK with one end of a new socketpair, and give the other. */
static int
send_link(struct wire_half *half, const char *name)
{
	struct wire_header header = { .kind = BROOD_KIND_LINK, .nfds = 1,
	    .length = (uint32_t)strlen(name) };
	uint8_t bytes[128];
	int fds[2];
	size_t n;

	wire_pair(fds);
	n = wire_encode(bytes, &header, name);
	wire_write_fds(half->raw, bytes, n, &fds[0], 1);
	(void)brood__fd_close(fds[0]);
	return fds[1];
}

/* Does what this channel sends come out at fd? */
static void
expect_joined(struct brood_channel *channel, int fd, uint64_t id)
{
	struct wire_frame frame;

	cr_assert_eq(brood_channel_send(channel, &(struct brood_message){
	    .id = id }), 0);
	cr_assert(wire_recv(fd, &frame));
	cr_assert_eq(frame.header.id, id);
}

Test(expect, link_of_a_name_is_found_whatever_comes_before)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_fds = 1 });
	struct brood_channel *peer;
	int a, b;

	answer(&half, BROOD_KIND_REQUEST, 0, 1, "one");
	a = send_link(&half, "a");
	b = send_link(&half, "b");
	cr_assert_eq(brood_channel_wait_link(half.channel, "b", -1, NULL,
	    &peer), 1);
	expect_joined(peer, b, 3);
	(void)brood_channel_free(peer);
	/* The other one was kept. */
	cr_assert_eq(brood_channel_wait_link(half.channel, "a", 0, NULL,
	    &peer), 1);
	expect_joined(peer, a, 4);
	(void)brood_channel_free(peer);
	cr_assert_eq(brood_channel_wait_link(half.channel, "a", 0, NULL,
	    &peer), 0);
	expect_next(&half, BROOD_KIND_REQUEST, "one");
	expect_none(&half);
	(void)brood__fd_close(a);
	(void)brood__fd_close(b);
	wire_half_free(&half);
}

Test(expect, kept_descriptors_are_taken_once_or_closed)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_fds = 1 });
	struct brood_message msg;
	uint8_t byte;
	int a, fd;

	a = send_link(&half, "a");
	cr_assert_eq(brood_channel_call(half.channel, &question, 1, &msg), 0);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &msg), 1);
	fd = brood_channel_take_fd(half.channel, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(brood_channel_take_fd(half.channel, 0), -EBADF);
	cr_assert_eq(brood_channel_take_fd(half.channel, 1), -EBADF);
	(void)brood__fd_close(fd);
	(void)brood__fd_close(a);

	a = send_link(&half, "a");
	cr_assert_eq(brood_channel_call(half.channel, &question, 1, &msg), 0);
	wire_half_free(&half);
	cr_assert_eq(read(a, &byte, 1), 0, "the kept end is still open");
	(void)brood__fd_close(a);
}

Test(expect, goodbye_ends_the_wait_for_a_link_and_is_received)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_channel *peer;

	answer(&half, BROOD_KIND_GOODBYE, 0, 0, "");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(brood_channel_wait_link(half.channel, "a", -1,
		    NULL, &peer), -ESHUTDOWN);
	expect_next(&half, BROOD_KIND_GOODBYE, "");
	wire_half_free(&half);
}

Test(expect, late_answer_is_not_received_and_parts_are_until_the_next_call)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message msg;

	cr_assert_eq(brood_channel_call(half.channel, &question, 1, &msg), 0);
	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL, "late");
	answer(&half, BROOD_KIND_REPLY, 1, FIRST_CALL + 1, "a");
	answer(&half, BROOD_KIND_REPLY, 1, FIRST_CALL + 1, "b");
	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL + 1, "c");
	answer(&half, BROOD_KIND_PING, 0, 9, "x");
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	expect_next(&half, BROOD_KIND_REPLY, "b");
	expect_next(&half, BROOD_KIND_REPLY, "c");
	expect_next(&half, BROOD_KIND_PING, "x");

	answer(&half, BROOD_KIND_REPLY, 1, FIRST_CALL + 2, "a");
	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL + 2, "b");
	answer(&half, BROOD_KIND_REPLY, 0, FIRST_CALL + 3, "new");
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	cr_assert_eq(memcmp(msg.data, "new", 3), 0);
	expect_none(&half);
	wire_half_free(&half);
}

Test(expect, cancel_is_sent_though_the_queue_is_full)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_queued = 1000 });
	static char big[4 << 20];
	struct brood_message msg, request = { .data = big,
	    .len = sizeof(big) };
	static char got[sizeof(big) + WIRE_HEADER];
	uint8_t header[WIRE_HEADER];

	cr_assert_eq(brood_channel_call(half.channel, &request, 10, &msg), 0);
	/* Read and flush by turns: this process is both sides. */
	for (size_t n = 0; n < sizeof(got);) {
		ssize_t r = recv(half.raw, got + n, sizeof(got) - n,
		    MSG_DONTWAIT);

		if (r > 0)
			n += (size_t)r;
		else
			(void)brood_channel_flush(half.channel, 0);
	}
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert(wire_read(half.raw, header, sizeof(header)));
	cr_assert_eq(header[4], BROOD_KIND_CANCEL);
	wire_half_free(&half);
}

Test(expect, link_is_not_lost_by_options_that_make_no_sense)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_fds = 1 });
	struct brood_channel_options bad = { .reserved = { 1 } };
	struct brood_channel *peer;
	int a = send_link(&half, "a");

	cr_assert_eq(brood_channel_wait_link(half.channel, "a", 0, &bad,
	    &peer), -EINVAL);
	cr_assert_eq(brood_channel_wait_link(half.channel, "a", 0, NULL,
	    &peer), 1);
	expect_joined(peer, a, 5);
	(void)brood_channel_free(peer);
	(void)brood__fd_close(a);
	wire_half_free(&half);
}

Test(expect, descriptor_is_taken_of_the_message_that_was_given_last)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_fds = 1 });
	struct wire_header header = { .kind = BROOD_KIND_REPLY, .nfds = 1,
	    .id = FIRST_CALL + 1 };
	struct brood_message msg;
	uint8_t bytes[WIRE_HEADER];
	int file = wire_file(), a, fd;

	a = send_link(&half, "a");
	cr_assert_eq(brood_channel_call(half.channel, &question, 1, &msg), 0);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &msg), 1);
	wire_write_fds(half.raw, bytes, wire_encode(bytes, &header, NULL),
	    &file, 1);
	cr_assert_eq(brood_channel_call(half.channel, &question, -1, &msg), 1);
	fd = brood_channel_take_fd(half.channel, 0);
	cr_assert_eq(wire_inode(fd), wire_inode(file));
	(void)brood__fd_close(fd);
	(void)brood__fd_close(file);
	(void)brood__fd_close(a);
	wire_half_free(&half);
}
