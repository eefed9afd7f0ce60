/* SPDX-License-Identifier: ISC */
/*
 * The time from a worker's death until its replacement is ready must not depend
 * on the size of the host, because the supervisor forks and not the host.
 *
 * Two hosts, one with 1 MiB and one with 1 GiB of memory, take turns, so that
 * other work of the machine slows down both.  Each also measures how long a
 * fork of itself takes.  A fork of the large host takes longer by some
 * milliseconds, as the kernel copies its page tables.  If replacing a worker
 * took longer by even half of that in the large host, something would have
 * forked it.
 */

#include "base/fd.h"
#include "support/accounting.h"
#include "support/drain.h"
#include "support/methods.h"
#include "support/support.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

BROOD_SUITE(pool_spawn);

enum { SPAWN_TURNS = 15 };

struct spawn_times {
	int64_t	 replace_ns;	/* from a worker's death to the next READY */
	int64_t	 fork_ns;	/* fork(2) and the end of the child */
};

/* A host reads a byte, measures once, and writes a struct spawn_times. */
struct spawn_host {
	size_t	 size;
	int	 told[2];	/* pipe to the host */
	int	 says[2];	/* pipe from the host */
	pid_t	 pid;
};

static int64_t
spawn_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * Kill the worker and wait for the next.  A worker that has served a request is
 * replaced at once, without a delay.
 */
static int64_t
spawn_measure_replace(struct brood_pool *pool)
{
	struct brood_event event;
	pid_t pid = drain_echo(pool);
	int64_t start_ns;

	while (brood_pool_next_event(pool, &event) == 1)
		continue;
	start_ns = spawn_now_ns();
	if (pid <= 0 || kill(pid, SIGKILL) < 0 ||
	    !drain_event(pool, BROOD_EVENT_READY, &event))
		return -1;
	return spawn_now_ns() - start_ns;
}

static int64_t
spawn_measure_fork(void)
{
	int64_t start_ns = spawn_now_ns();
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		return -1;
	return spawn_now_ns() - start_ns;
}

/*
 * Fill memory.  Without huge pages, as most programs have it: with them there
 * is little to copy in a fork.
 */
static int
spawn_grow(size_t size)
{
	(void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int
spawn_host_run(void *arg)
{
	const struct spawn_host *host = arg;
	struct counters *counters = counters_new(1);
	struct brood_pool *pool;
	struct spawn_times times;
	char byte;

	(void)close(host->told[1]);
	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(
	    counters, (struct brood_pool_options){ .workers = 1 });
	DRAIN_CHECK(pool != NULL && drain_echo(pool) > 0);
	DRAIN_CHECK(spawn_grow(host->size) == 0);
	while (read(host->told[0], &byte, 1) == 1) {
		times.replace_ns = spawn_measure_replace(pool);
		times.fork_ns = spawn_measure_fork();
		DRAIN_CHECK(times.replace_ns > 0 && times.fork_ns > 0);
		DRAIN_CHECK(write(host->says[1], &times, sizeof(times)) ==
		    sizeof(times));
	}
	DRAIN_CHECK(brood_pool_free(pool) == NULL);
	(void)counters_free(counters);
	return 0;
}

static void
spawn_host_start(struct spawn_host *host, size_t size)
{
	host->size = size;
	cr_assert(pipe2(host->told, O_CLOEXEC) == 0);
	cr_assert(pipe2(host->says, O_CLOEXEC) == 0);
	host->pid = support_fork(spawn_host_run, host);
	cr_assert(host->pid > 0);
	/*
	 * Close the host's ends here: if the host dies, spawn_host_ask() reads
	 * an end-of-file and does not wait for ever.
	 */
	host->told[0] = brood__fd_close(host->told[0]);
	host->says[1] = brood__fd_close(host->says[1]);
}

/* Have a host measure once more, and keep the shortest times. */
static void
spawn_host_ask(const struct spawn_host *host, struct spawn_times *shortest)
{
	struct spawn_times times;

	cr_assert(write(host->told[1], "", 1) == 1);
	cr_assert(read(host->says[0], &times, sizeof(times)) ==
	    sizeof(times));
	if (times.replace_ns < shortest->replace_ns)
		shortest->replace_ns = times.replace_ns;
	if (times.fork_ns < shortest->fork_ns)
		shortest->fork_ns = times.fork_ns;
}

static void
spawn_host_end(struct spawn_host *host)
{
	host->told[1] = brood__fd_close(host->told[1]);
	cr_assert(support_join(host->pid) == 0);
	(void)brood__fd_close(host->says[0]);
}

static bool
spawn_has_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long kib = 0;
	char line[128];

	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
			break;
	(void)fclose(file);
	return kib >= 2ul << 20;
}

Test(pool_spawn, replacement_is_as_fast_in_a_host_of_1_gib)
{
	struct spawn_times small_ns = { INT64_MAX, INT64_MAX };
	struct spawn_times large_ns = { INT64_MAX, INT64_MAX };
	struct spawn_host small, large;
	int64_t forks_ns, replacements_ns;

	if (!spawn_has_memory())
		cr_skip("less than 2 GiB of memory are free");
	spawn_host_start(&small, 1ul << 20);
	spawn_host_start(&large, 1ul << 30);
	for (int i = 0; i < SPAWN_TURNS; i++) {
		spawn_host_ask(&small, &small_ns);
		spawn_host_ask(&large, &large_ns);
	}
	spawn_host_end(&large);
	spawn_host_end(&small);
	forks_ns = large_ns.fork_ns - small_ns.fork_ns;
	replacements_ns = large_ns.replace_ns - small_ns.replace_ns;
	cr_assert(forks_ns > 0);
	cr_assert(replacements_ns < forks_ns / 2, "%ld us longer, a fork %ld",
	    (long)replacements_ns / 1000, (long)forks_ns / 1000);
}
