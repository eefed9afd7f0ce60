/* SPDX-License-Identifier: ISC */
/*
 * kill: how long does it take from a worker's SIGKILL to the first answer of
 * its replacement?
 *
 *	kill [spare]
 *
 * The only worker of a pool is killed while it is idle, and a request is made
 * at once.  With the argument the pool keeps one spare, and the next worker is
 * killed as soon as the spare was made up.
 */

#include "load.h"

#include <signal.h>

#define N_KILLS		101

/* Make a request.  Gives the process that answered, 0 if it died instead. */
static int32_t
ask(struct brood_pool *pool)
{
	struct brood_message msg = { .data = "hello", .len = 5 };
	struct brood_completion done;
	int32_t pid;

	if (brood_pool_call(pool, &msg, NULL, &done) < 0)
		errx(1, "brood_pool_call");
	pid = done.fate == BROOD_DONE ? done.pid : 0;
	brood_completion_fini(&done);
	return pid;
}

static void
wait_for_spare(struct brood_pool *pool)
{
	struct brood_pool_stats stats;
	struct brood_event event;

	for (;;) {
		while (brood_pool_next_event(pool, &event) == 1)
			continue;
		brood_pool_stats(pool, &stats);
		if (stats.spare > 0)
			return;
		if (brood_pool_wait(pool, -1) < 0)
			errx(1, "the pool is broken");
	}
}

int
main(int argc, char **argv)
{
	struct brood_pool_options pool_options = { .workers = 1 };
	struct brood_pool *pool;
	struct options options;
	struct times times;
	uint64_t begin;
	int32_t killed, pid;

	options_parse(&options, argc, argv);
	pool_options.spare = strcmp(options.question, "spare") == 0;
	pool = pool_open(&pool_options, &options);
	times_init(&times);
	killed = ask(pool);
	for (int i = 0; i < N_KILLS; i++) {
		if (pool_options.spare > 0)
			wait_for_spare(pool);
		begin = now_ns();
		if (killed == 0 || kill(killed, SIGKILL) < 0)
			err(1, "kill");
		do
			pid = ask(pool);
		while (pid == 0 || pid == killed);
		times_add(&times, begin);
		killed = pid;
	}
	times_print("kill", &times);
	times_fini(&times);
	brood_pool_free(pool);
	return 0;
}
