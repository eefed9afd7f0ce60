/* SPDX-License-Identifier: ISC */
/*
 * What a worker gets and what it may answer: failures, parts, descriptors in
 * both directions.  Which descriptors a worker holds.  And the replacement of
 * workers that have served max_requests.
 */

#include "base/fd.h"
#include "support/accounting.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

BROOD_SUITE(pool_worker);

static void
worker_check_failure(struct brood_pool *pool, uint32_t method,
    const char *text, const char *needle, const char *needle2)
{
	struct brood_completion done;

	cr_assert(drain_call(pool, method, text, &done) == 0);
	cr_assert(done.fate == BROOD_FAILED, "method %u: fate %d", method,
	    (int)done.fate);
	cr_assert(done.ran == BROOD_RAN);
	cr_assert(done.reply.code == BROOD_ERROR_FAILED);
	cr_assert(strstr(done.text, needle) != NULL, "%s", done.text);
	cr_assert(strstr(done.text, needle2) != NULL, "%s", done.text);
	brood_completion_fini(&done);
}

Test(pool_worker, failure_gives_the_text_then_the_errno)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	pid_t pid = drain_echo(pool);

	cr_assert(pid > 0);
	worker_check_failure(pool, METHOD_FAIL_EACCES, "no entry", "no entry",
	    strerror(EACCES));
	worker_check_failure(pool, METHOD_FAIL, "just words", "just words",
	    "");
	worker_check_failure(pool, METHOD_RETURN_ENOENT, "",
	    strerror(ENOENT), "");
	cr_assert(drain_echo(pool) == pid);
	fixture_end(pool, counters);
}

Test(pool_worker, handler_that_returns_without_an_answer_has_failed)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_completion done;

	cr_assert(drain_call(pool, METHOD_SILENT, "", &done) == 0);
	cr_assert(done.fate == BROOD_FAILED);
	cr_assert(done.text[0] != '\0');
	brood_completion_fini(&done);
	cr_assert(drain_echo(pool) > 0);
	fixture_end(pool, counters);
}

Test(pool_worker, second_answer_says_ealready_and_is_not_sent)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_completion done;

	cr_assert(drain_call(pool, METHOD_ANSWER_TWICE, "", &done) == 0);
	cr_assert(done.fate == BROOD_DONE && drain_is_text(&done, "first"));
	brood_completion_fini(&done);
	cr_assert(drain_echo(pool) > 0);
	cr_assert(atomic_load(&counters->results[0]) == 0);
	cr_assert(atomic_load(&counters->results[1]) == -EALREADY);
	cr_assert(atomic_load(&counters->results[2]) == -EALREADY);
	fixture_end(pool, counters);
}

Test(pool_worker, parts_and_progress_come_in_order_with_stream)
{
	static const struct {
		enum brood_fate fate;
		const char *text;
	} expected[] = {
		{ BROOD_PROGRESS, "0" }, { BROOD_PART, "a" },
		{ BROOD_PROGRESS, "1" }, { BROOD_PART, "b" },
		{ BROOD_DONE, "c" },
	};
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_message msg = { .code = METHOD_STREAM };
	struct brood_completion done;
	uint64_t id;

	cr_assert(brood_pool_submit(pool, &msg,
	    &(struct brood_request_options){
	    .flags = BROOD_STREAM, .tag = &msg }, &id) == 0);
	for (size_t i = 0; i < 5; i++) {
		cr_assert(drain_next(pool, &done));
		cr_assert(done.fate == expected[i].fate, "%zu", i);
		cr_assert(drain_is_text(&done, expected[i].text), "%zu", i);
		cr_assert(done.id == id && done.tag == &msg);
		cr_assert(done.reply.code == (i == 4 ? 7 : 0));
		brood_completion_fini(&done);
	}
	cr_assert(drain_echo(pool) > 0);
	cr_assert(brood_pool_take(pool, &done) == 0);
	fixture_end(pool, counters);
}

Test(pool_worker, parts_are_put_together_without_stream)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_completion done;

	cr_assert(drain_call(pool, METHOD_STREAM, "", &done) == 0);
	cr_assert(done.fate == BROOD_DONE && done.reply.code == 7);
	cr_assert(drain_is_text(&done, "abc"));
	brood_completion_fini(&done);
	cr_assert(drain_call(pool, METHOD_PARTS, "64 65536", &done) == 0);
	cr_assert(done.fate == BROOD_DONE);
	cr_assert(done.reply.len == 64 * 65536);
	brood_completion_fini(&done);
	cr_assert(brood_pool_take(pool, &done) == 0);
	fixture_end(pool, counters);
}

Test(pool_worker, parts_over_the_limit_together_are_no_success)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .max_payload = 4096 });
	struct brood_completion done;

	cr_assert(drain_call(pool, METHOD_PARTS, "4 1024", &done) == 0);
	cr_assert(done.fate == BROOD_DONE && done.reply.len == 4096);
	brood_completion_fini(&done);
	cr_assert(drain_call(pool, METHOD_PARTS, "10000 1000", &done) == 0);
	cr_assert(done.fate != BROOD_DONE);
	brood_completion_fini(&done);
	cr_assert(drain_echo(pool) > 0);
	fixture_end(pool, counters);
}

Test(pool_worker, handler_knows_how_much_time_is_left)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_message msg = { .code = METHOD_TIME_LEFT };
	struct brood_completion done;
	char buf[32] = { 0 };
	int left;

	cr_assert(brood_pool_call(pool, &msg, NULL, &done) == 0);
	cr_assert(drain_is_text(&done, "-1"));
	brood_completion_fini(&done);
	cr_assert(brood_pool_call(pool, &msg,
	    &(struct brood_request_options){ .expire_ms = 9000 }, &done) == 0);
	cr_assert(done.fate == BROOD_DONE);
	cr_assert(done.reply.len > 0 && done.reply.len < sizeof(buf));
	memcpy(buf, done.reply.data, done.reply.len);
	left = atoi(buf);
	cr_assert(left > 5000 && left <= 9000, "%d ms", left);
	brood_completion_fini(&done);
	fixture_end(pool, counters);
}

/* Make a file with this text, to be read from its beginning. */
static int
worker_file(const char *text)
{
	int fd = memfd_create("brood-test", MFD_CLOEXEC);

	cr_assert(fd >= 0);
	cr_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	cr_assert(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void
worker_send_files(struct brood_pool *pool, size_t n, const char *alphabet)
{
	struct brood_message msg = { .code = METHOD_READ_FDS, .n_fds = n };
	char text[2] = { 0 }, expected[BROOD_MAX_FDS + 1] = { 0 };
	int fds[BROOD_MAX_FDS];
	struct brood_completion done;

	for (size_t i = 0; i < n; i++) {
		expected[i] = text[0] = alphabet[i % strlen(alphabet)];
		fds[i] = worker_file(text);
	}
	msg.fds = fds;
	cr_assert(brood_pool_submit(pool, &msg,
	    &(struct brood_request_options){
	    .expire_ms = DRAIN_MS }, NULL) == 0);
	/* The pool has made copies, so these can be closed at once. */
	brood__fd_close_all(fds, n);
	cr_assert(drain_next(pool, &done));
	cr_assert(done.fate == BROOD_DONE, "%zu: %s", n, done.text);
	cr_assert(drain_is_text(&done, expected), "%zu descriptors", n);
	brood_completion_fini(&done);
}

Test(pool_worker, descriptors_reach_the_worker_in_order)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	int fds[BROOD_MAX_FDS + 1] = { 0 };
	struct brood_message msg = { .fds = fds, .n_fds = BROOD_MAX_FDS + 1 };

	worker_send_files(pool, 1, "x");
	worker_send_files(pool, 3, "abc");
	worker_send_files(pool, BROOD_MAX_FDS, "the quick brown fox");
	cr_assert(brood_pool_submit(pool, &msg, NULL, NULL) == -EINVAL);
	worker_send_files(pool, 2, "yz");
	fixture_end(pool, counters);
}

Test(pool_worker, descriptors_the_handler_does_not_take_are_closed)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	int fds[4] = { 0, 1, 2, 1 };
	struct brood_message msg = { .fds = fds, .n_fds = 4 };
	struct brood_completion done;
	pid_t pid = drain_echo(pool);
	unsigned n_before;

	cr_assert(pid > 0);
	n_before = support_n_fds_of(pid);
	cr_assert(n_before > 0);
	for (unsigned i = 0; i < 10; i++) {
		cr_assert(brood_pool_call(pool, &msg,
		    &(struct brood_request_options){
		    .expire_ms = DRAIN_MS }, &done) == 0);
		cr_assert(done.fate == BROOD_DONE);
		brood_completion_fini(&done);
	}
	/* A worker answers this after the handler before has returned. */
	cr_assert(drain_echo(pool) == pid);
	cr_assert(support_n_fds_of(pid) == n_before);
	fixture_end(pool, counters);
}

Test(pool_worker, descriptors_come_back_where_asked_for)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1,
	    .fds_from_worker = true });
	struct brood_completion done;
	char buf[16];
	int fd;

	cr_assert(drain_call(pool, METHOD_GIVE_FDS, "in a pipe", &done) == 0);
	cr_assert(done.fate == BROOD_DONE && drain_is_text(&done, "here"));
	cr_assert(done.reply.n_fds == 3);
	fd = brood_completion_take_fd(&done, 1);
	cr_assert(fd >= 0);
	cr_assert(brood_completion_take_fd(&done, 1) == -EBADF);
	cr_assert(brood_completion_take_fd(&done, 3) == -EBADF);
	brood_completion_fini(&done);
	cr_assert(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	cr_assert(read(fd, buf, sizeof(buf)) == 9);
	cr_assert(memcmp(buf, "in a pipe", 9) == 0);
	(void)brood__fd_close(fd);
	fixture_end(pool, counters);
}

Test(pool_worker, unasked_descriptors_fail_the_request_and_reach_no_one)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1 });
	struct brood_completion done;
	unsigned n_fds;
	pid_t pid = drain_echo(pool);

	cr_assert(pid > 0);
	n_fds = support_n_fds();
	cr_assert(drain_call(pool, METHOD_GIVE_FDS, "secret", &done) == 0);
	cr_assert(done.fate == BROOD_FAILED);
	cr_assert(done.ran == BROOD_RAN);
	cr_assert(strstr(done.text, strerror(EPERM)) != NULL, "%s", done.text);
	cr_assert(done.reply.n_fds == 0);
	brood_completion_fini(&done);
	cr_assert(drain_echo(pool) == pid);
	cr_assert(support_n_fds() == n_fds);
	fixture_end(pool, counters);
}

/*
 * Count the descriptors of a process whose number is at least first and whose
 * name in /proc has needle in it.
 */
static unsigned
worker_n_leading_to(pid_t pid, int first, const char *needle)
{
	char path[300], target[300];
	struct dirent *entry;
	unsigned n = 0;
	ssize_t len;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	cr_assert(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) < first)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s",
		    (int)pid, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		n += strstr(target, needle) != NULL;
	}
	(void)closedir(dir);
	return n;
}

Test(pool_worker, worker_holds_nobody_elses_descriptors)
{
	int secret = memfd_create("brood-secret", 0);
	struct brood_pool_stats stats;
	struct brood_event event;
	struct counters *counters;
	struct brood_pool *pool;
	pid_t pids[7];

	/* It has a high number too, and neither is marked close-on-exec. */
	cr_assert(secret >= 0 && dup2(secret, 900) == 900);
	pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 6 });
	cr_assert(drain_workers(pool, pids, 6));
	/* The seventh is forked when the others have their sockets. */
	cr_assert(brood_pool_resize(pool, 7) == 0);
	cr_assert(drain_workers(pool, pids + 6, 1));
	cr_assert(drain_ready(pool, 7));
	for (unsigned i = 0; i < 7; i++) {
		cr_assert(worker_n_leading_to(pids[i], 0, "secret") == 0);
		cr_assert(worker_n_leading_to(pids[i], 3, "socket:") == 1);
	}
	/*
	 * The supervisor closes its copies of the sockets after the host has
	 * them.  Once it has ended a worker, it has done that too.
	 */
	cr_assert(brood_pool_resize(pool, 6) == 0);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	brood_pool_stats(pool, &stats);
	cr_assert(worker_n_leading_to(stats.supervisor, 0, "secret") == 0);
	cr_assert(worker_n_leading_to(stats.supervisor, 3, "socket:") == 1);
	(void)brood__fd_close(secret);
	(void)brood__fd_close(900);
	fixture_end(pool, counters);
}

Test(pool_worker, every_descriptor_of_the_pool_is_close_on_exec)
{
	bool was_open[1024];
	struct counters *counters;
	struct brood_pool *pool;
	unsigned n_new = 0;

	for (int fd = 0; fd < 1024; fd++)
		was_open[fd] = fcntl(fd, F_GETFD) >= 0;
	pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 3 });
	cr_assert(drain_ready(pool, 3));
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (was_open[fd] || flags < 0)
			continue;
		cr_assert(flags == FD_CLOEXEC, "descriptor %d", fd);
		n_new++;
	}
	cr_assert(n_new > 6);
	fixture_end(pool, counters);
}

Test(pool_worker, recycling_changes_workers_and_loses_nothing)
{
	struct accounting account = accounting_new(200);
	struct brood_pool_stats stats;
	struct brood_event event;
	unsigned n_new = 0, n_same = 0;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .max_requests = 10,
	    .queue = 200 });

	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 200) == 0);
	cr_assert(accounting_await(&account, pool, 200));
	cr_assert(accounting_fault(&account, counters) == NULL);
	cr_assert(account.n_fates[BROOD_DONE] == 200);
	for (unsigned i = 1; i < 200; i++) {
		if (account.entries[i].pid == account.entries[i - 1].pid)
			n_same++;
		else {
			n_new++;
			n_same = 0;
		}
		cr_assert(n_same < 11, "one worker ran 12");
	}
	cr_assert(n_new >= 17 && n_new <= 22, "%u changes", n_new);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(event.is_asked);
	brood_pool_stats(pool, &stats);
	cr_assert(stats.crashed == 0 && stats.done == 200);
	accounting_free(&account);
	fixture_end(pool, counters);
}

/* The replacements wait for counters_start(). */
static int
worker_setup(void *arg)
{
	return counters_wait_to_start(arg, 2);
}

/*
 * Make a pool of two workers that have both served max_requests.  pids[0] is
 * being replaced, and its replacement waits in its setup function.  pids[1] is
 * the next to be replaced.
 */
static struct brood_pool *
worker_start_recycling(
    struct counters **ret_counters, struct accounting *account, pid_t pids[2])
{
	struct brood_pool *pool = fixture_pool(ret_counters,
	    (struct brood_pool_options){ .workers = 2, .max_requests = 1,
	    .setup = worker_setup });

	cr_assert(drain_ready(pool, 2));
	cr_assert(accounting_fill(account, pool, METHOD_HOLD, 0, 2) == 0);
	cr_assert(counters_await(*ret_counters, pool, 2));
	counters_release(*ret_counters, 1);
	cr_assert(accounting_await(account, pool, 1));
	pids[0] = account->last_pid;
	counters_open(*ret_counters);
	cr_assert(accounting_await(account, pool, 2));
	pids[1] = account->last_pid;
	cr_assert(pids[0] != pids[1]);
	return pool;
}

Test(pool_worker, resize_during_recycling_leaves_one_that_works)
{
	struct accounting account = accounting_new(4);
	struct counters *counters;
	pid_t pids[2];
	struct brood_pool *pool = worker_start_recycling(&counters, &account,
	    pids);

	cr_assert(brood_pool_resize(pool, 1) == 0);
	counters_start(counters);
	cr_assert(accounting_fill(&account, pool, METHOD_COUNT, 0, 4) == 0);
	cr_assert(accounting_await(&account, pool, 4));
	cr_assert(accounting_fault(&account, counters) == NULL);
	accounting_free(&account);
	fixture_end(pool, counters);
}

Test(pool_worker, death_of_one_being_replaced_lets_the_next_be)
{
	struct accounting account = accounting_new(2);
	struct counters *counters;
	pid_t pids[2];
	struct brood_pool *pool = worker_start_recycling(&counters, &account,
	    pids);
	struct brood_event event;

	cr_assert(kill(pids[0], SIGKILL) == 0);
	do {
		cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	} while (event.pid != pids[0]);
	counters_start(counters);
	do {
		cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	} while (event.pid != pids[1]);
	cr_assert(event.is_asked);
	accounting_free(&account);
	fixture_end(pool, counters);
}

static int
pool_keep_slot(void *arg)
{
	struct counters *counters = arg;

	atomic_store(&counters->results[0], brood_worker_slot());
	atomic_store(&counters->results[1], (int)brood_worker_generation());
	return 0;
}

Test(pool_worker, handler_and_setup_know_their_slot_and_generation)
{
	struct brood_completion done;
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1,
	    .setup = pool_keep_slot });

	cr_assert(drain_call(pool, METHOD_WHO, "", &done) == 0);
	cr_assert(drain_is_text(&done, "0 1"));
	brood_completion_fini(&done);
	cr_assert(drain_call(pool, METHOD_ABORT, "0123", &done) == 0);
	brood_completion_fini(&done);
	cr_assert(drain_call(pool, METHOD_WHO, "", &done) == 0);
	cr_assert(drain_is_text(&done, "0 2"));
	brood_completion_fini(&done);
	cr_assert_eq(atomic_load(&counters->results[0]), 0);
	cr_assert_eq(atomic_load(&counters->results[1]), 2);
	cr_assert_eq(brood_worker_slot(), -1);
	cr_assert_eq(brood_worker_generation(), 0);
	fixture_end(pool, counters);
}
