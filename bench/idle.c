/* SPDX-License-Identifier: ISC */
/*
 * idle: how often does a pool that has nothing to do run, in five seconds?
 *
 * Counts the context switches of the supervisor process and of the workers, and
 * whether the host is woken.  The workers have answered requests before.
 */

#include "load.h"

#include <poll.h>

#define N_WORKERS	4
#define SETTLE_MS	300
#define IDLE_MS		5000

static uint64_t
switches(int32_t pid)
{
	unsigned long long voluntary = 0, forced = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (file == NULL) {
		printf("# %s: %s\n", path, strerror(errno));
		exit(77);
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		sscanf(line, "voluntary_ctxt_switches: %llu", &voluntary);
		sscanf(line, "nonvoluntary_ctxt_switches: %llu", &forced);
	}
	fclose(file);
	return voluntary + forced;
}

static uint64_t
pool_switches(struct brood_pool *pool)
{
	struct brood_pool_stats stats;
	struct brood_worker_info info;
	uint64_t n;

	brood_pool_stats(pool, &stats);
	n = switches(stats.supervisor);
	for (unsigned i = 0; brood_pool_worker(pool, i, &info) == 1; i++)
		n += switches(info.pid);
	return n;
}

/* Do what a program's loop does for so long.  Gives how often it was woken. */
static uint64_t
loop(struct brood_pool *pool, int64_t ms)
{
	uint64_t begin = now_ns(), n_woken = 0;
	struct pollfd pfd = { .fd = brood_pool_fd(pool), .events = POLLIN };
	int64_t left;

	while ((left = ms - (int64_t)((now_ns() - begin) / 1000000)) > 0) {
		if (poll(&pfd, 1, (int)left) == 0)
			continue;
		n_woken++;
		if (brood_pool_dispatch(pool) < 0)
			errx(1, "the pool is broken");
	}
	return n_woken;
}

int
main(int argc, char **argv)
{
	struct brood_pool_options pool_options = { .workers = N_WORKERS };
	unsigned char data[SMALL_LEN] = { 0 };
	struct load load = {
		.depth = N_WORKERS, .data = data, .len = sizeof(data),
	};
	struct options options;
	uint64_t before, n_woken;

	options_parse(&options, argc, argv);
	load.pool = pool_open(&pool_options, &options);
	if (brood_pool_fd(load.pool) < 0) {
		printf("# a pool has no descriptor on this system\n");
		return 77;
	}
	load_run(&load, 10000, 0);
	/* The last answer's worker has yet to go to sleep. */
	loop(load.pool, SETTLE_MS);
	before = pool_switches(load.pool);
	n_woken = loop(load.pool, IDLE_MS);
	print_figure("idle.host", (double)n_woken, "wakes");
	print_figure("idle.pool", (double)(pool_switches(load.pool) - before),
	    "switches");
	brood_pool_free(load.pool);
	return 0;
}
