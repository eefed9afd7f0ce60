/* SPDX-License-Identifier: ISC */

/*
 * What must not grow with time.
 *
 *	flood [-n REQUESTS] [-k STARTS]
 *
 * First a program that submits as fast as it can, to workers that are slower:
 * the queue is full nearly all the time, and must say so; each request that it
 * accepted must run once and complete once; and the memory of the program stays
 * what it was after a tenth of them.
 *
 * Then so many starts of workers: half of the workers exit after a request, and
 * half are replaced by the pool.  Descriptors and memory of the program, of the
 * supervisor process and of a worker stay what they were after a tenth.
 */

#include "soak/soak.h"
#include "soak/turn.h"
#include "support/asan.h"

#include <brood.h>

#include <sys/mman.h>

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum {
	WORKERS = 2,
	IN_FLIGHT = 16,
	QUEUE = 1000,
	SLOW_US = 4,			/* that a worker needs for a request */
	PATIENCE_MS = 30000,
	/* Of memory, that are no growth.  ASan keeps what was freed. */
	MORE_KIB = SUPPORT_HAS_ASAN ? 1 << 20 : 1024,
	MORE_FDS = 16,			/* of workers that come and go */
	LIMIT_US = 10000000,		/* of one turn, by the clock */
	LIMIT_CPU_US = 100000,		/* and by processor time */
};

enum method { RUN, LOOK, LOOK_AND_EXIT };

/* What a process has; 0: nobody says. */
struct held {
	unsigned long kib;
	unsigned n_fds;
};

/* What a worker says of itself. */
struct look {
	struct held held;
	pid_t supervisor;
};

static _Atomic uint8_t *n_runs;	/* of each request; workers write it */
static uint8_t *n_done;			/* the same, of completions */
static uint64_t n_requests = 20000, n_starts = 1000;
static struct look last_look;
static uint64_t n_open, n_unlucky;

static _Noreturn void
wrong(const char *what, uint64_t number)
{
	(void)fprintf(stderr, "flood: %s: %llu\n", what,
	    (unsigned long long)number);
	exit(1);
}

static void *
map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		wrong("memory", size);
	/* All of it is there from the beginning. */
	memset(memory, 0, size);
	return memory;
}

static struct held
look_at(pid_t pid)
{
	struct held held = { 0 };
	char path[64];
	FILE *file;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	if (file != NULL) {
		(void)!fscanf(file, "%*u %lu", &held.kib);
		held.kib *= (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
		(void)fclose(file);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir != NULL && readdir(dir) != NULL)
		held.n_fds++;
	if (dir != NULL)
		(void)closedir(dir);
	return held;
}

/* The worker */

static int
handle(struct brood_request *request, void *arg)
{
	enum method method = (enum method)brood_request_code(request);
	struct look look = { .supervisor = getppid() };
	int64_t until_us = now_us() + SLOW_US;
	uint64_t number;
	int r;

	(void)arg;
	if (method == RUN) {
		memcpy(&number, brood_request_data(request), sizeof(number));
		atomic_fetch_add(&n_runs[number], 1);
		while (now_us() < until_us)
			continue;
		return brood_request_reply(request, 0, &number, sizeof(number));
	}
	look.held = look_at(getpid());
	r = brood_request_reply(request, 0, &look, sizeof(look));
	if (method == LOOK_AND_EXIT)
		_exit(0);
	return r;
}

/* The host */

static void
take(struct brood_pool *pool)
{
	struct brood_completion done;
	struct brood_event event;

	while (brood_pool_take(pool, &done) == 1) {
		/* Five workers were exiting when they were given it. */
		if (done.fate == BROOD_CRASHED && done.ran == BROOD_NOT_RUN)
			n_unlucky++;
		else if (done.fate != BROOD_DONE)
			wrong(done.text, done.id);
		else if (done.reply.len == sizeof(last_look))
			memcpy(&last_look, done.reply.data, sizeof(last_look));
		else
			n_done[(uintptr_t)done.tag]++;
		n_open--;
		brood_completion_fini(&done);
	}
	while (brood_pool_next_event(pool, &event) == 1)
		if (event.kind == BROOD_EVENT_GIVEN_UP)
			wrong(event.text, 0);
}

static void
turn(struct brood_pool *pool)
{
	int r;

	if (brood_pool_wait(pool, PATIENCE_MS) <= 0)
		wrong("nothing comes; open", n_open);
	turn_begin();
	r = turn_end(TURN_DISPATCH, brood_pool_dispatch(pool));
	if (r < 0)
		wrong("dispatch", (uint64_t)-r);
	take(pool);
}

/* False: the queue is full. */
static bool
submit(struct brood_pool *pool, enum method method, uint64_t number)
{
	const struct brood_request_options options = {
		.tag = (void *)(uintptr_t)number,
	};
	const struct brood_message msg = {
		.code = method, .data = &number, .len = sizeof(number),
	};
	int r;

	turn_begin();
	r = turn_end(TURN_SUBMIT, brood_pool_submit(pool, &msg, &options,
	    NULL));
	if (r < 0 && r != -EAGAIN)
		wrong("submit", (uint64_t)-r);
	n_open += r == 0;
	return r == 0;
}

static struct brood_pool *
open_pool(unsigned in_flight, unsigned max_requests)
{
	const struct brood_pool_options options = {
		.handler = handle,
		.workers = WORKERS,
		.in_flight = in_flight,
		.queue = QUEUE,
		.max_requests = max_requests,
		.stderr_fd = -1,
	};
	struct brood_pool *pool;
	char text[BROOD_TEXT_SIZE];

	if (brood_pool_new(&pool, &options, text) < 0)
		wrong(text, 0);
	return pool;
}

/* A queue that is full */

static void
flood_queue(void)
{
	struct brood_pool *pool;
	struct held early, late;
	uint64_t n = 0, n_full = 0;
	int64_t began_us = now_us();

	n_runs = map(n_requests);
	n_done = map(n_requests);
	pool = open_pool(IN_FLIGHT, 0);
	early = look_at(getpid());
	while (n < n_requests) {
		if (submit(pool, RUN, n))
			n++;
		else {
			n_full++;
			if (n_open != QUEUE + WORKERS * IN_FLIGHT)
				wrong("full, with so many open", n_open);
			turn(pool);
		}
		if (n == n_requests / 10)
			early = look_at(getpid());
	}
	while (n_open > 0)
		turn(pool);
	late = look_at(getpid());
	for (n = 0; n < n_requests; n++)
		if (n_unlucky > 0 || n_done[n] != 1 || n_runs[n] != 1)
			wrong("not run and completed once", n);
	pool = brood_pool_free(pool);
	(void)printf("flood: %llu requests in %.1f s, the queue was full %llu "
	    "times; KiB: %lu after a tenth, %lu at the end; ",
	    (unsigned long long)n_requests,
	    (double)(now_us() - began_us) / 1e6, (unsigned long long)n_full,
	    early.kib, late.kib);
	if (!turn_report(LIMIT_US, LIMIT_CPU_US))
		wrong("a turn took too long", 0);
	if (n_full == 0)
		wrong("the queue was never full", 0);
	if (late.kib > early.kib + MORE_KIB || late.n_fds != early.n_fds)
		wrong("it has grown", late.n_fds - early.n_fds);
}

/* Workers that come and go */

enum { HOST, SUPERVISOR, WORKER, PROCESSES };

static void
look_at_all(struct held held[PROCESSES])
{
	held[HOST] = look_at(getpid());
	held[SUPERVISOR] = look_at(last_look.supervisor);
	held[WORKER] = last_look.held;
}

static void
check_growth(const struct held early[PROCESSES],
    const struct held late[PROCESSES])
{
	static const char *const names[] = {
		"the program", "supervisor", "worker",
	};

	for (int i = 0; i < PROCESSES; i++)
		(void)printf("%s %u fds %lu KiB, then %u fds %lu KiB; ",
		    names[i], early[i].n_fds, early[i].kib, late[i].n_fds,
		    late[i].kib);
	(void)fflush(stdout);
	for (int i = 0; i < PROCESSES; i++)
		if (late[i].kib > early[i].kib + MORE_KIB ||
		    late[i].n_fds > early[i].n_fds + MORE_FDS)
			wrong(names[i], late[i].n_fds);
}

static void
flood_starts(uint64_t n_wanted, enum method method)
{
	bool exits = method == LOOK_AND_EXIT;
	struct brood_pool *pool = open_pool(1, exits ? 0 : 1);
	struct held early[PROCESSES] = { 0 }, late[PROCESSES];
	struct brood_pool_stats stats = { 0 };
	int64_t began_us = now_us();

	while (stats.started < n_wanted) {
		while (n_open < WORKERS && submit(pool, method, 0))
			continue;
		turn(pool);
		brood_pool_stats(pool, &stats);
		if (early[HOST].kib == 0 && stats.started >= n_wanted / 10)
			look_at_all(early);
	}
	while (n_open > 0)
		turn(pool);
	look_at_all(late);
	(void)printf("flood: %llu starts of workers that %s, %llu requests not "
	    "begun, %.0f a second; ", (unsigned long long)stats.started,
	    exits ? "exit" : "are replaced", (unsigned long long)n_unlucky,
	    (double)stats.started * 1e6 / (double)(now_us() - began_us));
	check_growth(early, late);
	pool = brood_pool_free(pool);
	if (!turn_report(LIMIT_US, LIMIT_CPU_US))
		wrong("a turn took too long", 0);
}

int
main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:k:")) != -1)
		switch (option) {
		case 'n':
			n_requests = option_number(argv[0], optarg);
			break;
		case 'k':
			n_starts = option_number(argv[0], optarg);
			break;
		default:
			return 2;
		}
	if (!turn_watch())
		wrong("memory", 0);
	if (n_requests > 0)
		flood_queue();
	if (n_starts > 0) {
		flood_starts(n_starts / 2, LOOK_AND_EXIT);
		flood_starts(n_starts / 2, LOOK);
	}
	return 0;
}
