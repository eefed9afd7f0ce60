/* SPDX-License-Identifier: ISC */

/*
 * A pool under faults; see pool.h.
 *
 * Each request has a number, under which its workers count how often it ran:
 * that is compared with what its completion says.  No two requests of a case
 * have the same: where nothing ends workers together with their supervisor, one
 * of an earlier pool may still run.
 */

#include "faults/pool.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TURN_MS = 100, DESPAIR_MS = 1000, REST_MS = 2000,
	BLOCKS_MORE = 8,	/* slots that were needed meanwhile */
};

static int
set_up(void *arg)
{
	(void)arg;
	return 0;
}

const struct brood_pool_options pool_usual = {
	.handler = scenario_handle,
	.setup = set_up,
	.workers = 2,
	.in_flight = 4,
	.ring_bytes = 256 << 10,
	.fds_from_worker = 1,
	.shutdown_ms = 300,
	.intensity = 2,
	.stderr_fd = -1,
};

static int64_t
deadline_in(int ms)
{
	return now_us() + (int64_t)ms * 1000;
}

/* Being told */

static void
work_read_events(struct work *work)
{
	struct brood_event event;

	while (brood_pool_next_event(work->pool, &event) == 1) {
		if (WIFSIGNALED(event.status) &&
		    (WTERMSIG(event.status) == SIGABRT ||
		    WTERMSIG(event.status) == SIGSEGV))
			wrong("a worker has crashed: %s", event.stderr_tail);
		work->n_reloads += event.kind == BROOD_EVENT_RELOADED ||
		    event.kind == BROOD_EVENT_NOT_RELOADED;
		if (event.n_lost > 0)
			work->has_lost_events = true;
		if (event.kind != BROOD_EVENT_BROKEN)
			continue;
		work->is_broken = true;
		if (!work->may_break && !fault_may_break())
			wrong("the pool is broken: %s", event.text);
	}
}

static struct ticket *
work_find(struct work *work, const struct brood_completion *done)
{
	size_t i = (size_t)(uintptr_t)done->tag;

	if (i >= work->n || work->tickets[i].id != done->id)
		wrong("a completion of no request: %s", done->text);
	return &work->tickets[i];
}

static void
work_take_part(struct ticket *ticket, const struct brood_completion *done)
{
	const uint8_t *bytes = done->reply.data;

	if (done->fate == BROOD_PROGRESS)
		return;
	for (size_t i = 0; i < done->reply.len; i++)
		if (ticket->n_part_bytes + i >= sizeof(struct order) &&
		    bytes[i] != payload_byte(ticket->n_part_bytes + i))
			wrong("a part is not what was sent");
	ticket->n_part_bytes += done->reply.len;
}

static void
work_take_last(struct work *work, struct ticket *ticket,
    const struct brood_completion *done)
{
	size_t len = ticket->n_part_bytes + done->reply.len;

	if (ticket->n_completions++ > 0)
		wrong("a second completion: %s", done->text);
	work->n_done++;
	ticket->fate = (enum brood_fate)done->fate;
	ticket->ran = (enum brood_ran)done->ran;
	if (ticket->fate != BROOD_DONE)
		return;
	if (len != ticket->len || (ticket->n_part_bytes == 0 &&
	    !payload_is_whole(done->reply.data, done->reply.len)))
		wrong("the answer of method %d is not what was sent",
		    ticket->method);
	if (ticket->method == ECHO_FDS && done->reply.n_fds != 2)
		wrong("%zu descriptors came back, not 2", done->reply.n_fds);
}

static void
work_take(struct work *work)
{
	struct brood_completion done;
	struct ticket *ticket;

	while (brood_pool_take(work->pool, &done) == 1) {
		ticket = work_find(work, &done);
		if (done.fate == BROOD_PART || done.fate == BROOD_PROGRESS)
			work_take_part(ticket, &done);
		else
			work_take_last(work, ticket, &done);
		if (done.reply.n_fds > 0)
			(void)close(brood_completion_take_fd(&done, 0));
		brood_completion_fini(&done);
	}
}

/* One turn.  False: nothing can come any more. */
static bool
work_turn(struct work *work, int timeout_ms)
{
	struct pollfd pfd = { .fd = -1, .events = POLLIN };
	int r;

	if (work->is_polled)
		pfd.fd = brood_pool_fd(work->pool);
	if (pfd.fd >= 0) {
		(void)poll(&pfd, 1, timeout_ms);
		r = brood_pool_dispatch(work->pool);
	} else
		r = brood_pool_wait(work->pool, timeout_ms);
	work_read_events(work);
	work_take(work);
	if (r < 0 && r != -ESHUTDOWN)
		(void)excused(r, "dispatch");
	work->has_ended = r == -ESHUTDOWN;
	return !work->has_ended;
}

/* What lasts may keep something from happening, until it is over. */
bool
work_await(struct work *work, bool (*is_so)(const struct work *))
{
	int64_t end_us = deadline_in(PATIENCE_MS);
	int64_t despair_us = deadline_in(DESPAIR_MS);

	while (!is_so(work)) {
		if (!work_turn(work, TURN_MS) && !is_so(work))
			return false;
		if (now_us() > end_us)
			return false;
		if (now_us() > despair_us && fault_has_fired())
			fault_region->is_over = true;
	}
	return true;
}

/* Asking */

int
work_start(struct work *work, const struct brood_pool_options *options)
{
	char text[BROOD_TEXT_SIZE];

	*work = (struct work){ .n = 0 };
	return TRY(brood_pool_new(&work->pool, options, text));
}

static int
submit(struct work *work, struct ticket *ticket,
    const struct brood_request_options *options, size_t n_fds)
{
	static const int fds[2] = { STDIN_FILENO, STDIN_FILENO };
	struct brood_message msg = {
		.code = (uint32_t)ticket->method,
		.len = ticket->len,
		.fds = fds,
		.n_fds = n_fds,
	};
	void *memory = NULL;
	int r = 0;

	/* Half of them in memory of the pool's, half of them copied. */
	if (work->n % 2 == 0)
		memory = malloc(ticket->len);
	else
		r = TRY(brood_request_alloc(work->pool, ticket->len, &memory));
	if (r < 0)
		return r;
	payload_fill(memory, ticket->number, ticket->len);
	msg.data = memory;
	r = TRY(brood_pool_submit(work->pool, &msg, options, &ticket->id));
	if (work->n % 2 == 0)
		free(memory);
	else if (r < 0)
		(void)brood_request_free(work->pool, memory);
	return r;
}

int
work_submit(struct work *work, enum method method, size_t len,
    const struct brood_request_options *options, size_t n_fds)
{
	struct brood_request_options own = { .flags = 0 };
	struct ticket *ticket = &work->tickets[work->n];
	int r;

	if (work->n == TICKETS || fault_region->n_numbers == FAULT_RUNS_MAX)
		wrong("too many requests");
	if (options != NULL)
		own = *options;
	own.tag = (void *)(uintptr_t)work->n;
	*ticket = (struct ticket){
		.number = fault_region->n_numbers++,
		.method = method,
		.flags = own.flags,
		.len = len,
		.has_limit = own.run_ms > 0 || own.expire_ms > 0,
	};
	r = submit(work, ticket, &own, n_fds);
	work->n += r == 0;
	return r;
}

static bool
is_finished(const struct work *work)
{
	return work->n_done == work->n;
}

/* What a completion may say if nothing has failed on purpose. */
static bool
is_usual(const struct ticket *ticket)
{
	switch (ticket->method) {
	case FAIL:
	case NO_ANSWER:
		return ticket->fate == BROOD_FAILED;
	case LINGER:
		return ticket->fate == BROOD_CANCELED;
	case HANG:
		return ticket->fate == (ticket->has_limit ? BROOD_EXPIRED :
		    BROOD_CANCELED);
	case DIE:
		return ticket->fate == (ticket->flags & BROOD_IDEMPOTENT ?
		    BROOD_DONE : BROOD_CRASHED);
	case ECHO:
	case ECHO_FDS:
	case ECHO_ALLOC:
	case LEAVE:
	case PARTS:
	case PRINT:
	case METHODS:
		break;
	}
	return ticket->fate == BROOD_DONE;
}

static void
judge(const struct work *work, const struct ticket *ticket)
{
	unsigned n_runs = fault_region->n_runs[ticket->number];

	if (!fault_has_fired() && !work->may_break && !is_usual(ticket))
		wrong("method %d: fate %d", ticket->method, ticket->fate);
	if (ticket->fate == BROOD_DONE && ticket->ran != BROOD_RAN)
		wrong("method %d: done and not run", ticket->method);
	if (ticket->ran == BROOD_NOT_RUN && n_runs > 0)
		wrong("method %d: said not to have run", ticket->method);
	if (ticket->ran == BROOD_RAN && n_runs == 0)
		wrong("method %d: said to have run", ticket->method);
	if (n_runs > (ticket->flags & BROOD_IDEMPOTENT ? 2 : 1))
		wrong("method %d: ran %u times", ticket->method, n_runs);
}

int
work_finish(struct work *work)
{
	if (!work_await(work, is_finished))
		wrong("%u of %u requests have a completion", work->n_done,
		    work->n);
	for (unsigned i = 0; i < work->n; i++)
		judge(work, &work->tickets[i]);
	return work->is_broken ? -ESHUTDOWN : 0;
}

/* Rest */

static unsigned
fds_of(int pid)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static struct fault_rest
rest_of(const struct work *work)
{
	struct fault_rest rest = {
		.supervisor_blocks = fault_region->supervisor_blocks,
	};
	struct brood_pool_stats stats;
	struct brood_worker_info info;
	unsigned n;

	brood_pool_stats(work->pool, &stats);
	rest.supervisor_fds = fds_of(stats.supervisor);
	for (unsigned i = 0;
	    brood_pool_worker(work->pool, i, &info) == 1; i++) {
		n = info.pid > 0 ? fds_of(info.pid) : 0;
		if (n > rest.worker_fds)
			rest.worker_fds = n;
	}
	return rest;
}

static bool
is_at_rest(const struct work *work)
{
	struct brood_pool_stats stats;

	brood_pool_stats(work->pool, &stats);
	return work->is_broken || (stats.ready == stats.workers &&
	    stats.started - stats.ended == stats.ready + stats.spare);
}

static bool
rests_as(const struct fault_rest *rest, const struct fault_rest *usual)
{
	return rest->supervisor_fds <= usual->supervisor_fds &&
	    rest->worker_fds <= usual->worker_fds &&
	    rest->supervisor_blocks <= usual->supervisor_blocks +
	    BLOCKS_MORE;
}

/* The processes of the pool hold no more than they do without a fault. */
static void
work_check_rest(struct work *work)
{
	struct fault_rest *usual = &fault_region->rests[scenario_n_rests++];
	int64_t end_us = deadline_in(REST_MS);
	struct fault_rest rest;

	if (!work_await(work, is_at_rest))
		wrong("the pool does not come to rest");
	if (work->is_broken)
		return;
	if (usual->supervisor_fds == 0) {
		nap_us(20000);
		*usual = rest_of(work);
		return;
	}
	while (rest = rest_of(work), !rests_as(&rest, usual)) {
		(void)work_turn(work, 10);
		if (now_us() > end_us)
			wrong("the supervisor process holds %u descriptors "
			    "and %d blocks, a worker %u; usually %u, %d, %u",
			    rest.supervisor_fds, rest.supervisor_blocks,
			    rest.worker_fds, usual->supervisor_fds,
			    usual->supervisor_blocks, usual->worker_fds);
	}
}

/* The end */

void
work_check_alive(struct work *work)
{
	bool has_fired = fault_has_fired();
	unsigned first = work->n;

	if (has_fired)
		fault_region->is_over = true;
	if (work->pool == NULL || work->is_broken)
		return;
	for (int i = 0; i < 4; i++)
		if (work_submit(work, ECHO, 100, NULL, 0) < 0)
			wrong("a later request is not accepted");
	if (work_finish(work) < 0)
		return;
	/* Or it is one of these whose call has failed. */
	for (unsigned i = first; has_fired && i < work->n; i++)
		if (work->tickets[i].fate != BROOD_DONE)
			wrong("a later request has fate %d",
			    work->tickets[i].fate);
}

static bool
has_ended(const struct work *work)
{
	return work->has_ended;
}

void
work_end(struct work *work)
{
	if (work->pool == NULL)
		return;
	work->is_polled = false;
	if (!work->is_broken && !work->may_break)
		work_check_rest(work);
	if (brood_pool_stop(work->pool, -1) == 0 &&
	    !work_await(work, has_ended))
		wrong("the pool does not stop");
	for (unsigned i = 0; i < work->n; i++)
		judge(work, &work->tickets[i]);
	work->pool = brood_pool_free(work->pool);
}

int
work_close(struct work *work, int r)
{
	if (work->pool != NULL && work_finish(work) < 0 && r == 0)
		r = -ESHUTDOWN;
	work_check_alive(work);
	work_end(work);
	return r;
}
