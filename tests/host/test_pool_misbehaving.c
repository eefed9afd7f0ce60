/* SPDX-License-Identifier: ISC */

/*
 * Workers that break the rules.  They cost themselves and the requests that
 * they have, and never the host.  The program is misbehaving_worker; the
 * environment variable MISBEHAVING_WORKER has its path.
 */

#include "base/fd.h"
#include "support/drain.h"
#include "support/refusal.h"
#include "support/support.h"
#include "support/wire.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

BROOD_SUITE(pool_misbehaving);

static struct brood_pool *
misbehaving_pool(const char *how, struct brood_pool_options options)
{
	const char *argv[] = { getenv("MISBEHAVING_WORKER"), how, NULL };
	struct brood_pool *pool = NULL;

	cr_assert(argv[0] != NULL, "MISBEHAVING_WORKER is not set");
	options.argv = argv;
	options.workers = options.workers != 0 ? options.workers : 1;
	options.shutdown_ms = 300;
	options.stderr_fd = -1;
	cr_assert(brood_pool_new(&pool, &options, NULL) == 0);
	return pool;
}

static uint64_t
misbehaving_submit(struct brood_pool *pool, const char *text, unsigned flags)
{
	struct brood_message msg = { .data = text, .len = strlen(text) };
	uint64_t id;

	cr_assert(brood_pool_submit(pool, &msg,
	    &(struct brood_request_options){ .flags = flags }, &id) == 0);
	return id;
}

static void
misbehaving_check_end(const char *how)
{
	struct brood_pool *pool = misbehaving_pool(how,
	    (struct brood_pool_options){ 0 });
	struct brood_event event;

	(void)misbehaving_submit(pool, "to no one", 0);
	cr_assert(drain_event(pool, BROOD_EVENT_READY, &event));
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(event.is_asked);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_misbehaving, worker_that_shuts_its_channel_is_ended)
{
	misbehaving_check_end("shut_down");
}

/*
 * Wait for the bytes that n workers write when they have misbehaved.  The host
 * does not dispatch meanwhile, and so does not see it yet.
 */
static void
misbehaving_await(int fd, unsigned n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;

	for (; n > 0; n--) {
		cr_assert(poll(&pfd, 1, DRAIN_MS) == 1);
		cr_assert(read(fd, &byte, 1) == 1);
	}
}

/* The first request is sent, and the second cannot be: EPIPE. */
Test(pool_misbehaving, worker_that_stops_receiving_is_ended)
{
	int fds[2];
	struct brood_pool *pool;
	struct brood_event event;

	cr_assert(pipe2(fds, O_CLOEXEC) == 0);
	pool = misbehaving_pool("stop_receiving", (struct brood_pool_options){
	    .in_flight = 2, .keep_fds = &fds[1], .n_keep_fds = 1 });
	(void)misbehaving_submit(pool, "to no one", 0);
	cr_assert(drain_in_flight(pool, 1));
	misbehaving_await(fds[0], 1);
	(void)misbehaving_submit(pool, "nor this", 0);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, &event));
	cr_assert(event.is_asked);
	cr_assert(brood_pool_free(pool) == NULL);
	brood__fd_close_all(fds, 2);
}

Test(pool_misbehaving,
    request_that_no_worker_lives_to_start_is_not_tried_for_ever)
{
	struct brood_pool *pool = misbehaving_pool("die_unread",
	    (struct brood_pool_options){ .in_flight = 2 });
	struct brood_completion done;
	struct brood_pool_stats stats;

	for (unsigned i = 0; i < 3; i++)
		(void)misbehaving_submit(pool, "too much", BROOD_IDEMPOTENT);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(drain_next(pool, &done));
		cr_assert(done.fate == BROOD_CRASHED);
		cr_assert(done.ran == BROOD_NOT_RUN);
		cr_assert(WEXITSTATUS(done.status) == 3);
		brood_completion_fini(&done);
	}
	brood_pool_stats(pool, &stats);
	cr_assert(stats.started <= 20, "%d", (int)stats.started);
	cr_assert(brood_pool_free(pool) == NULL);
}

static void
misbehaving_lose_supervisor(struct brood_pool *pool)
{
	struct brood_pool_stats stats;
	struct brood_completion done;

	brood_pool_stats(pool, &stats);
	cr_assert(kill(stats.supervisor, SIGKILL) == 0);
	cr_assert(drain_next(pool, &done));
	cr_assert(done.fate == BROOD_CRASHED);
	brood_completion_fini(&done);
}

Test(pool_misbehaving, hang_up_does_not_wake_a_pool_without_supervisor_for_ever)
{
	int fds[2];
	struct brood_pool *pool;
	struct pollfd pfd = { .events = POLLIN };
	pid_t pid;

	cr_assert(pipe2(fds, O_CLOEXEC) == 0);
	pool = misbehaving_pool("hang_up", (struct brood_pool_options){
	    .keep_fds = &fds[1], .n_keep_fds = 1 });
	cr_assert(drain_workers(pool, &pid, 1));
	(void)misbehaving_submit(pool, "nothing to say", 0);
	cr_assert(drain_in_flight(pool, 1));
	misbehaving_await(fds[0], 1);
	misbehaving_lose_supervisor(pool);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(brood_pool_dispatch(pool) == 0);
	pfd.fd = brood_pool_fd(pool);
	cr_assert(pfd.fd < 0 || poll(&pfd, 1, 200) == 0);
	cr_assert(brood_pool_free(pool) == NULL);
	cr_assert(kill(pid, SIGKILL) == 0);
	(void)drain_children();
	brood__fd_close_all(fds, 2);
}

/*
 * A worker can guess ids.  If such an answer counted, the host would send the
 * worker more and more, although it reads nothing.
 */
Test(pool_misbehaving, answers_to_what_was_not_sent_yet_do_not_count)
{
	enum { LEN = 100000, MAX = 64 };
	struct brood_pool *pool = misbehaving_pool("answer_ahead",
	    (struct brood_pool_options){ .queue = MAX });
	struct brood_completion done;
	struct brood_message msg = { .data = calloc(1, LEN), .len = LEN };
	struct brood_pool_stats stats;

	cr_assert(msg.data != NULL);
	for (unsigned i = 0; i < MAX; i++)
		cr_assert(brood_pool_submit(pool, &msg, NULL, NULL) == 0);
	for (unsigned i = 0; i < MAX; i++) {
		cr_assert(drain_next(pool, &done));
		brood_completion_fini(&done);
	}
	/*
	 * The socket takes two or three of these requests, so that a worker can
	 * answer as many.  Its next answer ends it.
	 */
	brood_pool_stats(pool, &stats);
	cr_assert(stats.ended >= MAX / 8, "%d", (int)stats.ended);
	free((void *)msg.data);
	cr_assert(brood_pool_free(pool) == NULL);
}

/*
 * The supervisor is dead and cannot kill them.  brood_pool_free() waits for all
 * of them together, not for one after the other, and gives up.
 */
Test(pool_misbehaving, free_does_not_wait_for_ever_for_those_that_never_stop)
{
	int fds[2];
	struct brood_pool *pool;
	int64_t start_ms;
	pid_t pids[3];

	cr_assert(pipe2(fds, O_CLOEXEC) == 0);
	pool = misbehaving_pool("flood", (struct brood_pool_options){
	    .workers = 3, .keep_fds = &fds[1], .n_keep_fds = 1 });
	cr_assert(drain_workers(pool, pids, 3));
	for (unsigned i = 0; i < 3; i++)
		(void)misbehaving_submit(pool, "how far?", 0);
	cr_assert(drain_in_flight(pool, 3));
	misbehaving_await(fds[0], 3);
	misbehaving_lose_supervisor(pool);
	start_ms = brood__now_ms();
	cr_assert(brood_pool_free(pool) == NULL);
	cr_assert(brood__now_ms() - start_ms < 9000);
	for (unsigned i = 0; i < 3; i++)
		(void)kill(pids[i], SIGKILL);
	(void)drain_children();
	brood__fd_close_all(fds, 2);
}

Test(pool_misbehaving, worker_that_takes_no_descriptors_is_sent_none)
{
	struct brood_pool *pool = misbehaving_pool("no_fds",
	    (struct brood_pool_options){ 0 });
	int file = wire_file();
	struct brood_message with_fd = { .fds = &file, .n_fds = 1 };
	struct brood_message without = { .n_fds = 0 };
	struct brood_completion done;

	cr_assert(brood_pool_submit(pool, &with_fd, NULL, NULL) == 0);
	cr_assert(brood_pool_submit(pool, &without, NULL, NULL) == 0);
	cr_assert(drain_next(pool, &done));
	cr_expect(done.fate == BROOD_FAILED && done.ran == BROOD_NOT_RUN);
	cr_expect_str_eq(done.text, "the worker takes no descriptors");
	brood_completion_fini(&done);
	cr_assert(drain_next(pool, &done));
	cr_expect(done.fate == BROOD_DONE);
	brood_completion_fini(&done);
	cr_assert(brood_pool_free(pool) == NULL);
	(void)close(file);
}

/*
 * A descriptor that is closed for 10 s must not reach a process that has others
 * to look after: the worker is refused, and ends by itself.
 */
static void
misbehaving_check_linger(const char *how, enum brood_event_kind end)
{
	struct brood_pool *pool = misbehaving_pool(how,
	    (struct brood_pool_options){ 0 });
	int64_t began_ms = wire_now_ms();
	struct brood_event event;

	if (!refusal_is_there())
		cr_skip_test("this system does not refuse descriptors");
	(void)misbehaving_submit(pool, "", 0);
	cr_assert(drain_event(pool, end, &event));
	cr_expect(WIFEXITED(event.status) && WEXITSTATUS(event.status) == 5,
	    "%s", event.text);
	cr_assert(brood_pool_free(pool) == NULL);
	cr_expect_lt(wire_now_ms() - began_ms, 5000);
}

Test(pool_misbehaving, descriptor_that_lingers_does_not_hold_the_host)
{
	misbehaving_check_linger("linger", BROOD_EVENT_ENDED);
}

Test(pool_misbehaving, descriptor_that_lingers_does_not_hold_the_supervisor)
{
	misbehaving_check_linger("linger_first",
	    BROOD_EVENT_NOT_STARTED);
}

/*
 * With fds_from_worker the host reads each frame by itself, in many calls; it
 * must not stop before the last one.
 */
Test(pool_misbehaving, answer_of_a_dead_worker_counts_whatever_came_before_it)
{
	struct brood_pool *pool = misbehaving_pool("answer_and_die",
	    (struct brood_pool_options){ .fds_from_worker = true });
	struct brood_completion done;
	struct brood_event event;

	(void)misbehaving_submit(pool, "and now?", 0);
	cr_assert(drain_event(pool, BROOD_EVENT_READY, &event));
	cr_assert(support_wait_gone(event.pid));
	cr_assert(drain_next(pool, &done));
	cr_assert(done.fate == BROOD_DONE && done.reply.len == 1);
	brood_completion_fini(&done);
	cr_assert(brood_pool_free(pool) == NULL);
}

/*
 * When too many parts wait to be taken, the host stops reading the workers that
 * send them.  brood_pool_call() takes no parts.  So it must not wait for such a
 * worker.
 */
static void
misbehaving_call_behind_parts(unsigned workers, enum brood_fate fate)
{
	struct brood_pool *pool = misbehaving_pool("parts",
	    (struct brood_pool_options){ .workers = workers });
	struct brood_message msg = { .data = "", .len = 0 };
	struct brood_completion done;
	uint64_t id;

	cr_assert(drain_ready(pool, workers));
	id = misbehaving_submit(pool, "", BROOD_STREAM);
	cr_assert(drain_untaken(pool, 450));
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(brood_pool_call(pool, &msg, NULL, &done) == 0);
		cr_assert(done.fate == fate);
		cr_assert(fate != BROOD_DONE || done.reply.len == 2048000);
		brood_completion_fini(&done);
	}
	do {
		cr_assert(drain_next(pool, &done));
		cr_assert(done.id == id);
		fate = done.fate;
		brood_completion_fini(&done);
	} while (fate == BROOD_PART);
	cr_assert(fate == BROOD_DONE);
	cr_assert(brood_pool_free(pool) == NULL);
}

Test(pool_misbehaving, call_does_not_wait_for_parts_that_no_one_takes)
{
	misbehaving_call_behind_parts(2, BROOD_DONE);
	misbehaving_call_behind_parts(1, BROOD_CANCELED);
}
