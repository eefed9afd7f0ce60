/* SPDX-License-Identifier: ISC */

/*
 * One attack: a pool of two workers.  One of them, the sibling, has a request
 * that lasts as long as the attack of the other one.
 */

#include "attack.h"

#include "base/clock.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <brood.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the workers write into the world is looked at after each turn. */
enum { PATIENCE_MS = 10000, TURN_MS = 5, N_ECHOES = 4 };

enum { METHOD_ATTACK, METHOD_HOLD, METHOD_ECHO };

/* Requests, by their tags. */
enum { TAG_HOLD = 1, TAG_ATTACK, TAG_ECHO, N_TAGS = TAG_ECHO + N_ECHOES };

/* One attack, as the host sees it. */
struct run {
	struct host *host;
	const struct attack *attack;
	struct brood_pool *pool;
	int gate[2];			/* the sibling waits at it */
	unsigned n_done[N_TAGS];
	unsigned fate;			/* of the attack's request */
	unsigned n_ready;
	bool is_broken;
	bool is_level_wrong;
	char not_started[200];
	char text[200];			/* of the attack's completion */
};

/* In the workers */

struct task {
	const struct world *world;
	const struct attack *attack;
	int gate;
};

static _Atomic unsigned *worker_signals;

static void
note_sibling_signal(int sig)
{
	(void)sig;
	(*worker_signals)++;
}

void
sibling_open(struct world *world)
{
	struct sigaction sa = { .sa_handler = note_sibling_signal };

	worker_signals = &world->sibling_signals;
	(void)sigaction(SIGUSR1, &sa, NULL);
	world->sibling = getpid();
}

static int
worker_hold(struct brood_request *request, const struct task *task)
{
	struct world *shared;
	char byte;

	memcpy(&shared, &task->world, sizeof(shared));
	memcpy(sibling_secret, brood_request_data(request), SECRET_LEN);
	sibling_open(shared);
	while (read(task->gate, &byte, 1) < 0 && errno == EINTR)
		;
	return brood_request_reply(request, 0, sibling_secret, SECRET_LEN);
}

static int
worker_attack(struct brood_request *request, const struct task *task)
{
	struct answer answer = { .result = 0 };
	struct world *shared;

	memcpy(&shared, &task->world, sizeof(shared));
	if (brood_request_n_fds(request) > 0)
		shared->given_fd = brood_request_take_fd(request, 0);
	answer.result = task->attack->try(task->world, &answer);
	return brood_request_reply(request, (uint32_t)getpid(), &answer,
	    sizeof(answer));
}

static int
worker_handle(struct brood_request *request, void *arg)
{
	const struct task *task = arg;

	switch (brood_request_code(request)) {
	case METHOD_HOLD:
		return worker_hold(request, task);
	case METHOD_ATTACK:
		return worker_attack(request, task);
	default:
		return brood_request_reply(request, 0,
		    brood_request_data(request), brood_request_len(request));
	}
}

/* In the host */

static void
run_take_events(struct run *run)
{
	struct brood_event event;

	while (brood_pool_next_event(run->pool, &event) == 1) {
		if (event.kind == BROOD_EVENT_READY) {
			run->n_ready++;
			if (event.level != run->host->level)
				run->is_level_wrong = true;
		}
		if (event.kind == BROOD_EVENT_NOT_STARTED)
			(void)snprintf(run->not_started,
			    sizeof(run->not_started), "%s: %s", event.step,
			    event.text);
		if (event.kind == BROOD_EVENT_BROKEN)
			run->is_broken = true;
	}
}

/* Look at a completion: the attacker may lie, nobody else. */
static void
run_look(struct run *run, const struct brood_completion *done)
{
	struct host *host = run->host;
	intptr_t tag = (intptr_t)done->tag;
	bool is_same = done->reply.len == SECRET_LEN && memcmp(
	    done->reply.data, sibling_secret, SECRET_LEN) == 0;

	if (tag < TAG_HOLD || tag >= N_TAGS || ++run->n_done[tag] > 1) {
		host->is_harmed = true;
		return;
	}
	if (tag != TAG_ATTACK) {
		if (!run->is_broken && (done->fate != BROOD_DONE || !is_same))
			host->is_harmed = true;
		return;
	}
	run->fate = done->fate;
	(void)snprintf(run->text, sizeof(run->text), "%s", done->text);
	if (done->fate == BROOD_DONE && done->reply.len ==
	    sizeof(host->answer)) {
		memcpy(&host->answer, done->reply.data, sizeof(host->answer));
		host->answer.stolen[SECRET_LEN] = '\0';
		host->attacker = (pid_t)done->reply.code;
	}
}

/* One turn; how long it takes is measured where it can be. */
static void
run_turn(struct run *run)
{
	struct pollfd pfd = { brood_pool_fd(run->pool), POLLIN, 0 };
	struct brood_completion done;
	int64_t begin;

	if (pfd.fd < 0)
		(void)brood_pool_wait(run->pool, TURN_MS);
	else {
		(void)poll(&pfd, 1, TURN_MS);
		begin = brood__now_ms();
		(void)brood_pool_dispatch(run->pool);
		if (brood__now_ms() - begin > run->host->worst_ms)
			run->host->worst_ms = (long)(brood__now_ms() - begin);
	}
	run_take_events(run);
	while (brood_pool_take(run->pool, &done) == 1) {
		run_look(run, &done);
		brood_completion_fini(&done);
	}
}

/* Turn until a count is there; false if it does not come. */
static bool
run_await(struct run *run, const unsigned *count, unsigned n)
{
	int64_t end = brood__now_ms() + PATIENCE_MS;

	while (*count < n) {
		if (brood__now_ms() > end || run->not_started[0] != '\0')
			return false;
		run_turn(run);
	}
	return true;
}

static int
run_submit(struct run *run, unsigned method, intptr_t tag, const int *fd)
{
	const struct brood_message msg = {
		.data = sibling_secret, .len = SECRET_LEN, .code = method,
		.fds = fd, .n_fds = fd != NULL ? 1 : 0,
	};
	const struct brood_request_options options = {
		.tag = (void *)tag,
		.run_ms = tag != TAG_ATTACK ? 0 :
		    (run->attack->needs & NEEDS_RUN_LIMIT) != 0 ? 300 :
		    PATIENCE_MS / 2,
	};

	return brood_pool_submit(run->pool, &msg, &options, NULL);
}

/* A TCP connection, whose other end does not read. */
static int
run_connection(const struct host *host)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(host->world->tcp_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	return -1;
}

static int
run_attack(struct run *run)
{
	int64_t end = brood__now_ms() + PATIENCE_MS;
	int fd = -1, r;

	r = run_submit(run, METHOD_HOLD, TAG_HOLD, NULL);
	while (r == 0 && run->host->world->sibling == 0) {
		if (brood__now_ms() > end)
			return -ETIMEDOUT;
		run_turn(run);
	}
	if ((run->attack->needs & NEEDS_SOCKET) != 0)
		fd = run_connection(run->host);
	if (r == 0)
		r = run_submit(run, METHOD_ATTACK, TAG_ATTACK,
		    fd >= 0 ? &fd : NULL);
	/* The pool has a copy, and closes it when it is sent. */
	if (fd >= 0)
		(void)close(fd);
	if (r == 0 && !run_await(run, &run->n_done[TAG_ATTACK], 1))
		r = -ETIMEDOUT;
	return r;
}

/* A request that has expired is its worker's until that has ended. */
static void
run_settle(struct run *run, struct brood_pool_stats *ret_stats)
{
	int64_t end = brood__now_ms() + PATIENCE_MS;

	brood_pool_stats(run->pool, ret_stats);
	while (ret_stats->in_flight > 0 && brood__now_ms() < end) {
		run_turn(run);
		brood_pool_stats(run->pool, ret_stats);
	}
}

/* The others go on, and the counts agree. */
static void
run_check_pool(struct run *run)
{
	struct brood_pool_stats stats;
	bool is_whole;

	is_whole = run_await(run, &run->n_done[TAG_HOLD], 1);
	for (int i = 0; i < N_ECHOES; i++)
		if (run_submit(run, METHOD_ECHO, TAG_ECHO + i, NULL) < 0)
			is_whole = false;
	for (int i = 0; is_whole && i < N_ECHOES; i++)
		is_whole = run_await(run, &run->n_done[TAG_ECHO + i], 1);
	run_settle(run, &stats);
	if (!is_whole || stats.submitted != 2 + N_ECHOES ||
	    stats.done + stats.failed + stats.crashed + stats.expired +
	    stats.refused != stats.submitted ||
	    (!run->is_broken && stats.refused > 0) ||
	    stats.queued + stats.in_flight + stats.untaken > 0)
		run->host->is_harmed = true;
}

static char
run_judge(struct run *run)
{
	const struct attack *attack = run->attack;
	char expected[100];

	if (attack->worked(run->host))
		return 'a';
	(void)snprintf(expected, sizeof(expected),
	    "ended for calling %s (seccomp)", attack->call != NULL ?
	    attack->call : "");
	return run->fate == BROOD_CRASHED &&
	    strcmp(run->text, expected) == 0 ? 'k' : 'd';
}

static pid_t
run_supervisor(const struct run *run)
{
	struct brood_pool_stats stats;

	brood_pool_stats(run->pool, &stats);
	return stats.supervisor;
}

static int
run_start(struct run *run, uid_t worker_uid, struct task *task)
{
	struct host *host = run->host;
	unsigned n = situation_n_processes(worker_uid) + 32;
	struct brood_rlimit limit = {
		.resource = RLIMIT_NPROC, .soft = n, .hard = n,
	};
	struct brood_confine confine = {
		.level = host->level, .rlimits = &limit,
	};
	const int all[] = {
		host->world->datagram_fd, host->world->evidence_fd,
		run->gate[0], host->world->region_fd, host->world->hostile_fd,
	};
	int keep[sizeof(all) / sizeof(all[0])];
	struct brood_pool_options options = {
		.handler = worker_handle, .arg = task, .workers = 2,
		.confine = &confine, .keep_fds = keep, .shutdown_ms = 300,
		.transport = (run->attack->needs & NEEDS_BYTES) != 0 ?
		    BROOD_SOCKET : BROOD_RINGS,
		.stderr_fd = -1,
	};
	char text[BROOD_TEXT_SIZE] = "";
	int r;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] >= 0)
			keep[options.n_keep_fds++] = all[i];
	if ((run->attack->needs & NEEDS_PROCESS_LIMIT) != 0)
		confine.n_rlimits = 1;
	if ((run->attack->needs & NEEDS_MEMORY_LIMIT) != 0) {
		limit.resource = RLIMIT_AS;
		limit.soft = limit.hard = MEMORY_LIMIT;
		confine.n_rlimits = 1;
	}
	if (host->level >= BROOD_CONFINE_USER)
		confine.uid = confine.gid = worker_uid;
	r = brood_pool_new(&run->pool, &options, text);
	if (r < 0)
		(void)snprintf(run->not_started, sizeof(run->not_started),
		    "%s", text);
	return r;
}

/* What is wrong with the outcome, or with the start. */
static void
run_tell(const struct run *run, int r, struct outcome *outcome)
{
	if (run->not_started[0] != '\0')
		(void)snprintf(outcome->text, sizeof(outcome->text),
		    "not started: %.180s", run->not_started);
	else if (r < 0)
		(void)snprintf(outcome->text, sizeof(outcome->text),
		    "the run has failed: %s", strerror(-r));
	else if (run->is_level_wrong)
		(void)snprintf(outcome->text, sizeof(outcome->text),
		    "a worker is not at level %u", run->host->level);
	else if (run->host->is_harmed)
		(void)snprintf(outcome->text, sizeof(outcome->text),
		    "the pool or the sibling was harmed");
	else if (outcome->found != outcome->expected)
		(void)snprintf(outcome->text, sizeof(outcome->text),
		    "the attack gave %d, its request %s: %.100s",
		    run->host->answer.result, brood_fate_name(run->fate),
		    run->text);
}

static int
run_all(struct run *run, uid_t worker_uid, struct task *task,
    struct outcome *outcome)
{
	struct host *host = run->host;
	int r;

	task->gate = run->gate[0];
	r = run_start(run, worker_uid, task);
	if (r < 0)
		return r;
	if (!run_await(run, &run->n_ready, 2))
		return -ETIMEDOUT;
	r = situation_hide(host);
	host->world->supervisor = run_supervisor(run);
	host->supervisor_fd = (int)syscall(SYS_pidfd_open,
	    host->world->supervisor, 0);
	if (r == 0)
		r = run_attack(run);
	if (r < 0)
		return r;
	/* Before the sibling, which may have to wait for its replacement. */
	if ((run->attack->needs & NEEDS_LEFT_BEHIND) == 0)
		outcome->found = run_judge(run);
	run->is_broken |= (run->attack->needs & BREAKS_POOL) != 0 &&
	    outcome->found == 'a';
	(void)!write(run->gate[1], "x", 1);
	run_check_pool(run);
	return 0;
}

int
pool_attack(struct host *host, const struct attack *attack, uid_t worker_uid,
    struct outcome *outcome)
{
	struct task task = { .world = host->world, .attack = attack };
	struct run run = { .host = host, .attack = attack };
	int r;

	host->is_harmed = false;
	host->worst_ms = 0;
	host->attacker = 0;
	host->supervisor_fd = -1;
	host->answer = (struct answer){ .result = -EIO };
	if (pipe(run.gate) < 0)
		return -errno;
	r = run_all(&run, worker_uid, &task, outcome);
	run.pool = brood_pool_free(run.pool);
	if (r == 0 && (attack->needs & NEEDS_LEFT_BEHIND) != 0)
		outcome->found = run_judge(&run);
	/* These attacks have no other aim. */
	if (host->is_harmed && attack->worked == worked_channel)
		outcome->found = 'a';
	run_tell(&run, r, outcome);
	if (host->supervisor_fd >= 0)
		(void)close(host->supervisor_fd);
	(void)close(run.gate[0]);
	(void)close(run.gate[1]);
	return r;
}
