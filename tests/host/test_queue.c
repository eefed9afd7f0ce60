/* SPDX-License-Identifier: ISC */

/*
 * The queue: one completion for each request, in every order of events.
 */

#include "base/clock.h"
#include "host/queue.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

BROOD_SUITE(queue);

Test(queue, every_fate_has_a_name)
{
	for (int i = BROOD_DONE; i <= BROOD_PROGRESS; i++)
		cr_assert_str_neq(brood_fate_name((enum brood_fate)i),
		    "unknown");
	cr_assert_str_eq(brood_fate_name(BROOD_CRASHED), "crashed");
	cr_assert_str_eq(brood_fate_name((enum brood_fate)0), "unknown");
	cr_assert_str_eq(brood_ran_name(BROOD_NOT_RUN), "not run");
	cr_assert_str_eq(brood_ran_name(BROOD_MAY_HAVE_RUN), "may have run");
	cr_assert_str_eq(brood_ran_name(BROOD_RAN), "ran");
	cr_assert_str_eq(brood_ran_name((enum brood_ran)0), "unknown");
}

static struct brood__pending *
add(struct brood__queue *queue, int64_t deadline_ms)
{
	struct brood_message msg = { .data = "text", .len = 4 };
	struct brood__pending *pending;

	cr_assert_eq(brood__queue_make(queue, &msg, &pending), 0);
	pending->expire_at_ms = deadline_ms;
	brood__queue_add(queue, pending);
	return pending;
}

/* Take the next result, which is of this request and fate. */
static void
expect(struct brood__queue *queue, uint64_t id, enum brood_fate fate,
    enum brood_ran ran)
{
	struct brood_completion done;

	cr_assert_eq(brood__queue_take(queue, NULL, &done), 1);
	cr_assert_eq(done.id, id);
	cr_assert_eq(done.fate, fate);
	cr_assert_eq(done.ran, ran);
	brood_completion_fini(&done);
}

static void
expect_nothing(struct brood__queue *queue)
{
	struct brood_completion done;

	cr_assert_eq(brood__queue_take(queue, NULL, &done), 0);
	cr_assert_eq(queue->n_outstanding, 0);
	cr_assert_eq(queue->n_untaken, 0);
}

Test(queue, gives_requests_in_order_and_one_completion_each)
{
	struct brood_completion done = { .fate = BROOD_DONE, .ran = BROOD_RAN };
	struct brood_message reply = { .data = "reply", .len = 5 };
	struct brood__pending *first, *second;
	struct brood__queue queue;

	brood__queue_init(&queue);
	first = add(&queue, BROOD__NEVER);
	second = add(&queue, BROOD__NEVER);
	cr_assert_eq(brood__queue_next(&queue), first);
	brood__queue_remove(&queue, first);
	cr_assert_eq(brood__queue_next(&queue), second);
	cr_assert_eq(queue.n_waiting, 1);
	brood__queue_complete(&queue, first, &done, &reply, NULL, 0);
	brood__queue_forget(&queue, first);
	brood__queue_remove(&queue, second);
	brood__queue_end(&queue, second, BROOD_CANCELED, "canceled");
	cr_assert_eq(queue.n_outstanding, 2);
	expect(&queue, 1, BROOD_DONE, BROOD_RAN);
	expect(&queue, 2, BROOD_CANCELED, BROOD_NOT_RUN);
	expect_nothing(&queue);
	brood__queue_fini(&queue);
}

Test(queue, restored_requests_are_in_order_whatever_order_they_come_in)
{
	struct brood__pending *pending[4];
	struct brood__queue queue;

	brood__queue_init(&queue);
	for (int i = 0; i < 4; i++)
		pending[i] = add(&queue, BROOD__NEVER);
	for (int i = 0; i < 3; i++)
		brood__queue_remove(&queue, pending[i]);
	brood__queue_restore(&queue, pending[1]);
	brood__queue_restore(&queue, pending[2]);
	brood__queue_restore(&queue, pending[0]);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(brood__queue_next(&queue), pending[i]);
		brood__queue_remove(&queue, pending[i]);
		brood__queue_forget(&queue, pending[i]);
	}
	cr_assert_eq(queue.n_restored, 3);
	brood__queue_fini(&queue);
}

/*
 * As when a thousand workers end at once, which had taken their requests in
 * turns.  To look for the place of each one would take minutes.
 */
Test(queue, very_many_requests_are_restored_in_no_time)
{
	enum { REQUESTS = 1 << 17, WORKERS = 1024 };
	struct brood__pending **pending, *next;
	struct brood__queue queue;
	clock_t began;

	pending = calloc(REQUESTS, sizeof(*pending));
	cr_assert_not_null(pending);
	brood__queue_init(&queue);
	for (unsigned i = 0; i < REQUESTS; i++) {
		pending[i] = add(&queue, BROOD__NEVER);
		brood__queue_remove(&queue, pending[i]);
	}
	began = clock();
	for (unsigned i = 0; i < WORKERS; i++)
		for (unsigned at = i; at < REQUESTS; at += WORKERS)
			brood__queue_restore(&queue, pending[at]);
	cr_assert_lt(clock() - began, 3 * CLOCKS_PER_SEC);
	for (unsigned i = 0; i < REQUESTS; i++) {
		next = brood__queue_next(&queue);
		cr_assert_eq(next, pending[i]);
		brood__queue_remove(&queue, next);
		brood__queue_forget(&queue, next);
	}
	brood__queue_fini(&queue);
	free(pending);
}

Test(queue, closed_one_refuses_what_never_ran_and_ends_what_may_have)
{
	struct brood__pending *waiting, *sent, *retried;
	struct brood__queue queue;

	brood__queue_init(&queue);
	waiting = add(&queue, BROOD__NEVER);
	sent = add(&queue, BROOD__NEVER);
	retried = add(&queue, BROOD__NEVER);
	(void)waiting;
	brood__queue_remove(&queue, sent);
	brood__queue_remove(&queue, retried);
	retried->n_retries = 1;
	brood__queue_close(&queue, BROOD_CRASHED, "broken");
	brood__queue_close(&queue, BROOD_CANCELED, "stopping");
	cr_assert_str_eq(queue.closed_text, "broken");
	brood__queue_restore(&queue, sent);
	brood__queue_restore(&queue, retried);
	(void)add(&queue, BROOD__NEVER);
	expect(&queue, 1, BROOD_REFUSED, BROOD_NOT_RUN);
	expect(&queue, 2, BROOD_REFUSED, BROOD_NOT_RUN);
	expect(&queue, 3, BROOD_CRASHED, BROOD_MAY_HAVE_RUN);
	expect(&queue, 4, BROOD_REFUSED, BROOD_NOT_RUN);
	expect_nothing(&queue);
	brood__queue_open(&queue);
	cr_assert_not_null(add(&queue, BROOD__NEVER));
	cr_assert_eq(queue.n_waiting, 1);
	brood__queue_fini(&queue);
}

Test(queue, deadlines_are_due_in_order_and_once)
{
	struct brood__pending *late, *early, *never;
	struct brood__queue queue;

	brood__queue_init(&queue);
	late = add(&queue, 20);
	early = add(&queue, 10);
	never = add(&queue, BROOD__NEVER);
	(void)never;
	cr_assert_eq(brood__queue_next_due(&queue), 10);
	cr_assert_null(brood__queue_due(&queue, 9));
	cr_assert_eq(brood__queue_due(&queue, 20), early);
	cr_assert_eq(brood__queue_due(&queue, 20), late);
	cr_assert_null(brood__queue_due(&queue, 1000));
	cr_assert_eq(brood__queue_next_due(&queue), BROOD__NEVER);
	brood__queue_fini(&queue);
}

Test(queue, deadline_holds_while_a_worker_has_the_request)
{
	struct brood__pending *pending;
	struct brood__queue queue;

	brood__queue_init(&queue);
	pending = add(&queue, 10);
	brood__queue_remove(&queue, pending);
	pending->state = BROOD__PENDING_SENT;
	cr_assert_eq(brood__queue_due(&queue, 10), pending);
	brood__queue_forget(&queue, pending);
	brood__queue_fini(&queue);
}

Test(queue, parts_pause_it_until_half_of_them_are_taken)
{
	struct brood_completion part = { .fate = BROOD_PART, .text = "" };
	struct brood_message msg = { .data = calloc(1, 100000), .len = 100000 };
	struct brood__pending *pending;
	struct brood__queue queue;
	unsigned n = 0;

	brood__queue_init(&queue);
	pending = add(&queue, BROOD__NEVER);
	for (; !queue.is_paused; n++)
		cr_assert_eq(brood__queue_put_part(&queue, pending, &part,
		    &msg), 0);
	cr_assert_eq(n, 11);		/* of 100,256, up to 1 MiB */
	cr_assert_eq(pending->n_streamed, n);
	for (; queue.is_paused; n--) {
		cr_assert_eq(brood__queue_take(&queue, NULL, &part), 1);
		brood_completion_fini(&part);
	}
	cr_assert_eq(n, 5);
	cr_assert_eq(queue.n_outstanding, 1);
	free((void *)(uintptr_t)msg.data);
	brood__queue_fini(&queue);
}

Test(queue, result_is_found_among_others_and_taken_out_of_turn)
{
	struct brood_completion done;
	struct brood__queue queue;

	brood__queue_init(&queue);
	(void)add(&queue, BROOD__NEVER);
	(void)add(&queue, BROOD__NEVER);
	cr_assert_null(brood__queue_find_result(&queue, 2));
	brood__queue_close(&queue, BROOD_CANCELED, "stopping");
	cr_assert_eq(brood__queue_take(&queue,
	    brood__queue_find_result(&queue, 2), &done), 1);
	cr_assert_eq(done.id, 2);
	brood_completion_fini(&done);
	expect(&queue, 1, BROOD_REFUSED, BROOD_NOT_RUN);
	expect_nothing(&queue);
	brood__queue_fini(&queue);
}

Test(queue, freed_with_requests_and_results_left_leaks_nothing)
{
	struct brood__queue queue;

	brood__queue_init(&queue);
	(void)add(&queue, 10);
	brood__queue_close(&queue, BROOD_CANCELED, "stopping");
	brood__queue_open(&queue);
	(void)add(&queue, 10);
	brood__queue_fini(&queue);
}
