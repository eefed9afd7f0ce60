/* SPDX-License-Identifier: ISC */

/*
 * A pool whose workers have rings, and write into them what they like: a worker
 * finds the memory in /proc/self/maps.  It costs itself and the requests that
 * it has, and never the host.
 */

#include "base/clock.h"
#include "support/drain.h"
#include "support/support.h"

#include <sys/mman.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

BROOD_SUITE(pool_rings);

enum {
	BEFORE = 64,		/* answers, by which a worker surely has rings */
	WORDS = 4096,		/* bytes in front of the ring */
	OFFSET_HEAD = 64,
};

enum method {
	METHOD_ECHO,
	METHOD_SCRIBBLE,	/* echo, and scribble as soon as there is a
				   ring, and FIRST_QUIET requests were run */
	METHOD_SET,		/* struct set: write a word, progress, stay */
	METHOD_TRY_TO_WRITE,	/* how many ways led to the host's memory */
	METHOD_LONG,		/* answer with LONG bytes */
};

enum { LONG = 60 << 10, FIRST_QUIET = 20 };

struct set {
	uint64_t offset;
	uint64_t value;
};

/* The worker */

/* The region of which the permissions in /proc/self/maps begin so. */
static uint8_t *
rings_find(const char *permissions, size_t *ret_size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[512], flags[8];
	uint8_t *found = NULL;

	if (maps == NULL)
		return NULL;
	while (found == NULL && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "/memfd:brood") != NULL &&
		    sscanf(line, "%lx-%lx %7s", &start, &end, flags) == 3 &&
		    strncmp(flags, permissions, strlen(permissions)) == 0) {
			found = (uint8_t *)start;
			*ret_size = end - start;
		}
	(void)fclose(maps);
	return found;
}

/* xorshift64: the same numbers for the same seed, in a thread of its own. */
static uint64_t
rings_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/* Something that is likely to be looked at, and to be almost right. */
static void
rings_scribble_once(uint8_t *region, size_t size, uint64_t *state)
{
	volatile uint64_t *words = (volatile uint64_t *)(void *)region;
	static const size_t places[] = { 0, 8, 16, 17, 24, 25 };
	uint64_t r = rings_random(state), value = rings_random(state);
	size_t n = sizeof(places) / sizeof(places[0]), at;

	at = r % 4 == 0 ? places[r / 4 % n] : r % 4 == 1 ?
	    (WORDS + r / 4 % (size - WORDS)) / 8 :
	    (WORDS + r / 4 % (96 << 10)) / 8;
	switch (value % 5) {
	case 0:
		words[at] = rings_random(state);
		break;
	case 1:
		words[at] = words[at] + 8 * (value / 8 % 64) - 256;
		break;
	case 2:
		words[at] = (value / 8 % 16) << 32 | value / 128 % 4096;
		break;
	case 3:
		words[at] = 0;
		break;
	default:
		words[at] ^= UINT64_C(1) << value / 8 % 64;
	}
}

static void *
rings_scribbler(void *arg)
{
	uint64_t state = *(const uint64_t *)arg | 1;
	size_t size = 0;
	uint8_t *region = rings_find("rw", &size);

	while (region != NULL) {
		for (uint64_t n = rings_random(&state) % 64; n > 0; n--)
			rings_scribble_once(region, size, &state);
		(void)usleep((useconds_t)(rings_random(&state) % 200));
	}
	return NULL;
}

/* Does writing to this address fail, or is the memory private? */
static unsigned
rings_try_to_write(void)
{
	unsigned n_ways = 0;
	size_t size = 0;
	uint8_t *region = rings_find("r-", &size);

	if (region == NULL)
		return 1000;
	n_ways += mprotect(region, size, PROT_READ | PROT_WRITE) == 0;
	n_ways += mprotect(region, WORDS, PROT_WRITE) == 0;
	n_ways += madvise(region, size, MADV_REMOVE) == 0;
	return n_ways;
}

static int
rings_set(struct brood_request *request)
{
	struct set set;
	size_t size = 0;
	uint8_t *region = rings_find("rw", &size);

	if (region == NULL)
		return -ENOENT;
	memcpy(&set, brood_request_data(request), sizeof(set));
	memcpy(region + set.offset, &set.value, sizeof(set.value));
	(void)brood_request_progress(request, "", 0);
	for (;;)
		(void)pause();
}

/* From now on, in a thread that lives as long as the worker. */
static void
rings_scribble(const struct brood_request *request)
{
	static uint64_t seed;
	static bool is_started;
	static unsigned n_runs;
	pthread_t thread;
	size_t size;

	if (++n_runs <= FIRST_QUIET || is_started ||
	    rings_find("rw", &size) == NULL)
		return;
	memcpy(&seed, brood_request_data(request), sizeof(seed));
	is_started = pthread_create(&thread, NULL, rings_scribbler,
	    &seed) == 0;
}

static int
rings_handle(struct brood_request *request, void *arg)
{
	static uint8_t bytes[LONG];

	(void)arg;
	switch ((enum method)brood_request_code(request)) {
	case METHOD_LONG:
		return brood_request_reply(request, 0, bytes, LONG);
	case METHOD_SET:
		return rings_set(request);
	case METHOD_TRY_TO_WRITE:
		return brood_request_reply(request, rings_try_to_write(), NULL,
		    0);
	case METHOD_SCRIBBLE:
		rings_scribble(request);
		break;
	case METHOD_ECHO:
		break;
	}
	return brood_request_reply(request, 0, brood_request_data(request),
	    brood_request_len(request));
}

/* The host */

static struct brood_pool *
rings_pool(struct brood_pool_options options)
{
	struct brood_pool *pool = NULL;

	options.handler = rings_handle;
	options.shutdown_ms = 300;
	options.stderr_fd = -1;
	cr_assert_eq(brood_pool_new(&pool, &options, NULL), 0);
	return pool;
}

static void
rings_call(struct brood_pool *pool, uint32_t method, const void *data,
    size_t len, struct brood_completion *ret_done)
{
	struct brood_message msg = { .code = method, .data = data,
	    .len = len };

	cr_assert_eq(brood_pool_call(pool, &msg, NULL, ret_done), 0);
}

/* Have the only worker get its rings.  Skips where there are none. */
static void
rings_get(struct brood_pool *pool)
{
	struct brood_completion done;

	for (int i = 0; i < BEFORE; i++) {
		rings_call(pool, METHOD_ECHO, "1234", 4, &done);
		cr_assert_eq(done.fate, BROOD_DONE);
		brood_completion_fini(&done);
	}
	rings_call(pool, METHOD_TRY_TO_WRITE, "", 0, &done);
	if (done.fate == BROOD_DONE && done.reply.code == 1000) {
		brood_completion_fini(&done);
		cr_assert_null(brood_pool_free(pool));
		cr_skip("there are no rings here");
	}
	cr_assert_eq(done.fate, BROOD_DONE);
	cr_assert_eq(done.reply.code, 0, "the host's memory was changed");
	brood_completion_fini(&done);
}

Test(pool_rings, worker_cannot_make_the_hosts_memory_writable)
{
	struct brood_pool *pool = rings_pool((struct brood_pool_options) {
	    .workers = 1 });

	rings_get(pool);
	cr_assert_null(brood_pool_free(pool));
}

static void
rings_wait(struct brood_pool *pool, unsigned n)
{
	struct brood_completion done;

	for (; n > 0; n--) {
		cr_assert(drain_next(pool, &done), "%u requests hang", n);
		cr_assert_eq(done.fate, BROOD_DONE, "%s", done.text);
		brood_completion_fini(&done);
	}
}

static void
rings_submit(struct brood_pool *pool, uint32_t method, const void *data,
    size_t len, unsigned n)
{
	struct brood_message msg = { .code = method, .data = data,
	    .len = len };
	uint64_t id;

	for (; n > 0; n--)
		cr_assert_eq(brood_pool_submit(pool, &msg, NULL, &id), 0);
}

/*
 * It does nothing else, so it is the host's next requests that meet the word:
 * when these have come beyond the first 16 KiB, they need to know the head.
 */
static void
rings_check_head(uint64_t head)
{
	struct brood_pool *pool = rings_pool((struct brood_pool_options) {
	    .workers = 1, .in_flight = 16, .ring_bytes = 256 << 10 });
	struct set set = { .offset = OFFSET_HEAD, .value = head };
	static uint8_t bytes[LONG];
	struct brood_completion done;

	rings_get(pool);
	rings_submit(pool, METHOD_ECHO, bytes, LONG, 1);
	rings_wait(pool, 1);
	cr_assert_eq(brood_pool_submit(pool, &(struct brood_message) {
	    .code = METHOD_SET, .data = &set, .len = sizeof(set) },
	    &(struct brood_request_options) { .flags = BROOD_STREAM },
	    NULL), 0);
	cr_assert(drain_next(pool, &done) && done.fate == BROOD_PROGRESS);
	brood_completion_fini(&done);
	rings_submit(pool, METHOD_ECHO, bytes, 4000, 10);
	cr_assert(drain_next(pool, &done), "the worker is left as it is");
	cr_assert_eq(done.fate, BROOD_CRASHED);
	brood_completion_fini(&done);
	/* Another one does the rest, which was not begun. */
	rings_wait(pool, 10);
	cr_assert_null(brood_pool_free(pool));
}

Test(pool_rings, worker_that_says_it_took_what_was_not_sent_is_replaced)
{
	rings_check_head(UINT64_MAX - 7);
	rings_check_head(1);
}

/* Until then nobody polls, and the worker need not wake the host. */
Test(pool_rings, descriptor_that_is_asked_for_late_tells_of_an_answer)
{
	struct brood_pool *pool = rings_pool((struct brood_pool_options) {
	    .workers = 1 });
	struct pollfd pfd = { .events = POLLIN };
	struct brood_completion done;

	rings_get(pool);
	rings_submit(pool, METHOD_ECHO, "1234", 4, 1);
	pfd.fd = brood_pool_fd(pool);
	cr_assert_geq(pfd.fd, 0);
	do {
		cr_assert_eq(poll(&pfd, 1, 20000), 1, "nobody tells of it");
		cr_assert_eq(brood_pool_dispatch(pool), 0);
	} while (brood_pool_take(pool, &done) == 0);
	cr_assert_eq(done.fate, BROOD_DONE);
	brood_completion_fini(&done);
	cr_assert_null(brood_pool_free(pool));
}

/* The offer leaves with requests, and the host does not look for a while. */
Test(pool_rings, ring_that_is_full_before_the_host_has_switched)
{
	struct brood_pool *pool = rings_pool((struct brood_pool_options) {
	    .workers = 1, .in_flight = 64, .ring_bytes = 256 << 10 });

	for (int i = 0; i < 16; i++) {
		rings_submit(pool, METHOD_LONG, "", 0, 1);
		rings_wait(pool, 1);
	}
	rings_submit(pool, METHOD_LONG, "", 0, 40);
	(void)usleep(50000);
	rings_wait(pool, 40);
	cr_assert_null(brood_pool_free(pool));
}

/*
 * Requests to workers that scribble, until many workers were needed.  What came
 * back may be anything, but it came once for each.
 *
 * BROOD_STORM in the environment makes it so many times longer.
 */
struct storm {
	struct brood_pool *pool;
	uint64_t seed;
	unsigned n_submitted;
	unsigned n_done;
	unsigned n_fates[BROOD_REFUSED + 1];
	uint64_t sum;			/* of the tags of all that are out */
};

static void
storm_submit(struct storm *storm)
{
	static uint8_t bytes[70 << 10];
	size_t len = 8 + rings_random(&storm->seed) % 200;
	int r = 0;

	if (storm->seed % 16 == 0)
		len = storm->seed / 16 % sizeof(bytes);
	if (len < 8)
		len = 8;
	memcpy(bytes, &storm->seed, sizeof(storm->seed));
	r = brood_pool_submit(storm->pool, &(struct brood_message) {
	    .code = METHOD_SCRIBBLE, .data = bytes, .len = len },
	    &(struct brood_request_options) { .run_ms = 250,
	    .tag = (void *)(uintptr_t)(storm->n_submitted + 1) }, NULL);
	cr_assert_eq(r, 0);
	storm->sum += ++storm->n_submitted;
}

static void
storm_take(struct storm *storm)
{
	struct brood_completion done;

	cr_assert(drain_next(storm->pool, &done), "%u requests hang",
	    storm->n_submitted - storm->n_done);
	cr_assert(done.fate >= BROOD_DONE && done.fate <= BROOD_REFUSED);
	cr_assert(done.fate == BROOD_DONE || done.text[0] != '\0');
	for (size_t i = 0; i < done.reply.len; i++)
		(void)((volatile const uint8_t *)done.reply.data)[i];
	storm->n_fates[done.fate]++;
	storm->n_done++;
	storm->sum -= (uintptr_t)done.tag;
	brood_completion_fini(&done);
}

static void
rings_storm(unsigned in_flight)
{
	const char *times = getenv("BROOD_STORM");
	unsigned n = 30 * (times != NULL ? (unsigned)atoi(times) : 1);
	struct storm storm = {
		.pool = rings_pool((struct brood_pool_options) { .workers = 2,
		    .in_flight = in_flight, .ring_bytes = 256 << 10 }),
		.seed = arc4random() | 1,
	};
	struct brood_pool_stats stats;

#ifndef HAVE_SEALED_MEMORY
	cr_assert_null(brood_pool_free(storm.pool));
	cr_skip("there are no rings here");
#endif
	cr_log_info("seed %ju", (uintmax_t)storm.seed);
	do {
		while (storm.n_submitted - storm.n_done < 3 * in_flight)
			storm_submit(&storm);
		storm_take(&storm);
		brood_pool_stats(storm.pool, &stats);
	} while (stats.ended < n);
	while (storm.n_done < storm.n_submitted)
		storm_take(&storm);
	cr_assert_eq(storm.sum, 0);
	cr_assert_eq(storm.n_fates[BROOD_REFUSED], 0);
	cr_assert_gt(storm.n_fates[BROOD_DONE], n);
	cr_log_info("%u done, %u failed, %u crashed, %u expired",
	    storm.n_fates[BROOD_DONE], storm.n_fates[BROOD_FAILED],
	    storm.n_fates[BROOD_CRASHED], storm.n_fates[BROOD_EXPIRED]);
	cr_assert_null(brood_pool_free(storm.pool));
}

Test(pool_rings, worker_that_scribbles_costs_its_own_requests_at_most)
{
	rings_storm(1);
}

Test(pool_rings, worker_that_scribbles_over_many_requests_does_the_same)
{
	rings_storm(16);
}
