/* SPDX-License-Identifier: ISC */

/*
 * Claims about replies that are read where the worker has written them: they
 * are right, and stay so until the next turn; and whoever is slow to take them,
 * or dies, holds up nobody.
 */

#include "support/drain.h"
#include "support/support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(view);

enum {
	METHOD_PATTERN,		/* a pattern that depends on the number */
	METHOD_PATTERN_DIE,	/* and then the worker is killed */
	LEN = 20000,		/* of a reply that is worth a view */
	RING = 1 << 18,
	N_REQUESTS = 2000,
};

static uint8_t
pattern(uint32_t number, size_t i)
{
	return (uint8_t)(number * 37 + i * 11 + (i >> 7));
}

static int
handle(struct brood_request *request, void *arg)
{
	static uint8_t bytes[2 * LEN];
	uint32_t number;
	int r;

	(void)arg;
	memcpy(&number, brood_request_data(request), sizeof(number));
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = pattern(number, i);
	r = brood_request_reply(request, 0, bytes, number % 8 == 7 ? 100 :
	    LEN);
	if (brood_request_code(request) == METHOD_PATTERN_DIE)
		(void)raise(SIGKILL);
	return r;
}

static struct brood_pool *
pool_open(unsigned workers, unsigned in_flight)
{
	struct brood_pool_options options = { .workers = workers,
	    .in_flight = in_flight, .handler = handle, .ring_bytes = RING,
	    .queue = 64, .shutdown_ms = 300, .stderr_fd = -1 };
	struct brood_pool *pool = NULL;

	cr_assert_eq(brood_pool_new(&pool, &options, NULL), 0);
	return pool;
}

static int
submit(struct brood_pool *pool, uint32_t method, uint32_t number)
{
	return brood_pool_submit(pool, &(struct brood_message) {
	    .code = method, .data = &number, .len = sizeof(number) },
	    &(struct brood_request_options) { .flags = BROOD_VIEW,
	    .tag = (void *)(uintptr_t)number }, NULL);
}

static void
call(struct brood_pool *pool, uint32_t number,
    struct brood_completion *ret_done)
{
	cr_assert_eq(brood_pool_call(pool, &(struct brood_message) {
	    .data = &number, .len = sizeof(number) },
	    &(struct brood_request_options) { .flags = BROOD_VIEW,
	    .tag = (void *)(uintptr_t)number }, ret_done), 0);
}

static void
check(const struct brood_completion *done)
{
	const uint8_t *bytes = done->reply.data;
	uint32_t number = (uint32_t)(uintptr_t)done->tag;

	cr_assert_eq(done->fate, BROOD_DONE, "%s", done->text);
	cr_assert_eq(done->reply.len, number % 8 == 7 ? 100u : LEN);
	for (size_t i = 0; i < done->reply.len; i++)
		cr_assert_eq(bytes[i], pattern(number, i), "%u", number);
}

/* Is this address in memory that is shared with a worker? */
static bool
is_shared(const void *data)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end, at = (unsigned long)data;
	bool is_found = false;
	char line[512];

	while (maps != NULL && !is_found &&
	    fgets(line, sizeof(line), maps) != NULL)
		is_found = strstr(line, "/memfd:brood") != NULL &&
		    sscanf(line, "%lx-%lx", &start, &end) == 2 &&
		    at >= start && at < end;
	if (maps != NULL)
		(void)fclose(maps);
	return is_found;
}

/* Have each worker get its ring.  Skips where there are none. */
static void
warm_up(struct brood_pool *pool)
{
	struct brood_completion done;
	bool is_view = false;

	for (uint32_t i = 0; i < 64; i++) {
		call(pool, 8 * i, &done);
		check(&done);
		is_view = is_shared(done.reply.data);
		brood_completion_fini(&done);
	}
	if (is_view)
		return;
	cr_assert_null(brood_pool_free(pool));
	cr_skip("there are no rings here");
}

Test(view, long_replies_are_read_in_place_and_others_are_copied)
{
	struct brood_pool *pool = pool_open(1, 1);
	struct brood_completion done;

	warm_up(pool);
	call(pool, 7, &done);
	check(&done);
	cr_assert_not(is_shared(done.reply.data));
	brood_completion_fini(&done);
	cr_assert_null(brood_pool_free(pool));
}

/* Each is looked at before the next turn, and the ring wraps many times. */
Test(view, all_are_right_with_many_on_their_way)
{
	struct brood_pool *pool = pool_open(2, 16);
	struct brood_completion done;
	uint32_t n_sent = 0, n_done = 0;

	while (n_done < N_REQUESTS) {
		while (n_sent < N_REQUESTS &&
		    submit(pool, METHOD_PATTERN, n_sent) == 0)
			n_sent++;
		cr_assert_eq(brood_pool_wait(pool, DRAIN_MS), 1);
		while (brood_pool_take(pool, &done) == 1) {
			check(&done);
			brood_completion_fini(&done);
			n_done++;
		}
	}
	cr_assert_null(brood_pool_free(pool));
}

/* The same for a program that polls: it is told of each one. */
Test(view, descriptor_tells_of_the_next_one)
{
	struct brood_pool *pool = pool_open(1, 8);
	struct pollfd pfd = { .fd = brood_pool_fd(pool), .events = POLLIN };
	struct brood_completion done;
	uint32_t n_sent = 0, n_done = 0;

	while (n_done < N_REQUESTS / 4) {
		while (n_sent < N_REQUESTS / 4 &&
		    submit(pool, METHOD_PATTERN, n_sent) == 0)
			n_sent++;
		if (pfd.fd >= 0)
			cr_assert_eq(poll(&pfd, 1, DRAIN_MS), 1, "%u", n_done);
		cr_assert_eq(brood_pool_dispatch(pool), 0);
		while (brood_pool_take(pool, &done) == 1) {
			check(&done);
			brood_completion_fini(&done);
			n_done++;
		}
	}
	cr_assert_null(brood_pool_free(pool));
}

Test(view, one_that_is_not_taken_is_copied_when_it_goes_on)
{
	struct brood_pool *pool = pool_open(1, 1);
	struct brood_completion first, second;

	warm_up(pool);
	cr_assert_eq(submit(pool, METHOD_PATTERN, 1), 0);
	cr_assert(drain_untaken(pool, 1));
	/* Its worker answers this, too. */
	call(pool, 2, &second);
	cr_assert_eq(brood_pool_take(pool, &first), 1);
	check(&first);
	cr_assert_not(is_shared(first.reply.data));
	cr_assert_eq((uintptr_t)second.tag, 2);
	check(&second);
	brood_completion_fini(&first);
	brood_completion_fini(&second);
	cr_assert_null(brood_pool_free(pool));
}

/*
 * Until the next turn the memory is there; then another worker goes on.  The
 * reply and the death are met in one turn.
 */
Test(view, one_of_a_dead_worker_is_still_there)
{
	struct brood_pool *pool = pool_open(1, 4);
	struct brood_completion done;
	pid_t pid;

	for (uint32_t i = 0; i < 10; i++) {
		warm_up(pool);
		call(pool, 0, &done);
		pid = done.pid;
		brood_completion_fini(&done);
		/* Or the ring may have no room for what comes. */
		cr_assert_eq(brood_pool_dispatch(pool), 0);
		/* The kernel is asked for deaths once in a millisecond. */
		(void)usleep(2000);
		cr_assert_eq(submit(pool, METHOD_PATTERN_DIE, 8 * i), 0);
		cr_assert_eq(submit(pool, METHOD_PATTERN, 8 * i + 1), 0);
		cr_assert(support_wait_gone(pid));
		for (int k = 0; k < 2; k++) {
			cr_assert(drain_next(pool, &done));
			check(&done);
			brood_completion_fini(&done);
		}
	}
	cr_assert_null(brood_pool_free(pool));
}

Test(view, pool_is_freed_with_some_that_were_not_taken)
{
	struct brood_pool *pool = pool_open(2, 4);

	warm_up(pool);
	for (uint32_t i = 0; i < 8; i++)
		cr_assert_eq(submit(pool, METHOD_PATTERN, i), 0);
	cr_assert(drain_untaken(pool, 1));
	cr_assert_null(brood_pool_free(pool));
}
