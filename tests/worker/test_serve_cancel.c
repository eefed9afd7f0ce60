/* SPDX-License-Identifier: ISC */

/*
 * Claims about CANCEL: the handler that asks sees the CANCEL of its request,
 * wherever that lies in the socket, and nothing is taken off the socket for it.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/host.h"
#include "support/support.h"

BROOD_SUITE(serve_cancel);

#define ACCEPT	65536

/* Ask a forked copy of the worker whether the request is canceled: 1 or 0. */
static int
ask_in_a_copy(struct brood_request *request)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(brood_request_is_canceled(request));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * Say by progress whether the request is canceled, and again for each byte from
 * the gate.  'f' lets a forked copy ask as well, before; 'q' ends the request.
 */
static int
look_for_cancel(struct brood_request *request, void *arg)
{
	char byte;

	(void)arg;
	for (;;) {
		if (brood_request_progress(request,
		    brood_request_is_canceled(request) ? "y" : "n", 1) != 0)
			return -EPIPE;
		byte = host_wait_at_gate();
		if (byte == 0 || byte == 'q')
			break;
		if (byte == 'f')
			host_seen()->value[0] = ask_in_a_copy(request);
	}
	return brood_request_fail(request, ECANCELED, NULL);
}

static void
expect_canceled(struct host *host, uint64_t id, const char *answer)
{
	host_expect(host, BROOD_KIND_PROGRESS, id);
	cr_assert_str_eq((char *)host->frame.payload, answer);
}

Test(serve_cancel, it_is_seen_by_the_handler_that_asks_and_stays_seen)
{
	struct host host;

	host_handshake(&host, look_for_cancel, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 5, "");
	expect_canceled(&host, 5, "n");
	host_send(&host, BROOD_KIND_CANCEL, 5, "");
	for (int i = 0; i < 3; i++) {
		host_open_gate(&host, 'g');
		expect_canceled(&host, 5, "y");
	}
	host_open_gate(&host, 'q');
	host_expect(&host, BROOD_KIND_ERROR, 5);
	host_send(&host, BROOD_KIND_REQUEST, 6, "");
	expect_canceled(&host, 6, "n");
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve_cancel, half_a_cancel_is_none_yet)
{
	struct host host;
	uint8_t bytes[WIRE_HEADER];

	wire_encode(bytes, &(struct wire_header){ .id = 5,
	    .kind = BROOD_KIND_CANCEL }, NULL);
	host_handshake(&host, look_for_cancel, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 5, "");
	expect_canceled(&host, 5, "n");
	wire_write(host.fd, bytes, 17);
	host_open_gate(&host, 'g');
	expect_canceled(&host, 5, "n");
	wire_write(host.fd, bytes + 17, sizeof(bytes) - 17);
	host_open_gate(&host, 'g');
	expect_canceled(&host, 5, "y");
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve_cancel, that_of_another_request_is_not_this_ones)
{
	struct host host;

	host_handshake(&host, look_for_cancel, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 5, "");
	expect_canceled(&host, 5, "n");
	host_send(&host, BROOD_KIND_CANCEL, 4, "");
	host_open_gate(&host, 'g');
	expect_canceled(&host, 5, "n");
	host_open_gate(&host, 'q');
	host_expect(&host, BROOD_KIND_ERROR, 5);
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve_cancel, asking_takes_nothing_off_the_socket)
{
	struct host host;
	int file = wire_file();

	host_handshake(&host, look_for_cancel, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 5, "");
	expect_canceled(&host, 5, "n");
	host_send_with_fds(&host, 6, &file, 1);
	host_send(&host, BROOD_KIND_CANCEL, 6, "");
	for (int i = 0; i < 3; i++) {
		host_open_gate(&host, 'g');
		expect_canceled(&host, 5, "n");
		cr_assert_eq(host_untaken(&host), 2 * WIRE_HEADER);
	}
	host_open_gate(&host, 'q');
	host_expect(&host, BROOD_KIND_ERROR, 5);
	expect_canceled(&host, 6, "y");
	close(file);
	cr_assert_eq(host_stop(&host), 0);
}

/* 64 KiB is the most that the host sends ahead of a CANCEL. */
Test(serve_cancel, it_is_seen_behind_further_requests)
{
	static const size_t lengths[] = { 0, 7, 30000, 65536 - 30007 -
	    4 * WIRE_HEADER };
	static char text[65536];
	struct host host;
	size_t n = sizeof(lengths) / sizeof(lengths[0]);
	int untaken;

	host_handshake(&host, look_for_cancel, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 5, "");
	expect_canceled(&host, 5, "n");
	for (size_t i = 0; i < n; i++)
		wire_send(host.fd, &(struct wire_header){ .kind = 2,
		    .id = 6 + i, .length = (uint32_t)lengths[i] }, text);
	host_open_gate(&host, 'g');
	expect_canceled(&host, 5, "n");
	host_send(&host, BROOD_KIND_CANCEL, 5, "");
	untaken = host_untaken(&host);
	host_open_gate(&host, 'g');
	expect_canceled(&host, 5, "y");
	cr_assert_eq(host_untaken(&host), untaken);
	for (size_t i = 0; i < n; i++) {
		host_open_gate(&host, 'q');
		host_expect(&host, BROOD_KIND_ERROR, 5 + i);
		expect_canceled(&host, 6 + i, "n");
	}
	cr_assert_eq(host_stop(&host), 0);
}

/* Without SO_PEEK_OFF nothing can be seen behind descriptors: peek_copy.c. */
#ifdef HAVE_SO_PEEK_OFF
Test(serve_cancel, it_is_seen_behind_requests_with_descriptors)
{
	struct host host;
	int files[2] = { wire_file(), wire_file() };

	host_handshake(&host, look_for_cancel, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 5, "");
	expect_canceled(&host, 5, "n");
	host_send_with_fds(&host, 6, files, 2);
	host_send(&host, BROOD_KIND_REQUEST, 7, "between");
	host_send_with_fds(&host, 8, files, 1);
	host_send(&host, BROOD_KIND_CANCEL, 5, "");
	host_open_gate(&host, 'g');
	expect_canceled(&host, 5, "y");
	for (uint64_t id = 5; id < 8; id++) {
		host_open_gate(&host, 'q');
		host_expect(&host, BROOD_KIND_ERROR, id);
		expect_canceled(&host, id + 1, "n");
	}
	close(files[0]);
	close(files[1]);
	cr_assert_eq(host_stop(&host), 0);
}
#endif

Test(serve_cancel, those_of_several_requests_are_told_apart)
{
	struct host host;

	host_handshake(&host, look_for_cancel, ACCEPT);
	for (uint64_t id = 5; id <= 8; id++)
		host_send(&host, BROOD_KIND_REQUEST, id, "");
	host_send(&host, BROOD_KIND_CANCEL, 7, "");
	host_send(&host, BROOD_KIND_CANCEL, 5, "");
	for (uint64_t id = 5; id <= 8; id++) {
		host_expect(&host, BROOD_KIND_PROGRESS, id);
		/* The first may have asked before the CANCEL came. */
		host_open_gate(&host, 'g');
		expect_canceled(&host, id, id % 2 == 1 ? "y" : "n");
		host_open_gate(&host, 'q');
		host_expect(&host, BROOD_KIND_ERROR, id);
	}
	cr_assert_eq(host_stop(&host), 0);
}

Test(serve_cancel, a_forked_copy_neither_sees_nor_takes_it)
{
	struct host host;

	host_handshake(&host, look_for_cancel, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 5, "");
	expect_canceled(&host, 5, "n");
	host_send(&host, BROOD_KIND_CANCEL, 5, "");
	host_open_gate(&host, 'f');
	expect_canceled(&host, 5, "y");
	cr_assert_eq(host.seen->value[0], 0);
	cr_assert_eq(host_stop(&host), 0);
}
