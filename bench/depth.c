/* SPDX-License-Identifier: ISC */
/*
 * depth: how many calls can be made in a second, with so many open?
 *
 * One worker, 64 bytes there and back.  A worker has at most 64 requests at a
 * time; of more, the others wait in the pool's queue.  Prints the processor
 * time of the host for each call too.
 */

#include "load.h"

#define MAX_IN_FLIGHT	64

static void
measure(unsigned depth, const struct options *options)
{
	struct brood_pool_options pool_options = {
		.workers = 1,
		.in_flight = depth < MAX_IN_FLIGHT ? depth : MAX_IN_FLIGHT,
		.queue = depth,
	};
	unsigned char data[SMALL_LEN] = { 0 };
	struct load load = {
		.depth = depth,
		.data = data,
		.len = sizeof(data),
		.method = METHOD_ECHO,
	};
	uint64_t ns, cpu, n_calls;

	load.pool = pool_open(&pool_options, options);
	if (options->count == 0)
		load_run(&load, 0, options->run_ns / 10);
	n_calls = load.n_done;
	cpu = cpu_ns();
	ns = load_run(&load, options->count, options->run_ns);
	cpu = cpu_ns() - cpu;
	n_calls = load.n_done - n_calls;
	print_at("depth", depth, (double)n_calls * 1e9 / (double)ns, "calls/s");
	print_at("depth_cpu", depth, (double)cpu / (double)n_calls, "ns");
	brood_pool_free(load.pool);
}

int
main(int argc, char **argv)
{
	static const unsigned depths[] = { 1, 4, 16, 64, 256 };
	struct options options;

	options_parse(&options, argc, argv);
	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++)
		if (options.depth == 0 || options.depth == depths[i])
			measure(depths[i], &options);
	return 0;
}
