/* SPDX-License-Identifier: ISC */
/*
 * ready: how long does it take from brood_pool_new() until so many workers are
 * ready?
 */

#include "load.h"

static void
measure(unsigned n_workers, const struct options *options)
{
	struct brood_pool_options pool_options = { .workers = n_workers };
	struct brood_pool *pool;
	uint64_t begin = now_ns();

	pool = pool_open(&pool_options, options);
	print_at("ready", n_workers, (double)(now_ns() - begin), "ns");
	brood_pool_free(pool);
}

int
main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	raise_descriptor_limit();
	measure(128, &options);
	measure(1024, &options);
	return 0;
}
