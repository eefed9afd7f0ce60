/* SPDX-License-Identifier: ISC */

/*
 * Whole families of processes that are killed at any moment.
 *
 *	family [-n TIMES] [-s SEED]
 *
 * A host has a pool that works.  Then the host, its supervisor process, both,
 * all workers, or all of them get SIGKILL; or SIGSTOP, and SIGKILL soon after.
 * So many times for each.
 *
 * A host that lives must get a completion for every request, and be able to
 * free its pool; and a second later none of the others may be there.
 */

#include "soak/soak.h"

#include <brood.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WORKERS = 3,
	OPEN = 12,		/* requests */
	GONE_MS = 1000,		/* when none may be there any more */
	PATIENCE_MS = 20000,	/* of a host that lives */
};

enum target {
	HOST, SUPERVISOR, HOST_AND_SUPERVISOR, ALL_WORKERS, EVERYBODY, TARGETS,
};

static const char *const names[TARGETS] = {
	"host", "supervisor", "host and supervisor", "all workers",
	"everybody",
};

enum method { ECHO, NAP, HANG };

/* What the processes tell each other. */
struct shared {
	_Atomic int supervisor;
	_Atomic int workers[WORKERS];
	_Atomic unsigned n_done;
	_Atomic bool is_over;	/* the host is to end */
};

static struct shared *shared;

static int
set_up(void *arg)
{
	(void)arg;
	(void)signal(SIGTERM, SIG_IGN);
	atomic_store(&shared->workers[brood_worker_slot()], (int)getpid());
	return 0;
}

static int
handle(struct brood_request *request, void *arg)
{
	(void)arg;
	if (brood_request_code(request) == NAP)
		nap_us(300);
	else if (brood_request_code(request) == HANG)
		for (;;)
			(void)pause();
	return brood_request_reply(request, 0, brood_request_data(request),
	    brood_request_len(request));
}

/* The host */

static void
take(struct brood_pool *pool, unsigned *n_done)
{
	struct brood_completion done;

	while (brood_pool_take(pool, &done) == 1) {
		brood_completion_fini(&done);
		(*n_done)++;
	}
	atomic_store(&shared->n_done, *n_done);
}

/* 0, or why it failed. */
static int
be_host(bool has_rings, bool has_hang)
{
	struct brood_pool_options options = {
		.handler = handle,
		.setup = set_up,
		.workers = WORKERS,
		.in_flight = 4,
		.transport = has_rings ? BROOD_RINGS : BROOD_SOCKET,
		.shutdown_ms = 50,
		.run_ms = 100,
		.intensity = 1000,
		.stderr_fd = -1,
	};
	static const char text[] = "what is asked";
	struct brood_message msg = { .data = text, .len = sizeof(text) };
	unsigned n_submitted = 0, n_done = 0;
	struct brood_pool_stats stats;
	struct brood_pool *pool;
	int r = 0;

	if (brood_pool_new(&pool, &options, NULL) < 0)
		return 10;
	brood_pool_stats(pool, &stats);
	atomic_store(&shared->supervisor, stats.supervisor);
	while (!shared->is_over && r == 0) {
		while (r == 0 && n_submitted - n_done < OPEN) {
			msg.code = has_hang && chance(200) == 0 ? HANG :
			    chance(2);
			r = brood_pool_submit(pool, &msg, NULL, NULL);
			n_submitted += r == 0;
		}
		if (brood_pool_wait(pool, 20) < 0)
			return 11;
		take(pool, &n_done);
	}
	/* Without a supervisor nothing more is accepted. */
	if (r != 0 && r != -ESHUTDOWN)
		return 12;
	for (int i = 0; n_done < n_submitted; i++) {
		if (i == 1000 || brood_pool_wait(pool, 20) < 0)
			return 13;
		take(pool, &n_done);
	}
	if (n_done != n_submitted)
		return 14;
	while (r != 0 && !shared->is_over)
		nap_us(100);
	return brood_pool_free(pool) == NULL ? 0 : 15;
}

/* Who kills */

static void
send(enum target target, pid_t host, int sig)
{
	if (target == HOST || target == HOST_AND_SUPERVISOR ||
	    target == EVERYBODY)
		(void)kill(host, sig);
	if ((target == SUPERVISOR || target == HOST_AND_SUPERVISOR ||
	    target == EVERYBODY) && shared->supervisor > 0)
		(void)kill(shared->supervisor, sig);
	for (int i = 0; i < WORKERS; i++)
		if ((target == ALL_WORKERS || target == EVERYBODY) &&
		    shared->workers[i] > 0)
			(void)kill(shared->workers[i], sig);
}

static _Noreturn void
wrong(const char *what, enum target target, unsigned round)
{
	(void)fprintf(stderr, "family: %s: %s, time %u\n", what,
	    names[target], round);
	(void)system("ps -e -o pid,ppid,stat,wchan:20,args | tail -20 >&2");
	exit(1);
}

/* The status of the host: of the others, nobody asks. */
static int
await_host(pid_t host, enum target target, unsigned round)
{
	int64_t end_us = now_us() + (int64_t)PATIENCE_MS * 1000;
	int status;

	while (waitpid(host, &status, WNOHANG) == 0) {
		if (now_us() > end_us)
			wrong("the host does not end", target, round);
		nap_us(100);
	}
	return status;
}

/* The others became children of this process when their parent died. */
static int64_t
await_others(enum target target, unsigned round)
{
	int64_t began_us = now_us();
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (now_us() - began_us > GONE_MS * 1000)
			wrong("somebody has survived", target, round);
		if (pid == 0)
			nap_us(100);
	}
	return now_us() - began_us;
}

static int64_t
kill_one(enum target target, bool is_stopped_first, unsigned round)
{
	bool has_rings = chance(2), has_hang = chance(2), host_dies;
	unsigned n_enough = chance(200);
	int64_t end_us;
	pid_t host;
	int status;

#ifndef HAVE_PRCTL_PDEATHSIG
	/* A worker ends when it looks for its next request, or never. */
	has_hang = false;
#endif
	memset(shared, 0, sizeof(*shared));
	host = fork();
	if (host == 0)
		_exit(be_host(has_rings, has_hang));
	/* At any moment: from the first one on, or of the work. */
	end_us = now_us() + 200000;
	if (chance(4) == 0)
		nap_us((long)chance(2000));
	else
		while (shared->n_done < n_enough && now_us() < end_us)
			nap_us((long)chance(100));
	if (is_stopped_first) {
		send(target, host, SIGSTOP);
		nap_us((long)chance(2000));
	}
	send(target, host, SIGKILL);
	host_dies = target != SUPERVISOR && target != ALL_WORKERS;
	if (!host_dies) {
		nap_us((long)chance(2000));
		atomic_store(&shared->is_over, true);
	}
	status = await_host(host, target, round);
	if (!host_dies && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		(void)fprintf(stderr, "family: status 0x%x\n",
		    (unsigned)status);
		wrong("the host has failed", target, round);
	}
	return await_others(target, round);
}

int
main(int argc, char **argv)
{
	uint64_t n = 20, seed = (uint64_t)now_us();
	int64_t us, longest_us, began_us = now_us();
	int option;

	while ((option = getopt(argc, argv, "n:s:")) != -1)
		switch (option) {
		case 'n':
			n = option_number(argv[0], optarg);
			break;
		case 's':
			seed = option_number(argv[0], optarg);
			break;
		default:
			return 2;
		}
	soak_state = seed | 1;
	(void)printf("family: seed %llu\n", (unsigned long long)seed);
	(void)fflush(stdout);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !adopt_orphans()) {
		perror("family");
		return 1;
	}
	for (enum target target = 0; target < TARGETS; target++) {
		longest_us = 0;
		for (unsigned i = 0; i < n; i++) {
			us = kill_one(target, i % 2 == 1, i);
			if (us > longest_us)
				longest_us = us;
		}
		(void)printf("family: %s: killed %llu times; the last one was "
		    "gone after %lld us\n", names[target],
		    (unsigned long long)n, (long long)longest_us);
		(void)fflush(stdout);
	}
	(void)printf("family: %lld s\n",
	    (long long)((now_us() - began_us) / 1000000));
	return 0;
}
