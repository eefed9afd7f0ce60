/* SPDX-License-Identifier: ISC */
/*
 * Waiting for what a pool has to give.  Knows the public interface only.
 *
 * drain_next() waits by brood_pool_wait(), the rest by poll(2) on the pool's
 * descriptor and brood_pool_dispatch(): both ways of driving a pool are used
 * by every suite.  Where there is no such descriptor, poll(2) skips the
 * negative number and its short timeout drives the loop.
 */

#include "support/drain.h"
#include "support/methods.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

bool
drain_turn(struct brood_pool *pool, int fd)
{
	struct pollfd fds[2] = {
		{ .fd = brood_pool_fd(pool), .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	(void)brood_pool_dispatch(pool);
	return poll(fds, 2, 20) > 0 && fds[1].revents != 0;
}

bool
drain_next(struct brood_pool *pool, struct brood_completion *ret_done)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);

	while (brood_pool_take(pool, ret_done) != 1)
		if (brood__now_ms() > deadline ||
		    brood_pool_wait(pool, 1000) < 0)
			return false;
	return true;
}

bool
drain_event(struct brood_pool *pool, enum brood_event_kind kind,
    struct brood_event *ret_event)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);

	for (;;) {
		while (brood_pool_next_event(pool, ret_event) == 1)
			if (ret_event->kind == kind)
				return true;
		if (brood__now_ms() > deadline)
			return false;
		(void)drain_turn(pool, -1);
	}
}

bool
drain_workers(struct brood_pool *pool, pid_t *ret_pids, unsigned n)
{
	struct brood_event event;

	for (unsigned i = 0; i < n; i++) {
		if (!drain_event(pool, BROOD_EVENT_READY, &event))
			return false;
		ret_pids[i] = event.pid;
	}
	return true;
}

bool
drain_ready(struct brood_pool *pool, unsigned n)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	struct brood_pool_stats stats;

	for (;;) {
		brood_pool_stats(pool, &stats);
		if (stats.ready == n)
			return true;
		if (brood__now_ms() > deadline)
			return false;
		(void)drain_turn(pool, -1);
	}
}

bool
drain_stopped(struct brood_pool *pool)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	struct brood_completion done;
	int r;

	do {
		while (brood_pool_take(pool, &done) == 1)
			brood_completion_fini(&done);
		r = brood_pool_wait(pool, 1000);
	} while (r >= 0 && brood__now_ms() <= deadline);
	return r == -ESHUTDOWN;
}

int
drain_call(struct brood_pool *pool, uint32_t method, const char *text,
    struct brood_completion *ret_done)
{
	struct brood_message msg = {
		.data = text, .len = strlen(text), .code = method,
	};

	return brood_pool_call(pool, &msg, DRAIN_MS, ret_done);
}

pid_t
drain_echo(struct brood_pool *pool)
{
	struct brood_completion done;
	pid_t pid = 0;

	if (drain_call(pool, METHOD_ECHO, "still here", &done) < 0)
		return 0;
	if (done.fate == BROOD_DONE && drain_is_text(&done, "still here"))
		pid = done.pid;
	brood_completion_fini(&done);
	return pid;
}

bool
drain_is_text(const struct brood_completion *done, const char *text)
{
	size_t len = strlen(text);

	return done->reply.len == len &&
	    (len == 0 || memcmp(done->reply.data, text, len) == 0);
}

unsigned
drain_children(void)
{
	unsigned n = 0;

	for (;;) {
		if (waitpid(-1, NULL, 0) > 0)
			n++;
		else if (errno != EINTR)
			return n;
	}
}
