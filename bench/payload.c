/* SPDX-License-Identifier: ISC */
/*
 * payload: how many bytes per second can be sent to a worker?
 *
 * One worker, which answers each payload with eight bytes that depend on each
 * page of it.  Up to four are in flight, as far as the pool sends them ahead.
 * With -g the payloads are written in memory that the pool takes.
 */

#include "load.h"

int
main(int argc, char **argv)
{
	struct brood_pool_options pool_options = {
		.workers = 1,
		.in_flight = PAYLOAD_DEPTH,
		.max_payload = MAX_PAYLOAD,
	};
	struct load load = {
		.depth = PAYLOAD_DEPTH, .method = METHOD_CHECKSUM,
	};
	struct options options;
	uint64_t ns, n_calls;

	options_parse(&options, argc, argv);
	load.is_given = options.is_given;
	load.pool = pool_open(&pool_options, &options);
	load.data = payload_new(MAX_PAYLOAD);
	for (size_t i = 0; i < N_PAYLOAD_LENS; i++) {
		load.len = payload_lens[i];
		load_run(&load, PAYLOAD_DEPTH, 0);
		n_calls = load.n_done;
		ns = load_run(&load, 0, options.run_ns);
		n_calls = load.n_done - n_calls;
		print_at("payload", load.len,
		    (double)load.len * (double)n_calls / (double)ns, "GB/s");
	}
	free(load.data);
	brood_pool_free(load.pool);
	return 0;
}
