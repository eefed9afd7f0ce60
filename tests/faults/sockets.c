/* SPDX-License-Identifier: ISC */

/*
 * The scenarios of sockets with names, and of a client.
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
	int fds[2] = { STDIN_FILENO, STDIN_FILENO }, r = 0;
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
	msg.fds = fds;
	msg.n_fds = 2;
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
