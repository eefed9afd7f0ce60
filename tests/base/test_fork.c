/* SPDX-License-Identifier: ISC */

/*
 * Claims about fork with all signals blocked, and about descriptors of
 * processes.
 */

#include "base/fd.h"
#include "base/fork.h"
#include "support/support.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

BROOD_SUITE(fork);

/* The pid of the last process that ran the handler. */
static volatile sig_atomic_t handled_by;

static void
on_usr1(int sig)
{
	(void)sig;
	handled_by = getpid();
}

/* The C library keeps those between the standard and the real-time ones. */
static bool
can_be_blocked(int sig)
{
	return sig != SIGKILL && sig != SIGSTOP &&
	    (sig <= SIGSYS || sig >= SIGRTMIN);
}

/* In the child: exit with the number of signals that are not blocked. */
_Noreturn static void
exit_with_unblocked(void)
{
	sigset_t mask;
	int n = 0;

	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig < NSIG; sig++)
		n += can_be_blocked(sig) && sigismember(&mask, sig) == 0;
	_exit(n);
}

static int
join(pid_t pid)
{
	int status;
	pid_t r;

	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	cr_assert_eq(r, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Test(fork, child_begins_with_all_signals_blocked)
{
	pid_t pid = brood__fork(NULL);

	if (pid == 0)
		exit_with_unblocked();
	cr_assert_gt(pid, 0);
	cr_assert_eq(join(pid), 0);
}

Test(fork, parent_has_its_mask_back_and_gets_what_came_meanwhile)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	sigset_t before, after, usr2;
	pid_t pid;

	(void)sigemptyset(&usr2);
	(void)sigaddset(&usr2, SIGUSR2);
	cr_assert_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	cr_assert_eq(sigprocmask(SIG_BLOCK, &usr2, &before), 0);
	pid = brood__fork(NULL);
	if (pid == 0)
		_exit(kill(getppid(), SIGUSR1));
	cr_assert_eq(join(pid), 0);
	cr_assert_eq(sigprocmask(SIG_SETMASK, &before, &after), 0);
	cr_assert_eq(sigismember(&after, SIGUSR1), 0);
	cr_assert_eq(sigismember(&after, SIGUSR2), 1);
	cr_assert_eq(handled_by, getpid());
}

Test(fork, a_signal_to_the_child_does_not_run_the_parents_handler)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	int fds[2];
	char byte;
	pid_t pid;

	cr_assert_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	cr_assert_eq(pipe(fds), 0);
	pid = brood__fork(NULL);
	if (pid == 0)
		_exit(read(fds[0], &byte, 1) != 1 || handled_by != 0);
	cr_assert_eq(kill(pid, SIGUSR1), 0);
	cr_assert_eq(write(fds[1], "x", 1), 1);
	cr_assert_eq(join(pid), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

#ifdef HAVE_PIDFD_OPEN

_Noreturn static void
sleep_for_ever(void)
{
	sigset_t none;

	(void)alarm(20);
	(void)sigemptyset(&none);
	for (;;)
		(void)sigsuspend(&none);
}

Test(fork, pidfd_tells_signals_and_reaps)
{
	struct pollfd pfd = { .events = POLLIN };
	pid_t pid = brood__fork(&pfd.fd);

	if (pid == 0)
		sleep_for_ever();
	cr_assert_geq(pfd.fd, 0);
	cr_assert(fcntl(pfd.fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(poll(&pfd, 1, 0), 0);
	cr_assert_eq(brood__pidfd_kill(pfd.fd, SIGKILL), 0);
	cr_assert_eq(poll(&pfd, 1, 10000), 1);
	cr_assert_eq(brood__pidfd_wait(pfd.fd), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), -1);
	cr_assert_eq(errno, ECHILD);
	(void)close(pfd.fd);
}

Test(fork, pidfd_of_a_child_that_another_has_reaped_means_nobody)
{
	int fd;
	pid_t pid = brood__fork(&fd);

	if (pid == 0)
		_exit(0);
	cr_assert_eq(join(pid), 0);
	cr_assert_eq(brood__pidfd_kill(fd, SIGKILL), -ESRCH);
	cr_assert_eq(brood__pidfd_wait(fd), -ECHILD);
	(void)close(fd);
}

#endif
