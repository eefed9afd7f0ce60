/* SPDX-License-Identifier: ISC */

/*
 * Workers that die in every way at any moment, while a host works with them.
 *
 *	chaos [-k DEATHS] [-t SECONDS] [-s SEED]
 *
 * Pools of many kinds, one after the other, until so many workers have died.
 * Another process sends signals to the workers; requests tell them to die, to
 * break the protocol, or to do nothing; and the host cancels, resizes and
 * reloads meanwhile.
 *
 * What really ran is in memory that the workers write, without the library.  At
 * the end of each pool it is compared with what the host was told, and nothing
 * may be left of the pool: no process, no descriptor, no mapping.  The choices
 * of the host follow from the seed, which is printed; when signals arrive does
 * not.
 */

#include "soak/chaos.h"
#include "soak/soak.h"
#include "soak/turn.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	DEATHS = 700,		/* of one pool; then it is stopped */
	LONG = 200 << 10,	/* a payload that no ring takes */
	PATIENCE_MS = 20000,
	LONGEST_US = 5000000,	/* a turn, by the clock */
	LONGEST_CPU_US = 250000, /* and by processor time */
};

/* Of 1000 requests. */
static const unsigned shares[METHODS] = {
	[ECHO] = 750, [NAP] = 60, [FAIL] = 20, [PARTS] = 20, [EXIT] = 20,
	[ABORT] = 20, [FAULT] = 15, [REPLY_AND_DIE] = 30, [GARBAGE] = 15,
	[SHUT_DOWN] = 40, [FLOOD] = 8, [HANG] = 1, [CLOSE] = 1,
};

/* What the host was told. */
struct told {
	uint64_t id;
	enum method method;
	bool is_idempotent, is_canceled;
	unsigned n_completions;
	enum brood_fate fate;
	enum brood_ran ran;
	pid_t pid;
	char text[96];
};

#ifdef HAVE_LANDLOCK
enum { HAS_LANDLOCK = 1 };
#else
enum { HAS_LANDLOCK = 0 };
#endif

static struct told told[REQUESTS];
static unsigned n_submitted, n_done;
static uint64_t n_deaths, n_requests, n_pools, n_signals, n_resubmitted;
static uint64_t n_fates[BROOD_PROGRESS + 1];

static _Noreturn void
wrong(const char *what, unsigned number)
{
	const struct told *t = &told[number % REQUESTS];

	(void)fprintf(stderr, "chaos: %s: request %u of pool %llu: method %d, "
	    "idempotent %d, canceled %d, fate %d, ran %d, pid %d, \"%s\"; "
	    "really ran %u, replied %u\n  transport %d, %u workers, in flight "
	    "%u, spare %u, program %d, fds %d, polled %d, confined %d\n", what,
	    number,
	    (unsigned long long)n_pools, t->method, t->is_idempotent,
	    t->is_canceled, t->fate, t->ran, (int)t->pid, t->text,
	    truth->requests[number % REQUESTS].n_runs,
	    truth->requests[number % REQUESTS].n_replies, kind.transport,
	    kind.workers, kind.in_flight, kind.spare, kind.is_program,
	    kind.has_fds, kind.is_polled, kind.is_confined);
	(void)fflush(NULL);
	exit(1);
}

/* The process that sends signals */

static _Noreturn void
send_signals(pid_t host)
{
	static const int signals[] = { SIGKILL, SIGKILL, SIGSEGV, SIGTERM };
	unsigned n = 0;

	while (getppid() == host) {
		int pid = atomic_exchange(
		    &truth->pids[chance(WORKERS + 1)], 0);

		nap_us((long)chance(600));
		if (pid <= 0)
			continue;
		/* Only a limit of time ends a process that was stopped. */
		(void)kill(pid, ++n % 300 == 0 ? SIGSTOP :
		    signals[chance(4)]);
		atomic_fetch_add(&truth->n_signals, 1);
	}
	_exit(0);
}

/* The host */

static enum method
choose_method(void)
{
	unsigned at = chance(1000), method = 0;

	while (method < METHODS - 1 && at >= shares[method])
		at -= shares[method++];
	return (enum method)method;
}

/* False if the queue is full. */
static bool
submit(struct brood_pool *pool, int file)
{
	static struct {
		struct request head;
		char bytes[LONG];
	} payload;
	struct told *t = &told[n_submitted];
	struct brood_request_options options = { .tag = t };
	struct brood_message msg = { .data = &payload };
	int r;

	*t = (struct told) {
		.method = choose_method(),
		.is_idempotent = chance(8) == 0,
	};
	if (t->is_idempotent && t->method > PARTS)
		t->method = ECHO;	/* it would be run for ever */
	options.flags = (t->is_idempotent ? BROOD_IDEMPOTENT : 0) |
	    (t->method == PARTS || t->method == FLOOD ? BROOD_STREAM : 0);
	if (chance(50) == 0)
		options.expire_ms = 1 + (int)chance(20);
	msg.code = t->method;
	msg.len = sizeof(payload.head) + (chance(100) == 0 ? chance(LONG) :
	    chance(256));
	payload.head.number = n_submitted;
	payload.head.size = (uint32_t)msg.len;
	if (kind.has_fds && n_submitted % 16 == 0) {
		msg.fds = &file;
		msg.n_fds = 1;
	}
	turn_begin();
	r = turn_end(TURN_SUBMIT, brood_pool_submit(pool, &msg, &options,
	    &t->id));
	if (r == -EAGAIN)
		return false;
	if (r < 0)
		wrong(strerror(-r), n_submitted);
	n_submitted++;
	return true;
}

static void
take(struct brood_pool *pool)
{
	struct brood_completion done;
	struct request head;

	while (brood_pool_take(pool, &done) == 1) {
		struct told *t = done.tag;
		unsigned number = (unsigned)(t - told);

		if (done.fate == BROOD_DONE && t->method != PARTS) {
			memcpy(&head, done.reply.data, sizeof(head));
			if (done.reply.len < sizeof(head) ||
			    head.number != number ||
			    head.size != done.reply.len)
				wrong("the reply of another one", number);
		}
		if (done.fate != BROOD_PART && done.fate != BROOD_PROGRESS) {
			t->n_completions++;
			t->fate = (enum brood_fate)done.fate;
			t->ran = (enum brood_ran)done.ran;
			t->pid = done.pid;
			if (done.text != NULL)
				(void)strlcpy(t->text, done.text,
				    sizeof(t->text));
			n_done++;
			n_fates[done.fate]++;
		}
		brood_completion_fini(&done);
	}
}

static void
disturb(struct brood_pool *pool)
{
	unsigned number;

	switch (chance(400)) {
	case 0:
		(void)brood_pool_resize(pool, 1 + chance(WORKERS));
		break;
	case 1:
		(void)brood_pool_reload(pool);
		break;
	case 2: case 3: case 4: case 5: case 6: case 7: case 8: case 9:
		number = n_submitted - 1 - chance(n_submitted < 64 ?
		    n_submitted : 64);
		if (told[number].n_completions == 0)
			told[number].is_canceled = true;
		(void)brood_pool_cancel(pool, told[number].id);
		break;
	default:
		break;
	}
}

static void
look_at_events(struct brood_pool *pool)
{
	struct brood_event event;

	while (brood_pool_next_event(pool, &event) == 1)
		if (event.kind == BROOD_EVENT_BROKEN ||
		    event.kind == BROOD_EVENT_GIVEN_UP)
			wrong(event.text, n_submitted);
}

static void
turn(struct brood_pool *pool)
{
	struct pollfd pfd;
	int r;

	/* Some systems have no descriptor that stands for a pool. */
	if (!kind.is_polled || brood_pool_fd(pool) < 0)
		r = brood_pool_wait(pool, PATIENCE_MS);
	else {
		pfd = (struct pollfd) { brood_pool_fd(pool), POLLIN, 0 };
		r = poll(&pfd, 1, PATIENCE_MS);
		turn_begin();
		if (turn_end(TURN_DISPATCH, brood_pool_dispatch(pool)) < 0)
			r = -1;
	}
	if (r < 0 || (r == 0 && n_done < n_submitted))
		wrong("nothing comes", n_done);
	take(pool);
	look_at_events(pool);
}

static uint64_t
deaths(const struct brood_pool *pool)
{
	struct brood_pool_stats stats;

	brood_pool_stats(pool, &stats);
	return stats.ended;
}

static void
work(struct brood_pool *pool, int file)
{
	unsigned open = 3 * kind.workers * kind.in_flight;

	while (n_submitted < REQUESTS && deaths(pool) < DEATHS) {
		while (n_submitted - n_done < open && n_submitted < REQUESTS &&
		    submit(pool, file))
			continue;
		disturb(pool);
		turn(pool);
	}
	while (n_done < n_submitted)
		turn(pool);
}

/* What must be so */

static void
check_request(unsigned number)
{
	const struct told *t = &told[number];
	unsigned n_runs = truth->requests[number].n_runs;
	unsigned n_replies = truth->requests[number].n_replies;

	if (t->n_completions != 1)
		wrong("not one completion", number);
	if (n_runs > 1 && !t->is_idempotent)
		wrong("ran twice", number);
	if (t->ran == BROOD_NOT_RUN && n_runs > 0)
		wrong("ran, and was told not to have", number);
	if (t->ran == BROOD_RAN && n_runs == 0)
		wrong("did not run, and was told to have", number);
	if (t->fate == BROOD_DONE && t->ran != BROOD_RAN)
		wrong("done, and was not told to have run", number);
	/* n_replies may be one too few: the worker counts after it has sent. */
	if (n_replies > 0 && t->fate != BROOD_DONE &&
	    t->fate != BROOD_EXPIRED && t->fate != BROOD_CANCELED)
		wrong("the reply was lost", number);
	if (t->fate == BROOD_CANCELED && !t->is_canceled)
		wrong("canceled by nobody", number);
	if (t->fate == BROOD_FAILED && t->method != FAIL)
		wrong("failed", number);
}

static int
by_pid(const void *one, const void *other)
{
	const struct told *a = one, *b = other;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

/* A worker runs one request at a time, so its death costs one. */
static void
check_crashes(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_submitted; i++)
		if (told[i].fate == BROOD_CRASHED &&
		    told[i].ran == BROOD_MAY_HAVE_RUN)
			told[n++] = told[i];
	qsort(told, n, sizeof(*told), by_pid);
	for (unsigned i = 1; i < n; i++)
		if (told[i].pid == told[i - 1].pid)
			wrong("a death cost two requests", i);
}

static unsigned
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		(void)closedir(dir);
	return n;
}

static unsigned
count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	int c;

	while (file != NULL && (c = getc(file)) != EOF)
		n += c == '\n';
	if (file != NULL)
		(void)fclose(file);
	return n;
}

/*
 * On Linux a process whose parent has died becomes a child of this one, which
 * waits for it.  None may still be there after a second.
 */
static void
check_processes(void)
{
	int64_t end_us = now_us() + 1000000;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (pid == 0 && now_us() > end_us)
			wrong("a process is left", 0);
		if (pid == 0)
			nap_us(1000);
	}
}

static void
choose_kind(void)
{
	static const unsigned in_flight[] = { 1, 16, 64 };
	static const enum brood_transport transports[] = {
		0, BROOD_RINGS, BROOD_SOCKET,
	};

	kind = (struct kind) {
		.transport = transports[chance(3)],
		.workers = 1 + chance(WORKERS),
		.in_flight = in_flight[chance(3)],
		.spare = chance(2),
		.is_program = chance(4) == 0,
		.has_fds = chance(4) == 0,
		.is_polled = chance(2) == 0,
		.is_confined = chance(8) == 0,
	};
}

static void
run_pool(const char *program, int memory, int file)
{
	const char *argv[] = { program, "--worker",
	    kind.has_fds ? "fds" : "none", NULL };
	/* As far as the system lets it; a program has libraries to load. */
	static const char *const all[] = { "/", NULL };
	const struct brood_confine confine = {
		.up_to = BROOD_CONFINE_CALLS,
		.ro = HAS_LANDLOCK && kind.is_program ? all : NULL,
	};
	struct brood_pool_options options = {
		.confine = kind.is_confined ? &confine : NULL,
		.handler = kind.is_program ? NULL : handle,
		.argv = kind.is_program ? argv : NULL,
		.workers = kind.workers,
		.in_flight = kind.in_flight,
		.spare = kind.spare,
		.queue = 256,
		.transport = kind.transport,
		.fds_from_worker = kind.has_fds,
		.run_ms = 50,
		.cancel_ms = 20,
		.shutdown_ms = 100,
		.intensity = 1000,
		.period_ms = 1000,
		.stderr_fd = -1,
		.keep_fds = &memory,
		.n_keep_fds = 1,
	};
	unsigned n_fds = count_fds();
	struct brood_pool_stats stats;
	struct brood_pool *pool;
	char text[BROOD_TEXT_SIZE];
	pid_t killer;

	memset(truth, 0, sizeof(*truth));
	n_submitted = n_done = 0;
	if (brood_pool_new(&pool, &options, text) < 0)
		wrong(text, 0);
	killer = fork();
	if (killer == 0) {
		/* Its copies of the pool's sockets are of no use to it. */
		closefrom(3);
		send_signals(getppid());
	}
	work(pool, file);
	(void)kill(killer, SIGKILL);
	(void)waitpid(killer, NULL, 0);
	brood_pool_stats(pool, &stats);
	n_deaths += stats.ended;
	n_resubmitted += stats.resubmitted;
	if (brood_pool_stop(pool, 1000) < 0)
		wrong("stop", 0);
	pool = brood_pool_free(pool);
	check_processes();
	for (unsigned i = 0; i < n_submitted; i++)
		check_request(i);
	check_crashes();
	if (count_fds() != n_fds)
		wrong("a descriptor is left", 0);
	n_signals += truth->n_signals;
	n_requests += n_submitted;
	n_pools++;
}

int
main(int argc, char **argv)
{
	uint64_t deaths_wanted = 2000, seconds = 0, seed = (uint64_t)now_us();
	unsigned n_mappings = 0;
	int64_t began_us = now_us();
	struct rusage usage;
	int option, file;
	FILE *stream;

	if (argc == 3 && strcmp(argv[1], "--worker") == 0)
		be_worker(argv[2]);
	while ((option = getopt(argc, argv, "k:t:s:")) != -1)
		switch (option) {
		case 'k':
			deaths_wanted = option_number(argv[0], optarg);
			break;
		case 't':
			seconds = option_number(argv[0], optarg);
			break;
		case 's':
			seed = option_number(argv[0], optarg);
			break;
		default:
			return 2;
		}
	soak_state = seed | 1;
	(void)printf("chaos: seed %llu\n", (unsigned long long)seed);
	(void)fflush(stdout);
	stream = tmpfile();
	file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (stream == NULL || file < 0 ||
	    ftruncate(fileno(stream), sizeof(*truth)) < 0 ||
	    !map_truth(fileno(stream)) || !adopt_orphans() || !turn_watch()) {
		perror("chaos");
		return 1;
	}
	while (seconds > 0 ?
	    now_us() - began_us < (int64_t)seconds * 1000000 :
	    n_deaths < deaths_wanted) {
		choose_kind();
		run_pool(argv[0], fileno(stream), file);
		if (n_pools == 8)
			n_mappings = count_mappings();
		if (n_pools > 8 && count_mappings() > n_mappings + 8)
			wrong("mappings are left", 0);
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("chaos: %llu deaths, %llu of them by signals; %llu "
	    "requests in %llu pools: done %llu, failed %llu, crashed %llu, "
	    "expired %llu, canceled %llu; sent again %llu times; %lld s; "
	    "%ld KiB; ", (unsigned long long)n_deaths,
	    (unsigned long long)n_signals, (unsigned long long)n_requests,
	    (unsigned long long)n_pools,
	    (unsigned long long)n_fates[BROOD_DONE],
	    (unsigned long long)n_fates[BROOD_FAILED],
	    (unsigned long long)n_fates[BROOD_CRASHED],
	    (unsigned long long)n_fates[BROOD_EXPIRED],
	    (unsigned long long)n_fates[BROOD_CANCELED],
	    (unsigned long long)n_resubmitted,
	    (long long)((now_us() - began_us) / 1000000),
	    usage.ru_maxrss);
	if (!turn_report(LONGEST_US, LONGEST_CPU_US))
		wrong("a turn took too long", 0);
	return 0;
}
