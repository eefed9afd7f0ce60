/* SPDX-License-Identifier: ISC */

/*
 * Claims about children that are programs: what they hold and find, and errors
 * of brood_child_exec() itself.
 *
 * The programs are scripts for sh(1).  They look around in /proc, and exit with
 * 0 if all is as claimed.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

BROOD_SUITE(child_exec);

#define N_OF(array)	(sizeof(array) / sizeof((array)[0]))

/*
 * Run a script.  Gives the status of wait(2), or a negative errno.  Does not
 * assert, so any process may call it.
 */
static int
run(const struct brood_child_options *options, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct brood_child *child;
	int status, r;

	r = brood_child_exec(&child, options, argv);
	if (r < 0)
		return r;
	r = brood_child_wait(child, &status);
	brood_child_free(child);
	return r < 0 ? r : status;
}

/*
 * Make a script that fails if it holds a descriptor with a greater number than
 * last.
 */
static const char *
hold_no_more_than(char *script, size_t size, int last)
{
	snprintf(script, size,
	    "for f in /proc/$$/fd/*; do"
	    " [ ${f##*/} -le %d ] || [ ! -e $f ] || exit 9; done", last);
	return script;
}

Test(child_exec, exit_status_is_the_programs)
{
	int status = run(NULL, "exit 43");

	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 43);
	status = run(NULL, "kill -9 $$");
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGKILL);
}

Test(child_exec, channel_is_descriptor_3_and_named_in_the_environment)
{
	cr_assert_eq(run(NULL, "[ \"$BROOD_FD\" = 3 ] &&"
	    " [ -S /proc/self/fd/3 ]"), 0);
	cr_assert_null(getenv("BROOD_FD"), "set in the parent");
	setenv("BROOD_FD", "99", 1);
	cr_assert_eq(run(NULL, "[ \"$BROOD_FD\" = 3 ]"), 0);
	cr_assert_str_eq(getenv("BROOD_FD"), "99");
}

Test(child_exec, program_holds_standard_streams_and_its_channel_only)
{
	char script[200];
	int spare = dup(0), high = fcntl(0, F_DUPFD, 100);

	cr_assert_eq(run(NULL, hold_no_more_than(script, sizeof(script), 3)),
	    0);
	close(spare);
	close(high);
}

/* A file with one line, which is read once. */
static int
file_with(const char *line)
{
	char path[] = "/tmp/brood-child-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	if (write(fd, line, strlen(line)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return fd;
}

static const char read_three[] =
    "read a <&4 && read b <&5 && read c <&6 && [ $a$b$c = onetwothree ] &&"
    " [ -S /proc/self/fd/3 ] || exit 8;";

/*
 * Put files with the texts "one", "two" and "three" at these numbers, and keep
 * these open in the child.
 */
static int
keep_three(const int numbers[3])
{
	static const char *const lines[] = { "one\n", "two\n", "three\n" };
	struct brood_child_options options = { .keep_fds = numbers,
	    .n_keep_fds = 3 };
	char script[400];
	int status, fd;

	for (int i = 0; i < 3; i++) {
		fd = file_with(lines[i]);
		if (fd < 0 || fcntl(fd, F_DUPFD, 200 + i) != 200 + i)
			return -1;
		close(fd);
	}
	for (int i = 0; i < 3; i++)
		if (dup3(200 + i, numbers[i], O_CLOEXEC) != numbers[i])
			return -1;
	memcpy(script, read_three, sizeof(read_three));
	hold_no_more_than(script + sizeof(read_three) - 1, 200, 6);
	status = run(&options, script);
	for (int i = 0; i < 3; i++)
		if (close(200 + i) != 0 || close(numbers[i]) != 0)
			return -1;
	return status;
}

Test(child_exec, kept_descriptors_are_4_and_on_in_the_order_given)
{
	static const int numbers[] = { 78, 79, 77 };

	cr_assert_eq(keep_three(numbers), 0);
}

/* Run in a process of its own, because Criterion holds the low numbers here. */
static int
keep_colliding(void *arg)
{
	static const int numbers[][3] = {
	    { 3, 4, 5 }, { 5, 4, 3 }, { 4, 5, 6 }, { 6, 5, 4 }, { 5, 6, 4 },
	    { 6, 4, 3 }, { 4, 3, 6 }, { 7, 3, 4 },
	};

	(void)arg;
	closefrom(3);
	for (size_t i = 0; i < N_OF(numbers); i++)
		if (keep_three(numbers[i]) != 0)
			return (int)i + 1;
	return 0;
}

Test(child_exec, kept_descriptors_survive_colliding_numbers)
{
	support_in_child(keep_colliding, NULL);
}

Test(child_exec, kept_descriptor_may_be_kept_twice)
{
	int fd = file_with("one\ntwo\n");
	const int twice[] = { fd, fd };
	struct brood_child_options options = { .keep_fds = twice,
	    .n_keep_fds = 2 };

	cr_assert_eq(run(&options, "[ /proc/self/fd/4 -ef /proc/self/fd/5 ]"),
	    0);
	close(fd);
}

Test(child_exec, environment_is_the_one_given_and_brood_fd)
{
	static const char *const env[] = { "A=1", "B=two words", NULL };
	static const char *const old[] = { "BROOD_FD=77", "A=1", NULL };
	struct brood_child_options options = { .env = env };

	setenv("BROOD_TEST_NOISE", "x", 1);
	cr_assert_eq(run(&options, "[ \"$A$B$BROOD_FD$BROOD_TEST_NOISE\" ="
	    " '1two words3' ]"), 0);
	cr_assert_eq(run(NULL, "[ \"$BROOD_TEST_NOISE\" = x ]"), 0);
	options.env = old;
	cr_assert_eq(run(&options, "[ \"$A$BROOD_FD\" = 13 ]"), 0);
}

Test(child_exec, program_starts_in_the_directory_given)
{
	struct brood_child_options options = { .chdir = "/proc" };
	char before[4096], after[4096];

	cr_assert_not_null(getcwd(before, sizeof(before)));
	cr_assert_eq(run(&options, "[ . -ef /proc ]"), 0);
	options.chdir = NULL;
	cr_assert_eq(run(&options, "[ ! . -ef /proc ]"), 0);
	cr_assert_not_null(getcwd(after, sizeof(after)));
	cr_assert_str_eq(before, after);
}

static int
status_of(const char *const *argv)
{
	struct brood_child *child;
	int status;

	cr_assert_eq(brood_child_exec(&child, NULL, argv), 0);
	cr_assert_eq(brood_child_wait(child, &status), 0);
	brood_child_free(child);
	return status;
}

Test(child_exec, program_without_a_slash_is_looked_up_in_path)
{
	static const char *const argv[] = { "sh", "-c", "exit $#", "a", "b",
	    "c", NULL };

	cr_assert_eq(WEXITSTATUS(status_of(argv)), 2);
}

Test(child_exec, signals_are_as_new_whatever_the_parent_did_to_them)
{
	/*
	 * Signals 32 and 33 belong to the C library, which lets nobody change
	 * them.
	 */
	static const char *const argv[] = { "sh", "-c", "test 2 = $(grep -cE "
	    "'^Sig(Ign|Blk):[[:space:]]*0{7}[01][08]0{7}$' "
	    "/proc/self/status)", NULL };
	sigset_t all, before, after, old;
	struct brood_child *child;
	int r, status;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCHLD)
			signal(sig, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	sigprocmask(SIG_SETMASK, NULL, &before);
	r = brood_child_exec(&child, NULL, argv);
	sigprocmask(SIG_SETMASK, &old, &after);

	cr_assert_eq(r, 0);
	for (int sig = 1; sig < NSIG; sig++)
		cr_expect_eq(sigismember(&before, sig),
		    sigismember(&after, sig));
	cr_assert_eq(brood_child_wait(child, &status), 0);
	cr_assert_eq(status, 0, "ignored or blocked in it");
	brood_child_free(child);
}

/* On error no child, no descriptor and no object is left. */
static void
expect_error(const struct brood_child_options *options, const char *path,
    int error)
{
	const char *const argv[] = { path, NULL };
	struct brood_child *child = (void *)&child;
	unsigned n_fds = support_n_fds();
	int r = brood_child_exec(&child, options, argv);

	cr_expect_eq(r, error, "%s: %d", path, r);
	cr_expect_eq(child, (void *)&child);
	cr_expect_eq(support_n_fds(), n_fds);
	cr_expect_eq(support_n_children(), 0);
}

Test(child_exec, program_that_is_not_there_is_an_error_of_the_call)
{
	struct brood_child_options options = { .chdir = "/no/such/place" };

	expect_error(NULL, "/no/such/program", -ENOENT);
	expect_error(NULL, "no-such-program-anywhere", -ENOENT);
	expect_error(NULL, "", -ENOENT);
	expect_error(&options, "/bin/sh", -ENOENT);
}

Test(child_exec, program_that_cannot_run_is_an_error_of_the_call)
{
	struct brood_child_options options = { .chdir = "/dev/null" };
	char path[] = "/tmp/brood-child-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	expect_error(NULL, path, -EACCES);
	expect_error(NULL, "/tmp", -EACCES);
	expect_error(NULL, "/dev/null/program", -ENOTDIR);
	expect_error(&options, "/bin/sh", -ENOTDIR);
	unlink(path);
}

Test(child_exec, mask_and_handlers_are_as_before_after_an_error)
{
	static const char *const argv[] = { "/no/such/program", NULL };
	struct brood_child *child;
	sigset_t before, after;

	sigprocmask(SIG_SETMASK, NULL, &before);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(brood_child_exec(&child, NULL, argv), -ENOENT);
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig < NSIG; sig++)
		cr_expect_eq(sigismember(&before, sig),
		    sigismember(&after, sig));
}

static int
exec_without_standard_streams(void *arg)
{
	static const char *const missing[] = { "/no/such/program", NULL };
	struct brood_child *child;
	int status;

	(void)arg;
	closefrom(0);
	status = run(NULL, "[ \"$BROOD_FD\" = 3 ] && [ -S /proc/self/fd/3 ]");
	if (status != 0)
		return 1;
	return brood_child_exec(&child, NULL, missing) == -ENOENT ? 0 : 2;
}

Test(child_exec, exec_works_with_standard_streams_closed)
{
	support_in_child(exec_without_standard_streams, NULL);
}

Test(child_exec, free_ends_a_program_that_would_stay)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct brood_child *child;
	pid_t pid;

	cr_assert_eq(brood_child_exec(&child, NULL, argv), 0);
	pid = brood_child_pid(child);
	cr_assert(support_is_alive(pid));
	cr_assert_null(brood_child_free(child));
	cr_assert_eq(kill(pid, 0), -1);
	cr_assert_eq(errno, ESRCH);
}
