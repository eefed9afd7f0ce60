/* SPDX-License-Identifier: ISC */
/*
 * workers: what does a call cost the host that has so many workers?
 *
 * 64 bytes there and back.  Each worker has one request at a time.  As many
 * requests are open for any number of workers: 64, and then one.  Prints the
 * calls per second, and the processor time of the host for each call.  With 64
 * open the host of many workers has an advantage, too: it finds more answers at
 * once.
 */

#include "load.h"

#define N_OPEN	64

static void
measure_open(struct load *load, unsigned n_open, unsigned n_workers,
    const struct options *options)
{
	uint64_t n_calls = load->n_done, cpu = cpu_ns(), ns;
	char name[32];

	load->depth = n_open;
	ns = load_run(load, 0, options->run_ns);
	cpu = cpu_ns() - cpu;
	n_calls = load->n_done - n_calls;
	snprintf(name, sizeof(name), "workers_open_%u", n_open);
	print_at(name, n_workers, (double)n_calls * 1e9 / (double)ns,
	    "calls/s");
	snprintf(name, sizeof(name), "workers_cpu_%u", n_open);
	print_at(name, n_workers, (double)cpu / (double)n_calls, "ns");
}

static void
measure(unsigned n_workers, const struct options *options)
{
	struct brood_pool_options pool_options = {
		.workers = n_workers, .queue = N_OPEN,
	};
	unsigned char data[SMALL_LEN] = { 0 };
	struct load load = {
		.depth = N_OPEN,
		.data = data,
		.len = sizeof(data),
		.method = METHOD_ECHO,
	};

	load.pool = pool_open(&pool_options, options);
	/* Every worker has run before: the first request is a slow one. */
	load_run(&load, 20 * n_workers, 0);
	measure_open(&load, N_OPEN, n_workers, options);
	measure_open(&load, 1, n_workers, options);
	brood_pool_free(load.pool);
}

int
main(int argc, char **argv)
{
	static const unsigned n_workers[] = { 2, 8, 32, 128, 512, 1024 };
	struct options options;

	options_parse(&options, argc, argv);
	raise_descriptor_limit();
	for (size_t i = 0; i < sizeof(n_workers) / sizeof(*n_workers); i++)
		measure(n_workers[i], &options);
	return 0;
}
