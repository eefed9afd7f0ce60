/* SPDX-License-Identifier: ISC */
/*
 * This file owns the shared memory and the three pipes.  It does not know what
 * the handlers do with them.
 *
 * counters_open() closes the write end of the gate, so that every handler reads
 * an end-of-file; counters_start() does the same to start.  For that the host
 * must be the only process that has the write end.  If the library leaked a
 * copy into the supervisor or a worker, the handlers would wait for ever and
 * the test would fail.
 */

#include "base/fd.h"
#include "support/counters.h"
#include "support/drain.h"
#include "support/methods.h"
#include <errno.h>
#include <sys/mman.h>

static size_t
counters_size(unsigned n_runs)
{
	struct counters *counters;

	return sizeof(*counters) + n_runs * sizeof(counters->runs[0]);
}

struct counters *
counters_new(unsigned n_runs)
{
	struct counters *counters;

	counters = mmap(NULL, counters_size(n_runs), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counters == MAP_FAILED)
		return NULL;
	counters->n_runs = n_runs;
	counters->gate[0] = counters->gate[1] = -1;
	counters->entered[0] = counters->entered[1] = -1;
	counters->start[0] = counters->start[1] = -1;
	if (pipe2(counters->gate, O_CLOEXEC) < 0 ||
	    pipe2(counters->entered, O_CLOEXEC) < 0 ||
	    pipe2(counters->start, O_CLOEXEC) < 0)
		return counters_free(counters);
	counters->keep_fds[0] = counters->gate[0];
	counters->keep_fds[1] = counters->entered[1];
	counters->keep_fds[2] = counters->start[0];
	return counters;
}

struct counters *
counters_free(struct counters *counters)
{
	if (counters == NULL)
		return NULL;
	brood__fd_close_all(counters->gate, 2);
	brood__fd_close_all(counters->entered, 2);
	brood__fd_close_all(counters->start, 2);
	(void)munmap(counters, counters_size(counters->n_runs));
	return NULL;
}

struct brood_pool *
counters_pool(struct counters *counters, struct brood_pool_options options)
{
	struct brood_pool *pool = NULL;

	options.handler = methods_handle;
	options.arg = counters;
	options.keep_fds = counters->keep_fds;
	options.n_keep_fds = 3;
	if (options.shutdown_ms == 0)
		options.shutdown_ms = 300;
	return brood_pool_new(&pool, &options, NULL) == 0 ? pool : NULL;
}

bool
counters_await(struct counters *counters, struct brood_pool *pool, unsigned n)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	char byte;

	while (n > 0) {
		if (drain_turn(pool, counters->entered[0])) {
			if (read(counters->entered[0], &byte, 1) != 1)
				return false;
			n--;
		} else if (brood__now_ms() > deadline)
			return false;
	}
	return true;
}

void
counters_release(struct counters *counters, unsigned n)
{
	while (n-- > 0)
		if (write(counters->gate[1], "", 1) != 1)
			return;
}

void
counters_open(struct counters *counters)
{
	counters->gate[1] = brood__fd_close(counters->gate[1]);
}

int
counters_wait_to_start(struct counters *counters, unsigned n)
{
	char byte;

	if (atomic_fetch_add(&counters->n_setups, 1) < n)
		return 0;
	return read(counters->start[0], &byte, 1) < 0 ? -errno : 0;
}

void
counters_start(struct counters *counters)
{
	counters->start[1] = brood__fd_close(counters->start[1]);
}
