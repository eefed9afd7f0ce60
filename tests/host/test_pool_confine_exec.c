/* SPDX-License-Identifier: ISC */

/*
 * Confined workers that are programs: echo_worker, which calls
 * brood_worker_main(), and misbehaving_worker, which speaks the protocol by
 * itself.
 */

#include "support/confined.h"
#include "support/methods.h"
#include "support/tmpdir.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TMPDIR_SUITE(pool_confine_exec);

#define USER	"61009"

static struct brood_pool *
exec_pool(const struct brood_confine *confine, const char *const *argv,
    const char *const *env)
{
	cr_assert(argv[0] != NULL);
	return confined_pool(confine,
	    (struct brood_pool_options){ .argv = argv, .env = env });
}

static void
check_level(const struct brood_confine *confine, unsigned level)
{
	const char *const argv[] = { getenv("ECHO_WORKER"), NULL };
	struct brood_pool *pool;

	confined_needs(level);
	pool = exec_pool(confine, argv, NULL);
	(void)confined_ready(pool, level);
	cr_assert(drain_echo(pool) > 0);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine_exec, program_reaches_level_1)
{
	check_level(&(struct brood_confine){ .level = BROOD_CONFINE_FILES },
	    BROOD_CONFINE_FILES);
}

Test(pool_confine_exec, program_reaches_level_2)
{
	static const char *const names[] = { "socket", "syncfs", NULL };

	check_level(&(struct brood_confine){ .level = BROOD_CONFINE_CALLS },
	    BROOD_CONFINE_CALLS);
	check_level(&(struct brood_confine){ .level = BROOD_CONFINE_CALLS,
	    .syscalls = names }, BROOD_CONFINE_CALLS);
}

Test(pool_confine_exec, program_reaches_level_2_by_best_effort)
{
	check_level(&(struct brood_confine){ .up_to = BROOD_CONFINE_CALLS },
	    BROOD_CONFINE_CALLS);
}

static void
copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char bytes[65536];
	ssize_t n;

	cr_assert(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		cr_assert(write(out, bytes, (size_t)n) == n);
	(void)close(in);
	(void)close(out);
}

static void
check_user(unsigned level)
{
	char path[100];
	const char *const argv[] = { path, NULL };
	struct brood_confine confine = {
		.level = level, .uid = (uint32_t)atoi(USER), .chroot = "/",
	};
	struct brood_pool *pool;
	pid_t pid;

	confined_needs(level);
	/* Where another user may execute it. */
	(void)snprintf(path, sizeof(path), "%s/worker", tmpdir_dir());
	copy_file(getenv("ECHO_WORKER"), path);
	pool = exec_pool(&confine, argv, NULL);
	pid = confined_ready(pool, level);
	cr_assert_str_eq(confined_status(pid, "Uid"),
	    USER "\t" USER "\t" USER "\t" USER);
	cr_assert_str_eq(confined_status(pid, "CapEff"), "0000000000000000");
	cr_assert_str_eq(confined_status(pid, "CapPrm"), "0000000000000000");
	cr_assert_str_eq(confined_status(pid, "Seccomp"), "2");
	cr_assert(drain_echo(pool) > 0);
	cr_assert(brood_pool_free(pool) == NULL);
	tmpdir_remove("worker");
}

Test(pool_confine_exec, program_reaches_level_3)
{
	check_user(BROOD_CONFINE_USER);
}

Test(pool_confine_exec, program_reaches_level_4)
{
	check_user(BROOD_CONFINE_SPACES);
}

Test(pool_confine_exec, other_program_reaches_level_1_and_no_more)
{
	const char *const argv[] = { getenv("FLOODING_WORKER"), NULL };
	struct brood_confine confine = { .level = BROOD_CONFINE_FILES };
	struct brood_pool *pool;

	confined_needs(BROOD_CONFINE_CALLS);
	pool = exec_pool(&confine, argv, NULL);
	(void)confined_ready(pool, BROOD_CONFINE_FILES);
	cr_assert(brood_pool_free(pool) == NULL);
	confine.level = BROOD_CONFINE_CALLS;
	pool = exec_pool(&confine, argv, NULL);
	confined_refused(pool, "hello",
	    "only brood_worker_main() goes beyond 1");
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine_exec, nonsense_in_the_environment_is_refused)
{
	/*
	 * LeakSanitizer starts a process at exit.  A worker that is refused may
	 * be killed just then, and that process would be left.
	 */
	const char *const argv[] = {
		"/usr/bin/env", "ASAN_OPTIONS=detect_leaks=0",
		"BROOD_CONFINE=999", getenv("ECHO_WORKER"), NULL,
	};
	struct brood_pool *pool = exec_pool(NULL, argv, NULL);

	confined_refused(pool, "hello", "not what brood writes there");
	cr_assert(brood_pool_free(pool) == NULL);
}

static void
check_variable(struct brood_pool *pool, const char *name, const char *value)
{
	struct brood_completion done;

	cr_assert(drain_call(pool, METHOD_GETENV, name, &done) == 0);
	cr_assert(done.fate == BROOD_DONE, "%s: %s", name, done.text);
	cr_assert(drain_is_text(&done, value), "%s is not %s", name, value);
	brood_completion_fini(&done);
}

Test(pool_confine_exec, threads_are_told_unless_they_were)
{
	const char *const argv[] = { getenv("ECHO_WORKER"), NULL };
	static const char *const env[] = { "OPENBLAS_NUM_THREADS=7", NULL };
	const struct brood_confine confine = { .threads = 3 };
	struct brood_pool *pool = exec_pool(&confine, argv, env);

	check_variable(pool, "OMP_NUM_THREADS", "3");
	check_variable(pool, "MKL_NUM_THREADS", "3");
	check_variable(pool, "GOMAXPROCS", "3");
	check_variable(pool, "OPENBLAS_NUM_THREADS", "7");
	cr_assert(brood_pool_free(pool) == NULL);
}
