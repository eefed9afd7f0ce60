/* SPDX-License-Identifier: ISC */

/*
 * Claims about memory for answers: what a handler writes there arrives, by
 * rings as by sockets, however long it is and whatever else is sent.
 */

#include "support/drain.h"
#include "support/support.h"

#include <brood.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

BROOD_SUITE(reply_alloc);

enum method {
	METHOD_ALLOC,		/* a pattern of so many bytes */
	METHOD_LESS,		/* asks for more than it sends */
	METHOD_TWICE,		/* asks twice, and uses the second */
	METHOD_UNUSED,		/* asks, and sends something else */
	METHOD_PARTS,		/* each half in memory of its own */
	METHOD_GIVEN_UP,	/* uses it after something was sent: the status
				   says how that went */
	METHOD_MORE,		/* sends more than was asked for: the same */
	METHOD_TOO_LONG,	/* asks for more than the host accepts */
};

enum { ALL_OK = 7, MAX_PAYLOAD = 4 << 20 };

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 13 >> 2 ^ i >> 11);
}

/* Memory of len bytes, with the pattern from a place on; NULL: none. */
static void *
memory(struct brood_request *request, size_t len, size_t from)
{
	uint8_t *bytes;
	void *data;

	if (brood_reply_alloc(request, len, &data) < 0)
		return NULL;
	bytes = data;
	for (size_t i = 0; i < len; i++)
		bytes[i] = pattern(from + i);
	return data;
}

/* In parts: the memory of the first is gone when it is sent. */
static int
answer_in_parts(struct brood_request *request, size_t len)
{
	int r;

	r = brood_request_reply_more(request, memory(request, len / 2, 0),
	    len / 2);
	return r < 0 ? r : brood_request_reply(request, 0,
	    memory(request, len - len / 2, len / 2), len - len / 2);
}

/* Answer without any data that this is what came of it. */
static int
answer_outcome(struct brood_request *request, int r)
{
	return r == 0 ? 0 : brood_request_reply(request, (uint32_t)-r, NULL,
	    0);
}

static int
answer_given_up(struct brood_request *request, size_t len)
{
	void *data = memory(request, len, 0);
	int r;

	r = brood_request_progress(request, "", 0);
	return r < 0 ? r : answer_outcome(request,
	    brood_request_reply(request, 0, data, len));
}

static int
handle(struct brood_request *request, void *arg)
{
	void *data;
	size_t len;

	(void)arg;
	memcpy(&len, brood_request_data(request), sizeof(len));
	switch ((enum method)brood_request_code(request)) {
	case METHOD_ALLOC:
		return brood_request_reply(request, ALL_OK,
		    memory(request, len, 0), len);
	case METHOD_LESS:
		return brood_request_reply(request, ALL_OK,
		    memory(request, 2 * len + 1, 0), len);
	case METHOD_TWICE:
		(void)memory(request, len / 2, 0);
		return brood_request_reply(request, ALL_OK,
		    memory(request, len, 0), len);
	case METHOD_UNUSED:
		(void)memory(request, len, 0);
		return brood_request_reply(request, ALL_OK, "other", 5);
	case METHOD_PARTS:
		return answer_in_parts(request, len);
	case METHOD_GIVEN_UP:
		return answer_given_up(request, len);
	case METHOD_MORE:
		data = memory(request, len, 0);
		return answer_outcome(request,
		    brood_request_reply(request, 0, data, len + 1));
	case METHOD_TOO_LONG:
		return brood_request_reply(request,
		    (uint32_t)-brood_reply_alloc(request, len, &data), NULL, 0);
	}
	return -ENOSYS;
}

static struct brood_pool *
pool_open(uint32_t transport)
{
	struct brood_pool_options options = { .workers = 1, .handler = handle,
	    .transport = transport, .max_payload = MAX_PAYLOAD,
	    .ring_bytes = 1 << 18 };
	struct brood_pool *pool = NULL;

	cr_assert_eq(brood_pool_new(&pool, &options, NULL), 0);
	return pool;
}

static void
call(struct brood_pool *pool, enum method method, size_t len,
    struct brood_completion *ret_done)
{
	struct brood_message msg = { .code = method, .data = &len,
	    .len = sizeof(len) };

	cr_assert_eq(brood_pool_call(pool, &msg, NULL, ret_done), 0);
	cr_assert_eq(ret_done->fate, BROOD_DONE, "%s", ret_done->text);
}

static void
expect_pattern(struct brood_pool *pool, enum method method, size_t len)
{
	struct brood_completion done;
	const uint8_t *bytes;

	call(pool, method, len, &done);
	bytes = done.reply.data;
	cr_assert_eq(done.reply.len, len);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(bytes[i], pattern(i), "byte %zu of %zu", i, len);
	brood_completion_fini(&done);
}

static void
expect_status(struct brood_pool *pool, enum method method, size_t len,
    uint32_t status)
{
	struct brood_completion done;

	call(pool, method, len, &done);
	cr_assert_eq(done.reply.code, status, "%u", done.reply.code);
	brood_completion_fini(&done);
}

/* Of lengths that go through the ring, and others; so that the ring wraps. */
static void
check(uint32_t transport)
{
	static const size_t lens[] = { 0, 1, 100, 5000, 60000, 65536, 65537,
	    1 << 20, MAX_PAYLOAD / 3 };
	struct brood_pool *pool = pool_open(transport);

	for (size_t i = 0; i < 20; i++)
		for (size_t k = 0; k < sizeof(lens) / sizeof(lens[0]) -
		    (i > 2 ? 2 : 0); k++) {
			expect_pattern(pool, METHOD_ALLOC, lens[k]);
			expect_pattern(pool, METHOD_LESS, lens[k]);
			expect_status(pool, METHOD_UNUSED, lens[k], ALL_OK);
			expect_pattern(pool, METHOD_TWICE, lens[k]);
			expect_pattern(pool, METHOD_PARTS, lens[k]);
		}
	expect_status(pool, METHOD_TOO_LONG, MAX_PAYLOAD + 1, EMSGSIZE);
	expect_status(pool, METHOD_TOO_LONG, SIZE_MAX, EMSGSIZE);
	cr_assert_null(brood_pool_free(pool));
}

Test(reply_alloc, what_is_written_there_arrives)
{
	check(BROOD_SOCKET);
	check(BROOD_RINGS);
}

/* Apart from the ring it would still be there, and so nothing is wrong then. */
Test(reply_alloc, what_was_given_up_is_einval)
{
	struct brood_pool *pool = pool_open(BROOD_RINGS);
	struct brood_completion done;

	expect_pattern(pool, METHOD_ALLOC, 100);
	call(pool, METHOD_GIVEN_UP, 100, &done);
	if (done.reply.len == 100) {
		brood_completion_fini(&done);
		cr_assert_null(brood_pool_free(pool));
		cr_skip("there are no rings here");
	}
	brood_completion_fini(&done);
	expect_status(pool, METHOD_GIVEN_UP, 100, EINVAL);
	expect_status(pool, METHOD_MORE, 100, EINVAL);
	expect_pattern(pool, METHOD_ALLOC, 100);
	cr_assert_null(brood_pool_free(pool));
}
