/* SPDX-License-Identifier: ISC */

/*
 * A client of a server's socket, as long as the connection lasts: requests and
 * answers, limits of time, cancellation, bounds.
 */

#include "host/fake_server.h"

#include <fcntl.h>
#include <stdlib.h>

TMPDIR_SUITE(client);

Test(client, reply_goes_to_its_request_in_any_order)
{
	struct brood_request_options tagged = { .tag = &fake };
	struct brood_completion done;

	fake_client((struct brood_client_options){ .name = "me" });
	cr_assert_eq(strcmp((char *)fake.frame.payload + 16, "me"), 0);
	cr_assert_eq(fake_submit("one", tagged), 1);
	cr_assert_eq(fake_submit("two", fake_plain), 2);
	fake_expect(BROOD_KIND_REQUEST, 1);
	cr_assert_str_eq((char *)fake.frame.payload, "one");
	cr_assert_eq(fake.frame.header.timeout_ms, 0);
	fake_expect(BROOD_KIND_REQUEST, 2);
	fake_expect_nothing();
	fake_send(BROOD_KIND_REPLY, 2, 7, 0, "TWO");
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "ONE");
	done = fake_take(2, BROOD_DONE, BROOD_RAN, "TWO");
	cr_assert_eq(done.reply.code, 7);
	cr_assert_eq(done.attempts, 1);
	cr_assert_null(done.tag);
	done = fake_take(1, BROOD_DONE, BROOD_RAN, "ONE");
	cr_assert_eq(done.tag, &fake);
	fake_expect_nothing();
	fake_end();
}

Test(client, error_says_what_became_of_a_request_and_whether_it_ran)
{
	/* The flags of an ERROR: bits 1 and 2 are an enum brood_ran. */
	static const struct {
		uint32_t code;
		uint32_t ran;
		enum brood_fate fate;
		enum brood_ran told;
	} cases[] = {
		{ BROOD_ERROR_FAILED, BROOD_RAN, BROOD_FAILED, BROOD_RAN },
		{ BROOD_ERROR_FAILED, 0, BROOD_FAILED, BROOD_MAY_HAVE_RUN },
		{ BROOD_ERROR_NO_METHOD, BROOD_NOT_RUN, BROOD_FAILED,
		    BROOD_NOT_RUN },
		{ BROOD_ERROR_CRASHED, BROOD_MAY_HAVE_RUN, BROOD_CRASHED,
		    BROOD_MAY_HAVE_RUN },
		{ BROOD_ERROR_CRASHED, BROOD_NOT_RUN, BROOD_CRASHED,
		    BROOD_NOT_RUN },
		{ BROOD_ERROR_EXPIRED, BROOD_NOT_RUN, BROOD_EXPIRED,
		    BROOD_NOT_RUN },
		{ BROOD_ERROR_CANCELED, 0, BROOD_CANCELED,
		    BROOD_MAY_HAVE_RUN },
		{ BROOD_ERROR_STOPPING, BROOD_NOT_RUN, BROOD_REFUSED,
		    BROOD_NOT_RUN },
		{ BROOD_ERROR_NO_CAPACITY, BROOD_NOT_RUN, BROOD_REFUSED,
		    BROOD_NOT_RUN },
		{ BROOD_ERROR_NO_CAPACITY, BROOD_RAN, BROOD_FAILED,
		    BROOD_RAN },
		{ BROOD_ERROR_TOO_LARGE, BROOD_NOT_RUN, BROOD_REFUSED,
		    BROOD_NOT_RUN },
		{ BROOD_ERROR_NOT_ALLOWED, BROOD_NOT_RUN, BROOD_REFUSED,
		    BROOD_NOT_RUN },
		{ 12345, 0, BROOD_FAILED, BROOD_MAY_HAVE_RUN },
	};
	struct brood_completion done;

	fake_client(fake_usual);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t id = fake_submit("x", fake_plain);

		fake_expect(BROOD_KIND_REQUEST, id);
		fake_send(BROOD_KIND_ERROR, id, cases[i].code,
		    (uint8_t)(cases[i].ran << 1), "why\033[2J");
		done = fake_take(id, cases[i].fate, cases[i].told, "why?[2J");
		cr_assert_eq(done.reply.code, cases[i].code);
		cr_assert_eq(done.limit, 0);
	}
	fake_expect_nothing();
	fake_end();
}

static void
stream(uint64_t id)
{
	fake_expect(BROOD_KIND_REQUEST, id);
	fake_send(BROOD_KIND_PROGRESS, id, 0, 0, "0");
	fake_send(BROOD_KIND_REPLY, id, 0, 1, "a");
	fake_send(BROOD_KIND_PROGRESS, id, 0, 0, "1");
	fake_send(BROOD_KIND_REPLY, id, 0, 1, "b");
	fake_send(BROOD_KIND_REPLY, id, 0, 0, "c");
}

Test(client, parts_are_given_as_they_come_or_joined)
{
	struct brood_request_options options = { .flags = BROOD_STREAM };

	fake_client(fake_usual);
	stream(fake_submit("", options));
	(void)fake_take(1, BROOD_PROGRESS, BROOD_RAN, "0");
	(void)fake_take(1, BROOD_PART, BROOD_RAN, "a");
	(void)fake_take(1, BROOD_PROGRESS, BROOD_RAN, "1");
	(void)fake_take(1, BROOD_PART, BROOD_RAN, "b");
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "c");
	stream(fake_submit("", fake_plain));
	(void)fake_take(2, BROOD_DONE, BROOD_RAN, "abc");
	fake_expect_nothing();
	fake_end();
}

Test(client, parts_over_the_limit_together_fail_and_are_not_wanted)
{
	char half[51] = "", whole[101] = "";

	memset(half, 'h', 50);
	memset(whole, 'w', 100);
	fake_client((struct brood_client_options){ .max_payload = 100 });
	(void)fake_submit("", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 1);
	fake_send(BROOD_KIND_REPLY, 1, 0, 1, half);
	fake_send(BROOD_KIND_REPLY, 1, 0, 1, whole + 49);
	(void)fake_take(1, BROOD_FAILED, BROOD_MAY_HAVE_RUN, "over the limit");
	fake_expect(BROOD_KIND_CANCEL, 1);
	fake_send(BROOD_KIND_REPLY, 1, 0, 1, whole);
	fake_send(BROOD_KIND_ERROR, 1, BROOD_ERROR_CANCELED, 0, "");
	(void)fake_submit("", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 2);
	fake_send(BROOD_KIND_REPLY, 2, 0, 0, whole);
	(void)fake_take(2, BROOD_DONE, BROOD_RAN, whole);
	fake_expect_nothing();
	fake_end();
}

Test(client, descriptors_go_both_ways)
{
	struct wire_header header = {
		.kind = BROOD_KIND_REPLY, .id = 1, .nfds = 2,
	};
	int file = wire_file(), fds[2] = { file, file }, got;
	struct brood_message msg = { .fds = fds, .n_fds = 2 };
	struct brood_completion done;
	uint8_t bytes[WIRE_HEADER];

	fake_client((struct brood_client_options){ .fds_from_server = 1 });
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL), 0);
	fake_expect(BROOD_KIND_REQUEST, 1);
	cr_assert_eq(fake.frame.n_fds, 2);
	cr_assert_eq(wire_inode(fake.frame.fds[1]), wire_inode(file));
	wire_write_fds(fake.fd, bytes, wire_encode(bytes, &header, NULL),
	    fake.frame.fds, 2);
	close(fake.frame.fds[0]);
	close(fake.frame.fds[1]);
	cr_assert_eq(brood_client_wait(fake.client, WIRE_PATIENCE), 1);
	cr_assert_eq(brood_client_take(fake.client, &done), 1);
	cr_assert_eq(done.reply.n_fds, 2);
	got = brood_completion_take_fd(&done, 1);
	cr_assert_eq(wire_inode(got), wire_inode(file));
	cr_assert(fcntl(got, F_GETFD) & FD_CLOEXEC);
	brood_completion_fini(&done);
	close(got);
	close(file);
	fake_end();
}

/* Limits of time */

Test(client, deadline_holds_though_the_server_never_answers)
{
	struct brood_request_options options = { .expire_ms = 50 };
	int64_t before_ms = wire_now_ms();
	struct brood_completion done;

	fake_client(fake_usual);
	(void)fake_submit("", options);
	fake_expect(BROOD_KIND_REQUEST, 1);
	cr_assert_geq(fake.frame.header.timeout_ms, 1);
	cr_assert_leq(fake.frame.header.timeout_ms, 50);
	fake_await();
	done = fake_take(1, BROOD_EXPIRED, BROOD_MAY_HAVE_RUN, "deadline");
	cr_assert_geq(wire_now_ms() - before_ms, 50);
	cr_assert_eq(done.limit, BROOD_LIMIT_EXPIRE);
	cr_assert_geq(done.waited_ms + done.ran_ms, 50);
	fake_expect(BROOD_KIND_CANCEL, 1);
	/* What comes late is dropped, and is no violation. */
	fake_send(BROOD_KIND_PROGRESS, 1, 0, 0, "x");
	fake_send(BROOD_KIND_REPLY, 1, 0, 1, "x");
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "x");
	(void)fake_submit("", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 2);
	fake_send(BROOD_KIND_REPLY, 2, 0, 0, "y");
	(void)fake_take(2, BROOD_DONE, BROOD_RAN, "y");
	fake_expect_nothing();
	fake_end();
}

Test(client, deadline_of_the_client_holds_for_requests_without_one)
{
	struct brood_request_options none = { .expire_ms = -1 };

	fake_client((struct brood_client_options){ .expire_ms = 30 });
	(void)fake_submit("", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 1);
	cr_assert_neq(fake.frame.header.timeout_ms, 0);
	(void)fake_submit("", none);
	fake_expect(BROOD_KIND_REQUEST, 2);
	cr_assert_eq(fake.frame.header.timeout_ms, 0);
	(void)fake_take(1, BROOD_EXPIRED, BROOD_MAY_HAVE_RUN, "deadline");
	fake_expect_nothing();
	fake_end();
}

/* A text that no socket holds. */
static char *
long_text(void)
{
	const size_t len = 4 << 20;
	char *text = malloc(len + 1);

	cr_assert_not_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	return text;
}

/* Read a frame of the client, whose payload may be long, and drop it. */
static uint64_t
drain_frame(uint8_t *ret_kind)
{
	uint8_t header[WIRE_HEADER], payload[4096];
	uint64_t id = 0;
	size_t len = 0, n;

	for (size_t at = 0; at < sizeof(header); at++) {
		/* Whatever is missing is sent while the client dispatches. */
		cr_assert_geq(brood_client_dispatch(fake.client), 0);
		cr_assert(wire_read(fake.fd, header + at, 1));
	}
	for (int i = 7; i >= 0; i--)
		id = id << 8 | header[8 + i];
	for (int i = 3; i >= 0; i--)
		len = len << 8 | header[i];
	*ret_kind = header[4];
	for (; len > 0; len -= n) {
		n = len < sizeof(payload) ? len : sizeof(payload);
		cr_assert_geq(brood_client_dispatch(fake.client), 0);
		cr_assert(wire_read(fake.fd, payload, n));
	}
	return id;
}

/*
 * The first request is partly in the socket; so it may run, whatever becomes of
 * it here.  The second was never handed to the channel.
 */
Test(client, request_that_was_not_sent_has_not_run)
{
	struct brood_request_options options = { .expire_ms = 30 };
	struct brood_completion done;
	char *text = long_text();
	uint8_t kind;

	fake_client(fake_usual);
	(void)fake_submit(text, fake_plain);
	(void)fake_submit("", options);
	(void)fake_submit("", fake_plain);
	cr_assert_eq(brood_client_cancel(fake.client, 3), 0);
	done = fake_take(3, BROOD_CANCELED, BROOD_NOT_RUN, "canceled");
	cr_assert_eq(done.attempts, 0);
	done = fake_take(2, BROOD_EXPIRED, BROOD_NOT_RUN, "deadline");
	cr_assert_eq(done.limit, BROOD_LIMIT_EXPIRE);
	cr_assert_eq(brood_client_cancel(fake.client, 1), 0);
	(void)fake_take(1, BROOD_CANCELED, BROOD_MAY_HAVE_RUN, "canceled");
	cr_assert_eq(fake_submit("", fake_plain), 4);
	/* The server gets neither of the two, and a CANCEL for the first. */
	cr_assert_eq(drain_frame(&kind), 1);
	cr_assert_eq(kind, BROOD_KIND_REQUEST);
	cr_assert_eq(drain_frame(&kind), 1);
	cr_assert_eq(kind, BROOD_KIND_CANCEL);
	cr_assert_eq(drain_frame(&kind), 4);
	cr_assert_eq(kind, BROOD_KIND_REQUEST);
	free(text);
	fake_end();
}

Test(client, cancel_completes_at_once_and_tells_the_server)
{
	fake_client(fake_usual);
	(void)fake_submit("", fake_plain);
	cr_assert_eq(brood_client_cancel(fake.client, 2), -ENOENT);
	cr_assert_eq(brood_client_cancel(fake.client, 1), 0);
	fake_await();
	(void)fake_take(1, BROOD_CANCELED, BROOD_MAY_HAVE_RUN, "canceled");
	cr_assert_eq(brood_client_cancel(fake.client, 1), -ENOENT);
	fake_expect(BROOD_KIND_REQUEST, 1);
	fake_expect(BROOD_KIND_CANCEL, 1);
	fake_send(BROOD_KIND_ERROR, 1, BROOD_ERROR_CANCELED, 0, "");
	fake_expect_nothing();
	cr_assert_eq(brood_client_cancel(fake.client, 1), -ENOENT);
	fake_end();
}

/* Bounds */

Test(client, full_client_takes_no_more)
{
	struct brood_message msg = { .len = 0 };

	fake_client((struct brood_client_options){ .queue = 2 });
	(void)fake_submit("", fake_plain);
	(void)fake_submit("", fake_plain);
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -EAGAIN);
	/* The server has not answered it yet. */
	cr_assert_eq(brood_client_cancel(fake.client, 1), 0);
	(void)fake_take(1, BROOD_CANCELED, BROOD_MAY_HAVE_RUN, "");
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -EAGAIN);
	fake_expect(BROOD_KIND_REQUEST, 1);
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "");
	fake_await();
	cr_assert_eq(brood_client_dispatch(fake.client), 0);
	cr_assert_eq(fake_submit("", fake_plain), 3);
	/* The completion was not taken yet. */
	fake_send(BROOD_KIND_REPLY, 2, 0, 0, "");
	fake_await();
	cr_assert_eq(brood_client_wait(fake.client, WIRE_PATIENCE), 1);
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -EAGAIN);
	(void)fake_take(2, BROOD_DONE, BROOD_RAN, "");
	cr_assert_eq(fake_submit("", fake_plain), 4);
	fake_end();
}

/* Send parts until the socket takes no more: how many went. */
static unsigned
flood(uint64_t id, uint8_t *frame, size_t len)
{
	struct wire_header header = {
		.length = (uint32_t)(len - WIRE_HEADER),
		.kind = BROOD_KIND_REPLY,
		.flags = 1,
		.id = id,
	};
	unsigned n = 0;
	int idle = 0;

	(void)wire_encode(frame, &header, NULL);
	/* The socket is smaller than what the client would have to keep. */
	while (idle < 3) {
		ssize_t sent = send(fake.fd, frame, len, MSG_DONTWAIT);

		cr_assert(sent < 0 || sent == (ssize_t)len);
		n += sent > 0;
		idle = sent > 0 ? 0 : idle + 1;
		cr_assert_eq(brood_client_dispatch(fake.client), 0);
		cr_assert_lt(n, 10000);
	}
	return n;
}

Test(client, flood_of_parts_is_read_no_further_than_its_share)
{
	struct brood_request_options options = { .flags = BROOD_STREAM };
	uint8_t frame[WIRE_HEADER + 1000] = { 0 };
	struct brood_completion done;
	unsigned n_sent, n_taken = 0;
	struct brood_message msg = { .len = 0 };

	fake_client(fake_usual);
	(void)fake_submit("", options);
	fake_expect(BROOD_KIND_REQUEST, 1);
	n_sent = flood(1, frame, sizeof(frame));
	/* No answer can be received: nobody takes the parts meanwhile. */
	cr_assert_eq(brood_client_call(fake.client, &msg, NULL, &done), 0);
	cr_assert_eq(done.fate, BROOD_CANCELED);
	brood_completion_fini(&done);
	while (n_taken < n_sent) {
		cr_assert_eq(brood_client_wait(fake.client, WIRE_PATIENCE), 1);
		cr_assert_eq(brood_client_take(fake.client, &done), 1);
		cr_assert_eq(done.fate, BROOD_PART);
		cr_assert_eq(done.reply.len, 1000);
		brood_completion_fini(&done);
		n_taken++;
	}
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "end");
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "end");
	fake_expect_nothing();
	fake_end();
}

/* The rest of the interface */

static void
answer_second(void)
{
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "one");
	fake_send(BROOD_KIND_REPLY, 2, 0, 0, "two");
}

Test(client, call_waits_for_its_own_completion_and_leaves_the_others)
{
	struct brood_request_options options = { .expire_ms = 40 };
	struct brood_message msg = { .code = 9 };
	struct brood_completion done;

	fake_client(fake_usual);
	(void)fake_submit("", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 1);
	/* The server answers before it was asked, but not before submit. */
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL), 0);
	answer_second();
	cr_assert_eq(brood_client_call(fake.client, &msg, &options, &done), 0);
	cr_assert_eq(done.id, 3);
	cr_assert_eq(done.fate, BROOD_EXPIRED);
	brood_completion_fini(&done);
	fake_await();
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "one");
	(void)fake_take(2, BROOD_DONE, BROOD_RAN, "two");
	fake_expect(BROOD_KIND_REQUEST, 2);
	cr_assert_eq(fake.frame.header.code, 9);
	fake_expect_nothing();
	fake_end();
}

Test(client, wrong_requests_are_refused_and_change_nothing)
{
	static const struct brood_request_options wrong[] = {
		{ .flags = BROOD_IDEMPOTENT },
		{ .flags = 4 },
		{ .expire_ms = -2 },
		{ .run_ms = 1 },
		{ .run_ms = -1 },
		{ .cancel_ms = 1 },
		{ .reserved = { 1 } },
	};
	struct brood_request_options streamed = { .flags = BROOD_STREAM };
	struct brood_message msg = { .data = "123456789", .len = 9 };
	struct brood_completion done;
	struct brood_client_options options = { .max_payload = 1 << 20 };

	fake_listen();
	fake.max_payload = 8;
	cr_assert_eq(brood_client_new(&fake.client, tmpdir_path("s"), &options,
	    NULL), 0);
	fake_expect(BROOD_KIND_HELLO, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_eq(brood_client_submit(fake.client, &msg, &wrong[i],
		    NULL), -EINVAL, "%zu", i);
	cr_assert_eq(brood_client_call(fake.client, &msg, &streamed, &done),
	    -EINVAL);
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -EMSGSIZE);
	msg.id = 1;
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -EINVAL);
	cr_assert(wire_is_silent(fake.fd));
	fake_expect_nothing();
	fake_end();
}

Test(client, goodbye_of_the_server_ends_submitting_but_not_answers)
{
	struct brood_message msg = { .len = 0 };

	fake_client(fake_usual);
	(void)fake_submit("", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 1);
	fake_send(BROOD_KIND_GOODBYE, 0, 0, 0, "");
	fake_await();
	cr_assert_eq(brood_client_dispatch(fake.client), 0);
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -ESHUTDOWN);
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "last");
	fake_hang_up();
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "last");
	fake_await();
	cr_assert_eq(brood_client_wait(fake.client, WIRE_PATIENCE), -EPIPE);
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -EPIPE);
	fake_end();
}

/* In a copy of the process that made the client. */
static int
use_copy(void *arg)
{
	struct brood_client *client = arg;
	struct brood_message msg = { .len = 0 };
	struct brood_completion done;

	if (brood_client_submit(client, &msg, NULL, NULL) != -ECHILD ||
	    brood_client_call(client, &msg, NULL, &done) != -ECHILD ||
	    brood_client_cancel(client, 1) != -ECHILD ||
	    brood_client_fd(client) != -ECHILD ||
	    brood_client_dispatch(client) != -ECHILD ||
	    brood_client_take(client, &done) != -ECHILD ||
	    brood_client_wait(client, 0) != -ECHILD)
		return 1;
	return brood_client_free(client) != NULL;
}

Test(client, forked_copy_is_of_no_use_and_harms_nothing)
{
	fake_client(fake_usual);
	(void)fake_submit("", fake_plain);
	support_in_child(use_copy, fake.client);
	fake_expect(BROOD_KIND_REQUEST, 1);
	cr_assert(wire_is_silent(fake.fd));
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "still");
	fake_await();
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "still");
	fake_end();
}

Test(client, freed_client_closes_the_connection)
{
	fake_client(fake_usual);
	(void)fake_submit("", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 1);
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "x");
	cr_assert_eq(brood_client_wait(fake.client, WIRE_PATIENCE), 1);
	(void)fake_submit("", fake_plain);
	fake.client = brood_client_free(fake.client);
	cr_assert(fake_is_hung_up());
	fake_end();
	cr_assert_null(brood_client_free(NULL));
}
