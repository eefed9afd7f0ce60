/* SPDX-License-Identifier: ISC */

/*
 * The whole host side in one process: a pool, whose supervisor and workers are
 * played by the script (fake.h), as hostile as can be, and a program that uses
 * it, by the same script.
 *
 * Each request that was accepted gets exactly one completion; its answer is
 * that of a request of this id; a request that a worker has read from its
 * socket is never said not to have run, and never given to another worker
 * unless it is idempotent; nothing hangs; no descriptor is left.
 */

#include "fake.h"

#include <brood.h>

#include <errno.h>
#include <sys/endian.h>
#include <unistd.h>

enum {
	POOL_PAYLOAD = 1 << 16,
	POOL_TURNS = 400,		/* until all is completed, at the end */
};

struct request {
	uint64_t id;
	uint32_t flags;
	bool is_open;
};

struct played {
	struct fuzz fuzz;
	struct fake fake;
	struct brood_pool *pool;
	struct request requests[FAKE_SERIALS];
	unsigned n_requests;
	unsigned n_open;
	bool is_stopping;
};

static int
pool_handler(struct brood_request *request, void *arg)
{
	(void)request;
	(void)arg;
	abort();			/* there is no worker */
}

/* Completions */

static void
pool_check_done(const struct played *p, const struct brood_completion *done,
    const struct request *request)
{
	unsigned serial = (unsigned)(request - p->requests);
	uint8_t n_read = p->fake.n_read[serial];

	FUZZ_ASSERT(done->text != NULL);
	FUZZ_ASSERT((done->fate == BROOD_DONE) <= (done->ran == BROOD_RAN));
	FUZZ_ASSERT(done->fate != BROOD_REFUSED ||
	    done->ran == BROOD_NOT_RUN);
	FUZZ_ASSERT((done->fate == BROOD_EXPIRED) == (done->limit != 0));
	/* Of a supervisor that lies nothing follows of the workers' ends. */
	if (!p->fake.has_lied) {
		FUZZ_ASSERT(n_read == 0 || done->ran != BROOD_NOT_RUN);
		FUZZ_ASSERT(n_read <= 1 || request->flags & BROOD_IDEMPOTENT);
	}
	FUZZ_ASSERT(n_read <= 2 || p->fake.has_lied);
}

static void
pool_check_reply(const struct played *p, const struct brood_completion *done)
{
	if (done->fate == BROOD_DONE && done->reply.len >= 8 && !p->fake.is_raw)
		FUZZ_ASSERT(le64dec(done->reply.data) == done->id);
	FUZZ_ASSERT(done->reply.len <= POOL_PAYLOAD);
}

static void
pool_meet(struct played *p, struct brood_completion *done)
{
	struct request *request = done->tag;

	FUZZ_ASSERT(request >= p->requests &&
	    request < p->requests + p->n_requests);
	FUZZ_ASSERT(request->is_open && request->id == done->id);
	FUZZ_ASSERT(done->fate >= BROOD_DONE && done->fate <= BROOD_PROGRESS);
	pool_check_reply(p, done);
	if (done->fate >= BROOD_PART)
		FUZZ_ASSERT(request->flags & BROOD_STREAM);
	else {
		pool_check_done(p, done, request);
		request->is_open = false;
		p->n_open--;
	}
	brood_completion_fini(done);
}

static void
pool_take(struct played *p, unsigned max)
{
	struct brood_completion done;

	while (max-- > 0 && brood_pool_take(p->pool, &done) == 1)
		pool_meet(p, &done);
}

static void
pool_read_events(struct played *p)
{
	struct brood_event event;

	while (brood_pool_next_event(p->pool, &event) == 1)
		FUZZ_ASSERT(event.text != NULL);
}

/* What the program does */

static size_t
pool_len(struct fuzz *fuzz)
{
	uint8_t c = fuzz_u8(fuzz);

	return 4 + (c < 0xe0 ? c : c < 0xf0 ? fuzz_u16(fuzz) / 16 :
	    fuzz_u16(fuzz));
}

static int32_t
pool_limit(struct fuzz *fuzz, uint8_t c)
{
	return c & 1 ? (int32_t)(fuzz_number(fuzz) % 100000) - 1 : 0;
}

static void
pool_submit(struct played *p, bool is_call)
{
	static uint8_t payload[POOL_PAYLOAD + 4];
	uint8_t c = fuzz_u8(&p->fuzz);
	struct brood_request_options options = { .flags = c % 8 };
	struct brood_message msg = { .data = payload };
	struct brood_completion done = { .fate = 0 };
	static const int fds[] = { 0, 0 };
	struct request *request;
	int r;

	if (p->n_requests == FAKE_SERIALS)
		return;
	request = &p->requests[p->n_requests];
	options.expire_ms = pool_limit(&p->fuzz, c >> 3);
	options.run_ms = pool_limit(&p->fuzz, c >> 4);
	options.cancel_ms = pool_limit(&p->fuzz, c >> 5);
	options.tag = request;
	msg.len = pool_len(&p->fuzz);
	if (msg.len > POOL_PAYLOAD)
		msg.len = POOL_PAYLOAD;
	if (c & 0x40) {
		msg.fds = fds;
		msg.n_fds = 1 + c / 0x80;
	}
	if (is_call)
		options.flags &= ~(uint32_t)BROOD_STREAM;
	/* As if it were accepted: a call is completed before it returns. */
	le32enc(payload, ++p->n_requests);
	*request = (struct request) { 0, options.flags, true };
	r = is_call ? brood_pool_call(p->pool, &msg, &options, &done) :
	    brood_pool_submit(p->pool, &msg, &options, &request->id);
	if (r == 0) {
		p->n_open++;
		FUZZ_ASSERT(!p->is_stopping);
		if (is_call) {
			request->id = done.id;
			pool_meet(p, &done);
			FUZZ_ASSERT(!request->is_open);
		}
		return;
	}
	FUZZ_ASSERT(r == -EAGAIN || r == -ESHUTDOWN);
	p->n_requests--;
	request->is_open = false;
}

static void
pool_cancel(struct played *p)
{
	unsigned i = fuzz_u8(&p->fuzz);
	int r;

	if (p->n_requests == 0)
		return;
	i %= p->n_requests;
	r = brood_pool_cancel(p->pool, p->requests[i].id);
	FUZZ_ASSERT(r == 0 || r == -ENOENT);
	FUZZ_ASSERT(r < 0 || p->requests[i].is_open);
}

static void
pool_look(struct played *p)
{
	struct brood_pool_stats stats;
	struct brood_worker_info info;

	brood_pool_stats(p->pool, &stats);
	FUZZ_ASSERT(stats.queued + stats.in_flight <= FAKE_SERIALS);
	for (unsigned i = 0; brood_pool_worker(p->pool, i, &info) == 1; i++)
		FUZZ_ASSERT(info.state >= BROOD_WORKER_STARTING);
}

static void
pool_manage(struct played *p)
{
	uint8_t c = fuzz_u8(&p->fuzz);

	switch (c % 8) {
	case 0:
	case 1:
		(void)brood_pool_resize(p->pool, 1 + c / 8 % 3);
		break;
	case 2:
	case 3:
		(void)brood_pool_reload(p->pool);
		break;
	case 4:
		brood_pool_wake(p->pool);
		break;
	case 5:
		if (c < 0xc0)
			break;
		(void)brood_pool_stop(p->pool, pool_limit(&p->fuzz, c / 8));
		p->is_stopping = true;
		break;
	default:
		pool_look(p);
		break;
	}
}

static void
pool_step(struct played *p)
{
	uint8_t c = fuzz_u8(&p->fuzz);

	switch (c % 16) {
	case 0:
	case 1:
	case 2:
		pool_submit(p, false);
		break;
	case 3:
		pool_take(p, c / 16);
		break;
	case 4:
		pool_cancel(p);
		break;
	case 5:
		if (c / 16 < 4)
			pool_submit(p, true);
		else
			(void)brood_pool_wait(p->pool, c / 16 * 10);
		break;
	case 6:
		pool_manage(p);
		break;
	case 7:
		pool_read_events(p);
		break;
	case 8:
	case 9:
	case 10:
		FUZZ_ASSERT(brood_pool_dispatch(p->pool) == 0);
		break;
	default:
		fake_act(&p->fake);
		break;
	}
}

/* The supervisor dies, and with it all workers; or all goes well. */
static void
pool_finish(struct played *p)
{
	bool is_orderly = !p->fake.has_lied && p->fake.control >= 0;
	struct brood_pool_stats stats;

	if (!is_orderly)
		fake_die(&p->fake);
	else
		(void)brood_pool_stop(p->pool, 0);
	for (int i = 0; i < POOL_TURNS && p->n_open > 0; i++) {
		if (is_orderly)
			fake_obey(&p->fake);
		FUZZ_ASSERT(brood_pool_dispatch(p->pool) == 0);
		pool_take(p, UINT32_MAX);
		world_pass_time(&p->fake.world, i);
	}
	FUZZ_ASSERT(p->n_open == 0);
	/* Nothing is counted that is not there. */
	fake_die(&p->fake);
	for (int i = 0; i < 4; i++) {
		FUZZ_ASSERT(brood_pool_dispatch(p->pool) == 0);
		pool_take(p, UINT32_MAX);
	}
	brood_pool_stats(p->pool, &stats);
	FUZZ_ASSERT(stats.queued == 0 && stats.untaken == 0 &&
	    stats.in_flight == 0 && stats.ready == 0);
	pool_read_events(p);
}

static void
pool_open(struct played *p)
{
	uint8_t c = fuzz_u8(&p->fuzz), d = fuzz_u8(&p->fuzz);
	struct brood_pool_options options = {
		.handler = pool_handler,
		.workers = 1 + c % 2,
		.spare = c / 2 % 2,
		.in_flight = c & 4 ? 4 : 1,
		.queue = c & 8 ? 4 : 0,
		.max_payload = POOL_PAYLOAD,
		.max_requests = c & 16 ? 3 : 0,
		.fds_from_worker = c / 32 % 2,
		.transport = c & 64 ? BROOD_RINGS : BROOD_SOCKET,
		.ring_bytes = BROOD__RING_MIN,
		.expire_ms = d & 1 ? 1000 : 0,
		.run_ms = d & 2 ? 500 : 0,
		.cancel_ms = d & 4 ? 100 : 0,
		.retire_ms = d & 8 ? 1000 : 0,
		.shutdown_ms = 1000,
		.stderr_fd = -1,
	};
	char text[BROOD_TEXT_SIZE];

	p->fake.may_lie = d >= 0xe0;
	FUZZ_ASSERT(brood_pool_new(&p->pool, &options, text) == 0);
	if (c & 128)
		(void)brood_pool_fd(p->pool);
	if (d & 16) {
		fake_obey(&p->fake);
		FUZZ_ASSERT(brood_pool_dispatch(p->pool) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct played p;
	int n_fds = fuzz_n_fds();

	memset(&p, 0, sizeof(p));
	p.fuzz = (struct fuzz) { data, size };
	fake_begin(&p.fake, &p.fuzz);
	pool_open(&p);
	while (!fuzz_is_over(&p.fuzz))
		pool_step(&p);
	pool_finish(&p);
	(void)brood_pool_free(p.pool);
	fake_end(&p.fake);
	FUZZ_ASSERT(fuzz_n_fds() == n_fds);
	return 0;
}
