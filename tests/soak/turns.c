/* SPDX-License-Identifier: ISC */

/*
 * What could keep a program, or a supervisor process, from its other work: the
 * longest turn of each while very much happens at once.
 *
 *	turns [-w WORKERS] [-q REQUESTS] [-m MIB] [-b LIMIT_MS] [CASE...]
 *
 * Each case has a pool of its own, of so many workers, requests, or MiB that
 * the program has touched before.  It fails if one turn has taken more than
 * LIMIT_MS of processor time (four times that with ASan, which is slow), or a
 * hundred times as long by the clock.
 */

#include "soak/soak.h"
#include "soak/turn.h"
#include "support/asan.h"

#include <brood.h>

#include <sys/mman.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum {
	MAX_WORKERS = 4096,
	IN_FLIGHT = 64,
	LONG = 16 << 20,
	PATIENCE_MS = 60000,
	SLOWER = SUPPORT_HAS_ASAN ? 4 : 1,
};

enum method { ECHO, HANG, LONG_REPLY, PARTS, PRINT, PRINT_AND_DIE };

/* In memory that the workers write. */
struct shared {
	_Atomic int pids[MAX_WORKERS + 2];	/* of the slots */
	_Atomic int supervisor;
};

static struct shared *shared;
static unsigned n_workers = 64, n_requests = 20000, n_mib = 512;
static int64_t limit_ms = 50;

/* Of the pool at hand. */
static struct brood_pool *pool;
static unsigned n_open;

static _Noreturn void
wrong(const char *what, int error)
{
	(void)fprintf(stderr, "turns: %s: %s\n", what, strerror(error));
	exit(1);
}

/* The worker */

static int
setup(void *arg)
{
	(void)arg;
	shared->pids[brood_worker_slot()] = (int)getpid();
	shared->supervisor = (int)getppid();
	return 0;
}

static void
print_empty_lines(void)
{
	char lines[4096];

	memset(lines, '\n', sizeof(lines));
	for (int i = 0; i < 16; i++)
		(void)!write(STDERR_FILENO, lines, sizeof(lines));
}

static int
handle(struct brood_request *request, void *arg)
{
	static char bytes[LONG];

	(void)arg;
	switch ((enum method)brood_request_code(request)) {
	case ECHO:
		break;
	case HANG:
		/*
		 * Where no signal tells of a parent's death, nothing else ends
		 * a worker whose supervisor process was killed meanwhile.
		 */
		(void)alarm(60);
		for (;;)
			(void)pause();
	case LONG_REPLY:
		return brood_request_reply(request, 0, bytes, sizeof(bytes));
	case PARTS:
		for (int i = 0; i < 1000; i++)
			(void)brood_request_reply_more(request, "part", 4);
		break;
	case PRINT:
		print_empty_lines();
		break;
	case PRINT_AND_DIE:
		print_empty_lines();
		_exit(0);
	}
	return brood_request_reply(request, 0, brood_request_data(request),
	    brood_request_len(request));
}

/* The host */

static void
take(void)
{
	struct brood_completion done;
	struct brood_event event;

	while (brood_pool_take(pool, &done) == 1) {
		n_open -= done.fate != BROOD_PART &&
		    done.fate != BROOD_PROGRESS;
		brood_completion_fini(&done);
	}
	while (brood_pool_next_event(pool, &event) == 1)
		continue;
}

static void
turn(void)
{
	int fd = brood_pool_fd(pool), r;
	struct pollfd pfd = { fd, POLLIN, 0 };

	if (fd < 0)
		r = brood_pool_wait(pool, PATIENCE_MS);
	else
		r = poll(&pfd, 1, PATIENCE_MS);
	if (r == 0)
		wrong("nothing comes", ETIMEDOUT);
	turn_begin();
	(void)turn_end(TURN_DISPATCH, brood_pool_dispatch(pool));
	take();
}

static struct brood_pool_stats
stats(void)
{
	struct brood_pool_stats s;

	brood_pool_stats(pool, &s);
	return s;
}

/* Until so many workers are ready, and no others are there. */
static void
await_workers(unsigned n)
{
	for (struct brood_pool_stats s = stats();
	    s.ready != n || s.started - s.ended != n; s = stats())
		turn();
}

static void
await_requests(void)
{
	while (n_open > 0)
		turn();
}

static void
submit(enum method method, size_t len, int expire_ms)
{
	static char bytes[LONG];
	const struct brood_request_options options = {
		.expire_ms = expire_ms,
		.flags = method == PARTS ? BROOD_STREAM : 0,
	};
	const struct brood_message msg = {
		.code = method, .data = bytes, .len = len,
	};
	int r;

	turn_begin();
	r = turn_end(TURN_SUBMIT, brood_pool_submit(pool, &msg, &options,
	    NULL));
	if (r < 0)
		wrong("submit", -r);
	n_open++;
}

static void
open_pool(unsigned workers, unsigned in_flight)
{
	const struct brood_pool_options options = {
		.handler = handle,
		.setup = setup,
		.workers = workers,
		.in_flight = in_flight,
		.queue = 1 << 20,
		.intensity = 1000,
		.stderr_fd = -1,
		.shutdown_ms = 100,
	};
	char text[BROOD_TEXT_SIZE];

	if (brood_pool_new(&pool, &options, text) < 0)
		wrong(text, 0);
	n_open = 0;
	await_workers(workers);
}

/* Cases */

static void
resize(unsigned n)
{
	int r;

	turn_begin();
	r = turn_end(TURN_CALL, brood_pool_resize(pool, n));
	if (r < 0)
		wrong("resize", -r);
	await_workers(n);
}

static void
case_resize(void)
{
	open_pool(1, 1);
	resize(n_workers);
	resize(1);
}

/* All of them at once, with all that they may have. */
static void
case_deaths(void)
{
	open_pool(n_workers, IN_FLIGHT);
	for (unsigned i = 0; i < n_workers * IN_FLIGHT + n_requests; i++)
		submit(i < n_workers * IN_FLIGHT ? HANG : ECHO, 64, 0);
	for (unsigned i = 0; i < n_workers; i++)
		(void)kill(shared->pids[i], SIGKILL);
	while (stats().ended < n_workers)
		turn();
}

static void
case_supervisor(void)
{
	open_pool(n_workers, 1);
	for (unsigned i = 0; i < n_workers + n_requests; i++)
		submit(HANG, 64, 0);
	(void)kill(shared->supervisor, SIGKILL);
	await_requests();
}

static void
case_expire(void)
{
	open_pool(1, 1);
	for (unsigned i = 0; i < n_requests; i++)
		submit(HANG, 64, 1000);
	/* The program does something else meanwhile. */
	nap_us(1500000);
	await_requests();
}

static void
case_stop(void)
{
	open_pool(1, 1);
	for (unsigned i = 0; i < n_requests; i++)
		submit(HANG, 64, 0);
	turn_begin();
	(void)turn_end(TURN_CALL, brood_pool_stop(pool, 0));
	await_requests();
}

static void
case_drain(void)
{
	open_pool(1, 1);
	for (unsigned i = 0; i < n_requests; i++)
		submit(HANG, 64, 0);
	turn_begin();
	(void)turn_end(TURN_CALL, brood_pool_stop(pool, 200));
	await_requests();
}

static void
case_storm(void)
{
	open_pool(4, IN_FLIGHT);
	for (unsigned i = 0; i < 10 * n_requests; i++) {
		submit(ECHO, 64, 0);
		if (i % 1024 == 0)
			turn();
	}
	await_requests();
}

static void
case_parts(void)
{
	open_pool(n_workers, 1);
	for (unsigned i = 0; i < n_workers; i++)
		submit(PARTS, 64, 0);
	await_requests();
}

static void
case_payload(void)
{
	open_pool(n_workers < 64 ? n_workers : 64, 1);
	for (unsigned i = 0; i < 64; i++)
		submit(LONG_REPLY, LONG, 0);
	await_requests();
}

static void
case_print(void)
{
	open_pool(n_workers, 1);
	for (unsigned i = 0; i < n_workers; i++)
		submit(PRINT, 64, 0);
	await_requests();
	for (unsigned i = 0; i < n_workers; i++)
		submit(PRINT_AND_DIE, 64, 0);
	await_requests();
}

static void
case_reload(void)
{
	int r;

	open_pool(n_workers < 64 ? n_workers : 64, 1);
	turn_begin();
	r = turn_end(TURN_CALL, brood_pool_reload(pool));
	if (r < 0)
		wrong("reload", -r);
	while (stats().started < 2 * stats().workers)
		turn();
}

/* The supervisor process is a copy of a large program. */
static void
case_image(void)
{
	size_t size = (size_t)n_mib << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		wrong("memory", ENOMEM);
	(void)madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 1, size);
	open_pool(32, 1);
	(void)munmap(memory, size);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "resize", case_resize }, { "deaths", case_deaths },
	{ "supervisor", case_supervisor }, { "expire", case_expire },
	{ "stop", case_stop }, { "drain", case_drain },
	{ "storm", case_storm }, { "parts", case_parts },
	{ "payload", case_payload }, { "print", case_print },
	{ "reload", case_reload }, { "image", case_image },
};

static bool
is_asked(const char *name, char *const *names)
{
	if (*names == NULL)
		return true;
	for (; *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static void
parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "w:q:m:b:")) != -1) {
		uint64_t n = option == '?' ? 0 :
		    option_number(argv[0], optarg);

		if (option == 'w' && n > 0 && n <= MAX_WORKERS)
			n_workers = (unsigned)n;
		else if (option == 'q')
			n_requests = (unsigned)n;
		else if (option == 'm')
			n_mib = (unsigned)n;
		else if (option == 'b')
			limit_ms = (int64_t)n;
		else
			exit(2);
	}
}

int
main(int argc, char **argv)
{
	bool is_short = true;

	parse(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !turn_watch())
		wrong("memory", ENOMEM);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (!is_asked(cases[i].name, argv + optind))
			continue;
		cases[i].run();
		pool = brood_pool_free(pool);
		(void)printf("turns: %s: ", cases[i].name);
		is_short &= turn_report(100000 * limit_ms,
		    1000 * SLOWER * limit_ms);
	}
	return !is_short;
}
