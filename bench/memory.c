/* SPDX-License-Identifier: ISC */
/*
 * memory: how much memory does a worker take, by its proportional set size (the
 * pages that it shares count in parts)?
 *
 * Four workers that run a handler: never used, and after 100,000 small calls
 * each.  Prints the median of the first, and the largest of the second.
 */

#include "load.h"

#define N_WORKERS	4
#define N_CALLS		100000

static double
pss_kib(int32_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	if (file == NULL) {
		printf("# %s: %s\n", path, strerror(errno));
		exit(77);
	}
	while (fgets(line, sizeof(line), file) != NULL &&
	    sscanf(line, "Pss: %ld", &kib) != 1)
		;
	fclose(file);
	if (kib < 0)
		errx(1, "%s has no Pss", path);
	return (double)kib;
}

/* Sort the sizes of all workers, the smallest first. */
static void
measure(struct brood_pool *pool, double *sizes)
{
	struct brood_worker_info info;
	double size;
	unsigned n, at;

	for (n = 0; n < N_WORKERS && brood_pool_worker(pool, n, &info) == 1;
	    n++) {
		size = pss_kib(info.pid);
		for (at = n; at > 0 && sizes[at - 1] > size; at--)
			sizes[at] = sizes[at - 1];
		sizes[at] = size;
	}
	if (n < N_WORKERS)
		errx(1, "a worker is missing");
}

static uint64_t
least_served(struct brood_pool *pool)
{
	struct brood_worker_info info;
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; brood_pool_worker(pool, i, &info) == 1; i++)
		if (info.served < least)
			least = info.served;
	return least;
}

int
main(int argc, char **argv)
{
	struct brood_pool_options pool_options = { .workers = N_WORKERS };
	unsigned char data[SMALL_LEN] = { 0 };
	struct load load = {
		.depth = 2 * N_WORKERS,
		.data = data,
		.len = sizeof(data),
		.method = METHOD_ECHO,
	};
	double sizes[N_WORKERS];
	struct options options;

	options_parse(&options, argc, argv);
	load.pool = pool_open(&pool_options, &options);
	measure(load.pool, sizes);
	print_figure("memory.unused", sizes[N_WORKERS / 2], "KiB");
	while (least_served(load.pool) < N_CALLS)
		load_run(&load, N_CALLS, 0);
	measure(load.pool, sizes);
	print_figure("memory.used", sizes[N_WORKERS - 1], "KiB");
	brood_pool_free(load.pool);
	return 0;
}
