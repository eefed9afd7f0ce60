/* SPDX-License-Identifier: ISC */

/*
 * What becomes of a client's requests when the server goes, is killed, or
 * breaks the protocol: each has exactly one completion.
 */

#include "host/fake_server.h"

#include <signal.h>
#include <stdlib.h>

TMPDIR_SUITE(client_lost);

/* Every request has its completion, and no other is accepted. */
static void
expect_lost(void)
{
	struct brood_message msg = { .len = 0 };
	struct brood_completion done;

	cr_assert_eq(brood_client_wait(fake.client, WIRE_PATIENCE), -EPIPE);
	cr_assert_eq(brood_client_take(fake.client, &done), 0);
	cr_assert_eq(brood_client_dispatch(fake.client), -EPIPE);
	cr_assert_eq(brood_client_submit(fake.client, &msg, NULL, NULL),
	    -EPIPE);
	cr_assert_eq(brood_client_call(fake.client, &msg, NULL, &done),
	    -EPIPE);
	cr_assert_eq(brood_client_cancel(fake.client, 1), -ENOENT);
}

Test(client_lost, server_that_goes_between_two_bytes_costs_no_completion)
{
	struct wire_header header = {
		.length = 5, .kind = BROOD_KIND_REPLY, .id = 2,
	};
	uint8_t bytes[WIRE_HEADER + 5];
	size_t len = wire_encode(bytes, &header, "reply");

	for (size_t n = 0; n <= len; n++)
		for (unsigned fds = 0; fds < 2; fds++) {
			fake_client((struct brood_client_options){
			    .fds_from_server = fds });
			(void)fake_submit("one", fake_plain);
			(void)fake_submit("two", fake_plain);
			if (n > 0)
				wire_write(fake.fd, bytes, n);
			if (n % 2 == 0)		/* a part comes before */
				cr_assert_eq(brood_client_dispatch(
				    fake.client), 0);
			fake_hang_up();
			if (n == len)
				(void)fake_take(2, BROOD_DONE, BROOD_RAN,
				    "reply");
			(void)fake_take(1, BROOD_FAILED, BROOD_MAY_HAVE_RUN,
			    "the server closed the connection");
			if (n < len)
				(void)fake_take(2, BROOD_FAILED,
				    BROOD_MAY_HAVE_RUN, "closed");
			expect_lost();
			fake_end();
		}
}

/* 1 is in the socket, 2 is so in part, and 3 never was. */
Test(client_lost, request_whose_last_byte_was_not_sent_has_not_run)
{
	const size_t len = 4 << 20;
	char *text = malloc(len + 1);
	struct brood_completion done;

	cr_assert_not_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	fake_client(fake_usual);
	(void)fake_submit("one", fake_plain);
	(void)fake_submit(text, fake_plain);
	(void)fake_submit("three", fake_plain);
	fake_hang_up();
	(void)fake_take(1, BROOD_FAILED, BROOD_MAY_HAVE_RUN, "closed");
	done = fake_take(2, BROOD_FAILED, BROOD_NOT_RUN, "closed");
	cr_assert_eq(done.attempts, 1);
	done = fake_take(3, BROOD_FAILED, BROOD_NOT_RUN, "closed");
	cr_assert_eq(done.attempts, 0);
	cr_assert_eq(done.reply.code, 0);
	expect_lost();
	free(text);
	fake_end();
}

/*
 * shutdown(2), or the end of a server that has answered what it had read: that
 * it reads no more is found out by sending, before its answers are read.
 */
Test(client_lost, answers_of_a_server_that_reads_no_more_are_read)
{
	fake_client(fake_usual);
	(void)fake_submit("one", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 1);
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "first");
	cr_assert_eq(shutdown(fake.fd, SHUT_RD), 0);
	(void)fake_submit("two", fake_plain);
	fake_await();
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "first");
	(void)fake_take(2, BROOD_FAILED, BROOD_NOT_RUN, "closed");
	expect_lost();
	fake_end();
}

Test(client_lost, completions_that_were_not_taken_are_left)
{
	fake_client(fake_usual);
	(void)fake_submit("one", fake_plain);
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "first");
	fake_hang_up();
	while (brood_client_dispatch(fake.client) == 0)
		fake_await();
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "first");
	expect_lost();
	fake_end();
}

/* Violations */

static struct wire_header
frame(enum brood_kind kind, uint64_t id, uint8_t flags)
{
	return (struct wire_header){
		.kind = (uint8_t)kind, .id = id, .flags = flags,
	};
}

/* Two requests are open, and then this comes. */
static void
violate(const struct wire_header *header, const char *text)
{
	fake_client((struct brood_client_options){ .max_payload = 100 });
	(void)fake_submit("one", fake_plain);
	(void)fake_submit("two", fake_plain);
	fake_expect(BROOD_KIND_REQUEST, 1);
	fake_expect(BROOD_KIND_REQUEST, 2);
	fake_send(BROOD_KIND_REPLY, 1, 0, 1, "half");
	wire_send(fake.fd, header, "");
	(void)fake_take(1, BROOD_FAILED, BROOD_MAY_HAVE_RUN, text);
	(void)fake_take(2, BROOD_FAILED, BROOD_MAY_HAVE_RUN, text);
	expect_lost();
	/* The server is told, if it did not end the connection itself. */
	if (header->kind != BROOD_KIND_ERROR) {
		fake_expect(BROOD_KIND_ERROR, 0);
		cr_assert_eq(fake.frame.header.code, BROOD_ERROR_PROTOCOL);
	}
	cr_assert(fake_is_hung_up());
	fake_end();
}

Test(client_lost, violation_ends_the_connection_and_completes_everything)
{
	static const enum brood_kind kinds[] = {
		BROOD_KIND_HELLO, BROOD_KIND_REQUEST, BROOD_KIND_CANCEL,
		BROOD_KIND_PING, BROOD_KIND_PONG, BROOD_KIND_LINK,
	};
	static const char broke[] = "the server broke the protocol: ";
	struct wire_header header;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		header = frame(kinds[i], 0, 0);
		violate(&header, broke);
	}
	header = frame(BROOD_KIND_REPLY, 3, 0);
	violate(&header, "it answered what it was not asked");
	header = frame(BROOD_KIND_ERROR, 3, 0);
	header.kind = BROOD_KIND_PROGRESS;
	violate(&header, "it answered what it was not asked");
	header = frame((enum brood_kind)99, 1, 0);
	violate(&header, "not a frame");
	header = frame(BROOD_KIND_PROGRESS, 1, 1);
	violate(&header, "not a frame");
	header = frame(BROOD_KIND_ERROR, 0, 0);
	violate(&header, "it sent an error for no request");
}

Test(client_lost, request_that_was_answered_cannot_be_answered_again)
{
	fake_client(fake_usual);
	(void)fake_submit("one", fake_plain);
	(void)fake_submit("two", fake_plain);
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "once");
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "twice");
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "once");
	(void)fake_take(2, BROOD_FAILED, BROOD_MAY_HAVE_RUN, "not asked");
	expect_lost();
	fake_end();
}

Test(client_lost, answer_to_what_was_not_sent_yet_is_no_answer)
{
	const size_t len = 4 << 20;
	char *text = calloc(1, len + 1);

	cr_assert_not_null(text);
	memset(text, 'x', len);
	fake_client(fake_usual);
	(void)fake_submit(text, fake_plain);
	fake_send(BROOD_KIND_REPLY, 1, 0, 0, "");
	(void)fake_take(1, BROOD_FAILED, BROOD_NOT_RUN, "before it was asked");
	expect_lost();
	free(text);
	fake_end();
}

Test(client_lost, payload_over_the_limit_is_not_received)
{
	struct wire_header header = frame(BROOD_KIND_REPLY, 1, 0);
	uint8_t bytes[WIRE_HEADER];

	header.length = 101;
	(void)wire_encode(bytes, &header, NULL);
	fake_client((struct brood_client_options){ .max_payload = 100 });
	(void)fake_submit("one", fake_plain);
	wire_write(fake.fd, bytes, sizeof(bytes));
	(void)fake_take(1, BROOD_FAILED, BROOD_MAY_HAVE_RUN,
	    "a payload over the limit");
	expect_lost();
	fake_end();
}

Test(client_lost, descriptors_that_were_not_asked_for_end_the_connection)
{
	struct wire_header header = frame(BROOD_KIND_REPLY, 1, 0);
	uint8_t bytes[WIRE_HEADER];

	header.nfds = 1;
	(void)wire_encode(bytes, &header, NULL);
	fake_client(fake_usual);
	(void)fake_submit("one", fake_plain);
	wire_write(fake.fd, bytes, sizeof(bytes));
	(void)fake_take(1, BROOD_FAILED, BROOD_MAY_HAVE_RUN, "descriptors");
	expect_lost();
	fake_end();
}

Test(client_lost, server_that_says_why_it_ends_is_quoted)
{
	fake_client(fake_usual);
	(void)fake_submit("one", fake_plain);
	fake_send(BROOD_KIND_ERROR, 0, BROOD_ERROR_PROTOCOL, 0, "go\033away");
	(void)fake_take(1, BROOD_FAILED, BROOD_MAY_HAVE_RUN, "go?away");
	expect_lost();
	fake_end();
}

/* A server in a process of its own, which has the connection alone. */

static int
serve_and_hang(void *arg)
{
	struct wire_header header = frame(BROOD_KIND_REPLY, 1, 0);
	uint8_t bytes[WIRE_HEADER + 1];

	(void)arg;
	header.length = 1;
	(void)wire_encode(bytes, &header, "x");
	if (send(fake.fd, bytes, sizeof(bytes), 0) < 0 ||
	    send(fake.fd, bytes, sizeof(bytes) - 1, 0) < 0)
		return 1;
	for (;;)
		pause();
}

Test(client_lost, killed_server_is_noticed_whatever_is_under_way)
{
	struct brood_completion done;
	pid_t pid;

	fake_client(fake_usual);
	(void)fake_submit("one", fake_plain);
	(void)fake_submit("two", fake_plain);
	pid = support_fork(serve_and_hang, NULL);
	fake_hang_up();
	(void)fake_take(1, BROOD_DONE, BROOD_RAN, "x");
	cr_assert_eq(kill(pid, SIGKILL), 0);
	(void)support_join(pid);
	fake_await();
	done = fake_take(2, BROOD_FAILED, BROOD_MAY_HAVE_RUN, "closed");
	cr_assert_eq(done.status, 0);
	expect_lost();
	fake_end();
}
