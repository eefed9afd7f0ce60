/* SPDX-License-Identifier: ISC */

/*
 * The scenarios of children, supervisors, sockets with names and clients.
 */

#include "faults/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	int fd = STDIN_FILENO, n = 0, r;

	payload_fill(bytes, 0, 100);
	r = TRY(brood_channel_call(channel, &msg, PATIENCE_MS, &got));
	if (r < 0)
		return r;
	if (r == 0 && !fault_has_fired())
		wrong("a call has no answer");
	payload_fill(bytes, 0, sizeof(bytes));
	msg.len = sizeof(bytes);
	msg.code = ECHO_FDS;
	msg.fds = &fd;
	msg.n_fds = 1;
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
		if (r == 1 && got.n_fds == 1)
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

/* Sockets with names */

static char dir[] = "/tmp/brood-faults.XXXXXX";
static char old_dir[256];

static void
enter_dir(void)
{
	(void)strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (mkdtemp(dir) == NULL || getcwd(old_dir, sizeof(old_dir)) == NULL ||
	    chdir(dir) < 0)
		wrong("no directory");
}

/* What is left in it is left on purpose only after a failure. */
static void
leave_dir(void)
{
	static const char *const names[] = { "s", "s.lock", "p-a", "p-a.lock",
	    "p-b", "p-b.lock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
	if (chdir(old_dir) < 0 || rmdir(dir) < 0)
		wrong("%s is not empty", dir);
}

/* Leave the file of a socket that nobody answers on. */
static void
leave_stale(const char *path)
{
	struct brood_listener *listener = NULL;
	pid_t pid = fork();

	if (pid == 0) {
		fault_role = FAULT_ROLES;	/* nothing fails here */
		_exit(brood_listener_new(&listener, path, NULL, NULL) < 0);
	}
	(void)waitpid(pid, NULL, 0);
}

static int
accept_one(struct brood_listener *listener)
{
	static const char text[] = "words";
	struct brood_message msg = { .data = text, .len = sizeof(text) }, got;
	struct brood_channel *near = NULL, *far = NULL;
	struct brood_credentials credentials;
	int fd, r;

	r = TRY(brood_channel_connect("s", 1000, NULL, &near, NULL));
	if (r == 0) {
		r = TRY(brood_listener_accept_channel(listener, 300, NULL,
		    &far, &credentials));
		if (r == 0 && !fault_has_fired())
			wrong("nobody to accept");
		r = r == 0 ? -ETIMEDOUT : r < 0 ? r : 0;
	}
	if (r == 0)
		r = TRY(brood_channel_send(near, &msg));
	if (r == 0)
		r = TRY(brood_channel_recv(far, 300, &got));
	if (r == 1 && (got.len != sizeof(text) ||
	    memcmp(got.data, text, sizeof(text)) != 0))
		wrong("a message is not what was sent");
	(void)brood_channel_free(near);
	(void)brood_channel_free(far);
	if (r < 0)
		return r;
	r = TRY(brood_socket_connect("s", 0, &fd, NULL));
	if (r < 0)
		return r;
	(void)excused(brood_socket_credentials(fd, &credentials), "who");
	(void)close(fd);
	r = TRY(brood_listener_accept(listener, 300, &fd, &credentials));
	if (r == 1)
		(void)close(fd);
	return r < 0 ? r : 0;
}

/* A listener that the service manager has opened: descriptor 3. */
static int
inherit_one(struct brood_listener *first)
{
	struct brood_listener *listener = NULL;
	char pid[32];
	int saved = dup(3), r;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	(void)setenv("LISTEN_FDNAMES", "name", 1);
	if (brood_listener_fd(first) == 3 ||
	    dup2(brood_listener_fd(first), 3) < 0)
		wrong("descriptor 3");
	r = TRY(brood_listener_inherit(&listener, 0, NULL));
	(void)brood_listener_free(listener);
	if (saved >= 0) {
		(void)dup2(saved, 3);
		(void)close(saved);
	} else
		(void)close(3);
	return r;
}

int
run_listener(void)
{
	struct brood_listener_options options = {
		.mode = 0666,
		.uid = getuid() != 0 ? getuid() : 65534,
	};
	struct brood_listener *listener = NULL;
	int r;

	enter_dir();
	leave_stale("s");
	(void)umask(077);
	r = TRY(brood_listener_new(&listener, "s", &options, NULL));
	(void)umask(022);
	if (r == 0)
		r = accept_one(listener);
	if (r == 0)
		r = inherit_one(listener);
	(void)brood_listener_free(listener);
	leave_dir();
	return r;
}

int
run_datagrams(void)
{
	struct brood_peer *a = NULL, *b = NULL;
	char bytes[100], name[65];
	size_t len;
	int r;

	enter_dir();
	r = TRY(brood_peer_new(&a, ".", "p", "a", NULL));
	if (r == 0)
		r = TRY(brood_peer_new(&b, ".", "p", "b", NULL));
	if (r == 0)
		r = TRY(brood_peer_send(a, "b", "words", 5));
	if (r == 0)
		r = TRY(brood_peer_recv(b, 1000, bytes, sizeof(bytes), &len,
		    name));
	if (r == 0 && !fault_has_fired())
		wrong("no datagram");
	if (r == 1 && (len != 5 || strcmp(name, "a") != 0))
		wrong("the datagram is not what was sent");
	(void)brood_peer_free(a);
	(void)brood_peer_free(b);
	leave_dir();
	return r < 0 ? r : 0;
}

/* A client */

static void
serve(int ready_fd)
{
	struct brood_channel_options options = { .max_fds = 4 };
	struct brood_listener *listener = NULL;
	struct brood_channel *channel = NULL;

	fault_role = FAULT_WORKER;
	for (int i = 0; brood_listener_new(&listener, "s", NULL, NULL) < 0; i++)
		if (i == 10)
			fault_region->is_over = true;
	(void)write(ready_fd, "", 1);
	(void)close(ready_fd);
	for (;;) {
		if (brood_listener_accept_channel(listener, -1, &options,
		    &channel, NULL) != 1)
			continue;
		if (brood_channel_hello(channel, "server", 2000) == 0)
			(void)brood_worker_run(channel, scenario_handle, NULL);
		channel = brood_channel_free(channel);
	}
}

static pid_t
start_server(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	if (pipe(fds) < 0)
		wrong("no pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		serve(fds[1]);
	}
	(void)close(fds[1]);
	(void)read(fds[0], &byte, 1);
	(void)close(fds[0]);
	return pid;
}

static int
take_all(struct brood_client *client, unsigned n)
{
	int64_t end_us = now_us() + (int64_t)PATIENCE_MS * 1000;
	struct pollfd pfd = { .fd = brood_client_fd(client), .events = POLLIN };
	struct brood_completion done;
	unsigned n_done = 0;
	int r = 0;

	while (n_done < n) {
		if (end_us - now_us() < (int64_t)PATIENCE_MS * 900 &&
		    fault_has_fired())
			fault_region->is_over = true;
		if (now_us() > end_us)
			wrong("%u of %u requests have a completion", n_done,
			    n);
		if (pfd.fd >= 0 && r == 0) {
			(void)poll(&pfd, 1, 100);
			r = excused(brood_client_dispatch(client), "dispatch");
		} else if (brood_client_wait(client, 100) < 0)
			wrong("a request has lost its completion");
		while (brood_client_take(client, &done) == 1) {
			if (done.fate == BROOD_DONE && !payload_is_whole(
			    done.reply.data, done.reply.len))
				wrong("an answer is not what was sent");
			if (done.fate != BROOD_DONE && !fault_has_fired() &&
			    done.fate != BROOD_CANCELED)
				wrong("fate %u: %s", done.fate, done.text);
			n_done += done.fate != BROOD_PART &&
			    done.fate != BROOD_PROGRESS;
			brood_completion_fini(&done);
		}
	}
	return r;
}

static int
ask_server(struct brood_client *client)
{
	static uint8_t bytes[100000];
	struct brood_message msg = { .data = bytes, .len = 100 };
	struct brood_completion done = { .id = 0 };
	int fd = STDIN_FILENO, r = 0;
	unsigned n = 0;
	uint64_t id;

	payload_fill(bytes, 0, 100);
	for (int i = 0; r == 0 && i < 24; i++) {
		r = TRY(brood_client_submit(client, &msg, NULL, &id));
		n += r == 0;
	}
	if (r == 0)
		r = TRY(brood_client_cancel(client, id));
	if (r == -ENOENT)
		r = 0;
	payload_fill(bytes, 0, sizeof(bytes));
	msg.len = sizeof(bytes);
	msg.code = ECHO_FDS;
	msg.fds = &fd;
	msg.n_fds = 1;
	if (r == 0) {
		r = TRY(brood_client_submit(client, &msg, NULL, &id));
		n += r == 0;
	}
	if (take_all(client, n) < 0)
		return -EPIPE;
	if (r < 0)
		return r;
	msg.n_fds = 0;
	msg.code = ECHO;
	r = TRY(brood_client_call(client, &msg, NULL, &done));
	brood_completion_fini(&done);
	return r;
}

int
run_client(void)
{
	const struct brood_client_options options = {
		.name = "client",
		.fds_from_server = 1,
		.wait_ms = 500,
		.connect_ms = 1000,
	};
	struct brood_client *client = NULL;
	pid_t pid;
	int r;

	enter_dir();
	pid = start_server();
	r = TRY(brood_client_new(&client, "s", &options, NULL));
	if (r == 0)
		r = ask_server(client);
	client = brood_client_free(client);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (r == 0) {
		struct brood_client_options hurry = options;

		/* Nobody listens any more. */
		hurry.wait_ms = 60;
		r = brood_client_new(&client, "s", &hurry, NULL);
		if (r == 0)
			wrong("a server that has died answers");
		r = r == -ECONNREFUSED ? 0 : excused(r, "connect");
	}
	leave_dir();
	return r;
}
