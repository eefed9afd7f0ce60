/* SPDX-License-Identifier: ISC */
/*
 * pingpong [-n COUNT]: a parent and a forked child that send each other
 * messages over one socketpair.
 *
 * This is the simplest use of brood, without a pool and without a supervisor.
 * Without -n, one message goes to the child and one comes back, and both print
 * what they do.  With -n, they do that COUNT times and print only how long it
 * took, in the way of ping(8).
 */

#include <brood.h>
#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "number.h"

struct game {
	long	 count;
	bool	 is_verbose;
};

/* The times of n round trips, in microseconds. */
struct times {
	double	 min, max, sum;
	long	 n;
};

static double
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
times_add(struct times *times, double us)
{
	if (times->n == 0 || us < times->min)
		times->min = us;
	if (times->n == 0 || us > times->max)
		times->max = us;
	times->n++;
	times->sum += us;
}

static void
times_print(const struct times *times, double total_us)
{
	printf("%ld round trips in %.3f ms, %.0f round trips/s\n",
	    times->n, total_us / 1e3, (double)times->n / (total_us / 1e6));
	printf("rtt min/avg/max = %.3f/%.3f/%.3f us\n", times->min,
	    times->sum / (double)times->n, times->max);
}

/*
 * The child.  It has its end of the channel, and a copy of the parent's memory,
 * in which arg points to the game.
 */
static int
pong(struct brood_channel *channel, void *arg)
{
	const struct game *game = arg;
	const struct brood_message reply = {
		.kind = BROOD_KIND_REPLY, .data = "pong", .len = 4,
	};
	struct brood_message msg;

	if (game->is_verbose)
		puts("in child, waiting for message");
	for (long i = 0; i < game->count; i++) {
		if (brood_channel_recv(channel, -1, &msg) != 1)
			return 1;
		if (game->is_verbose)
			printf("message from parent: %.*s\n",
			    (int)msg.len, (const char *)msg.data);
		if (brood_channel_send(channel, &reply) < 0)
			return 1;
	}
	return 0;
}

/* One round trip, as the parent does it. */
static void
ping(struct brood_channel *channel, struct brood_message *ret_reply)
{
	const struct brood_message msg = { .data = "ping", .len = 4 };
	int r;

	r = brood_channel_send(channel, &msg);
	if (r == 0)
		r = brood_channel_recv(channel, -1, ret_reply);
	if (r < 0)
		errx(1, "child: %s", strerror(-r));
}

static void
ping_once(struct brood_channel *channel)
{
	struct brood_message reply;

	puts("in parent, sending message");
	ping(channel, &reply);
	printf("response from child: %.*s\n",
	    (int)reply.len, (const char *)reply.data);
}

static void
ping_many(struct brood_channel *channel, long count)
{
	struct brood_message reply;
	struct times times = { 0 };
	double begin = now_us();

	for (long i = 0; i < count; i++) {
		double sent = now_us();

		ping(channel, &reply);
		times_add(&times, now_us() - sent);
	}
	times_print(&times, now_us() - begin);
}

static struct game
game_parse(int argc, char **argv)
{
	struct game game = { .count = 1, .is_verbose = true };
	int opt;

	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n')
			errx(2, "usage: pingpong [-n COUNT]");
		game.count = number("COUNT", optarg, LONG_MAX);
		game.is_verbose = false;
	}
	if (optind != argc)
		errx(2, "usage: pingpong [-n COUNT]");
	return game;
}

int
main(int argc, char **argv)
{
	struct game game = game_parse(argc, argv);
	struct brood_child *child;
	int r, status;

	r = brood_child_fork(&child, NULL, pong, &game);
	if (r < 0)
		errx(1, "cannot start the child: %s", strerror(-r));
	if (game.is_verbose)
		ping_once(brood_child_channel(child));
	else
		ping_many(brood_child_channel(child), game.count);
	r = brood_child_wait(child, &status);
	if (r < 0 || status != 0)
		errx(1, "the child did not end well");
	brood_child_free(child);
	if (fflush(stdout) == EOF || ferror(stdout))
		errx(1, "write error");
	return 0;
}
