/* SPDX-License-Identifier: ISC */

/*
 * The cases of brood conformance, in the order of the report: first what every
 * worker must do, last what only a broken or hostile host sends.
 *
 * No case waits for time to pass: only a program that fails runs into the time
 * limit.
 */

#include "base/fd.h"
#include "command/conformance/cases.h"
#include "command/conformance/script.h"

#include <sys/socket.h>

#include <poll.h>

enum {
	/* A program may announce 4 GiB; that much is not tried. */
	CASE_MAX_TRIED = 64 << 20,
	CASE_N_REQUESTS = 100,
	CASE_N_AHEAD = 64,
	CASE_AHEAD_LEN = 256,
};

static bool
case_skip(struct target *target, const char *why)
{
	target->skipped = why;
	return true;
}

static bool
case_send_frame(struct target *target, const struct brood__frame *frame,
    const void *payload)
{
	struct brood__buffer frames = { .bytes = NULL };

	target_add_frame(&frames, frame, payload);
	return script_send(target, &frames);
}

/* Echo */

static bool
case_echo(struct target *target, const struct conformance_case *c)
{
	if (c->n > target->limit)
		return case_skip(target, "its limit is lower");
	return script_echo(target, 1, c->n) && script_echo(target, 2, c->n);
}

static bool
case_echo_limit(struct target *target, const struct conformance_case *c)
{
	(void)c;
	if (target->limit > CASE_MAX_TRIED)
		return case_skip(target, "its limit is over 64 MiB");
	return script_echo(target, 1, target->limit) &&
	    script_echo(target, 2, 1);
}

/*
 * The program may read the whole request and answer with ERROR, or it may end;
 * it must not reply.
 */
static bool
case_over_limit(struct target *target, const struct conformance_case *c)
{
	struct brood__buffer frames = { .bytes = NULL };
	int r;

	(void)c;
	if (target->limit > CASE_MAX_TRIED)
		return case_skip(target, "its limit is over 64 MiB");
	script_add_request(&frames, 1, (size_t)target->limit + 1);
	if (!script_send(target, &frames))
		return false;
	r = target_recv(target);
	if (r <= 0)
		return r == 0 && script_hang_up(target);
	if (target->frame.kind != BROOD_KIND_ERROR)
		return target_fail(target, "it answered");
	return target->frame.id == 1 ? script_echo(target, 2, 1) :
	    script_expect_refusal(target);
}

static bool
case_ping(struct target *target, const struct conformance_case *c)
{
	struct brood__frame ping = { .kind = BROOD_KIND_PING, .length = c->n,
	    .id = 0x1122334455667788 };
	uint8_t payload[256];

	script_fill(payload, c->n, 1);
	return case_send_frame(target, &ping, payload) &&
	    script_expect_pong(target, ping.id, payload, c->n) &&
	    script_echo(target, 1, 1);
}

/* Many frames at once, and pieces of frames */

static bool
case_many(struct target *target, const struct conformance_case *c)
{
	struct brood__buffer frames = { .bytes = NULL };
	bool is_ok;

	(void)c;
	for (uint64_t id = 1; id <= CASE_N_REQUESTS; id++)
		script_add_request(&frames, id, id * 37 % 4096);
	is_ok = script_send(target, &frames);
	for (uint64_t id = 1; is_ok && id <= CASE_N_REQUESTS; id++)
		is_ok = script_expect_reply(target, id, id * 37 % 4096, false);
	return is_ok;
}

static bool
case_merged(struct target *target, const struct conformance_case *c)
{
	struct brood__frame ping = { .kind = BROOD_KIND_PING, .length = 4,
	    .id = 9 };
	struct brood__buffer frames = { .bytes = NULL };

	(void)c;
	target_add_frame(&frames, &ping, "ping");
	script_add_request(&frames, 1, 300);
	target_add_frame(&frames, &ping, "pong");
	script_add_request(&frames, 2, 0);
	return script_send(target, &frames) &&
	    script_expect_pong(target, 9, "ping", 4) &&
	    script_expect_reply(target, 1, 300, false) &&
	    script_expect_pong(target, 9, "pong", 4) &&
	    script_expect_reply(target, 2, 0, false);
}

/* The header byte by byte, then the payload in pieces. */
static bool
case_split(struct target *target, const struct conformance_case *c)
{
	struct brood__buffer frames = { .bytes = NULL };
	bool is_ok = true;
	size_t at, n;

	(void)c;
	script_add_request(&frames, 1, 3000);
	for (at = 0; is_ok && at < frames.end; at += n) {
		n = at < BROOD__FRAME_SIZE ? 1 : 700;
		if (n > frames.end - at)
			n = frames.end - at;
		is_ok = target_send(target, frames.bytes + at, n);
		target_await_read(target);
	}
	brood__buffer_fini(&frames);
	return is_ok && script_expect_reply(target, 1, 3000, false) &&
	    script_echo(target, 2, 1);
}

/* How many bytes were sent to the program that it never read? */
static size_t
case_count_unread(struct target *target)
{
	uint8_t bytes[4096];
	size_t n_unread = 0;
	ssize_t n;

	while ((n = recv(target->kept_fd, bytes, sizeof(bytes),
	    MSG_DONTWAIT)) > 0)
		n_unread += (size_t)n;
	return n_unread;
}

/*
 * The program is killed as soon as its first reply can be received.  What it
 * had read is what was sent less what a copy of its socket still holds; of the
 * requests that it had read, one at most may be without a reply.
 *
 * Nothing is received before it is dead, and its socket holds few replies: so a
 * program that has read ahead stops at a full socket, and cannot answer all
 * that it has read before it is killed.
 */
static bool
case_read_ahead(struct target *target, const struct conformance_case *c)
{
	struct brood__buffer frames = { .bytes = NULL };
	size_t n_read, n_replies = 1;
	int size = 1;

	(void)c;
	(void)setsockopt(target->kept_fd, SOL_SOCKET, SO_SNDBUF, &size,
	    sizeof(size));
	for (uint64_t id = 1; id <= CASE_N_AHEAD; id++)
		script_add_request(&frames, id, CASE_AHEAD_LEN);
	n_read = brood__buffer_len(&frames);
	if (!script_send(target, &frames) || !target_await_input(target))
		return false;
	target_kill(target);
	n_read -= case_count_unread(target);
	n_read /= BROOD__FRAME_SIZE + CASE_AHEAD_LEN;
	if (!script_expect_reply(target, 1, CASE_AHEAD_LEN, false))
		return false;
	while (target_poll(target) > 0)
		n_replies += target->frame.kind == BROOD_KIND_REPLY;
	return n_read <= n_replies + 1 || target_fail(target,
	    "it had read %zu requests when it had answered %zu", n_read,
	    n_replies);
}

/* CANCEL */

static bool
case_cancel_running(struct target *target, const struct conformance_case *c)
{
	struct brood__frame cancel = { .kind = BROOD_KIND_CANCEL, .id = 1 };
	struct brood__buffer frames = { .bytes = NULL };

	(void)c;
	script_add_request(&frames, 1, 4000);
	target_add_frame(&frames, &cancel, NULL);
	script_add_request(&frames, 2, 10);
	return script_send(target, &frames) &&
	    script_expect_reply(target, 1, 4000, true) &&
	    script_expect_reply(target, 2, 10, false);
}

static bool
case_cancel_finished(struct target *target, const struct conformance_case *c)
{
	struct brood__frame cancel = { .kind = BROOD_KIND_CANCEL, .id = 1 };

	(void)c;
	return script_echo(target, 1, 10) &&
	    case_send_frame(target, &cancel, NULL) &&
	    script_echo(target, 2, 10);
}

/* Endings */

/* GOODBYE comes behind n requests. */
static bool
case_goodbye(struct target *target, const struct conformance_case *c)
{
	struct brood__frame goodbye = { .kind = BROOD_KIND_GOODBYE };
	struct brood__buffer frames = { .bytes = NULL };
	bool is_ok;

	for (uint64_t id = 1; id <= c->n; id++)
		script_add_request(&frames, id, 100);
	target_add_frame(&frames, &goodbye, NULL);
	is_ok = script_send(target, &frames);
	for (uint64_t id = 1; is_ok && id <= c->n; id++)
		is_ok = script_expect_reply(target, id, 100, false);
	return is_ok && script_expect_goodbye(target);
}

/* The end of file comes when n bytes of a request were sent. */
static bool
case_end_of_file(struct target *target, const struct conformance_case *c)
{
	struct brood__buffer frames = { .bytes = NULL };
	bool is_ok;

	script_add_request(&frames, 2, 100);
	is_ok = script_echo(target, 1, 10) &&
	    target_send(target, frames.bytes, c->n);
	brood__buffer_fini(&frames);
	return is_ok && script_hang_up(target);
}

/* Descriptors */

/*
 * The program answers the request, or it ends.  In both cases it has closed its
 * copy of the descriptor: the other end of the pipe shows that.
 */
static bool
case_judge_fd(struct target *target, int pipe_fd)
{
	struct pollfd pfd = { .fd = pipe_fd, .events = POLLIN };
	bool is_ok;
	int r;

	r = target_recv(target);
	if (r < 0)
		return false;
	if (r == 0)
		is_ok = script_hang_up(target);
	else if (target->frame.kind != BROOD_KIND_ERROR)
		is_ok = script_echo(target, 2, 10);
	else
		is_ok = target->frame.id != 0 || script_expect_refusal(target);
	if (!is_ok)
		return false;
	if (poll(&pfd, 1, target->timeout_ms) != 1)
		return target_fail(target, "it keeps the descriptor open");
	return true;
}

/* A request has one descriptor, and says that it has n. */
static bool
case_stray_fd(struct target *target, const struct conformance_case *c)
{
	struct brood__frame frame = { .kind = BROOD_KIND_REQUEST, .id = 1,
	    .nfds = (uint8_t)c->n };
	uint8_t bytes[BROOD__FRAME_SIZE];
	bool is_ok;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return case_skip(target, "there is no pipe to send");
	brood__frame_encode(bytes, &frame);
	is_ok = target_send_fd(target, bytes, sizeof(bytes), fds[1]);
	(void)close(fds[1]);
	is_ok = is_ok && case_judge_fd(target, fds[0]);
	(void)close(fds[0]);
	return is_ok;
}

/* What no host may send */

/*
 * The program has answered a request.  Then comes a frame that breaks the
 * protocol, and behind it, at once, a request that must not be answered.
 */
static bool
case_violation(struct target *target, const struct conformance_case *c)
{
	struct brood__buffer frames = { .bytes = NULL };

	target_add_frame(&frames, &c->frame, NULL);
	/* struct brood__frame has no member for this byte: it is always 0. */
	frames.bytes[7] = c->reserved;
	script_add_request(&frames, 2, 10);
	if (!script_echo(target, 1, 10)) {
		brood__buffer_fini(&frames);
		return false;
	}
	return script_send(target, &frames) && script_expect_refusal(target);
}

/* The HELLO that came from here was wrong: the worker must say so. */
static bool
case_wrong_hello(struct target *target, const struct conformance_case *c)
{
	(void)c;
	return script_expect_refusal(target);
}

const struct conformance_case conformance_cases[] = {
	{ "the first frame is HELLO, of this version", .run = NULL },
	{ "echoes 0 bytes", .run = case_echo, .n = 0 },
	{ "echoes 1 byte", .run = case_echo, .n = 1 },
	{ "echoes 65535 bytes", .run = case_echo, .n = 65535 },
	{ "echoes 65536 bytes", .run = case_echo, .n = 65536 },
	{ "echoes as much as its HELLO allows", .run = case_echo_limit },
	{ "refuses a byte more than that", .run = case_over_limit },
	{ "answers PING", .run = case_ping, .n = 0 },
	{ "answers PING with its payload", .run = case_ping, .n = 200 },
	{ "answers 100 requests sent at once, in order", .run = case_many },
	{ "takes frames apart that come together", .run = case_merged },
	{ "puts frames together that come in pieces", .run = case_split },
	{ "reads no request ahead of the one it runs", .run = case_read_ahead,
	    .is_kept = true },
	{ "answers a request that is canceled, and the next",
	    .run = case_cancel_running },
	{ "ignores CANCEL of a request it has answered",
	    .run = case_cancel_finished },
	{ "exits with 0 on GOODBYE", .run = case_goodbye, .n = 0 },
	{ "answers what came before GOODBYE", .run = case_goodbye, .n = 3 },
	{ "ends at the end of file", .run = case_end_of_file, .n = 0 },
	{ "ends at an end of file within a header", .run = case_end_of_file,
	    .n = 10 },
	{ "ends at an end of file within a payload", .run = case_end_of_file,
	    .n = 50 },
	{ "closes a descriptor that a request brings", .run = case_stray_fd,
	    .n = 1 },
	{ "closes a descriptor that was not announced", .run = case_stray_fd,
	    .n = 0 },

	{ "ends when announced descriptors do not come", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_REQUEST, .id = 9, .nfds = 1 } },
	{ "ends on more descriptors than there can be", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_REQUEST, .id = 9, .nfds = 254 } },
	{ "ends on kind 0", .run = case_violation, .frame = { .kind = 0 } },
	{ "ends on kind 11", .run = case_violation, .frame = { .kind = 11 } },
	{ "ends on kind 255", .run = case_violation, .frame = { .kind = 255 } },
	{ "ends on a REPLY, which is its own to send", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_REPLY } },
	{ "ends on a second HELLO", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_HELLO } },
	{ "ends on MORE with a REQUEST", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_REQUEST, .id = 9,
	    .flags = BROOD__FLAG_MORE } },
	{ "ends on an unknown flag", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_REQUEST, .id = 9,
	    .flags = 0x80 } },
	{ "ends on a reserved byte that is not 0", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_REQUEST, .id = 9 },
	    .reserved = 1 },
	{ "ends on a timeout with a PING", .run = case_violation,
	    .frame = { .kind = BROOD_KIND_PING, .id = 9,
	    .timeout_ms = 1000 } },
	{ "ends on a HELLO of another version", .run = case_wrong_hello,
	    .version = 2 },
	{ "ends on a HELLO of another protocol", .run = case_wrong_hello,
	    .magic = "HTTP" },
};

const size_t n_conformance_cases =
    sizeof(conformance_cases) / sizeof(conformance_cases[0]);
