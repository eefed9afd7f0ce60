/* SPDX-License-Identifier: ISC */

/*
 * Claims about a worker's loop, seen from the host's end of the socket: the
 * worker sends HELLO, takes one frame at a time, answers in order, and ends
 * when it should.  What a handler may ask and answer is tested in
 * test_serve_request.c.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/endian.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/host.h"
#include "support/support.h"

BROOD_SUITE(serve);

#define N_OF(array)	(sizeof(array) / sizeof((array)[0]))
#define ACCEPT		65536	/* the host's limit */

static int
echo(struct brood_request *request, void *arg)
{
	(void)arg;
	return brood_request_reply(request, brood_request_code(request),
	    brood_request_data(request), brood_request_len(request));
}

/* A handler: say that it has started, then wait for the test. */
static int
echo_at_the_gate(struct brood_request *request, void *arg)
{
	int r = brood_request_progress(request, NULL, 0);

	if (r < 0 || host_wait_at_gate() == 0)
		return r < 0 ? r : -EPIPE;
	return echo(request, arg);
}

static void
expect_echo(struct host *host, uint64_t id, const char *text)
{
	host_expect(host, BROOD_KIND_REPLY, id);
	cr_assert_str_eq((char *)host->frame.payload, text);
}

/* The worker ends although the host keeps the channel open. */
static void
expect_end(struct host *host, int exit_status)
{
	cr_assert(support_wait_gone(host->pid), "it stays");
	cr_assert_eq(host_stop(host), exit_status);
}

/* Before it ends, the worker sends an ERROR with a text. */
static void
expect_told(struct host *host)
{
	cr_assert(wire_recv(host->fd, &host->frame), "the host was not told");
	cr_expect_eq(host->frame.header.kind, BROOD_KIND_ERROR);
	cr_expect_gt(host->frame.header.length, 0);
}

Test(serve, worker_speaks_first)
{
	struct host host;

	host_start(&host, echo);
	host_expect(&host, BROOD_KIND_HELLO, 0);
	cr_assert_geq(host.frame.header.length, 16);
	cr_assert_arr_eq(host.frame.payload, "BROD\1\0\0\0", 8);
	cr_assert_gt(le32dec(host.frame.payload + 12), 0);
	cr_assert(wire_is_silent(host.fd));
	wire_send_hello(host.fd, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 1, "x");
	expect_echo(&host, 1, "x");
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, requests_are_answered_in_order)
{
	struct host host;
	char text[2] = "a";

	host_handshake(&host, echo, ACCEPT);
	for (uint64_t id = 1; id <= 26; id++, text[0]++)
		host_send(&host, BROOD_KIND_REQUEST, id * 1000, text);
	text[0] = 'a';
	for (uint64_t id = 1; id <= 26; id++, text[0]++)
		expect_echo(&host, id * 1000, text);
	cr_assert(wire_is_silent(host.fd));
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, request_waiting_behind_another_stays_in_the_socket)
{
	const int second = WIRE_HEADER + 6, third = WIRE_HEADER + 5;
	struct host host;

	host_handshake(&host, echo_at_the_gate, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 1, "first");
	host_send(&host, BROOD_KIND_REQUEST, 2, "second");
	host_send(&host, BROOD_KIND_REQUEST, 3, "third");
	host_expect(&host, BROOD_KIND_PROGRESS, 1);
	cr_assert_eq(host_untaken(&host), second + third);
	host_open_gate(&host, 'g');
	expect_echo(&host, 1, "first");
	host_expect(&host, BROOD_KIND_PROGRESS, 2);
	cr_assert_eq(host_untaken(&host), third);
	host_open_gate(&host, 'g');
	expect_echo(&host, 2, "second");
	host_expect(&host, BROOD_KIND_PROGRESS, 3);
	cr_assert_eq(host_untaken(&host), 0);
	host_open_gate(&host, 'g');
	expect_echo(&host, 3, "third");
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, ping_is_answered_with_the_same_id_and_payload)
{
	struct host host;

	host_handshake(&host, echo_at_the_gate, ACCEPT);
	host_send(&host, BROOD_KIND_PING, 77, "are you there");
	host_expect(&host, BROOD_KIND_PONG, 77);
	cr_assert_str_eq((char *)host.frame.payload, "are you there");
	host_send(&host, BROOD_KIND_PING, UINT64_MAX, "");
	host_expect(&host, BROOD_KIND_PONG, UINT64_MAX);
	cr_assert_eq(host.frame.header.length, 0);
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, ping_behind_a_request_is_answered_after_it)
{
	struct host host;

	host_handshake(&host, echo_at_the_gate, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 1, "x");
	host_send(&host, BROOD_KIND_PING, 2, "");
	host_expect(&host, BROOD_KIND_PROGRESS, 1);
	host_open_gate(&host, 'g');
	expect_echo(&host, 1, "x");
	host_expect(&host, BROOD_KIND_PONG, 2);
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, cancel_of_what_it_does_not_run_is_ignored)
{
	struct host host;

	host_handshake(&host, echo, ACCEPT);
	host_send(&host, BROOD_KIND_CANCEL, 1, "");
	host_send(&host, BROOD_KIND_REQUEST, 2, "x");
	expect_echo(&host, 2, "x");
	host_send(&host, BROOD_KIND_CANCEL, 2, "");
	host_send(&host, BROOD_KIND_REQUEST, 3, "y");
	expect_echo(&host, 3, "y");
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, frames_may_come_byte_by_byte)
{
	struct host host;
	uint8_t bytes[64];
	size_t len;

	host_handshake(&host, echo, ACCEPT);
	len = wire_encode(bytes, &(struct wire_header){ .kind = 2, .id = 4,
	    .length = 4 }, "slow");
	for (size_t i = 0; i < len; i++)
		wire_write(host.fd, bytes + i, 1);
	expect_echo(&host, 4, "slow");
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, goodbye_ends_it_well_after_what_came_before)
{
	struct host host;

	host_handshake(&host, echo, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 1, "x");
	host_send(&host, BROOD_KIND_REQUEST, 2, "y");
	host_send(&host, BROOD_KIND_GOODBYE, 0, "");
	expect_echo(&host, 1, "x");
	expect_echo(&host, 2, "y");
	expect_end(&host, 0);
	cr_assert_eq(host.seen->result, 0);
}

Test(serve, end_of_the_host_ends_it_well)
{
	struct host host;

	host_handshake(&host, echo, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 1, "x");
	expect_echo(&host, 1, "x");
	cr_assert_eq(host_stop(&host), 0);
	cr_assert_eq(host.seen->result, 0);
}

Test(serve, broken_protocol_ends_it_with_an_error)
{
	static const struct wire_header broken[] = {
	    { .kind = 0 }, { .kind = 99 }, { .kind = 2, .flags = 1 },
	    { .kind = 2, .reserved = 1 }, { .kind = 2, .nfds = 1 },
	    { .kind = 3, .id = 5 },
	};
	struct host host;

	for (size_t i = 0; i < N_OF(broken); i++) {
		host_handshake(&host, echo, ACCEPT);
		wire_send(host.fd, &broken[i], "");
		expect_told(&host);
		expect_end(&host, 1);
		cr_expect_lt(host.seen->result, 0, "%zu", i);
	}
}

Test(serve, announced_length_over_its_limit_ends_it_with_an_error)
{
	struct host host;
	uint8_t bytes[WIRE_HEADER];

	host_start(&host, echo);
	host_expect(&host, BROOD_KIND_HELLO, 0);
	wire_send_hello(host.fd, ACCEPT);
	wire_encode(bytes, &(struct wire_header){ .kind = 2, .id = 1,
	    .length = le32dec(host.frame.payload + 12) + 1 }, NULL);
	wire_write(host.fd, bytes, sizeof(bytes));
	expect_told(&host);
	expect_end(&host, 1);
}

Test(serve, request_before_the_hello_ends_it_with_an_error)
{
	struct host host;

	host_start(&host, echo);
	host_expect(&host, BROOD_KIND_HELLO, 0);
	host_send(&host, BROOD_KIND_REQUEST, 1, "x");
	expect_end(&host, 1);
	cr_assert_eq(host.seen->result, -EPROTO);
}

Test(serve, host_of_another_version_ends_it_with_an_error)
{
	struct host host;
	uint8_t hello[64];
	size_t len = wire_hello(hello, 2, ACCEPT, "future");

	host_start(&host, echo);
	host_expect(&host, BROOD_KIND_HELLO, 0);
	wire_send(host.fd, &(struct wire_header){ .kind = 1,
	    .length = (uint32_t)len }, hello);
	expect_end(&host, 1);
	cr_assert_eq(host.seen->result, -EPROTONOSUPPORT);
}

/*
 * Call brood_worker_main() with this value of BROOD_FD.  Gives 0 if the result
 * is the expected error.
 */
static int
main_without_a_channel(void *arg)
{
	static const int errors[] = { -ENOENT, -EBADF, -EBADF, -ENOTSOCK };
	static const char *const numbers[] = { NULL, "1000", "x", "0" };
	int r;

	(void)arg;
	if (close(0) != 0 || open("/dev/null", O_RDWR) != 0)
		return 100;
	for (size_t i = 0; i < N_OF(errors); i++) {
		unsetenv("BROOD_FD");
		if (numbers[i] != NULL)
			setenv("BROOD_FD", numbers[i], 1);
		r = brood_worker_main(echo, NULL, NULL);
		if (r != errors[i])
			return 1 + (int)i;
	}
	if (dup2(socket(AF_UNIX, SOCK_DGRAM, 0), 0) != 0)
		return 101;
	setenv("BROOD_FD", "0", 1);
	return brood_worker_main(echo, NULL, NULL) == -EPROTOTYPE ? 0 : 102;
}

Test(serve, program_started_by_hand_is_told_so)
{
	support_in_child(main_without_a_channel, NULL);
}

static int
tell_environment(struct brood_request *request, void *arg)
{
	const char *value = getenv("BROOD_FD");

	(void)arg;
	return brood_request_reply(request, value != NULL, NULL, 0);
}

Test(serve, handler_does_not_find_brood_fd)
{
	struct host host;

	host_handshake(&host, tell_environment, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 1, "");
	host_expect(&host, BROOD_KIND_REPLY, 1);
	cr_assert_eq(host.frame.header.code, 0);
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve, program_answers_over_the_channel_it_was_started_with)
{
	const char *const argv[] = { getenv("RAW_WORKER"), NULL };
	struct brood_message got;
	struct brood_child *child;
	struct brood_channel *channel;
	int status;

	cr_assert_not_null(argv[0], "RAW_WORKER names no program");
	cr_assert_eq(brood_child_exec(&child, NULL, argv), 0);
	channel = brood_child_channel(child);
	cr_assert_eq(brood_channel_hello(channel, "test", WIRE_PATIENCE), 0);
	cr_assert_eq(brood_channel_send(channel, &(struct brood_message){
	    .data = "upper", .len = 5, .id = 3, .code = 12 }), 0);
	cr_assert_eq(brood_channel_recv(channel, WIRE_PATIENCE, &got), 1);
	cr_assert_eq(got.kind, BROOD_KIND_REPLY);
	cr_assert_eq(got.id, 3);
	cr_assert_eq(got.code, 12);
	cr_assert_eq(got.len, 5);
	cr_assert_arr_eq(got.data, "UPPER", 5);
	cr_assert_eq(brood_channel_send(channel, &(struct brood_message){
	    .kind = BROOD_KIND_GOODBYE }), 0);
	cr_assert_eq(brood_child_wait(child, &status), 0);
	cr_assert_eq(status, 0);
	brood_child_free(child);
}
