/* SPDX-License-Identifier: ISC */

/*
 * The cases of brood conformance, in order: what every worker must do first,
 * what only a hostile or broken host sends (breach.c) last.
 *
 * A case says all it has to say without waiting for time to pass: a deadline is
 * for programs that fail it.
 */

#include "command/conformance/cases.h"
#include "command/conformance/script.h"
#include "command/conformance/violations.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* A program may announce 4 GiB; that much is not tried. */
	CASE_MAX_TRIED = 64 << 20,
	CASE_N_REQUESTS = 100,
	CASE_N_AHEAD = 64,
	CASE_AHEAD_LEN = 256,
};

static enum verdict
case_verdict(bool is_ok)
{
	return is_ok ? CASE_OK : CASE_NOT_OK;
}

static enum verdict
case_skip(struct subject *s, const char *why)
{
	subject_blame(s, "%s", why);
	return CASE_SKIPPED;
}

/* HELLO and echo */

static enum verdict
case_hello(struct subject *s, uint32_t unused)
{
	(void)unused;
	return case_verdict(dialog_hear_hello(s));
}

static enum verdict
case_echo(struct subject *s, uint32_t len)
{
	if (!dialog_open(s))
		return CASE_NOT_OK;
	if (len > s->limit)
		return case_skip(s, "its limit is lower");
	return case_verdict(dialog_echo(s, 1, len) && dialog_echo(s, 2, len));
}

static enum verdict
case_echo_limit(struct subject *s, uint32_t unused)
{
	(void)unused;
	if (!dialog_open(s))
		return CASE_NOT_OK;
	if (s->limit > CASE_MAX_TRIED)
		return case_skip(s, "its limit is over 64 MiB");
	return case_verdict(dialog_echo(s, 1, s->limit) &&
	    dialog_echo(s, 2, 1));
}

/* It may read it all and refuse this one, or end; it must not answer. */
static enum verdict
case_over_limit(struct subject *s, uint32_t unused)
{
	struct letter letter = { .bytes = NULL };
	struct brood__frame frame;
	const uint8_t *payload;
	bool is_ok;
	int r;

	(void)unused;
	if (!dialog_open(s))
		return CASE_NOT_OK;
	if (s->limit > CASE_MAX_TRIED)
		return case_skip(s, "its limit is over 64 MiB");
	dialog_add_request(&letter, 1, (size_t)s->limit + 1);
	is_ok = subject_send(s, letter.bytes, letter.len);
	letter_fini(&letter);
	if (!is_ok)
		return CASE_NOT_OK;
	r = subject_recv(s, &frame, &payload);
	if (r < 0)
		return CASE_NOT_OK;
	if (r == 0)
		return case_verdict(dialog_hang_up(s));
	if (frame.kind != BROOD_KIND_ERROR)
		return case_verdict(subject_blame(s, "it answered"));
	return case_verdict(frame.id == 1 ? dialog_echo(s, 2, 1) :
	    dialog_hear_refusal(s));
}

/* PING */

static bool
case_send_frame(struct subject *s, const struct brood__frame *frame,
    const void *payload)
{
	struct letter letter = { .bytes = NULL };
	bool is_sent;

	letter_add(&letter, frame, payload);
	is_sent = subject_send(s, letter.bytes, letter.len);
	letter_fini(&letter);
	return is_sent;
}

static enum verdict
case_ping(struct subject *s, uint32_t len)
{
	struct brood__frame ping = { .kind = BROOD_KIND_PING, .length = len,
	    .id = 0x1122334455667788 };
	uint8_t payload[256];

	dialog_fill(payload, len, 1);
	return case_verdict(dialog_open(s) &&
	    case_send_frame(s, &ping, payload) &&
	    dialog_hear_pong(s, ping.id, payload, len) &&
	    dialog_echo(s, 1, 1));
}

/* Many frames at once */

static enum verdict
case_many(struct subject *s, uint32_t unused)
{
	struct letter letter = { .bytes = NULL };
	bool is_ok;

	(void)unused;
	if (!dialog_open(s))
		return CASE_NOT_OK;
	for (uint64_t id = 1; id <= CASE_N_REQUESTS; id++)
		dialog_add_request(&letter, id, id * 37 % 4096);
	is_ok = subject_send(s, letter.bytes, letter.len);
	letter_fini(&letter);
	for (uint64_t id = 1; is_ok && id <= CASE_N_REQUESTS; id++)
		is_ok = dialog_hear_reply(s, id, id * 37 % 4096, false);
	return case_verdict(is_ok);
}

static enum verdict
case_merged(struct subject *s, uint32_t unused)
{
	struct brood__frame ping = { .kind = BROOD_KIND_PING, .length = 4,
	    .id = 9 };
	struct letter letter = { .bytes = NULL };
	bool is_ok;

	(void)unused;
	letter_add(&letter, &ping, "ping");
	dialog_add_request(&letter, 1, 300);
	letter_add(&letter, &ping, "pong");
	dialog_add_request(&letter, 2, 0);
	is_ok = dialog_open(s) &&
	    subject_send(s, letter.bytes, letter.len) &&
	    dialog_hear_pong(s, 9, "ping", 4) &&
	    dialog_hear_reply(s, 1, 300, false) &&
	    dialog_hear_pong(s, 9, "pong", 4) &&
	    dialog_hear_reply(s, 2, 0, false);
	letter_fini(&letter);
	return case_verdict(is_ok);
}

/* The header byte by byte, then the payload in pieces. */
static enum verdict
case_split(struct subject *s, uint32_t unused)
{
	struct letter letter = { .bytes = NULL };
	size_t step = 1, n;
	bool is_ok;

	(void)unused;
	dialog_add_request(&letter, 1, 3000);
	is_ok = dialog_open(s);
	for (size_t at = 0; is_ok && at < letter.len; at += n) {
		step = at < BROOD__FRAME_SIZE ? 1 : 700;
		n = letter.len - at < step ? letter.len - at : step;
		is_ok = subject_send(s, letter.bytes + at, n);
		subject_await_read(s);
	}
	letter_fini(&letter);
	return case_verdict(is_ok && dialog_hear_reply(s, 1, 3000, false) &&
	    dialog_echo(s, 2, 1));
}

/*
 * The program's end is kept open here, small, and full of requests.  It is
 * killed after its first reply; what it had read is what was sent less what is
 * left there, and at most one request of that may be without a reply.
 */
static size_t
case_count_left(struct subject *s)
{
	uint8_t bytes[4096];
	size_t n_left = 0;
	ssize_t n;

	while ((n = recv(s->kept_fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		n_left += (size_t)n;
	return n_left;
}

static size_t
case_count_replies(struct subject *s)
{
	struct brood__frame frame;
	const uint8_t *payload;
	size_t n_replies = 1;

	subject_fill(s);
	s->timeout_ms = 0;
	while (subject_recv(s, &frame, &payload) > 0)
		n_replies += frame.kind == BROOD_KIND_REPLY;
	return n_replies;
}

static enum verdict
case_read_ahead(struct subject *s, uint32_t unused)
{
	struct letter letter = { .bytes = NULL };
	size_t n_read, n_replies;
	int size = 1;
	bool is_ok;

	(void)unused;
	(void)setsockopt(s->kept_fd, SOL_SOCKET, SO_SNDBUF, &size,
	    sizeof(size));
	for (uint64_t id = 1; id <= CASE_N_AHEAD; id++)
		dialog_add_request(&letter, id, CASE_AHEAD_LEN);
	is_ok = dialog_open(s) &&
	    subject_send(s, letter.bytes, letter.len) &&
	    dialog_hear_reply(s, 1, CASE_AHEAD_LEN, false);
	n_read = letter.len;
	letter_fini(&letter);
	if (!is_ok)
		return CASE_NOT_OK;
	subject_kill(s);
	n_replies = case_count_replies(s);
	n_read -= case_count_left(s);
	n_read /= BROOD__FRAME_SIZE + CASE_AHEAD_LEN;
	if (n_read > n_replies + 1)
		return case_verdict(subject_blame(s, "it had read %zu requests "
		    "when it had answered %zu", n_read, n_replies));
	return CASE_OK;
}

/* CANCEL */

static enum verdict
case_cancel_running(struct subject *s, uint32_t unused)
{
	struct brood__frame cancel = { .kind = BROOD_KIND_CANCEL, .id = 1 };
	struct letter letter = { .bytes = NULL };
	bool is_ok;

	(void)unused;
	dialog_add_request(&letter, 1, 4000);
	letter_add(&letter, &cancel, NULL);
	dialog_add_request(&letter, 2, 10);
	is_ok = dialog_open(s) &&
	    subject_send(s, letter.bytes, letter.len) &&
	    dialog_hear_reply(s, 1, 4000, true) &&
	    dialog_hear_reply(s, 2, 10, false);
	letter_fini(&letter);
	return case_verdict(is_ok);
}

static enum verdict
case_cancel_finished(struct subject *s, uint32_t unused)
{
	struct brood__frame cancel = { .kind = BROOD_KIND_CANCEL, .id = 1 };

	(void)unused;
	return case_verdict(dialog_open(s) && dialog_echo(s, 1, 10) &&
	    case_send_frame(s, &cancel, NULL) && dialog_echo(s, 2, 10));
}

/* Endings */

static enum verdict
case_goodbye(struct subject *s, uint32_t n_requests)
{
	struct brood__frame goodbye = { .kind = BROOD_KIND_GOODBYE };
	struct letter letter = { .bytes = NULL };
	bool is_ok;

	for (uint64_t id = 1; id <= n_requests; id++)
		dialog_add_request(&letter, id, 100);
	letter_add(&letter, &goodbye, NULL);
	is_ok = dialog_open(s) && subject_send(s, letter.bytes, letter.len);
	letter_fini(&letter);
	for (uint64_t id = 1; is_ok && id <= n_requests; id++)
		is_ok = dialog_hear_reply(s, id, 100, false);
	return case_verdict(is_ok && dialog_hear_farewell(s));
}

/* After an answer, with this many bytes of the next request on their way. */
static enum verdict
case_end_of_file(struct subject *s, uint32_t n_bytes)
{
	struct letter letter = { .bytes = NULL };
	bool is_ok;

	dialog_add_request(&letter, 2, 100);
	is_ok = dialog_open(s) && dialog_echo(s, 1, 10) &&
	    subject_send(s, letter.bytes, n_bytes) && dialog_hang_up(s);
	letter_fini(&letter);
	return case_verdict(is_ok);
}

/* Descriptors */

/* It answered, or it ended; in both cases it holds no copy. */
static bool
case_judge_fd(struct subject *s, int pipe_fd)
{
	struct pollfd pfd = { .fd = pipe_fd, .events = POLLIN };
	struct brood__frame frame;
	const uint8_t *payload;
	int r;

	r = subject_recv(s, &frame, &payload);
	if (r < 0)
		return false;
	if (r > 0 && frame.kind != BROOD_KIND_ERROR && !dialog_echo(s, 2, 10))
		return false;
	if (r > 0 && frame.kind == BROOD_KIND_ERROR && frame.id == 0 &&
	    !dialog_hear_refusal(s))
		return false;
	if (r == 0 && !dialog_hang_up(s))
		return false;
	if (poll(&pfd, 1, s->timeout_ms) != 1)
		return subject_blame(s, "it keeps the descriptor open");
	return true;
}

/* One comes, and as many are announced. */
static enum verdict
case_stray_fd(struct subject *s, uint32_t nfds)
{
	struct brood__frame frame = { .kind = BROOD_KIND_REQUEST, .id = 1,
	    .nfds = (uint8_t)nfds };
	uint8_t bytes[BROOD__FRAME_SIZE];
	bool is_ok;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return case_skip(s, "there is no pipe to send");
	brood__frame_encode(bytes, &frame);
	is_ok = dialog_open(s) &&
	    subject_send_fd(s, bytes, sizeof(bytes), fds[1]);
	(void)close(fds[1]);
	is_ok = is_ok && case_judge_fd(s, fds[0]);
	(void)close(fds[0]);
	return case_verdict(is_ok);
}

const struct conformance_case conformance_cases[] = {
	{ "the first frame is HELLO, of this version", case_hello, 0, false },
	{ "echoes 0 bytes", case_echo, 0, false },
	{ "echoes 1 byte", case_echo, 1, false },
	{ "echoes 65535 bytes", case_echo, 65535, false },
	{ "echoes 65536 bytes", case_echo, 65536, false },
	{ "echoes as much as its HELLO allows", case_echo_limit, 0, false },
	{ "refuses a byte more than that", case_over_limit, 0, false },
	{ "answers PING", case_ping, 0, false },
	{ "answers PING with its payload", case_ping, 200, false },
	{ "answers 100 requests sent at once, in order", case_many, 0, false },
	{ "takes frames apart that come together", case_merged, 0, false },
	{ "puts frames together that come in pieces", case_split, 0, false },
	{ "reads no request ahead of the one it runs", case_read_ahead, 0,
	    true },
	{ "answers a request that is canceled, and the next",
	    case_cancel_running, 0, false },
	{ "ignores CANCEL of a request it has answered",
	    case_cancel_finished, 0, false },
	{ "exits with 0 on GOODBYE", case_goodbye, 0, false },
	{ "answers what came before GOODBYE", case_goodbye, 3, false },
	{ "ends at the end of file", case_end_of_file, 0, false },
	{ "ends at an end of file within a header", case_end_of_file, 10,
	    false },
	{ "ends at an end of file within a payload", case_end_of_file, 50,
	    false },
	{ "closes a descriptor that a request brings", case_stray_fd, 1,
	    false },
	{ "closes a descriptor that was not announced", case_stray_fd, 0,
	    false },
	{ "ends when announced descriptors do not come", breach_nfds, 1,
	    false },
	{ "ends on more descriptors than there can be", breach_nfds, 254,
	    false },
	{ "ends on kind 0", breach_kind, 0, false },
	{ "ends on kind 11", breach_kind, 11, false },
	{ "ends on kind 255", breach_kind, 255, false },
	{ "ends on a REPLY, which is its own to send", breach_kind,
	    BROOD_KIND_REPLY, false },
	{ "ends on a second HELLO", breach_kind, BROOD_KIND_HELLO,
	    false },
	{ "ends on MORE with a REQUEST", breach_flags, 1, false },
	{ "ends on an unknown flag", breach_flags, 0x80, false },
	{ "ends on a reserved byte that is not 0", breach_reserved, 1,
	    false },
	{ "ends on a timeout with a PING", breach_timeout, 1000, false },
	{ "ends on a HELLO of another version", breach_version, 2,
	    false },
	{ "ends on a HELLO of another protocol", breach_magic, 0, false },
};

const size_t n_conformance_cases =
    sizeof(conformance_cases) / sizeof(conformance_cases[0]);
