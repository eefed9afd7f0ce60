/* SPDX-License-Identifier: ISC */
/*
 * This file uses the public interface of the pool only.
 *
 * drain_next() and drain_stopped() wait with brood_pool_wait(); the others call
 * poll(2) on the pool's descriptor, then brood_pool_dispatch().  So every suite
 * uses both ways to drive a pool.
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
	/*
	 * The descriptor must tell of all that the pool has to do, so a shorter
	 * timeout would hide a lost wake-up.  Where there is no descriptor
	 * (-ENOSYS), poll(2) ignores the negative number, and the caller has to
	 * dispatch often.
	 */
	int timeout_ms = fds[0].fd >= 0 ? DRAIN_MS : 20;

	bool is_readable;

	/* First wait, then dispatch: the caller looks at what that brings. */
	is_readable = poll(fds, 2, timeout_ms) > 0 && fds[1].revents != 0;
	(void)brood_pool_dispatch(pool);
	return is_readable;
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

/*
 * Wait until the statistics are as is_so wants them.  Gives false if they are
 * not after DRAIN_MS without a new worker: a thousand workers take longer to
 * start on a busy machine.
 */
static bool
drain_until(struct brood_pool *pool,
    bool (*is_so)(const struct brood_pool_stats *stats, unsigned n), unsigned n)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	struct brood_pool_stats stats;
	uint64_t n_started = 0;

	for (;;) {
		brood_pool_stats(pool, &stats);
		if (is_so(&stats, n))
			return true;
		if (stats.started != n_started)
			deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
		n_started = stats.started;
		if (brood__now_ms() > deadline)
			return false;
		(void)drain_turn(pool, -1);
	}
}

static bool
drain_is_ready(const struct brood_pool_stats *stats, unsigned n)
{
	return stats->ready == n;
}

static bool
drain_is_spare(const struct brood_pool_stats *stats, unsigned n)
{
	return stats->spare == n;
}

static bool
drain_is_in_flight(const struct brood_pool_stats *stats, unsigned n)
{
	return stats->in_flight >= n;
}

static bool
drain_is_untaken(const struct brood_pool_stats *stats, unsigned n)
{
	return stats->untaken >= n;
}

bool
drain_ready(struct brood_pool *pool, unsigned n)
{
	return drain_until(pool, drain_is_ready, n);
}

bool
drain_spare(struct brood_pool *pool, unsigned n)
{
	return drain_until(pool, drain_is_spare, n);
}

bool
drain_in_flight(struct brood_pool *pool, unsigned n)
{
	return drain_until(pool, drain_is_in_flight, n);
}

bool
drain_untaken(struct brood_pool *pool, unsigned n)
{
	return drain_until(pool, drain_is_untaken, n);
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

	return brood_pool_call(pool, &msg,
	    &(struct brood_request_options){ .expire_ms = DRAIN_MS }, ret_done);
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
