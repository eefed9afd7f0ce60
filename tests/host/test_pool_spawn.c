/* SPDX-License-Identifier: ISC */
/*
 * The time from a worker's death to its replacement's being ready must not
 * depend on what the host has become.  Two hosts, one of 1 MiB and one of
 * 2 GiB, take turns, so that whatever else the machine does meets both.
 */

#include "base/fd.h"
#include "support/accounting.h"
#include "support/drain.h"
#include "support/methods.h"
#include "support/support.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

BROOD_SUITE(pool_spawn);

enum { SPAWN_TURNS = 31 };

/* A host, told by a byte to measure once; it answers with nanoseconds. */
struct spawn_host {
	size_t	 size;
	int	 told[2];
	int	 says[2];
	pid_t	 pid;
};

static int64_t
spawn_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Kill the worker, which has been used: its replacement comes undelayed. */
static int64_t
spawn_measure(struct brood_pool *pool)
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

/* Pages one by one, as a program's own memory: huge ones copy too cheaply. */
static int
spawn_grow(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	(void)madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		((volatile char *)memory)[i] = 1;
	return 0;
}

static int
spawn_host_run(void *arg)
{
	const struct spawn_host *host = arg;
	struct counters *counters = counters_new(1);
	struct brood_pool *pool;
	int64_t took_ns;
	char byte;

	(void)close(host->told[1]);
	DRAIN_CHECK(counters != NULL);
	pool = counters_pool(counters, (struct brood_pool_options){ .workers = 1 });
	DRAIN_CHECK(pool != NULL && drain_echo(pool) > 0);
	DRAIN_CHECK(spawn_grow(host->size) == 0);
	while (read(host->told[0], &byte, 1) == 1) {
		took_ns = spawn_measure(pool);
		DRAIN_CHECK(took_ns > 0);
		DRAIN_CHECK(write(host->says[1], &took_ns, sizeof(took_ns)) ==
		    sizeof(took_ns));
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
	/* From here, its death is an end of file and not a silence. */
	host->told[0] = brood__fd_close(host->told[0]);
	host->says[1] = brood__fd_close(host->says[1]);
}

static int64_t
spawn_host_ask(const struct spawn_host *host)
{
	int64_t took_ns;

	cr_assert(write(host->told[1], "", 1) == 1);
	cr_assert(read(host->says[0], &took_ns, sizeof(took_ns)) ==
	    sizeof(took_ns));
	return took_ns;
}

static void
spawn_host_end(struct spawn_host *host)
{
	host->told[1] = brood__fd_close(host->told[1]);
	cr_assert(support_join(host->pid) == 0);
	(void)brood__fd_close(host->says[0]);
}

static int
spawn_compare(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
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
	return kib >= 3ul << 20;
}

Test(pool_spawn, replacement_is_as_fast_in_a_host_of_2_gib)
{
	struct spawn_host small, large;
	int64_t small_ns[SPAWN_TURNS], large_ns[SPAWN_TURNS];
	int64_t fast_ns, slow_ns;

	if (!spawn_has_memory())
		cr_skip("less than 3 GiB of memory to be had");
	spawn_host_start(&small, 1ul << 20);
	spawn_host_start(&large, 2ul << 30);
	for (int i = 0; i < SPAWN_TURNS; i++) {
		small_ns[i] = spawn_host_ask(&small);
		large_ns[i] = spawn_host_ask(&large);
	}
	spawn_host_end(&large);
	spawn_host_end(&small);
	qsort(small_ns, SPAWN_TURNS, sizeof(int64_t), spawn_compare);
	qsort(large_ns, SPAWN_TURNS, sizeof(int64_t), spawn_compare);
	fast_ns = small_ns[SPAWN_TURNS / 2];
	slow_ns = large_ns[SPAWN_TURNS / 2];
	cr_assert(slow_ns <= fast_ns * 3 / 2, "%ld us against %ld us",
	    (long)slow_ns / 1000, (long)fast_ns / 1000);
}
