/* SPDX-License-Identifier: ISC */

/*
 * Claims about datagram peers: whole messages arrive with the name of their
 * sender; otherwise the error says what went wrong.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/support.h"
#include "support/tmpdir.h"

TMPDIR_SUITE(datagram);

static struct brood_peer *
peer_new(const char *name)
{
	struct brood_peer *peer = NULL;
	char text[BROOD_TEXT_SIZE] = "";
	int r = brood_peer_new(&peer, tmpdir_dir(), "p", name, text);

	cr_assert_eq(r, 0, "%s", text);
	return peer;
}

static void
expect_message(struct brood_peer *peer, const char *data, const char *from)
{
	char buf[256] = "", name[65];
	size_t len = 99;

	cr_assert_eq(brood_peer_recv(peer, 10000, buf, sizeof(buf) - 1, &len,
	    name), 1);
	cr_expect_eq(len, strlen(data));
	cr_expect_str_eq(buf, data);
	cr_expect_str_eq(name, from);
}

Test(datagram, message_arrives_with_its_senders_name)
{
	struct brood_peer *a = peer_new("a"), *b = peer_new("b");

	cr_assert_eq(brood_peer_send(a, "b", "hello", 5), 0);
	cr_assert_eq(brood_peer_send(a, "b", "", 0), 0);
	cr_assert_eq(brood_peer_send(b, "b", "self", 4), 0);
	expect_message(b, "hello", "a");
	expect_message(b, "", "a");
	expect_message(b, "self", "b");
	cr_expect(fcntl(brood_peer_fd(a), F_GETFD) & FD_CLOEXEC);
	cr_assert_null(brood_peer_free(a));
	cr_assert_null(brood_peer_free(b));
	cr_assert_null(brood_peer_free(NULL));
	cr_assert_not(tmpdir_has("p-a"));
	cr_assert_not(tmpdir_has("p-a.lock"));
}

Test(datagram, slash_behind_the_directory_makes_no_difference)
{
	struct brood_peer *a = NULL, *b = peer_new("b");
	char dir[64];

	(void)snprintf(dir, sizeof(dir), "%s///", tmpdir_dir());
	cr_assert_eq(brood_peer_new(&a, dir, "p", "a", NULL), 0);
	cr_assert_eq(brood_peer_send(a, "b", "x", 1), 0);
	expect_message(b, "x", "a");
	brood_peer_free(a);
	brood_peer_free(b);
}

Test(datagram, names_are_1_to_64_bytes_without_slash)
{
	struct brood_peer *none = NULL, *b = peer_new("b"), *peer;
	char name[66], longest[65];
	const char *bad[] = { "", "a/b", "/", name };

	memset(name, 'n', sizeof(name) - 1);
	name[65] = '\0';
	memcpy(longest, name, 64);
	longest[64] = '\0';
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(brood_peer_new(&none, tmpdir_dir(), "p", bad[i],
		    NULL), -EINVAL, "%s", bad[i]);
		cr_expect_eq(brood_peer_send(b, bad[i], "x", 1), -EINVAL,
		    "%s", bad[i]);
	}
	cr_expect_eq(brood_peer_new(&none, "", "p", "a", NULL), -EINVAL);
	cr_expect_eq(brood_peer_new(&none, "/tmp", "p/q", "a", NULL), -EINVAL);
	cr_assert_null(none);
	peer = peer_new(longest);
	cr_assert_eq(brood_peer_send(peer, "b", "x", 1), 0);
	expect_message(b, "x", longest);
	brood_peer_free(peer);
	brood_peer_free(b);
}

Test(datagram, path_that_does_not_fit_is_enametoolong)
{
	struct brood_peer *none = NULL, *deep = NULL;
	char dir[128], text[BROOD_TEXT_SIZE] = "", name[65];

	memset(dir, 0, sizeof(dir));
	memset(dir, '/', 100);
	memset(name, 'n', 64);
	name[64] = '\0';
	memcpy(dir + 1, tmpdir_dir() + 1, strlen(tmpdir_dir()) - 1);
	dir[strlen(tmpdir_dir())] = '/';
	memcpy(dir + 60, "d", 2);
	cr_assert_eq(mkdir(dir, 0700), 0);
	cr_assert_eq(brood_peer_new(&none, dir, "p", name, text),
	    -ENAMETOOLONG);
	cr_expect_not_null(strstr(text, dir), "%s", text);
	cr_assert_eq(brood_peer_new(&deep, dir, "p", "a", text), 0);
	cr_assert_eq(brood_peer_send(deep, name, "x", 1), -ENAMETOOLONG);
	brood_peer_free(deep);
	tmpdir_remove("d");
}

Test(datagram, peer_that_is_not_there_is_enoent)
{
	struct brood_peer *a = peer_new("a");

	cr_assert_eq(brood_peer_send(a, "b", "x", 1), -ENOENT);
	brood_peer_free(a);
}

Test(datagram, dead_peer_is_econnrefused_and_its_name_can_be_had_again)
{
	struct brood_peer *a = peer_new("a"), *b;

	tmpdir_leave_stale("p-b", SOCK_DGRAM);
	cr_assert_eq(brood_peer_send(a, "b", "x", 1), -ECONNREFUSED);
	b = peer_new("b");
	cr_assert_eq(brood_peer_send(a, "b", "x", 1), 0);
	expect_message(b, "x", "a");
	brood_peer_free(a);
	brood_peer_free(b);
}

static int
bind_until_killed(void *arg)
{
	struct brood_peer *peer;

	if (brood_peer_new(&peer, tmpdir_dir(), "p", "b", NULL) < 0)
		return 1;
	if (write(*(int *)arg, "x", 1) != 1)
		return 2;
	for (;;)
		(void)pause();
}

Test(datagram, binding_again_after_sigkill_works)
{
	struct brood_peer *a = peer_new("a"), *none = NULL;
	int ready[2];
	char byte, text[BROOD_TEXT_SIZE] = "";
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	for (int i = 0; i < 3; i++) {
		pid = support_fork(bind_until_killed, &ready[1]);
		cr_assert_eq(read(ready[0], &byte, 1), 1);
		cr_assert_eq(brood_peer_new(&none, tmpdir_dir(), "p", "b",
		    text), -EADDRINUSE);
		cr_assert_not_null(strstr(text, tmpdir_path("p-b")));
		cr_assert_eq(brood_peer_send(a, "b", "x", 1), 0);
		cr_assert_eq(kill(pid, SIGKILL), 0);
		(void)support_join(pid);
		cr_assert_eq(brood_peer_send(a, "b", "x", 1), -ECONNREFUSED);
	}
	brood_peer_free(peer_new("b"));
	cr_assert_not(tmpdir_has("p-b"));
	brood_peer_free(a);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

Test(datagram, file_at_the_path_stays_and_is_eexist)
{
	struct brood_peer *none = NULL;

	(void)close(open(tmpdir_path("p-a"), O_CREAT | O_WRONLY, 0600));
	cr_assert_eq(brood_peer_new(&none, tmpdir_dir(), "p", "a", NULL),
	    -EEXIST);
	cr_assert_null(none);
	tmpdir_remove("p-a");
}

Test(datagram, no_directory_is_enoent_with_the_path)
{
	struct brood_peer *none = NULL;
	char text[BROOD_TEXT_SIZE] = "";

	cr_assert_eq(brood_peer_new(&none, tmpdir_path("no"), "p", "a", text),
	    -ENOENT);
	cr_assert_not_null(strstr(text, tmpdir_path("no/p-a")), "%s", text);
}

Test(datagram, slow_peer_is_eagain_and_gets_all_that_was_taken)
{
	struct brood_peer *a = peer_new("a"), *b = peer_new("b");
	unsigned n_sent = 0;
	char byte, name[65];
	size_t len;
	int r;

	while ((r = brood_peer_send(a, "b", "x", 1)) == 0 && n_sent < 100000)
		n_sent++;
	cr_assert_eq(r, -EAGAIN);
	cr_assert_gt(n_sent, 0);
	while (brood_peer_recv(b, 0, &byte, 1, &len, name) == 1)
		n_sent--;
	cr_assert_eq(n_sent, 0);
	cr_assert_eq(brood_peer_send(a, "b", "x", 1), 0);
	brood_peer_free(a);
	brood_peer_free(b);
}

Test(datagram, message_over_the_kernels_limit_is_emsgsize)
{
	struct brood_peer *a = peer_new("a"), *b = peer_new("b");
	size_t size = 64 << 20;
	char *data = calloc(1, size), name[65];
	size_t len;

	cr_assert_not_null(data);
	cr_assert_eq(brood_peer_send(a, "b", data, size), -EMSGSIZE);
	cr_assert_eq(brood_peer_recv(b, 0, data, size, &len, name), 0);
	free(data);
	brood_peer_free(a);
	brood_peer_free(b);
}

Test(datagram, message_longer_than_the_buffer_is_emsgsize_and_never_cut)
{
	struct brood_peer *a = peer_new("a"), *b = peer_new("b");
	char buf[8] = "unread", name[65] = "none";
	size_t len = 0;

	cr_assert_eq(brood_peer_send(a, "b", "123456789", 9), 0);
	cr_assert_eq(brood_peer_send(a, "b", "12345678", 8), 0);
	cr_assert_eq(brood_peer_recv(b, 10000, buf, 8, &len, name),
	    -EMSGSIZE);
	cr_expect_eq(len, 9);
	cr_expect_str_eq(name, "a");
	cr_expect_neq(buf[0], '1');
	cr_assert_eq(brood_peer_recv(b, 10000, buf, 8, &len, name), 1);
	cr_expect_eq(len, 8);
	cr_expect_eq(memcmp(buf, "12345678", 8), 0);
	brood_peer_free(a);
	brood_peer_free(b);
}

Test(datagram, receive_waits_as_long_as_it_is_told)
{
	struct brood_peer *a = peer_new("a");
	struct timespec begin, end;
	char byte, name[65];
	size_t len;

	cr_assert_eq(brood_peer_recv(a, 0, &byte, 1, &len, name), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	cr_assert_eq(brood_peer_recv(a, 50, &byte, 1, &len, name), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	cr_assert_geq((end.tv_sec - begin.tv_sec) * 1000 +
	    (end.tv_nsec - begin.tv_nsec) / 1000000, 49);
	brood_peer_free(a);
}

static void
send_by_hand(int fd, const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s",
	    tmpdir_path(name));
	cr_assert_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&un,
	    sizeof(un)), 1);
}

/*
 * Senders whose path is none of a peer: not bound, an abstract address, a path
 * that fills sun_path, and other files.
 */
Test(datagram, sender_of_another_kind_has_no_name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct brood_peer *a = peer_new("a");
	const char *names[] = { "q-a", "p-", "p", "sub/p-a" };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	send_by_hand(fd, "p-a");
	expect_message(a, "x", "");
	(void)snprintf(un.sun_path + 1, 100, "%s", tmpdir_path("p-z"));
	cr_assert_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	send_by_hand(fd, "p-a");
	expect_message(a, "x", "");
	(void)close(fd);

	cr_assert_eq(mkdir(tmpdir_path("sub"), 0700), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = tmpdir_bind(names[i], SOCK_DGRAM);
		send_by_hand(fd, "p-a");
		expect_message(a, "x", "");
		(void)close(fd);
		tmpdir_remove(names[i]);
	}
	tmpdir_remove("sub");

	memset(un.sun_path, '/', sizeof(un.sun_path));
	memcpy(un.sun_path + 1, tmpdir_dir() + 1, strlen(tmpdir_dir()) - 1);
	memcpy(un.sun_path + sizeof(un.sun_path) - 2, "zz", 2);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	send_by_hand(fd, "p-a");
	expect_message(a, "x", "");
	(void)close(fd);
	tmpdir_remove("zz");
	brood_peer_free(a);
}

static int
free_copy(void *arg)
{
	(void)brood_peer_free(arg);
	return 0;
}

Test(datagram, forked_copy_removes_nothing)
{
	struct brood_peer *a = peer_new("a");

	support_in_child(free_copy, a);
	cr_assert_eq(brood_peer_send(a, "a", "x", 1), 0);
	brood_peer_free(a);
}
