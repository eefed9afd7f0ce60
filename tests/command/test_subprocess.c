/* SPDX-License-Identifier: ISC */

/*
 * Programs that the command runs as its own children: their descriptors, and
 * that neither they nor what they have started is left behind.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "command/subprocess.h"
#include "support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

BROOD_SUITE(subprocess);

/* Start sh with a script.  Gives the end of a pipe that descriptor 3 writes. */
static int
shell_start(struct brood_child **ret_child, const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	int fds[2];

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	cr_assert_eq(subprocess_start(ret_child, argv,
	    (int[SUBPROCESS_N_FDS]) { -1, -1, -1, fds[1] }, NULL), 0);
	(void)close(fds[1]);
	return fds[0];
}

/* A number that the script writes, a line. */
static long
shell_read(int fd)
{
	char text[32];
	size_t n = 0;

	while (n < sizeof(text) - 1 && read(fd, text + n, 1) == 1 &&
	    text[n] != '\n')
		n++;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

Test(subprocess, says_why_a_program_cannot_run)
{
	const char *argv[] = { "./nosuch", NULL };
	int fds[SUBPROCESS_N_FDS] = { -1, -1, -1, -1 };
	struct brood_child *child;

	cr_expect_eq(subprocess_start(&child, argv, fds, NULL), -ENOENT);
	cr_expect_null(child);
}

Test(subprocess, brings_descriptors_to_their_numbers)
{
	const char *argv[] = { "sh", "-c", "cat >&3; echo err >&2", NULL };
	struct brood_child *child;
	int in[2], out[2], err[2];
	char text[8] = "";

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(err, O_CLOEXEC), 0);
	cr_assert_eq(subprocess_start(&child, argv,
	    (int[SUBPROCESS_N_FDS]) { in[0], -1, err[1], out[1] },
	    NULL), 0);
	cr_assert_eq(write(in[1], "7\n", 2), 2);
	brood__fd_close_all(in, 2);
	(void)close(out[1]);
	(void)close(err[1]);
	cr_expect_eq(shell_read(out[0]), 7);
	cr_expect_eq(read(err[0], text, sizeof(text)), 4);
	cr_expect_str_eq(text, "err\n");
	cr_expect(subprocess_await(child, brood__now_ms() + 10000));
	cr_expect_eq(subprocess_stop(child), 0);
	(void)close(out[0]);
	(void)close(err[0]);
}

Test(subprocess, waits_no_longer_than_asked)
{
	struct brood_child *child;
	int fd = shell_start(&child, "exec sleep 60"), status;

	cr_expect_not(subprocess_await(child, brood__now_ms() + 10));
	status = subprocess_stop(child);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	(void)close(fd);
}

Test(subprocess, gives_the_status_of_what_ended)
{
	struct brood_child *child;
	int fd = shell_start(&child, "exit 3"), status;

	cr_expect(subprocess_await(child, brood__now_ms() + 10000));
	status = subprocess_stop(child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	(void)close(fd);
}

Test(subprocess, kills_what_a_program_has_started)
{
	struct brood_child *child;
	int fd = shell_start(&child, "sleep 60 & echo $! >&3");
	pid_t grandchild = (pid_t)shell_read(fd);

	cr_assert_gt(grandchild, 0);
	cr_expect(subprocess_await(child, brood__now_ms() + 10000));
	cr_expect(support_is_alive(grandchild));
	cr_expect_eq(subprocess_stop(child), 0);
	cr_expect(support_wait_gone(grandchild));
	(void)waitpid(grandchild, NULL, 0);
	(void)close(fd);
}
