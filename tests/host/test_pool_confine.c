/* SPDX-License-Identifier: ISC */

/*
 * Pools whose workers are confined: which level is reached, what fails the
 * start, and what a worker is left.  What a hostile one comes to is in
 * tests/attack; limits and users are in test_pool_confine_limits.c, programs in
 * test_pool_confine_exec.c.
 */

#include "support/confined.h"
#include "support/tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TMPDIR_SUITE(pool_confine);

#define USER	61009		/* whom nobody else is */

static const struct brood_pool_options no_options;

static void
make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) ==
	    (ssize_t)strlen(text));
	(void)close(fd);
}

/* Levels */

Test(pool_confine, each_level_is_reached_and_reported)
{
	for (unsigned level = 0; level <= BROOD_CONFINE_SPACES; level++) {
		struct brood_confine confine = { .level = level };
		struct brood_pool *pool;

		confined_needs(level);
		if (level >= BROOD_CONFINE_USER)
			confine.uid = confine.gid = USER;
		pool = confined_pool(&confine, no_options);
		(void)confined_ready(pool, level);
		cr_assert(drain_echo(pool) > 0);
		cr_assert(brood_pool_free(pool) == NULL);
	}
}

Test(pool_confine, best_effort_reaches_what_there_is)
{
	struct brood_confine confine = { .up_to = BROOD_CONFINE_SPACES };
	struct brood_pool *pool = confined_pool(&confine, no_options);
	struct brood_event event;
	unsigned most = BROOD_CONFINE_CALLS;

	/* Without a user level 3 is left out, and so is what contains it. */
#ifndef HAVE_LIBSECCOMP
	most = BROOD_CONFINE_FILES;
#endif
#ifndef HAVE_NAMESPACES
	most = BROOD_CONFINE_NONE;
#endif
	cr_assert(drain_event(pool, BROOD_EVENT_READY, &event));
	cr_assert(event.level == most, "level %u, not %u", event.level, most);
	cr_assert(drain_echo(pool) > 0);
	cr_assert(brood_pool_free(pool) == NULL);
}

static int
impossible(const struct brood_confine *confine, const char *words)
{
	struct brood_pool_options options = {
		.handler = confined_handle, .confine = confine, .workers = 1,
	};
	char text[BROOD_TEXT_SIZE] = "";
	struct brood_pool *pool = NULL;

	cr_assert(brood_pool_new(&pool, &options, text) == -EINVAL);
	cr_assert(strstr(text, words) != NULL, "%s", text);
	return 0;
}

Test(pool_confine, options_without_sense_are_refused_with_words)
{
	const struct brood_rlimit limit = {
		.resource = RLIMIT_CPU, .soft = 2, .hard = 1,
	};
	const char *const paths[] = { "/", NULL };

	impossible(&(struct brood_confine){ .level = 5 }, "levels 0 to 4");
	impossible(&(struct brood_confine){ .up_to = 5 }, "levels 0 to 4");
	impossible(&(struct brood_confine){ .level = 3 },
	    "level 3 needs a uid");
	impossible(&(struct brood_confine){ .level = 3, .uid = USER,
	    .ro = paths }, "ro and rw need a chroot");
	impossible(&(struct brood_confine){ .level = 1, .learn = 1 },
	    "learn goes with level 0");
	impossible(&(struct brood_confine){ .threads = 1 },
	    "threads is for programs only");
	impossible(&(struct brood_confine){ .rlimits = &limit, .n_rlimits = 1 },
	    "over its hard one");
	impossible(&(struct brood_confine){ .n_rlimits = 1 }, "not set");
	impossible(&(struct brood_confine){ .n_groups = 1 }, "not set");
	impossible(&(struct brood_confine){ .nice = 41 }, "nice is 41");
	impossible(&(struct brood_confine){ .umask = 01000 }, "over 0777");
	impossible(&(struct brood_confine){ .scheduling = 3 },
	    "scheduling is 3");
	impossible(&(struct brood_confine){ .reserved = { 1 } },
	    "reserved");
}

Test(pool_confine, unknown_call_is_refused_by_name)
{
	static const char *const names[] = { "read", "no_such_call", NULL };

	confined_needs(BROOD_CONFINE_CALLS);
	impossible(&(struct brood_confine){ .level = 2, .syscalls = names },
	    "no_such_call");
}

/* What fails the start */

static void
fails(const struct brood_confine *confine, struct brood_pool_options options,
    const char *step, const char *words)
{
	struct brood_pool *pool = confined_pool(confine, options);

	confined_refused(pool, step, words);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine, level_that_this_build_lacks_fails_the_start_with_words)
{
#if defined(HAVE_LIBSECCOMP) && defined(HAVE_NAMESPACES)
	cr_skip_test("this build has all levels");
#else
	fails(&(struct brood_confine){ .level = BROOD_CONFINE_CALLS },
	    no_options,
#ifdef HAVE_NAMESPACES
	    "seccomp", "without libseccomp");
#else
	    "confine", "cannot confine");
#endif
#endif
}

Test(pool_confine, path_that_is_not_there_fails_the_start_at_any_level)
{
	static const char *const paths[] = { "/usr", "/no/such/path", NULL };

	confined_needs_landlock();
	fails(&(struct brood_confine){ .up_to = BROOD_CONFINE_FILES,
	    .ro = paths }, no_options, "landlock", "/no/such/path");
}

static void *
idle(void *arg)
{
	(void)pause();
	return arg;
}

static int
start_a_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	return -pthread_create(&thread, NULL, idle, NULL);
}

Test(pool_confine, thread_of_setup_fails_the_start)
{
	confined_needs(BROOD_CONFINE_FILES);
	fails(&(struct brood_confine){ .level = BROOD_CONFINE_FILES },
	    (struct brood_pool_options){ .setup = start_a_thread }, "threads",
	    "before it starts threads");
}

/* Files */

static void
check_files(unsigned level)
{
	char pair[300], below_ro[100], below_rw[100];
	const char *const ro[] = { below_ro, NULL };
	const char *const rw[] = { below_rw, NULL };
	struct brood_confine confine = { .level = level, .ro = ro, .rw = rw };
	struct brood_pool *pool;

	confined_needs(level);
	confined_needs_landlock();
	(void)snprintf(below_ro, sizeof(below_ro), "%s/ro", tmpdir_dir());
	(void)snprintf(below_rw, sizeof(below_rw), "%s/rw", tmpdir_dir());
	cr_assert(mkdir(tmpdir_path("ro"), 0755) == 0 &&
	    mkdir(tmpdir_path("rw"), 0755) == 0);
	make_file(tmpdir_path("ro/a"), "a");
	make_file(tmpdir_path("rw/b"), "b");
	make_file(tmpdir_path("c"), "c");
	pool = confined_pool(&confine, no_options);
	(void)confined_ready(pool, level);
#define TRY(method, path)	confined_try(pool, method, tmpdir_path(path))
	cr_assert(TRY(CONFINED_READ, "ro/a") == 0);
	cr_assert(TRY(CONFINED_READ, "rw/b") == 0);
	cr_assert(TRY(CONFINED_READ, "c") == -EACCES);
	cr_assert(confined_try(pool, CONFINED_READ, "/etc/passwd") == -EACCES);
	cr_assert(TRY(CONFINED_WRITE, "ro/a") == -EACCES);
	cr_assert(TRY(CONFINED_WRITE, "ro/new") == -EACCES);
	cr_assert(TRY(CONFINED_WRITE, "c") == -EACCES);
	cr_assert(TRY(CONFINED_WRITE, "rw/new") == 0);
	cr_assert(TRY(CONFINED_TRUNCATE, "rw/b") == 0);
	if (confined_landlock(1 << 14)) {
		cr_assert(TRY(CONFINED_TRUNCATE, "ro/a") == -EACCES);
		cr_assert(TRY(CONFINED_TRUNCATE, "c") == -EACCES);
	}
#undef TRY
	(void)snprintf(pair, sizeof(pair), "%s %s", tmpdir_path("rw/b"),
	    tmpdir_path("stolen"));
	cr_assert(confined_try(pool, CONFINED_RENAME, pair) < 0);
	(void)snprintf(pair, sizeof(pair), "%s %s", tmpdir_path("rw/b"),
	    tmpdir_path("rw/moved"));
	cr_assert(confined_try(pool, CONFINED_RENAME, pair) == 0);
	cr_assert(brood_pool_free(pool) == NULL);
	tmpdir_remove("ro/a");
	tmpdir_remove("rw/moved");
	tmpdir_remove("rw/new");
	tmpdir_remove("c");
	tmpdir_remove("ro");
	tmpdir_remove("rw");
}

Test(pool_confine, paths_hold_by_landlock_alone)
{
	check_files(BROOD_CONFINE_FILES);
}

Test(pool_confine, paths_hold_with_a_filter_of_calls)
{
	check_files(BROOD_CONFINE_CALLS);
}

/* System calls */

Test(pool_confine, call_of_the_list_is_allowed)
{
	static const char *const names[] = { "socket", "syncfs", NULL };
	struct brood_confine confine = { .level = BROOD_CONFINE_CALLS };
	struct brood_pool *pool;

	confined_needs(BROOD_CONFINE_CALLS);
	pool = confined_pool(&confine, no_options);
	cr_assert(confined_try(pool, CONFINED_SOCKET, "") == -EPERM);
	cr_assert(confined_try(pool, CONFINED_SYNC, "") == -ENOSYS);
	cr_assert(brood_pool_free(pool) == NULL);
	confine.syscalls = names;
	pool = confined_pool(&confine, no_options);
	cr_assert(confined_try(pool, CONFINED_SOCKET, "") == 0);
	cr_assert(confined_try(pool, CONFINED_SYNC, "") == 0);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine, thread_can_be_started)
{
	struct brood_confine confine = { .level = BROOD_CONFINE_CALLS };
	struct brood_pool *pool;

	confined_needs(BROOD_CONFINE_CALLS);
	pool = confined_pool(&confine, no_options);
	cr_assert(confined_try(pool, CONFINED_THREAD, "") == 0);
	cr_assert(brood_pool_free(pool) == NULL);
}

static void
check_end(enum confined_method method, const char *words)
{
	struct brood_confine confine = { .level = BROOD_CONFINE_CALLS };
	struct brood_pool *pool;
	struct brood_completion done;
	struct brood_event event;

	confined_needs(BROOD_CONFINE_CALLS);
	pool = confined_pool(&confine,
	    (struct brood_pool_options){ .stderr_fd = -1 });
	cr_assert(drain_call(pool, method, "", &done) == 0);
	cr_assert(done.fate == BROOD_CRASHED);
	cr_assert(WIFSIGNALED(done.status) && WTERMSIG(done.status) == SIGSYS);
	cr_assert_str_eq(done.text, words);
	brood_completion_fini(&done);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert_str_eq(event.text, words);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine, call_that_ends_a_worker_is_named)
{
	check_end(CONFINED_UNSHARE, "ended for calling unshare (seccomp)");
}

Test(pool_confine, signal_alone_names_no_call)
{
	check_end(CONFINED_RAISE, "killed by signal 31 (Bad system call)");
}

Test(pool_confine, what_a_worker_says_of_its_end_is_made_fit_to_print)
{
	check_end(CONFINED_LIE, "ended for calling ?[2Jnothing? (seccomp)");
}

/* How often is the needle in what is printed? */
static unsigned
n_printed(const char *text, const char *needle)
{
	unsigned n = 0;

	while ((text = strstr(text, needle)) != NULL) {
		text++;
		n++;
	}
	return n;
}

Test(pool_confine, learning_names_each_call_once_and_lets_it_pass)
{
	struct brood_confine confine = { .learn = 1 };
	struct brood_pool *pool;
	struct brood_event event;
	pid_t pid;

	confined_needs(BROOD_CONFINE_CALLS);
	pool = confined_pool(&confine,
	    (struct brood_pool_options){ .stderr_fd = -1 });
	pid = confined_ready(pool, 0);
	for (int i = 0; i < 3; i++) {
		cr_assert(confined_try(pool, CONFINED_SOCKET, "") == 0);
		cr_assert(confined_try(pool, CONFINED_SYNC, "") == 0);
		cr_assert(confined_try(pool, CONFINED_READ, "/dev/null") == 0);
	}
	cr_assert(kill(pid, SIGKILL) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(n_printed(event.stderr_tail, "would deny socket\n") == 1 &&
	    n_printed(event.stderr_tail, "would deny syncfs\n") == 1 &&
	    n_printed(event.stderr_tail, "would deny openat\n") == 1 &&
	    n_printed(event.stderr_tail, "\n") == 3, "%s", event.stderr_tail);
	cr_assert(brood_pool_free(pool) == NULL);
}

/* The channel */

static void
check_large(enum brood_transport transport)
{
	const size_t len = 1 << 20;
	struct brood_confine confine = { .level = BROOD_CONFINE_CALLS };
	struct brood_message msg = { .len = len };
	struct brood_completion done;
	struct brood_pool *pool;
	char *bytes;

	confined_needs(BROOD_CONFINE_CALLS);
	pool = confined_pool(&confine,
	    (struct brood_pool_options){ .transport = transport });
	bytes = malloc(len);
	cr_assert(bytes != NULL);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 4096);
	msg.data = bytes;
	for (int i = 0; i < 4; i++) {
		cr_assert(brood_pool_call(pool, &msg, NULL, &done) == 0);
		cr_assert(done.fate == BROOD_DONE, "%s", done.text);
		cr_assert(done.reply.len == len &&
		    memcmp(done.reply.data, bytes, len) == 0);
		brood_completion_fini(&done);
	}
	free(bytes);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_confine, long_payloads_go_through_the_socket)
{
	check_large(BROOD_SOCKET);
}

Test(pool_confine, long_payloads_go_beside_the_rings)
{
	check_large(BROOD_RINGS);
}

Test(pool_confine, descriptors_come_back_if_asked_for)
{
	struct brood_confine confine = { .level = BROOD_CONFINE_CALLS };
	struct brood_completion done;
	struct brood_pool *pool;

	confined_needs(BROOD_CONFINE_CALLS);
	pool = confined_pool(&confine,
	    (struct brood_pool_options){ .fds_from_worker = 1 });
	cr_assert(drain_call(pool, CONFINED_GIVE, "", &done) == 0);
	cr_assert(done.fate == BROOD_DONE, "%s", done.text);
	cr_assert(done.reply.n_fds == 2);
	brood_completion_fini(&done);
	cr_assert(brood_pool_free(pool) == NULL);
	pool = confined_pool(&confine, no_options);
	cr_assert(drain_call(pool, CONFINED_GIVE, "", &done) == 0);
	cr_assert(done.fate == BROOD_FAILED);
	brood_completion_fini(&done);
	cr_assert(brood_pool_free(pool) == NULL);
}
