/* SPDX-License-Identifier: ISC */
/*
 * Workers that have more memory than max_rss are replaced when they answer, and
 * no request is lost by that.
 */

#include "base/rss.h"
#include "support/support.h"
#include <brood.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

BROOD_SUITE(pool_rss);

enum { RSS_STEP = 8 << 20, RSS_ROOM = 32 << 20 };

/* Take more memory, if asked to, and answer with the pid. */
static int
rss_handle(struct brood_request *request, void *arg)
{
	pid_t pid = getpid();

	(void)arg;
	if (brood_request_code(request) != 0) {
		char *memory = malloc(RSS_STEP);

		if (memory == NULL)
			return -ENOMEM;
		memset(memory, 1, RSS_STEP);
		__asm__ volatile("" : : "r"(memory) : "memory");
	}
	return brood_request_reply(request, 0, &pid, sizeof(pid));
}

/* Gives the pid of the worker that has answered. */
static pid_t
rss_call(struct brood_pool *pool, uint32_t grows)
{
	struct brood_message msg = { .code = grows };
	struct brood_completion done;
	pid_t pid;

	cr_assert_eq(brood_pool_call(pool, &msg, NULL, &done), 0);
	cr_assert_eq(done.fate, (uint32_t)BROOD_DONE, "%s", done.text);
	cr_assert_eq(done.reply.len, sizeof(pid));
	memcpy(&pid, done.reply.data, sizeof(pid));
	brood_completion_fini(&done);
	/* Longer than it takes until the memory is looked at again. */
	(void)poll(NULL, 0, 11);
	return pid;
}

static struct brood_pool *
rss_pool(uint64_t max_rss)
{
	const struct brood_pool_options options = {
		.handler = rss_handle,
		.workers = 1,
		.max_rss = max_rss,
	};
	char text[BROOD_TEXT_SIZE];
	struct brood_pool *pool;

	cr_assert_eq(brood_pool_new(&pool, &options, text), 0, "%s", text);
	return pool;
}

Test(pool_rss, own_memory_is_known_and_grows)
{
	uint64_t before, after;
	char *memory;

	cr_assert_eq(brood__rss_read(getpid(), &before), 0);
	cr_assert_gt(before, 0u);
	memory = malloc(RSS_STEP);
	cr_assert_not_null(memory);
	memset(memory, 1, RSS_STEP);
	__asm__ volatile("" : : "r"(memory) : "memory");
	cr_assert_eq(brood__rss_read(getpid(), &after), 0);
	cr_expect_geq(after, before + RSS_STEP / 2);
	free(memory);
	cr_expect_eq(brood__rss_read(-1, &after), -ENOENT);
}

Test(pool_rss, worker_that_grows_is_replaced_and_nothing_is_lost)
{
	struct brood_pool *pool;
	struct brood_pool_stats stats;
	unsigned n_new = 0;
	pid_t pid, last = 0;
	uint64_t own;

	cr_assert_eq(brood__rss_read(getpid(), &own), 0);
	pool = rss_pool(own + RSS_ROOM);
	for (unsigned i = 0; i < 60; i++) {
		pid = rss_call(pool, 1);
		n_new += pid != last;
		last = pid;
	}
	brood_pool_stats(pool, &stats);
	cr_expect_eq(stats.crashed, 0u);
	cr_expect_eq(stats.done, 60u);
	/* Each has room for 4 to 5 steps, and goes on for some until its
	   replacement is ready. */
	cr_expect_geq(n_new, 3u);
	cr_expect_leq(n_new, 20u);
	(void)brood_pool_free(pool);
}

Test(pool_rss, worker_that_does_not_grow_stays)
{
	struct brood_pool *pool;
	pid_t pid;
	uint64_t own;

	cr_assert_eq(brood__rss_read(getpid(), &own), 0);
	pool = rss_pool(own + RSS_ROOM);
	pid = rss_call(pool, 0);
	for (unsigned i = 0; i < 20; i++)
		cr_expect_eq(rss_call(pool, 0), pid);
	(void)brood_pool_free(pool);
}

Test(pool_rss, without_a_limit_a_worker_may_grow)
{
	struct brood_pool *pool = rss_pool(0);
	pid_t pid = rss_call(pool, 1);

	for (unsigned i = 0; i < 8; i++)
		cr_expect_eq(rss_call(pool, 1), pid);
	(void)brood_pool_free(pool);
}
