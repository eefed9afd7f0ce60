/* SPDX-License-Identifier: ISC */

/*
 * Attacks on how the host is scheduled and limited; and what takes all that
 * there is, or starts what brood does not know of.
 */

#include "attack.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
result(long r)
{
	return r < 0 ? -errno : 0;
}

TRY(try_prlimit)
{
	struct rlimit limit;

	(void)answer;
	if (prlimit(world->host, RLIMIT_MSGQUEUE, NULL, &limit) < 0)
		return -errno;
	limit.rlim_cur--;
	return result(prlimit(world->host, RLIMIT_MSGQUEUE, &limit, NULL));
}

WORKED(worked_prlimit)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_MSGQUEUE, &limit) == 0 &&
	    limit.rlim_cur != host->limit.rlim_cur;
}

TRY(try_priority)
{
	(void)answer;
	return result(setpriority(PRIO_PROCESS, (id_t)world->host,
	    getpriority(PRIO_PROCESS, (id_t)world->host) + 1));
}

WORKED(worked_priority)
{
	return getpriority(PRIO_PROCESS, 0) != host->priority;
}

TRY(try_scheduler)
{
	const struct sched_param none = { .sched_priority = 0 };
	int policy = sched_getscheduler(world->host) == SCHED_BATCH ?
	    SCHED_OTHER : SCHED_BATCH;

	(void)answer;
	return result(sched_setscheduler(world->host, policy, &none));
}

WORKED(worked_scheduler)
{
	return sched_getscheduler(0) != host->policy;
}

TRY(try_affinity)
{
	cpu_set_t set, one;
	size_t i = 0;

	(void)answer;
	if (sched_getaffinity(world->host, sizeof(set), &set) < 0)
		return -errno;
	while (i < CPU_SETSIZE - 1 && !CPU_ISSET(i, &set))
		i++;
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	return result(sched_setaffinity(world->host, sizeof(one), &one));
}

/* Undone, so that what follows has all processors. */
WORKED(worked_affinity)
{
	cpu_set_t set;
	bool is_changed = sched_getaffinity(0, sizeof(set), &set) == 0 &&
	    CPU_COUNT(&set) != host->n_cpus;

	memset(&set, 0xff, sizeof(set));
	(void)sched_setaffinity(0, sizeof(set), &set);
	return is_changed;
}

/* Best effort, of the sixth or the seventh rank. */
TRY(try_ioprio)
{
	int now = (int)syscall(SYS_ioprio_get, 1, world->host);

	(void)answer;
	return result(syscall(SYS_ioprio_set, 1, world->host,
	    2 << 13 | (now == (2 << 13 | 6) ? 7 : 6)));
}

WORKED(worked_ioprio)
{
	return (int)syscall(SYS_ioprio_get, 1, 0) != host->io_priority;
}

/* Processes */

TRY(try_fork)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)!write(world->evidence_fd, "x", 1);
		_exit(0);
	}
	(void)answer;
	return result(waitpid(pid, NULL, 0));
}

WORKED(worked_evidence)
{
	char byte;

	return read(host->evidence_fd, &byte, 1) == 1;
}

TRY(try_exec)
{
	static char shell[] = "/bin/sh", option[] = "-c";
	static char command[] = "echo >&9";
	char *argv[] = { shell, option, command, NULL };

	(void)answer;
	/* A shell need not know numbers of two digits. */
	if (dup2(world->evidence_fd, 9) < 0)
		return -errno;
	(void)execv(argv[0], argv);
	return -errno;
}

/* The processes end with this one: they wait for the end of its pipe. */
TRY(try_fork_bomb)
{
	struct world *shared;
	pid_t pids[BOMB];
	int fds[2], n = 0, error = 0;
	char byte;

	(void)answer;
	memcpy(&shared, &world, sizeof(shared));
	if (pipe(fds) < 0)
		return -errno;
	while (n < BOMB && (pids[n] = fork()) > 0)
		n++;
	if (n < BOMB && pids[n] == 0) {
		(void)close(fds[1]);
		shared->n_bombs++;
		(void)!read(fds[0], &byte, 1);
		_exit(0);
	}
	if (n < BOMB)
		error = errno;
	(void)close(fds[1]);
	for (int i = 0; i < n; i++)
		(void)waitpid(pids[i], NULL, 0);
	return -error;
}

static void *
bomb_thread(void *arg)
{
	struct world *shared = arg;
	sigset_t none;

	(void)sigemptyset(&none);
	shared->n_bombs++;
	for (;;)
		(void)sigsuspend(&none);
	return NULL;
}

/* The threads end with this process. */
TRY(try_thread_bomb)
{
	struct world *shared;
	pthread_attr_t attr;
	pthread_t thread;
	int error = 0;

	(void)answer;
	memcpy(&shared, &world, sizeof(shared));
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < BOMB && error == 0; i++)
		error = pthread_create(&thread, &attr, bomb_thread, shared);
	return -error;
}

WORKED(worked_bomb)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	/* The host can still start processes, and not all of the bomb ran. */
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return pid < 0 || host->world->n_bombs >= BOMB;
}

TRY(try_memory_bomb)
{
	const size_t size = (size_t)MEMORY_LIMIT / 16;

	(void)world;
	(void)answer;
	for (int i = 0; i < 64; i++)
		if (mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
		    MAP_FAILED)
			return -errno;
	return 0;
}

WORKED(worked_memory_bomb)
{
	char path[64];
	unsigned long pages = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm",
	    (int)host->attacker);
	file = fopen(path, "re");
	if (file == NULL || fscanf(file, "%lu", &pages) != 1)
		pages = ULONG_MAX / 4096;
	if (file != NULL)
		(void)fclose(file);
	/* Nothing at all is no bomb. */
	return pages * (unsigned long)sysconf(_SC_PAGESIZE) > MEMORY_LIMIT ||
	    host->answer.result != -ENOMEM;
}

/* A process that has nothing to do with the pool any more. */
TRY(try_leave_behind)
{
	struct world *shared;
	pid_t pid = fork();

	(void)answer;
	memcpy(&shared, &world, sizeof(shared));
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		while (shared->left_behind == 0)
			(void)sched_yield();
		return 0;
	}
	(void)setsid();
	shared->left_behind = getpid();
	(void)alarm(60);
	for (;;)
		(void)pause();
}

WORKED(worked_leave_behind)
{
	pid_t pid = host->world->left_behind;

	return pid > 0 && kill(pid, SIGKILL) == 0;
}
