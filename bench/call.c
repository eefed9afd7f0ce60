/* SPDX-License-Identifier: ISC */
/*
 * call: how long does a blocking call take?
 *
 * One worker, 64 bytes there and back.  Prints the percentiles.
 */

#include "load.h"

int
main(int argc, char **argv)
{
	struct brood_pool_options pool_options = { .workers = 1 };
	unsigned char data[SMALL_LEN] = { 0 };
	struct brood_message msg = { .data = data, .len = sizeof(data) };
	struct brood_completion done;
	struct brood_pool *pool;
	struct options options;
	struct times times;
	uint64_t begin, end;

	options_parse(&options, argc, argv);
	pool = pool_open(&pool_options, &options);
	times_init(&times);
	end = now_ns() + 2 * options.run_ns;
	for (uint64_t i = 0; (begin = now_ns()) < end; i++) {
		payload_stamp(data, i);
		pool_call(pool, &msg, &done);
		if (done.reply.len != sizeof(data) ||
		    memcmp(done.reply.data, data, sizeof(data)) != 0)
			errx(1, "a wrong answer");
		brood_completion_fini(&done);
		times_add(&times, begin);
	}
	times_print("call", &times);
	times_fini(&times);
	brood_pool_free(pool);
	return 0;
}
