/* SPDX-License-Identifier: ISC */

/*
 * Links between children, and the waiting for events, when this process is
 * short of something or the program is slow to read.
 */

#include "support/support.h"
#include "support/testchild.h"

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(children_link);

static struct testchild_event event;
static int gate[2];

/* A brood_setup_fn that waits for a byte in the pipe `gate`. */
static int
wait_at_gate(void *arg)
{
	char byte;

	(void)arg;
	return read(gate[0], &byte, 1) == 1 ? 0 : -EPIPE;
}

/* a and b, linked; b becomes ready when a byte is written to the gate. */
static struct brood_supervisor *
start_linked(void)
{
	struct brood_child_spec specs[2] = {
		{ .name = "a", .fn = testchild_main },
		{ .name = "b", .fn = testchild_main, .setup = wait_at_gate },
	};
	struct brood_link link = { .a = "a", .b = "b" };
	struct brood_supervisor_options options = {
		.children = specs, .n_children = 2, .links = &link,
		.n_links = 1, .stderr_fd = -1,
	};
	struct brood_supervisor *sup;

	cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
	specs[0].options.channel.max_queued = 1;
	specs[1].options.keep_fds = gate;
	specs[1].options.n_keep_fds = 1;
	cr_assert_eq(brood_supervisor_new(&sup, &options, NULL), 0);
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, "a", &event));
	return sup;
}

static void
end_linked(struct brood_supervisor *sup)
{
	cr_assert_null(brood_supervisor_free(sup));
	(void)close(gate[0]);
	(void)close(gate[1]);
}

Test(children_link, comes_though_the_channel_to_the_child_is_full)
{
	static char big[1 << 20];
	struct brood_supervisor *sup = start_linked();
	struct brood_message msg = { .kind = BROOD_KIND_PONG,
		.data = big, .len = sizeof(big) };
	struct brood_channel *channel = brood_supervisor_channel(sup, "a");
	struct testchild_who who;
	pid_t pid = event.event.pid;
	int r = 0;

	cr_assert_not_null(channel);
	cr_assert_eq(kill(pid, SIGSTOP), 0);
	while (r == 0) {
		r = brood_channel_queue(channel, &msg);
		if (r == 0)
			(void)brood_channel_flush(channel, 0);
	}
	cr_assert_eq(r, -EAGAIN);
	cr_assert_eq(write(gate[1], "", 1), 1);
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, "b", &event));
	cr_assert_eq(kill(pid, SIGCONT), 0);
	while (brood_channel_flush(brood_supervisor_channel(sup, "a"),
	    1000) == -EAGAIN)
		continue;
	cr_assert(testchild_who(sup, "a", &who));
	cr_assert_eq(who.n_links, 1);
	cr_assert_str_eq(who.link, "b");
	end_linked(sup);
}

/*
 * A linked sibling is not shown before its link can be made: whatever the
 * program sends it then comes after LINK.
 */
Test(children_link, waits_for_descriptors_and_ready_waits_for_it)
{
	struct brood_supervisor *sup = start_linked();
	struct testchild_who who;
	struct rlimit limit, none;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	/* Room for b's two ends, and for no socketpair besides. */
	none.rlim_cur = (rlim_t)dup(gate[0]) + 2;
	(void)close((int)none.rlim_cur - 2);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_assert_eq(write(gate[1], "", 1), 1);
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(brood_supervisor_wait(sup, 100), 0);
		cr_assert_null(brood_supervisor_channel(sup, "b"));
	}
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, "b", &event));
	cr_assert(testchild_who(sup, "b", &who));
	cr_assert_eq(who.n_links, 1);
	cr_assert(testchild_who(sup, "a", &who));
	cr_assert_eq(who.n_links, 1);
	end_linked(sup);
}

/* The program waits again and again, and reads no event. */
Test(children_link, wait_replaces_the_dead_though_events_are_unread)
{
	struct brood_child_spec spec = { .name = "a", .fn = testchild_main };
	struct brood_supervisor_options options = {
		.children = &spec, .n_children = 1, .stderr_fd = -1,
	};
	struct brood_supervisor *sup;
	struct testchild_who who;
	pid_t pid;

	cr_assert_eq(brood_supervisor_new(&sup, &options, NULL), 0);
	while (brood_supervisor_channel(sup, "a") == NULL)
		cr_assert_geq(brood_supervisor_wait(sup, 1000), 0);
	cr_assert(testchild_who(sup, "a", &who));
	pid = who.pid;
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert(support_wait_gone(pid));
	/* An event is unread, so the wait returns at once: poll(2) waits. */
	for (int i = 0; i < 200 && who.pid == pid; i++) {
		struct pollfd pfd = { .fd = brood_supervisor_fd(sup),
		    .events = POLLIN };

		cr_assert_geq(brood_supervisor_wait(sup, 50), 0);
		(void)poll(&pfd, 1, pfd.fd >= 0 ? 10000 : 50);
		if (brood_supervisor_channel(sup, "a") != NULL)
			(void)testchild_who(sup, "a", &who);
	}
	cr_assert_neq(who.pid, pid);
	cr_assert_null(brood_supervisor_free(sup));
}

Test(children_link, wait_says_when_nothing_can_come_any_more)
{
	struct brood_child_spec spec = { .name = "a", .fn = testchild_main };
	struct brood_supervisor_options options = {
		.children = &spec, .n_children = 1, .stderr_fd = -1,
	};
	struct brood_supervisor *sup;

	cr_assert_eq(brood_supervisor_new(&sup, &options, NULL), 0);
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, "a", &event));
	cr_assert_eq(brood_supervisor_stop(sup), 0);
	cr_assert(testchild_await(sup, BROOD_EVENT_STOPPED, NULL, &event));
	cr_assert_eq(brood_supervisor_wait(sup, -1), -ESHUTDOWN);
	cr_assert_null(brood_supervisor_free(sup));
}

Test(children_link, broken_is_told_if_one_is_given_up_and_others_are_done)
{
	const char *missing[] = { "/no/such/program", NULL };
	struct brood_child_spec specs[2] = {
		{ .name = "a", .fn = testchild_main,
		    .restart = BROOD_TEMPORARY },
		{ .name = "b", .argv = missing },
	};
	struct brood_supervisor_options options = {
		.children = specs, .n_children = 2, .intensity = 1,
		.stderr_fd = -1,
	};
	struct brood_supervisor *sup;

	cr_assert_eq(brood_supervisor_new(&sup, &options, NULL), 0);
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, "a", &event));
	cr_assert(testchild_tell_byte(sup, "a", TESTCHILD_EXIT, 0));
	cr_assert(testchild_await(sup, BROOD_EVENT_BROKEN, NULL, &event));
	cr_assert_eq(brood_supervisor_wait(sup, -1), -ESHUTDOWN);
	cr_assert_null(brood_supervisor_free(sup));
}

/* Two children that use handlers and the helpers, and see no message. */

static int
double_it(struct brood_request *request, void *arg)
{
	char text[2];

	(void)arg;
	text[0] = text[1] = *(const char *)brood_request_data(request);
	return brood_request_reply(request, 0, text, 2);
}

static int
backend(struct brood_channel *host, void *arg)
{
	struct brood_channel *front;

	(void)arg;
	while (brood_channel_wait_link(host, "front", -1, NULL, &front) == 1) {
		(void)brood_worker_run(front, double_it, NULL);
		(void)brood_channel_free(front);
	}
	return 0;
}

static int
pass_on(struct brood_request *request, void *arg)
{
	struct brood_channel *host = arg, *back;
	struct brood_message found, msg = {
		.data = brood_request_data(request),
		.len = brood_request_len(request),
	};
	int r;

	r = brood_channel_wait_link(host, "back", -1, NULL, &back);
	if (r == 1)
		r = brood_channel_call(back, &msg, -1, &found);
	if (r != 1)
		return -EPIPE;
	r = brood_request_reply(request, 0, found.data, found.len);
	/* Die, so that the next request meets a new process and a new link. */
	raise(SIGKILL);
	return r;
}

static int
frontend(struct brood_channel *host, void *arg)
{
	(void)arg;
	return brood_worker_run(host, pass_on, host);
}

Test(children_link, children_with_handlers_handle_no_link_and_no_id)
{
	struct brood_child_spec specs[2] = {
		{ .name = "back", .fn = backend },
		{ .name = "front", .fn = frontend },
	};
	struct brood_link link = { .a = "front", .b = "back" };
	struct brood_supervisor_options options = {
		.children = specs, .n_children = 2, .links = &link,
		.n_links = 1, .stderr_fd = -1,
	};
	struct brood_message msg = { .data = "x", .len = 1 }, reply;
	struct brood_supervisor *sup;

	cr_assert_eq(brood_supervisor_new(&sup, &options, NULL), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(brood_supervisor_wait_ready(sup, 10000), 0);
		cr_assert_eq(brood_channel_call(
		    brood_supervisor_channel(sup, "front"), &msg, 10000,
		    &reply), 1);
		cr_assert_eq(reply.kind, BROOD_KIND_REPLY);
		cr_assert_eq(reply.len, 2);
		cr_assert(testchild_await(sup, BROOD_EVENT_ENDED, "front",
		    &event));
	}
	/* GOODBYE ends both: neither waits for SIGTERM. */
	cr_assert_eq(brood_supervisor_wait_ready(sup, 10000), 0);
	cr_assert_eq(brood_supervisor_stop(sup), 0);
	cr_assert(testchild_await(sup, BROOD_EVENT_ENDED, "back", &event));
	cr_assert(WIFEXITED(event.event.status));
	cr_assert_null(brood_supervisor_free(sup));
}

/* The host asks while it supervises: whichever of the two dies. */

static struct brood_supervisor *
start_front_and_back(brood_child_fn front)
{
	const struct brood_child_spec specs[2] = {
		{ .name = "back", .fn = backend },
		{ .name = "front", .fn = front },
	};
	const struct brood_link link = { .a = "front", .b = "back" };
	const struct brood_supervisor_options options = {
		.children = specs, .n_children = 2, .links = &link,
		.n_links = 1, .stderr_fd = -1,
	};
	struct brood_supervisor *sup;

	cr_assert_eq(brood_supervisor_new(&sup, &options, NULL), 0);
	return sup;
}

struct front {
	struct brood_channel *host;
	struct brood_channel *back;
};

/* As long as there is no back, wait for one, without limit. */
static int
pass_on_for_ever(struct brood_request *request, void *arg)
{
	struct front *front = arg;
	struct brood_message found, msg = {
		.data = brood_request_data(request),
		.len = brood_request_len(request),
	};
	int r = 0;

	while (r != 1) {
		if (front->back == NULL) {
			r = brood_channel_wait_link(front->host, "back", -1,
			    NULL, &front->back);
			if (r != 1)
				return r;
		}
		r = brood_channel_call(front->back, &msg, -1, &found);
		if (r != 1)
			front->back = brood_channel_free(front->back);
	}
	return brood_request_reply(request, 0, found.data, found.len);
}

static int
patient_frontend(struct brood_channel *host, void *arg)
{
	struct front front = { .host = host };

	(void)arg;
	return brood_worker_run(host, pass_on_for_ever, &front);
}

static void
expect_doubled(struct brood_supervisor *sup)
{
	struct brood_message msg = { .data = "x", .len = 1 }, reply;
	int r;

	r = brood_supervisor_call(sup, "front", &msg, 10000, &reply);
	cr_assert_eq(r, 1, "%d", r);
	cr_assert_eq(reply.kind, BROOD_KIND_REPLY, "%.*s", (int)reply.len,
	    (const char *)reply.data);
	cr_assert_eq(reply.len, 2);
	cr_assert_eq(memcmp(reply.data, "xx", 2), 0);
}

static pid_t
pid_of(struct brood_supervisor *sup, const char *name)
{
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, name, &event));
	return event.event.pid;
}

/* The new link comes while the host waits for the one that waits for it. */
Test(children_link, call_goes_on_when_a_linked_child_has_died)
{
	struct brood_supervisor *sup = start_front_and_back(patient_frontend);
	pid_t back = pid_of(sup, "back");

	expect_doubled(sup);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(kill(back, SIGKILL), 0);
		cr_assert(support_wait_gone(back));
		expect_doubled(sup);
		back = pid_of(sup, "back");
	}
	cr_assert_null(brood_supervisor_free(sup));
}

/*
 * Kill a child, and wait until nothing can be sent to it.  That can be a moment
 * after its process has ended.
 */
static void
kill_child(struct brood_supervisor *sup, const char *name, pid_t pid)
{
	struct pollfd pfd = { .fd = brood_channel_fd(
	    brood_supervisor_channel(sup, name)) };

	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert(support_wait_gone(pid));
	cr_assert_eq(poll(&pfd, 1, 10000), 1);
	cr_assert(pfd.revents & POLLHUP);
}

/* What was never sent to the dead is sent to the next; no event is read. */
Test(children_link, call_waits_for_the_next_process_of_a_dead_child)
{
	struct brood_supervisor *sup = start_front_and_back(patient_frontend);
	pid_t front = pid_of(sup, "front");

	expect_doubled(sup);
	for (int i = 0; i < 3; i++) {
		kill_child(sup, "front", front);
		expect_doubled(sup);
		front = pid_of(sup, "front");
	}
	cr_assert_null(brood_supervisor_free(sup));
}

/* Dies when it is asked; if it has answered, the answer comes all the same. */
static int
answer_and_die(struct brood_channel *host, void *arg)
{
	struct brood_message msg;

	(void)arg;
	do
		if (brood_channel_recv(host, -1, &msg) != 1)
			return 1;
	while (msg.kind != BROOD_KIND_REQUEST);
	msg.kind = BROOD_KIND_REPLY;
	msg.expire_ms = 0;
	if (msg.len > 0)
		(void)brood_channel_send(host, &msg);
	return raise(SIGKILL);
}

Test(children_link, call_gets_the_last_answer_of_a_child_or_epipe)
{
	struct brood_supervisor *sup = start_front_and_back(answer_and_die);
	struct brood_message msg = { .data = "x", .len = 1 }, reply;
	int r;

	/* Up to four deaths: the sixth in 30 s gives a child up. */
	for (int i = 0; i < 2; i++) {
		msg.len = 1;
		r = brood_supervisor_call(sup, "front", &msg, 10000, &reply);
		cr_assert_eq(r, 1, "round %d: %d", i, r);
		cr_assert_eq(memcmp(reply.data, "x", 1), 0);
		cr_assert_eq(brood_supervisor_take_fd(sup, 0), -EBADF);
		msg.len = 0;
		cr_assert_eq(brood_supervisor_call(sup, "front", &msg, 10000,
		    &reply), -EPIPE);
		/* Its channel has ended: it is not ready before the next. */
		cr_assert_eq(brood_supervisor_wait_ready(sup, 10000), 0);
	}
	cr_assert_eq(brood_supervisor_take_fd(sup, 0), -EBADF);
	cr_assert_null(brood_supervisor_free(sup));
}

static int
answer_nothing(struct brood_channel *host, void *arg)
{
	struct brood_message msg;

	(void)arg;
	while (brood_channel_recv(host, -1, &msg) == 1 &&
	    msg.kind != BROOD_KIND_GOODBYE)
		continue;
	return 0;
}

Test(children_link, call_says_what_cannot_be_called_and_what_is_late)
{
	struct brood_supervisor *sup = start_front_and_back(answer_nothing);
	struct brood_message msg = { .data = "x", .len = 1 }, reply;

	cr_assert_eq(brood_supervisor_call(sup, "nobody", &msg, -1, &reply),
	    -ENOENT);
	cr_assert_eq(brood_supervisor_wait_ready(sup, 10000), 0);
	cr_assert_eq(brood_supervisor_call(sup, "front", &msg, 20, &reply), 0);
	cr_assert_eq(brood_supervisor_call(sup, "front", &(struct brood_message)
	    { .id = 1 }, 20, &reply), -EINVAL);
	cr_assert_eq(brood_supervisor_stop(sup), 0);
	cr_assert_eq(brood_supervisor_call(sup, "front", &msg, -1, &reply),
	    -ESHUTDOWN);
	cr_assert_null(brood_supervisor_free(sup));
}
