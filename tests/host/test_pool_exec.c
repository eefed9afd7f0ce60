/* SPDX-License-Identifier: ISC */
/*
 * A pool whose workers are programs, and what workers print.  The program is
 * echo_worker; the environment variable ECHO_WORKER has its path.  What is set
 * up between fork and exec is tested in tests/process/test_child_exec.c.
 */

#include "base/fd.h"
#include "support/accounting.h"
#include "support/drain.h"
#include "support/methods.h"
#include "support/support.h"
#include <stdlib.h>
#include <string.h>

BROOD_SUITE(pool_exec);

static struct brood_pool *
exec_pool(struct brood_pool_options options)
{
	const char *argv[] = { getenv("ECHO_WORKER"), NULL };
	struct brood_pool *pool = NULL;

	cr_assert(argv[0] != NULL, "ECHO_WORKER is not set");
	options.argv = argv;
	options.workers = 1;
	options.shutdown_ms = 300;
	cr_assert(brood_pool_new(&pool, &options, NULL) == 0);
	return pool;
}

static void
exec_check(struct brood_pool *pool, uint32_t method, const char *text,
    const char *expected)
{
	struct brood_completion done;

	cr_assert(drain_call(pool, method, text, &done) == 0);
	cr_assert(done.fate == BROOD_DONE, "%s", done.text);
	cr_assert(drain_is_text(&done, expected), "not %s", expected);
	brood_completion_fini(&done);
}

Test(pool_exec, program_answers_like_a_handler)
{
	struct brood_pool *pool = exec_pool((struct brood_pool_options){ 0 });
	struct brood_completion done;
	pid_t pid = drain_echo(pool);

	cr_assert(pid > 0);
	exec_check(pool, METHOD_ECHO, "", "");
	exec_check(pool, METHOD_STREAM, "", "abc");
	cr_assert(drain_call(pool, METHOD_FAIL, "no", &done) == 0);
	cr_assert(done.fate == BROOD_FAILED);
	cr_assert(strstr(done.text, "no") != NULL);
	brood_completion_fini(&done);
	cr_assert(drain_echo(pool) == pid);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_exec, program_has_its_channel_and_nothing_more)
{
	int leaked = dup2(STDIN_FILENO, 901);
	struct brood_pool *pool = exec_pool((struct brood_pool_options){ 0 });
	pid_t pid = drain_echo(pool);

	cr_assert(leaked == 901 && pid > 0);
	/* Standard input, output and error, and the channel. */
	cr_assert(support_n_fds_of(pid) == 4);
	(void)brood__fd_close(leaked);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_exec, program_gets_the_environment_and_directory_asked_for)
{
	static const char *const env[] = { "BROOD_TEST=of the pool", NULL };
	struct brood_pool *pool = exec_pool((struct brood_pool_options){
	    .env = env, .chdir = "/proc" });
	struct brood_completion done;

	exec_check(pool, METHOD_GETENV, "BROOD_TEST", "of the pool");
	exec_check(pool, METHOD_GETCWD, "", "/proc");
	cr_assert(drain_call(pool, METHOD_GETENV, "ECHO_WORKER", &done) == 0);
	cr_assert(done.fate == BROOD_FAILED);
	brood_completion_fini(&done);
	cr_assert(drain_call(pool, METHOD_GETENV, "BROOD_FD", &done) == 0);
	cr_assert(done.fate == BROOD_FAILED, "BROOD_FD would be inherited");
	brood_completion_fini(&done);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_exec, program_has_the_hosts_environment_by_default)
{
	struct brood_pool *pool;

	cr_assert(setenv("BROOD_TEST", "of the host", 1) == 0);
	pool = exec_pool((struct brood_pool_options){ 0 });
	exec_check(pool, METHOD_GETENV, "BROOD_TEST", "of the host");
	cr_assert(brood_pool_free(pool) == NULL);
}

static int
exec_pipe_with(const char *text)
{
	int fds[2];

	cr_assert(pipe2(fds, O_CLOEXEC) == 0);
	cr_assert(write(fds[1], text, strlen(text)) == (ssize_t)strlen(text));
	(void)brood__fd_close(fds[1]);
	return fds[0];
}

static int
exec_with_traded_places(void *arg)
{
	const char *argv[] = { getenv("ECHO_WORKER"), NULL };
	struct brood_pool_options options = {
		.argv = argv, .workers = 1,
		.keep_fds = (const int[]){ 5, 4 }, .n_keep_fds = 2,
	};
	int *fds = arg;
	struct brood_pool *pool;
	struct brood_completion done;

	DRAIN_CHECK(dup2(fds[0], 5) == 5 && dup2(fds[1], 4) == 4);
	DRAIN_CHECK(brood_pool_new(&pool, &options, NULL) == 0);
	DRAIN_CHECK(drain_call(pool, METHOD_READ_KEPT, "4", &done) == 0);
	DRAIN_CHECK(drain_is_text(&done, "one"));
	brood_completion_fini(&done);
	DRAIN_CHECK(drain_call(pool, METHOD_READ_KEPT, "5", &done) == 0);
	DRAIN_CHECK(drain_is_text(&done, "two"));
	brood_completion_fini(&done);
	(void)brood_pool_free(pool);
	return 0;
}

/*
 * The program gets its kept descriptors as 4 and 5.  Here 4 is made of the
 * host's 5, and 5 of the host's 4.  This runs in a child, because Criterion
 * itself may use these two numbers.
 */
Test(pool_exec, kept_descriptors_survive_trading_places)
{
	int fds[2];

	for (int i = 0; i < 2; i++) {
		int fd = exec_pipe_with(i == 0 ? "one" : "two");

		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		(void)brood__fd_close(fd);
	}
	support_in_child(exec_with_traded_places, fds);
	brood__fd_close_all(fds, 2);
}

/* Append what comes from fd to buf, until needle is in it. */
static bool
exec_read_until(struct brood_pool *pool, int fd, char *buf, size_t size,
    const char *needle)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	size_t len = 0;
	ssize_t n;

	while (strstr(buf, needle) == NULL && len < size - 1) {
		if (brood__now_ms() > deadline)
			return false;
		if (!drain_turn(pool, fd))
			continue;
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
	}
	return strstr(buf, needle) != NULL;
}

Test(pool_exec, stderr_goes_where_asked_by_lines_with_a_prefix)
{
	char buf[200] = "", expected[100];
	struct brood_pool *pool;
	struct counters *counters = counters_new(1);
	int fds[2];
	pid_t pid;

	cr_assert(counters != NULL && pipe2(fds, O_CLOEXEC) == 0);
	pool = counters_pool(counters,
	    (struct brood_pool_options){ .name = "kid",
		.workers = 1,
		.stderr_fd = fds[1],
		.prefix_stderr = true });
	cr_assert(pool != NULL);
	pid = drain_echo(pool);
	cr_assert(pid > 0);
	exec_check(pool, METHOD_PRINT, "half a ", "half a ");
	exec_check(pool, METHOD_PRINT, "line\n", "line\n");
	(void)snprintf(expected, sizeof(expected), "kid[%d]: half a line\n",
	    (int)pid);
	cr_assert(exec_read_until(pool, fds[0], buf, sizeof(buf), "\n"));
	cr_assert_str_eq(buf, expected);
	cr_assert(brood_pool_free(pool) == NULL);
	brood__fd_close_all(fds, 2);
	(void)counters_free(counters);
}

Test(pool_exec, program_knows_its_slot_and_generation_and_passes_neither_on)
{
	struct brood_pool *pool = exec_pool((struct brood_pool_options){ 0 });
	struct brood_completion done;
	static const char *const names[] = {
		"BROOD_FD", "BROOD_SLOT", "BROOD_GENERATION",
	};

	exec_check(pool, METHOD_WHO, "", "0 1");
	for (int i = 0; i < 3; i++) {
		cr_assert(drain_call(pool, METHOD_GETENV, names[i], &done) ==
		    0);
		cr_assert(done.fate == BROOD_FAILED, "%s is set", names[i]);
		brood_completion_fini(&done);
	}
	cr_assert(drain_call(pool, METHOD_ABORT, "0123", &done) == 0);
	cr_assert(done.fate == BROOD_CRASHED);
	brood_completion_fini(&done);
	exec_check(pool, METHOD_WHO, "", "0 2");
	cr_assert(brood_pool_free(pool) == NULL);
}
