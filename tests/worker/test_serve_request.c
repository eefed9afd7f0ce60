/* SPDX-License-Identifier: ISC */

/*
 * Claims about one request: what a handler finds in it, each way to answer, how
 * its deadline shows, and that its descriptors are closed after it.  How a
 * cancel shows is tested in test_serve_cancel.c.
 *
 * Handlers write what they have seen into shared memory, or answer with it.
 * Only the test asserts.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/host.h"
#include "support/support.h"

BROOD_SUITE(serve_request);

#define ACCEPT	65536

/* Start a worker, send it one request, and receive an answer of this kind. */
static void
ask_once(struct host *host, brood_handler_fn handler, enum brood_kind kind)
{
	host_handshake(host, handler, ACCEPT);
	host_send(host, BROOD_KIND_REQUEST, 1, "question");
	host_expect(host, kind, 1);
}

static void
expect_text(const struct host *host, const char *word)
{
	const char *text = (const char *)host->frame.payload;

	cr_expect_not_null(strstr(text, word), "no \"%s\" in \"%s\"", word,
	    text);
}

static int
describe(struct brood_request *request, void *arg)
{
	struct host_seen *seen = host_seen();

	(void)arg;
	seen->value[0] = (int)brood_request_code(request);
	seen->value[1] = (int)brood_request_len(request);
	seen->value[2] = (int)brood_request_n_fds(request);
	seen->value[3] = brood_request_time_left(request);
	seen->value[4] = brood_request_is_canceled(request);
	seen->value[5] = brood_request_take_fd(request, 0);
	return brood_request_reply(request, 0x80000001, NULL, 0);
}

Test(serve_request, handler_finds_what_was_sent)
{
	struct host host;

	host_handshake(&host, describe, ACCEPT);
	wire_send(host.fd, &(struct wire_header){ .kind = 2, .id = 1,
	    .code = 4711, .length = 5 }, "five!");
	host_expect(&host, BROOD_KIND_REPLY, 1);
	cr_assert_eq(host.frame.header.code, 0x80000001);
	cr_assert_eq(host.frame.header.flags, 0);
	cr_assert_eq(host.frame.header.length, 0);
	cr_assert_eq(host.seen->value[0], 4711);
	cr_assert_eq(host.seen->value[1], 5);
	cr_assert_eq(host.seen->value[2], 0);
	cr_assert_eq(host.seen->value[3], -1);
	cr_assert_eq(host.seen->value[4], 0);
	cr_assert_eq(host.seen->value[5], -EBADF);
	cr_assert_eq(host_stop(&host), 0);
}

static int
answer_often(struct brood_request *request, void *arg)
{
	struct host_seen *seen = host_seen();

	(void)arg;
	seen->value[0] = brood_request_reply(request, 0, "once", 4);
	seen->value[1] = brood_request_reply(request, 0, "twice", 5);
	seen->value[2] = brood_request_reply_with_fds(request, 0, "thrice", 6,
	    NULL, 0);
	seen->value[3] = brood_request_fail(request, EIO, "no");
	return -EIO;
}

Test(serve_request, second_answer_is_refused_and_never_sent)
{
	struct host host;

	ask_once(&host, answer_often, BROOD_KIND_REPLY);
	cr_assert_str_eq((char *)host.frame.payload, "once");
	host_send(&host, BROOD_KIND_PING, 2, "");
	host_expect(&host, BROOD_KIND_PONG, 2);
	cr_assert_eq(host.seen->value[0], 0);
	for (int i = 1; i < 4; i++)
		cr_expect_eq(host.seen->value[i], -EALREADY, "%d", i);
	cr_assert_eq(host_stop(&host), 0);
}

static int
answer_from_a_copy(struct brood_request *request, void *arg)
{
	pid_t pid = fork();
	int status;

	(void)arg;
	if (pid == 0)
		_exit(brood_request_reply(request, 0, "copy", 4) == -ECHILD &&
		    brood_request_progress(request, "copy", 4) == -ECHILD &&
		    brood_request_fail(request, EIO, "copy") == -ECHILD ?
		    0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return -EIO;
	return brood_request_reply(request, 0, "own", 3);
}

Test(serve_request, answers_of_a_forked_copy_are_refused)
{
	struct host host;

	ask_once(&host, answer_from_a_copy, BROOD_KIND_REPLY);
	expect_text(&host, "own");
	cr_expect_eq(host_stop(&host), 0);
}

static int
fail_then_answer(struct brood_request *request, void *arg)
{
	(void)arg;
	host_seen()->value[0] = brood_request_fail(request, ENOENT,
	    "cannot open it");
	host_seen()->value[1] = brood_request_reply(request, 0, "fine", 4);
	return 0;
}

Test(serve_request, failure_is_an_answer_with_text_and_errno)
{
	struct host host;
	char *text, *reason;

	ask_once(&host, fail_then_answer, BROOD_KIND_ERROR);
	text = strstr((char *)host.frame.payload, "cannot open it");
	reason = strstr((char *)host.frame.payload, strerror(ENOENT));
	cr_assert_not_null(text);
	cr_assert_not_null(reason);
	cr_assert_lt(text, reason);
	cr_assert_eq(host.frame.header.code, BROOD_ERROR_FAILED);
	cr_assert_eq(host.seen->value[0], 0);
	cr_assert_eq(host_stop(&host), 0);
	cr_assert_eq(host.seen->value[1], -EALREADY);
}

/* A handler that fails: the payload says whether text or errno is left out. */
static int
fail_partly(struct brood_request *request, void *arg)
{
	const char *how = brood_request_data(request);

	(void)arg;
	return brood_request_fail(request, *how == 't' ? 0 : ENOSPC,
	    *how == 'e' ? NULL : "only text");
}

Test(serve_request, failure_may_have_text_or_errno_alone)
{
	struct host host;

	host_handshake(&host, fail_partly, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 1, "t");
	host_expect(&host, BROOD_KIND_ERROR, 1);
	cr_assert_str_eq((char *)host.frame.payload, "only text");
	host_send(&host, BROOD_KIND_REQUEST, 2, "e");
	host_expect(&host, BROOD_KIND_ERROR, 2);
	expect_text(&host, strerror(ENOSPC));
	cr_assert_eq(host_stop(&host), 0);
}

static int
return_what_is_asked(struct brood_request *request, void *arg)
{
	(void)arg;
	return -(int)brood_request_code(request);
}

Test(serve_request, handler_without_an_answer_has_failed)
{
	struct host host;

	host_handshake(&host, return_what_is_asked, ACCEPT);
	wire_send(host.fd, &(struct wire_header){ .kind = 2, .id = 1 }, "");
	host_expect(&host, BROOD_KIND_ERROR, 1);
	cr_assert_eq(host.frame.header.code, BROOD_ERROR_FAILED);
	cr_assert_gt(host.frame.header.length, 0);
	wire_send(host.fd, &(struct wire_header){ .kind = 2, .id = 2,
	    .code = ENOSPC }, "");
	host_expect(&host, BROOD_KIND_ERROR, 2);
	cr_assert_eq(host.frame.header.code, BROOD_ERROR_FAILED);
	expect_text(&host, strerror(ENOSPC));
	cr_assert_eq(host_stop(&host), 0);
}

static int
answer_too_long(struct brood_request *request, void *arg)
{
	static const char bytes[1001];

	(void)arg;
	host_seen()->value[0] = brood_request_reply(request, 0, bytes, 1001);
	if (brood_request_len(request) == 0)
		return brood_request_fail(request, EMSGSIZE, "too much");
	return brood_request_reply(request, 0, bytes, 1000);
}

Test(serve_request, answer_over_the_hosts_limit_leaves_the_request_open)
{
	struct host host;

	host_handshake(&host, answer_too_long, 1000);
	host_send(&host, BROOD_KIND_REQUEST, 1, "");
	host_expect(&host, BROOD_KIND_ERROR, 1);
	expect_text(&host, "too much");
	cr_assert_eq(host.seen->value[0], -EMSGSIZE);
	host_send(&host, BROOD_KIND_REQUEST, 2, "fits");
	host_expect(&host, BROOD_KIND_REPLY, 2);
	cr_assert_eq(host.frame.header.length, 1000);
	cr_assert_eq(host_stop(&host), 0);
}

static int
answer_in_parts(struct brood_request *request, void *arg)
{
	(void)arg;
	if (brood_request_progress(request, "10%", 3) != 0 ||
	    brood_request_reply_more(request, "one ", 4) != 0 ||
	    brood_request_progress(request, "50%", 3) != 0 ||
	    brood_request_reply_more(request, "", 0) != 0 ||
	    brood_request_reply_more(request, "two ", 4) != 0)
		return -EIO;
	return brood_request_reply(request, 3, "three", 5);
}

Test(serve_request, parts_and_progress_come_in_order_before_the_answer)
{
	static const struct {
		uint8_t kind, flags;
		const char *text;
	} want[] = {
	    { BROOD_KIND_PROGRESS, 0, "10%" },
	    { BROOD_KIND_REPLY, 1, "one " },
	    { BROOD_KIND_PROGRESS, 0, "50%" },
	    { BROOD_KIND_REPLY, 1, "" },
	    { BROOD_KIND_REPLY, 1, "two " },
	    { BROOD_KIND_REPLY, 0, "three" },
	};
	struct host host;

	host_handshake(&host, answer_in_parts, ACCEPT);
	host_send(&host, BROOD_KIND_REQUEST, 9, "");
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		host_expect(&host, want[i].kind, 9);
		cr_expect_eq(host.frame.header.flags, want[i].flags);
		cr_expect_str_eq((char *)host.frame.payload, want[i].text);
	}
	cr_assert_eq(host.frame.header.code, 3);
	cr_assert_eq(host_stop(&host), 0);
}

/* A handler: a fixed delay, because the passing of time is what is tested. */
static int
watch_the_clock(struct brood_request *request, void *arg)
{
	struct host_seen *seen = host_seen();

	(void)arg;
	seen->value[0] = brood_request_time_left(request);
	poll(NULL, 0, 30);
	seen->value[1] = brood_request_time_left(request);
	return brood_request_reply(request, 0, NULL, 0);
}

static void
ask_with_timeout(struct host *host, uint64_t id, uint32_t timeout_ms)
{
	wire_send(host->fd, &(struct wire_header){ .kind = 2, .id = id,
	    .timeout_ms = timeout_ms }, "");
	host_expect(host, BROOD_KIND_REPLY, id);
}

Test(serve_request, time_left_counts_down_to_nothing)
{
	struct host host;
	const int *left;

	host_handshake(&host, watch_the_clock, ACCEPT);
	left = host.seen->value;
	ask_with_timeout(&host, 1, 60000);
	cr_assert_leq(left[0], 60000);
	cr_assert_gt(left[0], 40000);
	cr_assert_leq(left[1], left[0] - 29);
	cr_assert_gt(left[1], 40000);
	ask_with_timeout(&host, 2, 1);
	cr_assert_leq(left[0], 1);
	cr_assert_geq(left[0], 0);
	cr_assert_eq(left[1], 0);
	ask_with_timeout(&host, 3, 0);
	cr_assert_eq(left[0], -1);
	cr_assert_eq(left[1], -1);
	ask_with_timeout(&host, 4, UINT32_MAX);
	cr_assert_gt(left[0], INT_MAX - 20000);
	cr_assert_eq(host_stop(&host), 0);
}

static int
n_open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int
count_fds(struct brood_request *request, void *arg)
{
	(void)arg;
	return brood_request_reply(request, (uint32_t)n_open_fds(), NULL, 0);
}

Test(serve_request, untaken_descriptors_are_closed_after_each_request)
{
	struct host host;
	int files[] = { wire_file(), wire_file() };
	uint32_t first = 0;

	host_handshake(&host, count_fds, ACCEPT);
	for (uint64_t id = 1; id <= 1000; id++) {
		host_send_with_fds(&host, id, files, 2);
		host_expect(&host, BROOD_KIND_REPLY, id);
		if (id == 1)
			first = host.frame.header.code;
		cr_assert_eq(host.frame.header.code, first);
	}
	close(files[0]);
	close(files[1]);
	cr_assert_eq(host_stop(&host), 0);
}

/* A handler: take both descriptors, the second first, and send them back. */
static int
take_and_return(struct brood_request *request, void *arg)
{
	struct host_seen *seen = host_seen();
	int fds[2];

	(void)arg;
	seen->value[0] = (int)brood_request_n_fds(request);
	fds[1] = brood_request_take_fd(request, 1);
	fds[0] = brood_request_take_fd(request, 0);
	seen->value[1] = brood_request_take_fd(request, 1);
	seen->value[2] = brood_request_take_fd(request, 2);
	seen->value[3] = fcntl(fds[1], F_GETFD);
	return brood_request_reply_with_fds(request, 0, "both", 4, fds, 2);
}

Test(serve_request, descriptors_are_taken_once_and_go_back_in_an_answer)
{
	struct host host;
	int files[] = { wire_file(), wire_file() };

	host_handshake(&host, take_and_return, ACCEPT);
	host_send_with_fds(&host, 1, files, 2);
	host_expect(&host, BROOD_KIND_REPLY, 1);
	cr_assert_eq(host.seen->value[0], 2);
	cr_assert_eq(host.seen->value[1], -EBADF);
	cr_assert_eq(host.seen->value[2], -EBADF);
	cr_assert_eq(host.seen->value[3], FD_CLOEXEC);
	cr_assert_eq(host.frame.n_fds, 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(wire_inode(host.frame.fds[i]),
		    wire_inode(files[i]));
		close(host.frame.fds[i]);
		close(files[i]);
	}
	cr_assert_eq(host_stop(&host), 0);
}

/* The gate is closed when the host is gone. */
static int
answer_too_late(struct brood_request *request, void *arg)
{
	(void)arg;
	if (brood_request_progress(request, NULL, 0) != 0 ||
	    host_wait_at_gate() != 0)
		return -EIO;
	host_seen()->value[0] = brood_request_reply(request, 0, "late", 4);
	return 0;
}

Test(serve_request, answer_to_a_host_that_is_gone_is_epipe)
{
	struct host host;

	ask_once(&host, answer_too_late, BROOD_KIND_PROGRESS);
	cr_assert_eq(host_stop(&host), 0);
	cr_assert_eq(host.seen->value[0], -EPIPE);
	cr_assert_eq(host.seen->result, 0);
}
