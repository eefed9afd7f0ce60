/* SPDX-License-Identifier: ISC */

/*
 * Claims about listeners and connections: who gets through, how long it takes,
 * who the peer is, and which error is given.  Which of several servers may have
 * a path is tested in test_claim.c, and who may connect in
 * test_listener_mode.c.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/support.h"
#include "support/tmpdir.h"

TMPDIR_SUITE(listener);

static struct brood_listener *
listener_new(const char *name, int backlog)
{
	struct brood_listener_options options = { .backlog = backlog };
	struct brood_listener *listener = NULL;
	char text[BROOD_TEXT_SIZE] = "";
	int r;

	r = brood_listener_new(&listener, tmpdir_path(name), &options, text);
	cr_assert_eq(r, 0, "%s", text);
	return listener;
}

static int
connect_to(const char *name)
{
	char text[BROOD_TEXT_SIZE] = "";
	int fd = -1, r;

	r = brood_socket_connect(tmpdir_path(name), 10000, &fd, text);
	cr_assert_eq(r, 0, "%s", text);
	return fd;
}

static long
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool
is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static bool
is_blocking(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

Test(listener, both_ends_are_plain_connected_descriptors)
{
	struct brood_listener *listener = listener_new("s", 0);
	int client = connect_to("s"), server = -1;
	char byte = 0;

	cr_assert_eq(brood_listener_accept(listener, 10000, &server, NULL), 1);
	cr_assert_eq(send(client, "x", 1, MSG_NOSIGNAL), 1);
	cr_assert_eq(recv(server, &byte, 1, 0), 1);
	cr_assert_eq(byte, 'x');
	cr_expect(is_cloexec(client));
	cr_expect(is_cloexec(server));
	cr_expect(is_cloexec(brood_listener_fd(listener)));
	cr_expect(is_blocking(client));
	cr_expect(is_blocking(server));
	(void)close(client);
	(void)close(server);
	cr_assert_null(brood_listener_free(listener));
	cr_assert_null(brood_listener_free(NULL));
}

Test(listener, channels_carry_a_message_between_unrelated_processes)
{
	struct brood_listener *listener = listener_new("s", 0);
	struct brood_channel *client = NULL, *server = NULL;
	struct brood_message msg = { .data = "hi", .len = 2 };

	cr_assert_eq(brood_channel_connect(tmpdir_path("s"), 10000, NULL,
	    &client, NULL), 0);
	cr_assert_eq(brood_listener_accept_channel(listener, 10000, NULL,
	    &server, NULL), 1);
	cr_assert_eq(brood_channel_send(client, &msg), 0);
	cr_assert_eq(brood_channel_recv(server, 10000, &msg), 1);
	cr_assert_eq(msg.len, 2);
	cr_assert_eq(memcmp(msg.data, "hi", 2), 0);
	brood_channel_free(client);
	brood_channel_free(server);
	brood_listener_free(listener);
}

Test(listener, channel_with_bad_options_closes_its_connection)
{
	struct brood_listener *listener = listener_new("s", 0);
	struct brood_channel_options bad = { .max_fds = BROOD_MAX_FDS + 1 };
	struct brood_channel *channel = NULL;
	char text[BROOD_TEXT_SIZE] = "";
	int client;

	cr_assert_eq(brood_channel_connect(tmpdir_path("s"), 10000, &bad,
	    &channel, text), -EINVAL);
	cr_assert_not_null(strstr(text, tmpdir_path("s")));
	client = connect_to("s");
	cr_assert_eq(brood_listener_accept_channel(listener, 10000, &bad,
	    &channel, NULL), -EINVAL);
	cr_assert_eq(brood_listener_accept_channel(listener, 10000, &bad,
	    &channel, NULL), -EINVAL);
	cr_assert_null(channel);
	(void)close(client);
	brood_listener_free(listener);
}

Test(listener, accept_waits_as_long_as_it_is_told)
{
	struct brood_listener *listener = listener_new("s", 0);
	long begin = now_ms();
	int fd = -1;

	cr_assert_eq(brood_listener_accept(listener, 0, &fd, NULL), 0);
	cr_assert_eq(brood_listener_accept(listener, 50, &fd, NULL), 0);
	cr_assert_geq(now_ms() - begin, 50);
	cr_assert_eq(fd, -1);
	brood_listener_free(listener);
}

/* poll(2) tells two processes of one client, and the other takes it. */
Test(listener, accept_keeps_its_time_when_another_was_faster)
{
	struct brood_listener *listener = listener_new("s", 0);
	struct pollfd pfd = { .fd = brood_listener_fd(listener),
	    .events = POLLIN };
	int client = connect_to("s"), taken, fd = -1;

	cr_assert_eq(poll(&pfd, 1, 10000), 1);
	taken = accept(pfd.fd, NULL, NULL);
	cr_assert_geq(taken, 0);
	cr_assert_eq(accept(pfd.fd, NULL, NULL), -1);
	cr_assert_eq(errno, EAGAIN);
	cr_assert_eq(brood_listener_accept(listener, 20, &fd, NULL), 0);
	(void)close(client);
	(void)close(taken);
	brood_listener_free(listener);
}

static void
ignore_signal(int sig)
{
	(void)sig;
}

/* Send this process a signal every 5 ms, as a program with a timer would. */
static void
signals_begin(void)
{
	struct sigaction sa = { .sa_handler = ignore_signal };
	struct itimerval every = { { 0, 5000 }, { 0, 5000 } };

	cr_assert_eq(sigaction(SIGALRM, &sa, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
}

static void
signals_end(void)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	cr_assert_neq(signal(SIGALRM, SIG_DFL), SIG_ERR);
}

Test(listener, signals_neither_shorten_nor_lengthen_a_wait)
{
	struct brood_listener *listener = listener_new("s", 1);
	int a = connect_to("s"), b = connect_to("s"), fd = -1;
	long begin = now_ms();

	signals_begin();
	cr_assert_eq(brood_socket_connect(tmpdir_path("s"), 100, &fd, NULL),
	    -ETIMEDOUT);
	cr_assert_geq(now_ms() - begin, 100);
	cr_assert_lt(now_ms() - begin, 5000);
	(void)close(a);
	(void)close(b);
	cr_assert_eq(brood_listener_accept(listener, 0, &a, NULL), 1);
	cr_assert_eq(brood_listener_accept(listener, 0, &b, NULL), 1);
	begin = now_ms();
	cr_assert_eq(brood_listener_accept(listener, 100, &fd, NULL), 0);
	cr_assert_geq(now_ms() - begin, 100);
	cr_assert_lt(now_ms() - begin, 5000);
	signals_end();
	(void)close(a);
	(void)close(b);
	brood_listener_free(listener);
}

Test(listener, connect_to_a_full_backlog_ends_in_time)
{
	struct brood_listener *listener = listener_new("s", 1);
	int a = connect_to("s"), b = connect_to("s"), fd = -1;
	char text[BROOD_TEXT_SIZE] = "";
	long begin = now_ms();

	cr_assert_eq(brood_socket_connect(tmpdir_path("s"), 0, &fd, text),
	    -ETIMEDOUT);
	cr_assert_eq(brood_socket_connect(tmpdir_path("s"), 50, &fd, text),
	    -ETIMEDOUT);
	cr_assert_geq(now_ms() - begin, 40);
	cr_assert_eq(fd, -1);
	cr_assert_not_null(strstr(text, tmpdir_path("s")));
	(void)close(a);
	(void)close(b);
	brood_listener_free(listener);
}

struct late {
	const char *path;
	int ready;
};

static int
connect_late(void *arg)
{
	struct late *late = arg;
	int fd;

	if (write(late->ready, "x", 1) != 1)
		return 1;
	return brood_socket_connect(late->path, -1, &fd, NULL) == 0 ? 0 : 2;
}

Test(listener, connect_gets_through_when_the_backlog_has_room)
{
	struct brood_listener *listener = listener_new("s", 1);
	int a = connect_to("s"), b = connect_to("s"), fd = -1, ready[2];
	struct late late = { .path = tmpdir_path("s") };
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	late.ready = ready[1];
	pid = support_fork(connect_late, &late);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(brood_listener_accept(listener, 10000, &fd, NULL),
		    1);
		(void)close(fd);
	}
	cr_assert_eq(support_join(pid), 0);
	(void)close(a);
	(void)close(b);
	(void)close(ready[0]);
	(void)close(ready[1]);
	brood_listener_free(listener);
}

Test(listener, connection_waits_no_shorter_for_its_sends_afterwards)
{
	struct brood_listener *listener = listener_new("s", 0);
	int fd = -1;
	struct timeval tv = { 1, 1 };
	socklen_t len = sizeof(tv);

	cr_assert_eq(brood_socket_connect(tmpdir_path("s"), 500, &fd, NULL), 0);
	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len), 0);
	cr_assert_eq(tv.tv_sec, 0);
	cr_assert_eq(tv.tv_usec, 0);
	(void)close(fd);
	cr_assert_eq(brood_socket_connect(tmpdir_path("s"), 0, &fd, NULL), 0);
	cr_assert(is_blocking(fd));
	(void)close(fd);
	brood_listener_free(listener);
}

Test(listener, connect_says_which_path_and_why)
{
	char text[BROOD_TEXT_SIZE] = "", longest[400];
	int fd = -1;

	cr_assert_eq(brood_socket_connect(tmpdir_path("no"), 0, &fd, text),
	    -ENOENT);
	cr_expect_not_null(strstr(text, tmpdir_path("no")), "%s", text);
	cr_expect_not_null(strstr(text, strerror(ENOENT)), "%s", text);
	tmpdir_leave_stale("stale", SOCK_STREAM);
	cr_assert_eq(brood_socket_connect(tmpdir_path("stale"), 0, &fd, text),
	    -ECONNREFUSED);
	cr_expect_not_null(strstr(text, tmpdir_path("stale")), "%s", text);
	cr_assert_eq(brood_socket_connect(tmpdir_path("stale/x"), 0, &fd, text),
	    -ENOTDIR);
	cr_assert_eq(brood_socket_connect("", 0, &fd, text), -ENOENT);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	cr_assert_eq(brood_socket_connect(longest, 0, &fd, text),
	    -ENAMETOOLONG);
	cr_expect_eq(strncmp(text, longest, 100), 0, "%s", text);
	cr_expect_not_null(strstr(text, "too long"), "%s", text);
	cr_assert_eq(brood_socket_connect(longest, 0, &fd, NULL),
	    -ENAMETOOLONG);
	cr_assert_eq(fd, -1);
	tmpdir_remove("stale");
}

Test(listener, path_of_107_bytes_works_and_one_more_does_not)
{
	struct brood_listener *listener = NULL;
	char name[128], text[BROOD_TEXT_SIZE] = "";
	size_t len = 107 - strlen(tmpdir_dir()) - 1;
	int fd = -1;

	memset(name, 'n', len);
	name[len] = '\0';
	cr_assert_eq(strlen(tmpdir_path(name)), 107);
	cr_assert_eq(brood_listener_new(&listener, tmpdir_path(name), NULL,
	    text), 0, "%s", text);
	cr_assert_eq(brood_socket_connect(tmpdir_path(name), 0, &fd, text), 0);
	(void)close(fd);
	brood_listener_free(listener);
	listener = NULL;
	memcpy(name + len, "n", 2);
	cr_assert_eq(brood_listener_new(&listener, tmpdir_path(name), NULL,
	    text), -ENAMETOOLONG);
	cr_assert_null(listener);
	cr_expect_not_null(strstr(text, tmpdir_path(name)), "%s", text);
}

static int
be_refused(void *arg)
{
	char text[BROOD_TEXT_SIZE] = "";
	int fd;

	if (!tmpdir_become_nobody())
		return 1;
	if (brood_socket_connect(arg, 0, &fd, text) != -EACCES)
		return 2;
	if (strstr(text, arg) == NULL || strstr(text, "denied") == NULL)
		return 3;
	return 0;
}

Test(listener, connect_without_permission_is_eacces_with_the_path)
{
	struct brood_listener *listener = listener_new("s", 0);
	char path[128];

	(void)snprintf(path, sizeof(path), "%s", tmpdir_path("s"));
	if (geteuid() != 0)
		cr_assert_eq(chmod(path, 0), 0);
	support_in_child(be_refused, path);
	brood_listener_free(listener);
}

/* Credentials */

static int
connect_and_leave(void *arg)
{
	int fd;

	return brood_socket_connect(arg, 10000, &fd, NULL) == 0 ? 0 : 1;
}

Test(listener, credentials_are_those_of_a_client_even_if_it_has_left)
{
	struct brood_listener *listener = listener_new("s", 0);
	struct brood_credentials cred = { 0 };
	char path[128];
	int fd = -1;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s", tmpdir_path("s"));
	pid = support_fork(connect_and_leave, path);
	cr_assert_eq(support_join(pid), 0);
	cr_assert_eq(brood_listener_accept(listener, 10000, &fd, &cred), 1);
	cr_expect_eq(cred.uid, geteuid());
	cr_expect_eq(cred.gid, getegid());
#ifdef HAVE_SO_PEERCRED
	cr_expect_eq(cred.pid, pid);
#else
	cr_expect_eq(cred.pid, 0);
#endif
	(void)close(fd);
	brood_listener_free(listener);
}

Test(listener, credentials_of_no_peer_are_an_error)
{
	struct brood_listener *listener = listener_new("s", 0);
	struct brood_credentials cred;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int inet = socket(AF_INET, SOCK_STREAM, 0);
	int null = open("/dev/null", O_RDONLY);

	cr_expect_eq(brood_socket_credentials(brood_listener_fd(listener),
	    &cred), -ENOTCONN);
	cr_expect_eq(brood_socket_credentials(fd, &cred), -ENOTCONN);
	cr_expect_eq(brood_socket_credentials(inet, &cred), -EPROTOTYPE);
	cr_expect_eq(brood_socket_credentials(null, &cred), -ENOTSOCK);
	(void)close(fd);
	(void)close(inet);
	(void)close(null);
	cr_expect_eq(brood_socket_credentials(null, &cred), -EBADF);
	brood_listener_free(listener);
}

/* arg is not used: the listener must be this process's own. */
static int
accept_without_room(void *arg)
{
	struct brood_listener *listener;
	struct rlimit all, none;
	int fd, client, other;

	(void)arg;
	if (brood_listener_new(&listener, tmpdir_path("s"), NULL, NULL) < 0 ||
	    brood_socket_connect(tmpdir_path("s"), 1000, &client, NULL) < 0 ||
	    getrlimit(RLIMIT_NOFILE, &all) < 0)
		return 1;
	other = dup(0);
	none = all;
	none.rlim_cur = (rlim_t)other;
	(void)close(other);
	if (setrlimit(RLIMIT_NOFILE, &none) < 0)
		return 2;
	if (brood_listener_accept(listener, 0, &fd, NULL) != -EMFILE)
		return 3;
	if (setrlimit(RLIMIT_NOFILE, &all) < 0)
		return 4;
	if (brood_listener_accept(listener, 0, &fd, NULL) != 1)
		return 5;
	(void)brood_listener_free(listener);
	return 0;
}

Test(listener, client_waits_on_while_no_descriptor_is_left)
{
	support_in_child(accept_without_room, NULL);
}
