/* SPDX-License-Identifier: ISC */

/*
 * Claims about forked children: what they hold, how they begin and end, and
 * what is left of them.  Programs are tested in test_child_exec.c.
 *
 * A child tells by its exit status what it has found, 0 meaning "as claimed",
 * so that only the parent asserts.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

BROOD_SUITE(child);

#define PATIENCE	10000	/* milliseconds */

static int
return_arg(struct brood_channel *channel, void *arg)
{
	(void)channel;
	return *(int *)arg;
}

/* A child: send back each message, until the parent is gone. */
static int
echo(struct brood_channel *channel, void *arg)
{
	struct brood_message msg;

	(void)arg;
	while (brood_channel_recv(channel, -1, &msg) == 1) {
		msg.kind = BROOD_KIND_REPLY;
		if (brood_channel_send(channel, &msg) != 0)
			return 1;
	}
	return 0;
}

/* A child: say that it runs, then stay. */
static int
hang(struct brood_channel *channel, void *arg)
{
	if (arg != NULL)
		signal(SIGTERM, SIG_IGN);
	if (brood_channel_send(channel, &(struct brood_message){
	    .kind = BROOD_KIND_PROGRESS }) != 0)
		return 1;
	for (;;)
		pause();
}

static struct brood_child *
start(brood_child_fn fn, void *arg)
{
	struct brood_child *child;
	int r = brood_child_fork(&child, NULL, fn, arg);

	cr_assert_eq(r, 0, "brood_child_fork: %d", r);
	cr_assert_gt(brood_child_pid(child), 0);
	return child;
}

static struct brood_child *
start_hanging(void *arg)
{
	struct brood_child *child = start(hang, arg);
	struct brood_message msg;

	cr_assert_eq(brood_channel_recv(brood_child_channel(child), PATIENCE,
	    &msg), 1);
	return child;
}

/*
 * Wait for the child and free it.  Gives its exit status, or 1000 plus the
 * signal that ended it.
 */
static int
end(struct brood_child *child)
{
	int status;
	int r = brood_child_wait(child, &status);

	brood_child_free(child);
	cr_assert_eq(r, 0, "brood_child_wait: %d", r);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    1000 + WTERMSIG(status);
}

/* Gives 0 if the child answers. Does not assert, so any process may call it. */
static int
ping(struct brood_child *child)
{
	struct brood_channel *channel = brood_child_channel(child);
	struct brood_message got;

	if (brood_channel_send(channel, &(struct brood_message){
	    .data = "ping", .len = 4, .id = 7 }) != 0)
		return 1;
	if (brood_channel_recv(channel, PATIENCE, &got) != 1)
		return 2;
	return got.id == 7 && got.len == 4 && !memcmp(got.data, "ping", 4) ?
	    0 : 3;
}

Test(child, exit_status_is_what_the_function_returned)
{
	for (int i = 0; i < 256; i += 51)
		cr_assert_eq(end(start(return_arg, &i)), i);
}

Test(child, messages_go_both_ways)
{
	struct brood_child *child = start(echo, NULL);

	for (int i = 0; i < 100; i++)
		cr_assert_eq(ping(child), 0);
	cr_assert_null(brood_child_free(child));
}

Test(child, wait_gives_the_same_status_again)
{
	int code = 9, first, second;
	struct brood_child *child = start(return_arg, &code);

	cr_assert_eq(brood_child_wait(child, &first), 0);
	cr_assert_eq(brood_child_wait(child, &second), 0);
	cr_assert_eq(first, second);
	cr_assert_eq(WEXITSTATUS(first), 9);
	brood_child_free(child);
}

Test(child, killed_child_is_reported_so_and_gone_after_that)
{
	struct brood_child *child = start_hanging(NULL);
	int status;

	cr_assert_eq(brood_child_kill(child, 0), 0);
	cr_assert_eq(brood_child_kill(child, SIGTERM), 0);
	cr_assert_eq(brood_child_wait(child, &status), 0);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGTERM);
	cr_assert_eq(brood_child_kill(child, SIGTERM), -ESRCH);
	cr_assert_eq(brood_child_kill(child, 0), -ESRCH);
	brood_child_free(child);
}

Test(child, channel_of_a_dead_child_ends)
{
	int code = 0;
	struct brood_child *child = start(return_arg, &code);
	struct brood_message msg;

	cr_assert_eq(brood_channel_recv(brood_child_channel(child), PATIENCE,
	    &msg), -EPIPE);
	cr_assert_eq(end(child), 0);
}

Test(child, free_ends_a_child_that_would_stay)
{
	struct brood_child *child;
	pid_t pid;

	for (int is_deaf = 0; is_deaf < 2; is_deaf++) {
		child = start_hanging(is_deaf ? "" : NULL);
		pid = brood_child_pid(child);
		cr_assert(support_is_alive(pid));
		cr_assert_null(brood_child_free(child));
		cr_assert_eq(kill(pid, 0), -1);
		cr_assert_eq(errno, ESRCH);
	}
	cr_assert_null(brood_child_free(NULL));
}

Test(child, free_ends_a_stopped_child)
{
	struct brood_child *child = start_hanging(NULL);
	pid_t pid = brood_child_pid(child);
	siginfo_t info;

	cr_assert_eq(brood_child_kill(child, SIGSTOP), 0);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
	brood_child_free(child);
	cr_assert_eq(kill(pid, 0), -1);
}

Test(child, status_that_another_took_is_echild)
{
	int code = 0, status;
	struct brood_child *child = start(return_arg, &code);

	cr_assert_eq(waitpid(brood_child_pid(child), NULL, 0),
	    brood_child_pid(child));
	cr_assert_eq(brood_child_wait(child, &status), -ECHILD);
	brood_child_free(child);
}

static int
n_open_fds(int end_fd, bool is_sockets_only)
{
	struct stat st;
	int n = 0;

	for (int fd = 0; fd < end_fd; fd++)
		if (fstat(fd, &st) == 0)
			n += !is_sockets_only || S_ISSOCK(st.st_mode);
	return n;
}

static int
count_fds(struct brood_channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return n_open_fds(1024, false);
}

Test(child, child_holds_standard_streams_and_its_channel_only)
{
	struct brood_child *first = start(echo, NULL);
	int spare = dup(0), high = fcntl(0, F_DUPFD, 700);

	cr_assert_eq(end(start(count_fds, NULL)), n_open_fds(3, false) + 1);
	close(spare);
	close(high);
	brood_child_free(first);
}

struct kept {
	int	fds[3];
	ino_t	inodes[3];
};

static int
look_for_kept(struct brood_channel *channel, void *arg)
{
	struct kept *kept = arg;
	struct stat st;

	(void)channel;
	for (int i = 0; i < 3; i++)
		if (fstat(kept->fds[i], &st) != 0 ||
		    st.st_ino != kept->inodes[i])
			return 100 + i;
	return n_open_fds(1024, false);
}

Test(child, kept_descriptors_stay_at_their_numbers)
{
	struct kept kept = { { 57, 201, 56 }, { 0 } };
	struct brood_child_options options = { .keep_fds = kept.fds,
	    .n_keep_fds = 3 };
	struct brood_child *child;
	struct stat st;
	int ends[2];

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(pipe(ends), 0);
		cr_assert_eq(dup3(ends[0], kept.fds[i], O_CLOEXEC),
		    kept.fds[i]);
		cr_assert_eq(fstat(ends[0], &st), 0);
		kept.inodes[i] = st.st_ino;
		close(ends[0]);
		close(ends[1]);
	}
	cr_assert_eq(brood_child_fork(&child, &options, look_for_kept, &kept),
	    0);
	cr_assert_eq(end(child), n_open_fds(3, false) + 1 + 3);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(close(kept.fds[i]), 0, "the parent's is gone");
}

static void
ignore(int sig)
{
	(void)sig;
}

/*
 * A child: send the number of the first signal that is not at its default, or,
 * if it is blocked, that number plus 100.
 */
static int
look_at_signals(struct brood_channel *channel, void *arg)
{
	struct brood_message msg = { .kind = BROOD_KIND_REPLY };
	struct sigaction sa;
	sigset_t mask;

	(void)arg;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = NSIG - 1; sig > 0; sig--) {
		if (sigismember(&mask, sig) == 1)
			msg.code = 100 + (uint32_t)sig;
		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			msg.code = (uint32_t)sig;
	}
	return brood_channel_send(channel, &msg) == 0 ? 0 : 1;
}

static bool
is_same_mask(const sigset_t *a, const sigset_t *b)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(a, sig) != sigismember(b, sig))
			return false;
	return true;
}

/* With SIGCHLD ignored nobody can get the status of a child. */
Test(child, signals_are_as_new_and_the_parents_are_left_alone)
{
	struct brood_child *child;
	struct brood_message msg;
	struct sigaction sa;
	sigset_t all, before, after, old;
	int r, status;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, sig == SIGUSR1 ? ignore : SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	sigprocmask(SIG_SETMASK, NULL, &before);
	r = brood_child_fork(&child, NULL, look_at_signals, NULL);
	sigprocmask(SIG_SETMASK, &old, &after);

	cr_assert_eq(r, 0);
	cr_assert(is_same_mask(&before, &after), "the parent's mask changed");
	cr_assert_eq(brood_channel_recv(brood_child_channel(child), PATIENCE,
	    &msg), 1);
	cr_assert_eq(msg.code, 0, "signal %u", msg.code);
	cr_assert_eq(brood_child_wait(child, &status), -ECHILD);
	cr_assert(!support_is_alive(brood_child_pid(child)));
	brood_child_free(child);
	cr_assert_eq(sigaction(SIGCHLD, NULL, &sa), 0);
	cr_assert_eq(sa.sa_handler, SIG_IGN);
	cr_assert_eq(sigaction(SIGUSR1, NULL, &sa), 0);
	cr_assert_eq(sa.sa_handler, ignore);
}

static int
print_and_return(struct brood_channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	printf("child");
	return 0;
}

static int
n_times(const char *text, const char *word)
{
	int n = 0;

	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

static int
print_around_a_fork(void *arg)
{
	char path[] = "/tmp/brood-child-XXXXXX";
	int fd = mkstemp(path), status;
	struct brood_child *child;
	char text[100] = "";

	(void)arg;
	unlink(path);
	fflush(stdout);
	if (dup2(fd, STDOUT_FILENO) < 0)
		return 1;
	printf("parent");
	if (brood_child_fork(&child, NULL, print_and_return, NULL) != 0)
		return 2;
	if (brood_child_wait(child, &status) != 0 || status != 0)
		return 3;
	brood_child_free(child);
	fflush(stdout);
	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return 4;
	if (n_times(text, "parent") != 1)
		return 5;
	return n_times(text, "child") == 1 ? 0 : 6;
}

Test(child, what_the_parent_printed_is_not_printed_twice)
{
	support_in_child(print_around_a_fork, NULL);
}

static int exit_pipe[2];

static void
tell_exit(void)
{
	(void)!write(exit_pipe[1], "x", 1);
}

static int
fork_with_an_exit_handler(void *arg)
{
	struct brood_child_options options = { .keep_fds = &exit_pipe[1],
	    .n_keep_fds = 1 };
	struct pollfd p = { .events = POLLIN };
	struct brood_child *child;
	int status;

	if (pipe(exit_pipe) != 0 || atexit(tell_exit) != 0)
		return 1;
	if (brood_child_fork(&child, &options, return_arg, arg) != 0)
		return 2;
	if (brood_child_wait(child, &status) != 0 || status != 0)
		return 3;
	p.fd = exit_pipe[0];
	brood_child_free(child);
	return poll(&p, 1, 0);
}

Test(child, exit_handlers_of_the_parent_do_not_run)
{
	int code = 0;

	support_in_child(fork_with_an_exit_handler, &code);
}

static int
echo_if_one_socket(struct brood_channel *channel, void *arg)
{
	if (n_open_fds(1024, true) != 1)
		return 1;
	return echo(channel, arg);
}

static int
fork_without_standard_streams(void *arg)
{
	struct brood_child *child;
	int r;

	closefrom(0);
	if (brood_child_fork(&child, NULL, echo_if_one_socket, arg) != 0)
		return 10;
	r = ping(child);
	brood_child_free(child);
	return r;
}

Test(child, fork_works_with_standard_streams_closed)
{
	support_in_child(fork_without_standard_streams, NULL);
}

static int
use_a_copy(void *arg)
{
	struct brood_child *child = arg;
	int status;

	if (brood_child_wait(child, &status) != -ECHILD)
		return 1;
	if (brood_child_kill(child, SIGKILL) != -ECHILD)
		return 2;
	return brood_child_free(child) == NULL ? 0 : 3;
}

Test(child, forked_copy_can_neither_wait_nor_kill)
{
	struct brood_child *child = start(echo, NULL);

	support_in_child(use_a_copy, child);
	cr_assert_eq(ping(child), 0);
	brood_child_free(child);
}

Test(child, fifty_children_leave_nothing_behind)
{
	unsigned n_fds = support_n_fds();
	int code = 3;

	for (int i = 0; i < 50; i++)
		cr_assert_eq(end(start(return_arg, &code)), 3);
	cr_assert_eq(support_n_fds(), n_fds);
	cr_assert_eq(support_n_children(), 0);
}
