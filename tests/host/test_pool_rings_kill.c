/* SPDX-License-Identifier: ISC */

/*
 * SIGKILL at any moment, of workers that have rings: what is said of a request
 * must agree with what the worker has written down in memory that the test
 * shares with it.  Some requests and some answers are too long for the ring, so
 * that they go by the socket, in their turn.
 *
 * A thread kills.  The moments are counted in microseconds, because between two
 * completions there is no other measure; what is checked holds at each.
 */

#include "base/clock.h"
#include "support/drain.h"
#include "support/support.h"

#include <sys/mman.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

BROOD_SUITE(pool_rings_kill);

enum {
	REQUESTS_MAX = 1 << 21,
	LONG = 300 << 10,		/* by the socket */
	MIDDLE = 50 << 10,		/* fills the ring */
	RING_BYTES = 256 << 10,
	BEFORE = 32,			/* answers of a worker before it is
					   killed: it has rings then */
};

enum method {
	METHOD_SHORT,
	METHOD_MIDDLE_ANSWER,
	METHOD_LONG_ANSWER,
};

/* What workers write down, by number of request. */
struct record {
	_Atomic uint8_t n_runs;
	_Atomic uint8_t is_answered;	/* the reply function has returned */
};

/* What the host was told. */
struct told {
	uint8_t n_completions;
	uint8_t fate;
	uint8_t ran;
	bool is_idempotent;
};

struct killing {
	struct brood_pool *pool;
	struct record *records;
	struct told *told;
	unsigned n_submitted;
	unsigned n_done;
	unsigned n_crashed;
	_Atomic pid_t target;		/* the worker that answered last */
	_Atomic unsigned n_kills;
	_Atomic bool is_over;
};

/* The worker.  The status of an answer is its number at this worker. */

static int
kill_handle(struct brood_request *request, void *arg)
{
	static uint8_t bytes[LONG];
	static uint32_t n_answers;
	struct record *record, *records = arg;
	uint32_t number;
	size_t len = sizeof(number);
	int r;

	memcpy(&number, brood_request_data(request), sizeof(number));
	record = &records[number];
	atomic_fetch_add(&record->n_runs, 1);
	if (brood_request_code(request) == METHOD_MIDDLE_ANSWER)
		len = MIDDLE;
	else if (brood_request_code(request) == METHOD_LONG_ANSWER)
		len = LONG;
	memcpy(bytes, &number, sizeof(number));
	r = brood_request_reply(request, ++n_answers, bytes, len);
	if (r == 0)
		atomic_store(&record->is_answered, 1);
	return r;
}

/* The host */

static void *
kill_run(void *arg)
{
	struct killing *killing = arg;
	pid_t pid;

	while (!atomic_load(&killing->is_over)) {
		(void)usleep(arc4random_uniform(3000));
		pid = atomic_exchange(&killing->target, 0);
		if (pid != 0 && kill(pid, SIGKILL) == 0)
			atomic_fetch_add(&killing->n_kills, 1);
	}
	return NULL;
}

static void
kill_submit(struct killing *killing)
{
	static uint8_t bytes[LONG];
	uint32_t number = killing->n_submitted;
	struct brood_message msg = { .data = bytes, .len = sizeof(number) };
	bool is_idempotent = number % 8 == 5;

	switch (random() % 128) {
	case 0:
		msg.len = LONG;
		break;
	case 1:
		msg.len = MIDDLE;
		break;
	case 2:
		msg.code = METHOD_LONG_ANSWER;
		break;
	case 3:
		msg.code = METHOD_MIDDLE_ANSWER;
		break;
	}
	memcpy(bytes, &number, sizeof(number));
	cr_assert_eq(brood_pool_submit(killing->pool, &msg,
	    &(struct brood_request_options) {
	    .flags = is_idempotent ? BROOD_IDEMPOTENT : 0,
	    .tag = &killing->told[number] }, NULL), 0);
	killing->told[number].is_idempotent = is_idempotent;
	killing->n_submitted++;
}

static void
kill_take(struct killing *killing)
{
	struct brood_completion done;
	struct told *told;
	uint32_t number;

	cr_assert(drain_next(killing->pool, &done), "%u requests hang",
	    killing->n_submitted - killing->n_done);
	told = done.tag;
	told->n_completions++;
	told->fate = (uint8_t)done.fate;
	told->ran = (uint8_t)done.ran;
	killing->n_done++;
	if (done.fate == BROOD_DONE) {
		memcpy(&number, done.reply.data, sizeof(number));
		cr_assert_eq(told, &killing->told[number]);
		if (done.reply.code > BEFORE)
			atomic_store(&killing->target, done.pid);
	} else {
		cr_assert_eq(done.fate, BROOD_CRASHED, "%s", done.text);
		killing->n_crashed++;
	}
	brood_completion_fini(&done);
}

/* The pool was freed, so no worker runs. */
static void
kill_check(const struct killing *killing)
{
	for (unsigned i = 0; i < killing->n_submitted; i++) {
		const struct told *told = &killing->told[i];
		unsigned n_runs = atomic_load(&killing->records[i].n_runs);

		cr_assert_eq(told->n_completions, 1, "%u", i);
		cr_assert_leq(n_runs, told->is_idempotent ? 2 : 1,
		    "request %u ran %u times", i, n_runs);
		cr_assert(told->ran != BROOD_NOT_RUN || n_runs == 0,
		    "request %u ran, and is said not to have", i);
		cr_assert(told->ran != BROOD_RAN || n_runs > 0);
		cr_assert(told->fate == BROOD_DONE ||
		    !atomic_load(&killing->records[i].is_answered),
		    "the answer to request %u was lost", i);
	}
}

static void *
kill_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(memory, MAP_FAILED);
	return memory;
}

static void
kill_begin(struct killing *killing, unsigned in_flight)
{
	killing->records = kill_memory(REQUESTS_MAX *
	    sizeof(*killing->records));
	killing->told = kill_memory(REQUESTS_MAX * sizeof(*killing->told));
	cr_assert_eq(brood_pool_new(&killing->pool,
	    &(struct brood_pool_options) {
	    .handler = kill_handle, .arg = killing->records, .workers = 2,
	    .in_flight = in_flight, .queue = 2 * in_flight + 2,
	    .ring_bytes = RING_BYTES, .shutdown_ms = 1000 }, NULL), 0);
}

static void
kill_at_random(unsigned in_flight, unsigned n)
{
	const char *times = getenv("BROOD_STORM");
	struct killing killing = { .n_done = 0 };
	pthread_t thread;

	n *= times != NULL ? (unsigned)atoi(times) : 1;
	kill_begin(&killing, in_flight);
	cr_assert_eq(pthread_create(&thread, NULL, kill_run, &killing), 0);
	while (atomic_load(&killing.n_kills) < n &&
	    killing.n_submitted < REQUESTS_MAX) {
		while (killing.n_submitted - killing.n_done <
		    2 * in_flight + 2 && killing.n_submitted < REQUESTS_MAX)
			kill_submit(&killing);
		kill_take(&killing);
	}
	atomic_store(&killing.is_over, true);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	while (killing.n_done < killing.n_submitted)
		kill_take(&killing);
	cr_assert_null(brood_pool_free(killing.pool));
	cr_log_info("%u requests, %u kills, %u crashed", killing.n_done,
	    killing.n_kills, killing.n_crashed);
	cr_assert_gt(killing.n_kills, n / 2);
	kill_check(&killing);
	/*
	 * A kill costs the one that runs; all that its worker has only if it
	 * falls between two instructions.
	 */
	cr_assert_leq(killing.n_crashed, killing.n_kills + 2 * in_flight);
	(void)munmap(killing.records, REQUESTS_MAX * sizeof(*killing.records));
	(void)munmap(killing.told, REQUESTS_MAX * sizeof(*killing.told));
}

Test(pool_rings_kill, one_request_at_a_worker_is_accounted_for)
{
	kill_at_random(1, 100);
}

Test(pool_rings_kill, requests_sent_ahead_are_accounted_for)
{
	kill_at_random(16, 100);
}

Test(pool_rings_kill, as_many_as_there_may_be_are_accounted_for)
{
	kill_at_random(64, 100);
}
