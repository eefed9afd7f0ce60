/* SPDX-License-Identifier: ISC */
#ifndef LOAD_H
#define LOAD_H

/*
 * Requests to a pool, for the programs that measure one: a handler for its
 * workers, and a host that keeps a number of requests open.  Every answer is
 * checked.
 *
 * The first eight bytes of a request are a number, which is its tag too.
 */

#include <brood.h>

#include "measure.h"

enum {
	METHOD_ECHO,		/* answers with the same payload */
	METHOD_CHECKSUM,	/* answers with checksum() */
};

/* The handler: it runs in a worker. */
static inline int
answer(struct brood_request *request, void *arg)
{
	const void *data = brood_request_data(request);
	size_t len = brood_request_len(request);
	uint64_t sum;

	(void)arg;
	if (brood_request_code(request) == METHOD_ECHO)
		return brood_request_reply(request, 0, data, len);
	sum = checksum(data, len);
	return brood_request_reply(request, 0, &sum, sizeof(sum));
}

/*
 * Make a pool with the transport that -t names, and wait until all workers are
 * ready.  This is the one place that knows transports.
 */
static inline struct brood_pool *
pool_open(struct brood_pool_options *pool_options,
    const struct options *options)
{
	struct brood_pool_stats stats;
	struct brood_pool *pool;
	struct brood_event event;
	char text[BROOD_TEXT_SIZE];

	if (strcmp(options->transport, "socket") == 0)
		pool_options->transport = BROOD_SOCKET;
	else if (strcmp(options->transport, "rings") == 0)
		pool_options->transport = BROOD_RINGS;
	else if (strcmp(options->transport, "default") != 0) {
		printf("# this brood has no transport '%s'\n",
		    options->transport);
		exit(77);
	}
	pool_options->ring_bytes = options->ring_bytes;
	if (pool_options->handler == NULL)
		pool_options->handler = answer;
	if (brood_pool_new(&pool, pool_options, text) < 0)
		errx(1, "%s", text);
	do {
		if (brood_pool_wait(pool, -1) < 0)
			errx(1, "the pool is broken");
		while (brood_pool_next_event(pool, &event) == 1)
			if (event.kind == BROOD_EVENT_NOT_STARTED)
				errx(1, "a worker: %s", event.text);
		brood_pool_stats(pool, &stats);
	} while (stats.ready < stats.workers);
	return pool;
}

/* One small request, waited for.  Its completion is to be released. */
static inline void
pool_call(struct brood_pool *pool, const struct brood_message *msg,
    struct brood_completion *ret_done)
{
	if (brood_pool_call(pool, msg, NULL, ret_done) < 0)
		errx(1, "brood_pool_call");
	if (ret_done->fate != BROOD_DONE)
		errx(1, "a request has failed: %s", ret_done->text);
}

/* A number of requests that are kept open. */
struct load {
	struct brood_pool *pool;
	unsigned	 depth;		/* how many are kept open */
	unsigned char	*data;		/* the payload ... */
	size_t		 len;
	uint32_t	 method;	/* ... and what to do with it */
	bool		 is_given;	/* it is written in the pool's memory */
	uint64_t	 n_sent;
	uint64_t	 n_done;
};

static inline void
load_submit(struct load *load)
{
	struct brood_request_options options = {
		.tag = (void *)(uintptr_t)load->n_sent,
	};
	struct brood_message msg = {
		.data = load->data, .len = load->len, .code = load->method,
	};
	void *given;
	int r;

	if (load->is_given) {
		r = brood_request_alloc(load->pool, load->len, &given);
		if (r < 0)
			errx(1, "brood_request_alloc: %s", strerror(-r));
		payload_touch(given, load->len);
		msg.data = given;
	}
	payload_stamp((void *)(uintptr_t)msg.data, load->n_sent);
	r = brood_pool_submit(load->pool, &msg, &options, NULL);
	if (r < 0)
		errx(1, "brood_pool_submit: %s", strerror(-r));
	load->n_sent++;
}

static inline void
load_check(struct load *load, const struct brood_completion *done)
{
	const struct brood_message *reply = &done->reply;
	uint64_t sum;

	if (done->fate != BROOD_DONE)
		errx(1, "a request has failed: %s", done->text);
	payload_stamp(load->data, (uintptr_t)done->tag);
	if (load->method == METHOD_ECHO) {
		if (reply->len != load->len ||
		    memcmp(reply->data, load->data, load->len) != 0)
			errx(1, "a wrong answer");
		return;
	}
	sum = checksum(load->data, load->len);
	if (reply->len != sizeof(sum) ||
	    memcmp(reply->data, &sum, sizeof(sum)) != 0)
		errx(1, "a wrong checksum");
}

/* Wait for answers, and take them all. */
static inline void
load_take(struct load *load)
{
	struct brood_completion done;

	if (brood_pool_wait(load->pool, -1) < 0)
		errx(1, "the pool is broken");
	while (brood_pool_take(load->pool, &done) == 1) {
		load_check(load, &done);
		brood_completion_fini(&done);
		load->n_done++;
	}
}

/*
 * Make n requests, or if n is 0, requests for run_ns.  Gives the nanoseconds
 * that it took until the last answer was taken.
 */
static inline uint64_t
load_run(struct load *load, uint64_t n, uint64_t run_ns)
{
	uint64_t begin = now_ns(), first = load->n_sent;

	while (n > 0 ? load->n_sent - first < n : now_ns() - begin < run_ns) {
		while (load->n_sent - load->n_done < load->depth &&
		    (n == 0 || load->n_sent - first < n))
			load_submit(load);
		load_take(load);
	}
	while (load->n_done < load->n_sent)
		load_take(load);
	return now_ns() - begin;
}

#endif
