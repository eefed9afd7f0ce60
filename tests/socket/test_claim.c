/* SPDX-License-Identifier: ISC */

/*
 * Claims about the path of a listener: only one server has it, even if several
 * start at the same moment, and whatever a dead server has left there; and no
 * file is removed that brood has not made.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/support.h"
#include "support/tmpdir.h"

TMPDIR_SUITE(claim);

#define STARTERS	20
#define ROUNDS		10
#define COMERS		4
#define VISITS		200

static int
listen_at(const char *name)
{
	struct brood_listener *listener = NULL;
	int r = brood_listener_new(&listener, tmpdir_path(name), NULL, NULL);

	brood_listener_free(listener);
	return r;
}

static bool
answers(const char *name)
{
	int fd;

	if (brood_socket_connect(tmpdir_path(name), 0, &fd, NULL) < 0)
		return false;
	(void)close(fd);
	return true;
}

Test(claim, nothing_is_left_when_a_listener_is_freed)
{
	cr_assert_eq(listen_at("s"), 0);
	cr_assert_not(tmpdir_has("s"));
	cr_assert_not(tmpdir_has("s.lock"));
}

Test(claim, live_listener_keeps_its_path)
{
	struct brood_listener *first = NULL, *second = NULL;
	char text[BROOD_TEXT_SIZE] = "";

	cr_assert_eq(brood_listener_new(&first, tmpdir_path("s"), NULL, NULL),
	    0);
	cr_assert_eq(brood_listener_new(&second, tmpdir_path("s"), NULL, text),
	    -EADDRINUSE);
	cr_assert_null(second);
	cr_assert_not_null(strstr(text, tmpdir_path("s")), "%s", text);
	cr_assert(answers("s"));
	brood_listener_free(first);
	cr_assert_eq(listen_at("s"), 0);
}

/*
 * Servers that know nothing of lock files: one listens, one has bound its
 * socket and does not listen yet.
 */
Test(claim, foreign_server_keeps_its_path_and_sees_no_visitor)
{
	int fd = tmpdir_bind("s", SOCK_STREAM);
	int dgram = tmpdir_bind("d", SOCK_DGRAM);

	cr_assert_eq(listen_at("s"), -EADDRINUSE);
	cr_assert_eq(listen_at("d"), -EADDRINUSE);
	cr_assert_eq(listen(fd, 5), 0);
	cr_assert_eq(listen_at("s"), -EADDRINUSE);
	cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	cr_assert_eq(accept(fd, NULL, NULL), -1);
	cr_assert_eq(errno, EAGAIN);
	cr_assert(answers("s"));
	(void)close(fd);
	(void)close(dgram);
	cr_assert_not(tmpdir_has("s.lock"));
	cr_assert_eq(listen_at("s"), 0);
	cr_assert_eq(listen_at("d"), 0);
}

Test(claim, listener_whose_lock_was_cleaned_away_keeps_its_path)
{
	struct brood_listener *first = NULL;

	cr_assert_eq(brood_listener_new(&first, tmpdir_path("s"), NULL, NULL),
	    0);
	tmpdir_remove("s.lock");
	cr_assert_eq(listen_at("s"), -EADDRINUSE);
	cr_assert(answers("s"));
	brood_listener_free(first);
}

Test(claim, stale_socket_of_any_type_is_replaced)
{
	tmpdir_leave_stale("stream", SOCK_STREAM);
	tmpdir_leave_stale("dgram", SOCK_DGRAM);
	tmpdir_leave_stale("packet", SOCK_SEQPACKET);
	cr_assert_eq(listen_at("stream"), 0);
	cr_assert_eq(listen_at("dgram"), 0);
	cr_assert_eq(listen_at("packet"), 0);
}

Test(claim, what_is_no_socket_stays_untouched)
{
	const char *names[] = { "file", "dir", "fifo", "link", "to-file",
	    "to-stale" };
	char text[BROOD_TEXT_SIZE];
	struct brood_listener *listener = NULL;
	struct stat before, after;

	(void)close(open(tmpdir_path("file"), O_CREAT | O_WRONLY, 0600));
	cr_assert_eq(mkdir(tmpdir_path("dir"), 0700), 0);
	cr_assert_eq(mkfifo(tmpdir_path("fifo"), 0600), 0);
	cr_assert_eq(symlink("nowhere", tmpdir_path("link")), 0);
	cr_assert_eq(symlink("file", tmpdir_path("to-file")), 0);
	tmpdir_leave_stale("stale", SOCK_STREAM);
	cr_assert_eq(symlink("stale", tmpdir_path("to-stale")), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cr_assert_eq(lstat(tmpdir_path(names[i]), &before), 0);
		cr_assert_eq(brood_listener_new(&listener, tmpdir_path(names[i]),
		    NULL, text), -EEXIST, "%s", names[i]);
		cr_expect_not_null(strstr(text, tmpdir_path(names[i])));
		cr_assert_eq(lstat(tmpdir_path(names[i]), &after), 0);
		cr_expect_eq(before.st_ino, after.st_ino, "%s", names[i]);
		cr_expect_eq(before.st_mode, after.st_mode, "%s", names[i]);
		tmpdir_remove(names[i]);
	}
	cr_assert_not(tmpdir_has("nowhere"));
	tmpdir_remove("stale");
}

Test(claim, lock_that_is_another_thing_does_no_harm)
{
	cr_assert_eq(mkfifo(tmpdir_path("s.lock"), 0600), 0);
	cr_assert_eq(listen_at("s"), -EEXIST);
	tmpdir_remove("s.lock");
	cr_assert_eq(symlink("victim", tmpdir_path("s.lock")), 0);
	cr_assert_eq(listen_at("s"), -ELOOP);
	cr_assert_not(tmpdir_has("victim"));
	tmpdir_remove("s.lock");
	cr_assert_not(tmpdir_has("s"));
}

Test(claim, another_that_took_the_place_is_not_removed)
{
	struct brood_listener *first = NULL;
	int other;

	cr_assert_eq(brood_listener_new(&first, tmpdir_path("s"), NULL, NULL),
	    0);
	tmpdir_remove("s");
	tmpdir_remove("s.lock");
	other = tmpdir_bind("s", SOCK_STREAM);
	cr_assert_eq(listen(other, 5), 0);
	(void)close(open(tmpdir_path("s.lock"), O_CREAT | O_WRONLY, 0600));
	brood_listener_free(first);
	cr_assert(answers("s"));
	cr_assert(tmpdir_has("s.lock"));
	(void)close(other);
	tmpdir_remove("s");
	tmpdir_remove("s.lock");
}

Test(claim, relative_path_is_removed_from_another_directory)
{
	struct brood_listener *listener = NULL;
	int home = open(".", O_RDONLY | O_DIRECTORY);

	cr_assert_eq(chdir(tmpdir_dir()), 0);
	cr_assert_eq(brood_listener_new(&listener, "s", NULL, NULL), 0);
	cr_assert_eq(fchdir(home), 0);
	cr_assert(answers("s"));
	brood_listener_free(listener);
	(void)close(home);
	cr_assert_not(tmpdir_has("s"));
}

static int
free_copy(void *arg)
{
	(void)brood_listener_free(arg);
	return 0;
}

Test(claim, forked_copy_removes_nothing)
{
	struct brood_listener *listener = NULL;

	cr_assert_eq(brood_listener_new(&listener, tmpdir_path("s"), NULL,
	    NULL), 0);
	support_in_child(free_copy, listener);
	cr_assert(answers("s"));
	cr_assert_eq(listen_at("s"), -EADDRINUSE);
	brood_listener_free(listener);
}

Test(claim, no_directory_is_enoent_with_the_path)
{
	struct brood_listener *listener = NULL;
	char text[BROOD_TEXT_SIZE] = "";

	cr_assert_eq(brood_listener_new(&listener, tmpdir_path("no/s"), NULL,
	    text), -ENOENT);
	cr_expect_not_null(strstr(text, tmpdir_path("no/s")), "%s", text);
	(void)close(open(tmpdir_path("file"), O_CREAT | O_WRONLY, 0600));
	cr_assert_eq(brood_listener_new(&listener, tmpdir_path("file/s"), NULL,
	    text), -ENOTDIR);
	cr_expect_not_null(strstr(text, tmpdir_path("file/s")), "%s", text);
	cr_assert_eq(brood_listener_new(&listener, "", NULL, text), -ENOENT);
	cr_assert_null(listener);
	tmpdir_remove("file");
}

static int
listen_forbidden(void *arg)
{
	struct brood_listener *listener;
	char text[BROOD_TEXT_SIZE] = "";

	(void)arg;
	if (!tmpdir_become_nobody())
		return 1;
	if (brood_listener_new(&listener, tmpdir_path("dir/s"), NULL, text) !=
	    -EACCES)
		return 2;
	return strstr(text, tmpdir_path("dir/s")) != NULL ? 0 : 3;
}

Test(claim, no_permission_is_eacces_with_the_path)
{
	cr_assert_eq(mkdir(tmpdir_path("dir"), 0555), 0);
	support_in_child(listen_forbidden, NULL);
	tmpdir_remove("dir");
}

/* Races */

struct race {
	int gate[2];		/* closed to let all start */
	int said[2];		/* '1' from a winner, '0' from a loser */
	int end[2];		/* closed to let all end */
};

static int
race_start(void *arg)
{
	struct race *race = arg;
	struct brood_listener *listener = NULL;
	char byte;
	int r;

	(void)close(race->gate[1]);
	(void)close(race->end[1]);
	if (read(race->gate[0], &byte, 1) != 0)
		return 1;
	r = brood_listener_new(&listener, tmpdir_path("s"), NULL, NULL);
	if (r != 0 && r != -EADDRINUSE)
		return 2;
	if (write(race->said[1], r == 0 ? "1" : "0", 1) != 1)
		return 3;
	if (read(race->end[0], &byte, 1) != 0)
		return 4;
	(void)brood_listener_free(listener);
	return 0;
}

static void
race_run(void)
{
	struct race race;
	pid_t pids[STARTERS];
	int n_winners = 0;
	char byte = 0;

	cr_assert_eq(pipe(race.gate), 0);
	cr_assert_eq(pipe(race.said), 0);
	cr_assert_eq(pipe(race.end), 0);
	for (int i = 0; i < STARTERS; i++)
		pids[i] = support_fork(race_start, &race);
	(void)close(race.gate[1]);
	(void)close(race.said[1]);
	for (int i = 0; i < STARTERS; i++) {
		cr_assert_eq(read(race.said[0], &byte, 1), 1);
		n_winners += byte == '1';
	}
	cr_expect_eq(n_winners, 1, "%d have won", n_winners);
	cr_expect(answers("s"));
	(void)close(race.end[1]);
	for (int i = 0; i < STARTERS; i++)
		cr_expect_eq(support_join(pids[i]), 0);
	(void)close(race.gate[0]);
	(void)close(race.said[0]);
	(void)close(race.end[0]);
	cr_assert_not(tmpdir_has("s"));
	cr_assert_not(tmpdir_has("s.lock"));
}

Test(claim, of_many_that_start_at_once_one_wins)
{
	for (int i = 0; i < ROUNDS; i++)
		race_run();
}

Test(claim, of_many_that_find_a_stale_socket_one_wins)
{
	for (int i = 0; i < ROUNDS; i++) {
		tmpdir_leave_stale("s", SOCK_STREAM);
		if (i % 2 != 0)
			(void)close(open(tmpdir_path("s.lock"),
			    O_CREAT | O_WRONLY, 0600));
		race_run();
	}
}

static int
come_and_go(void *arg)
{
	atomic_int *n_inside = arg;
	struct brood_listener *listener;
	int r;

	for (int i = 0; i < VISITS; i++) {
		r = brood_listener_new(&listener, tmpdir_path("s"), NULL, NULL);
		if (r == -EADDRINUSE)
			continue;
		if (r != 0)
			return 1;
		if (atomic_fetch_add(n_inside, 1) != 0)
			return 2;
		if (!answers("s"))
			return 3;
		(void)atomic_fetch_sub(n_inside, 1);
		(void)brood_listener_free(listener);
	}
	return 0;
}

Test(claim, never_two_have_it_while_servers_come_and_go)
{
	pid_t pids[COMERS];
	atomic_int *n_inside = mmap(NULL, sizeof(*n_inside),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq((void *)n_inside, MAP_FAILED);
	for (int i = 0; i < COMERS; i++)
		pids[i] = support_fork(come_and_go, n_inside);
	for (int i = 0; i < COMERS; i++)
		cr_expect_eq(support_join(pids[i]), 0);
	(void)munmap(n_inside, sizeof(*n_inside));
}

static int
listen_until_killed(void *arg)
{
	struct brood_listener *listener;

	if (brood_listener_new(&listener, tmpdir_path("s"), NULL, NULL) < 0)
		return 1;
	if (write(*(int *)arg, "x", 1) != 1)
		return 2;
	for (;;)
		(void)pause();
}

Test(claim, restart_after_sigkill_works)
{
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe(ready), 0);
	for (int i = 0; i < 3; i++) {
		pid = support_fork(listen_until_killed, &ready[1]);
		cr_assert_eq(read(ready[0], &byte, 1), 1);
		cr_assert_eq(listen_at("s"), -EADDRINUSE);
		cr_assert_eq(kill(pid, SIGKILL), 0);
		(void)support_join(pid);
		cr_assert(tmpdir_has("s"));
		cr_assert(tmpdir_has("s.lock"));
	}
	cr_assert_eq(listen_at("s"), 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}
