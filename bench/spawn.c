/* SPDX-License-Identifier: ISC */
/*
 * spawn: how long does it take until one more worker is ready?
 *
 * The pool is made early, as the manual says.  Then the host touches 1 MiB, and
 * later 4 GiB, and starts workers.
 */

#include "load.h"

#define N_SPAWNS	21

/* Dispatch until this kind of event comes. */
static void
wait_event(struct brood_pool *pool, uint32_t kind)
{
	struct brood_event event;

	for (;;) {
		while (brood_pool_next_event(pool, &event) == 1)
			if (event.kind == kind)
				return;
		if (brood_pool_wait(pool, -1) < 0)
			errx(1, "the pool is broken");
	}
}

static void
measure(struct brood_pool *pool, uint64_t host_len)
{
	unsigned char *memory = host_new(host_len);
	struct times times;
	uint64_t begin;

	times_init(&times);
	for (int i = 0; i < N_SPAWNS; i++) {
		begin = now_ns();
		if (brood_pool_resize(pool, 2) < 0)
			errx(1, "brood_pool_resize");
		wait_event(pool, BROOD_EVENT_READY);
		times_add(&times, begin);
		if (brood_pool_resize(pool, 1) < 0)
			errx(1, "brood_pool_resize");
		wait_event(pool, BROOD_EVENT_ENDED);
	}
	print_at("spawn", host_len, times_median(&times), "ns");
	times_fini(&times);
	free(memory);
}

int
main(int argc, char **argv)
{
	struct brood_pool_options pool_options = { .workers = 1 };
	struct brood_pool *pool;
	struct options options;

	options_parse(&options, argc, argv);
	pool = pool_open(&pool_options, &options);
	measure(pool, SMALL_HOST);
	if (host_fits(LARGE_HOST))
		measure(pool, LARGE_HOST);
	brood_pool_free(pool);
	return 0;
}
