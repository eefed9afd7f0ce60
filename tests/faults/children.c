/* SPDX-License-Identifier: ISC */

/*
 * The scenarios of children and of a supervisor.
 */

#include "faults/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Children */

/* Answer until the end. */
static int
answer(struct brood_channel *channel, void *arg)
{
	return brood_worker_run(channel, scenario_handle, arg) < 0 ? 1 : 0;
}

/*
 * Ask by a channel: an answer by call, others by queue and recv.  Those are
 * longer than what the socket takes.
 */
static int
talk(struct brood_channel *channel)
{
	static uint8_t bytes[400000];
	struct brood_message msg = { .data = bytes, .len = 100 }, got;
	int fds[2] = { STDIN_FILENO, STDIN_FILENO }, n = 0, r;

	payload_fill(bytes, 0, 100);
	r = TRY(brood_channel_call(channel, &msg, PATIENCE_MS, &got));
	if (r < 0)
		return r;
	if (r == 0 && !fault_has_fired())
		wrong("a call has no answer");
	payload_fill(bytes, 0, sizeof(bytes));
	msg.len = sizeof(bytes);
	msg.code = ECHO_FDS;
	msg.fds = fds;
	msg.n_fds = 2;
	for (uint64_t id = 1; id <= 2; id++) {
		msg.id = id;
		r = TRY(brood_channel_queue(channel, &msg));
		if (r < 0)
			return r;
	}
	while (n < 2) {
		r = brood_channel_flush(channel, 10);
		if (r < 0 && r != -EAGAIN)
			r = excused(r, "flush");
		r = excused(brood_channel_recv(channel, 50, &got), "recv");
		if (r < 0)
			return r;
		n += r == 1 && got.id > 0 && got.id <= 2;
		if (r == 1 && got.kind == BROOD_KIND_REPLY &&
		    !payload_is_whole(got.data, got.len))
			wrong("an answer is not what was sent");
		if (r == 1 && got.n_fds == 2)
			(void)close(brood_channel_take_fd(channel, 0));
		if (r == 0 && fault_has_fired())
			return -ETIMEDOUT;
	}
	return 0;
}

/* An answer with descriptors comes while a call waits, and is not taken. */
static int
leave_kept(struct brood_channel *channel)
{
	char bytes[100];
	int fd = STDIN_FILENO, r;
	struct brood_message msg = { .data = bytes, .len = sizeof(bytes),
	    .code = ECHO_FDS, .fds = &fd, .n_fds = 1, .id = 10 }, got;

	payload_fill(bytes, 0, sizeof(bytes));
	r = TRY(brood_channel_queue(channel, &msg));
	if (r < 0)
		return r;
	msg.n_fds = 0;
	msg.id = 0;
	msg.code = ECHO;
	r = TRY(brood_channel_call(channel, &msg, PATIENCE_MS, &got));
	return r < 0 ? r : 0;
}

static const struct brood_child_options child_options = {
	.channel = { .max_fds = 4 },
};

int
run_child_fork(void)
{
	struct brood_message bye = { .kind = BROOD_KIND_GOODBYE };
	struct brood_child *child = NULL;
	int r;

	r = TRY(brood_child_fork(&child, &child_options, answer, NULL));
	if (r < 0)
		return r;
	r = talk(brood_child_channel(child));
	if (r == 0)
		r = excused(brood_channel_send(brood_child_channel(child),
		    &bye), "goodbye");
	if (r == 0)
		r = excused(brood_child_wait(child, NULL), "wait");
	child = brood_child_free(child);
	if (r < 0)
		return r;
	/* Another one is killed. */
	r = TRY(brood_child_fork(&child, &child_options, answer, NULL));
	if (r == 0)
		r = leave_kept(brood_child_channel(child));
	if (r == 0)
		r = excused(brood_child_kill(child, SIGTERM), "kill");
	child = brood_child_free(child);
	return r;
}

/* A host that has no standard descriptors. */
int
run_child_bare(void)
{
	struct brood_child *child = NULL;
	int saved[3], r;

	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++)
		(void)close(i);
	r = TRY(brood_child_fork(&child, &child_options, answer, NULL));
	if (r == 0)
		r = excused(brood_child_kill(child, SIGTERM), "kill");
	child = brood_child_free(child);
	for (int i = 0; i < 3; i++) {
		(void)dup2(saved[i], i);
		(void)close(saved[i]);
	}
	return r;
}

int
run_child_exec(void)
{
	const char *argv[] = { scenario_program, "--worker", NULL };
	static const char *const missing[] = { "/nonexistent", NULL };
	struct brood_child_options options = {
		.channel = { .max_fds = 4 },
		.keep_fds = &fault_region_fd,
		.n_keep_fds = 1,
		.chdir = "/",
	};
	struct brood_child *child = NULL;
	int r;

	r = brood_child_exec(&child, &options, missing);
	if (r == 0)
		wrong("a program that does not exist runs");
	if (r != -ENOENT && excused(r, "exec") < 0)
		return r;
	r = TRY(brood_child_exec(&child, &options, argv));
	if (r < 0)
		return r;
	r = TRY(brood_channel_hello(brood_child_channel(child), "host",
	    PATIENCE_MS));
	if (r == 0)
		r = talk(brood_child_channel(child));
	child = brood_child_free(child);
	return r;
}

/* A supervisor */

/* A child that asks its sibling, for each request. */
static int
handle_by_sibling(struct brood_request *request, void *arg)
{
	struct brood_message msg = {
		.data = brood_request_data(request),
		.len = brood_request_len(request),
	}, got;
	static struct brood_channel *peer;
	struct brood_channel *host = arg;
	int r = 1;

	/* If the sibling was started again, there is another link. */
	for (int i = 0; i < 3; i++) {
		if (peer == NULL)
			r = brood_channel_wait_link(host, "b", 1000, NULL,
			    &peer);
		if (r == 1)
			r = brood_channel_call(peer, &msg, 1000, &got);
		if (r == 1)
			return brood_request_reply(request, 0, got.data,
			    got.len);
		peer = brood_channel_free(peer);
	}
	return brood_request_fail(request, r < 0 ? -r : ETIMEDOUT,
	    "the sibling");
}

static int
be_a(struct brood_channel *channel, void *arg)
{
	(void)arg;
	return brood_worker_run(channel, handle_by_sibling, channel) < 0;
}

/* Answers the other child, and ends with the host. */
static int
be_b(struct brood_channel *channel, void *arg)
{
	struct brood_channel *peer = NULL;
	struct pollfd pfd[2];
	struct brood_message msg;
	int r = 0;

	(void)arg;
	while (r >= 0) {
		if (peer == NULL)
			r = brood_channel_wait_link(channel, "a", -1, NULL,
			    &peer);
		if (r < 0)
			break;
		pfd[0] = (struct pollfd){ brood_channel_fd(channel), POLLIN,
		    0 };
		pfd[1] = (struct pollfd){ brood_channel_fd(peer), POLLIN, 0 };
		(void)poll(pfd, 2, -1);
		if (pfd[0].revents != 0)
			break;
		r = brood_channel_recv(peer, 0, &msg);
		if (r == 1)
			r = brood_channel_send(peer, &(struct brood_message){
			    .kind = BROOD_KIND_REPLY, .id = msg.id,
			    .data = msg.data, .len = msg.len });
		if (r < 0) {
			peer = brood_channel_free(peer);
			r = 0;
		}
	}
	(void)brood_channel_free(peer);
	return 0;
}

static void
read_events(struct brood_supervisor *sup)
{
	struct brood_event event;

	while (brood_supervisor_next_event(sup, &event) == 1) {
		if (event.kind == BROOD_EVENT_BROKEN && !fault_may_break())
			wrong("the supervisor is broken: %s", event.text);
		if (WIFSIGNALED(event.status) &&
		    (WTERMSIG(event.status) == SIGABRT ||
		    WTERMSIG(event.status) == SIGSEGV))
			wrong("a child has crashed: %s", event.stderr_tail);
	}
}

static int
ask_children(struct brood_supervisor *sup)
{
	static const char *const names[] = { "a", "c" };
	char bytes[100];
	struct brood_message msg = { .data = bytes, .len = sizeof(bytes) }, got;
	int r = 0;

	payload_fill(bytes, 0, sizeof(bytes));
	for (int i = 0; r >= 0 && i < 2; i++) {
		r = TRY(brood_supervisor_call(sup, names[i], &msg, 3000, &got));
		read_events(sup);
		if (r == 1 && got.kind == BROOD_KIND_REPLY &&
		    !payload_is_whole(got.data, got.len))
			wrong("the answer of %s is not what was sent",
			    names[i]);
		if ((r == 0 || (r == 1 && got.kind != BROOD_KIND_REPLY)) &&
		    !fault_has_fired())
			wrong("%s does not answer", names[i]);
	}
	return r < 0 ? r : 0;
}

static void
stop(struct brood_supervisor *sup)
{
	int64_t end_us = now_us() + (int64_t)PATIENCE_MS * 1000;

	if (brood_supervisor_stop(sup) < 0)
		return;
	while (brood_supervisor_wait(sup, 100) != -ESHUTDOWN) {
		struct brood_event event;

		while (brood_supervisor_next_event(sup, &event) == 1)
			continue;
		if (now_us() > end_us)
			wrong("the supervisor does not stop");
	}
}

int
run_supervisor(void)
{
	const char *argv[] = { scenario_program, "--worker", NULL };
	const struct brood_child_spec specs[] = {
		{ .name = "a", .fn = be_a, .shutdown_ms = 300 },
		{ .name = "b", .fn = be_b, .shutdown_ms = 300 },
		{ .name = "c", .argv = argv, .shutdown_ms = 300, .options = {
		    .keep_fds = &fault_region_fd, .n_keep_fds = 1 } },
	};
	static const struct brood_link links[] = { { .a = "a", .b = "b" } };
	const struct brood_supervisor_options options = {
		.children = specs,
		.n_children = 3,
		.links = links,
		.n_links = 1,
		.strategy = BROOD_REST_FOR_ONE,
		.stderr_fd = -1,
	};
	struct brood_supervisor *sup = NULL;
	int r;

	r = TRY(brood_supervisor_new(&sup, &options, NULL));
	if (r < 0)
		return r;
	(void)brood_supervisor_fd(sup);
	r = TRY(brood_supervisor_wait_ready(sup, 2000));
	read_events(sup);
	if (r == 0)
		r = ask_children(sup);
	if (r == 0) {
		r = brood_supervisor_restart(sup, "b");
		if (r != -EALREADY)
			r = excused(r, "restart");
		r = 0;
		r = TRY(brood_supervisor_wait_ready(sup, 2000));
		read_events(sup);
	}
	if (r == 0)
		r = ask_children(sup);
	/* Once more, when nothing fails any more. */
	if (fault_has_fired())
		fault_region->is_over = true;
	if (brood_supervisor_wait_ready(sup, PATIENCE_MS) < 0 &&
	    !fault_may_break())
		wrong("the children do not become ready afterwards");
	read_events(sup);
	stop(sup);
	sup = brood_supervisor_free(sup);
	return r;
}
