/* SPDX-License-Identifier: ISC */

/*
 * Claims about memory for requests: what a program writes there arrives, and
 * whose the memory is.
 */

#include "support/drain.h"
#include "support/fixture.h"
#include "support/methods.h"
#include "support/support.h"

#include <errno.h>

BROOD_SUITE(request_alloc);

/* Submit len bytes at data, of a request that was prepared; they come back. */
static void
submit_prepared(struct brood_pool *pool, uint8_t *data, size_t len)
{
	struct brood_message msg = { .code = METHOD_ECHO, .data = data,
	    .len = len };
	struct brood_completion done;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 >> 3);
	cr_assert_eq(brood_pool_submit(pool, &msg, NULL, NULL), 0);
	/* The memory is the pool's now. */
	cr_assert_eq(brood_request_free(pool, data), -EINVAL);
	cr_assert(drain_next(pool, &done));
	cr_assert_eq(done.fate, BROOD_DONE);
	cr_assert_eq(done.reply.len, len);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(((const uint8_t *)done.reply.data)[i],
		    (uint8_t)(i * 7 >> 3));
	brood_completion_fini(&done);
}

Test(request_alloc, memory_of_the_pool_is_submitted_without_a_copy)
{
	static const size_t lens[] = { 0, 1, 100, 70000, 3 << 20 };
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1,
	    .max_payload = 4 << 20 });
	void *data, *other;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		cr_assert_eq(brood_request_alloc(pool, lens[i], &data), 0);
		cr_assert_eq(brood_request_alloc(pool, 10, &other), 0);
		submit_prepared(pool, data, lens[i] / 2);
		cr_assert_eq(brood_request_free(pool, other), 0);
		cr_assert_eq(brood_request_free(pool, other), -EINVAL);
		cr_assert_eq(brood_request_alloc(pool, lens[i], &data), 0);
		submit_prepared(pool, data, lens[i]);
	}
	/* What is not submitted goes with the pool. */
	cr_assert_eq(brood_request_alloc(pool, 4 << 20, &data), 0);
	fixture_end(pool, counters);
}

Test(request_alloc, memory_that_is_not_accepted_stays_the_programs)
{
	struct counters *counters;
	struct brood_pool *pool = fixture_pool(&counters,
	    (struct brood_pool_options){ .workers = 1, .max_payload = 1000 });
	struct brood_message msg = { .len = 101 };
	void *data;

	cr_assert_eq(brood_request_alloc(pool, 1001, &data), -EMSGSIZE);
	cr_assert_eq(brood_request_alloc(pool, SIZE_MAX, &data), -EMSGSIZE);
	cr_assert_eq(brood_request_free(pool, &msg), -EINVAL);
	cr_assert_eq(brood_request_alloc(pool, 100, &data), 0);
	msg.data = data;
	cr_assert_eq(brood_pool_submit(pool, &msg, NULL, NULL), -EINVAL);
	cr_assert_eq(brood_pool_stop(pool, -1), 0);
	msg.len = 100;
	cr_assert_eq(brood_pool_submit(pool, &msg, NULL, NULL), -ESHUTDOWN);
	cr_assert_eq(brood_request_free(pool, data), 0);
	fixture_end(pool, counters);
}
