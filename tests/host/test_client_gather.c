/* SPDX-License-Identifier: ISC */

/*
 * Claims about requests that a client gathers while its server is busy: they
 * leave together, in order, and no later than the program calls or waits; and
 * whatever ends them before that, ends them as requests that were not sent.
 */

#include "host/fake_server.h"

#include "base/fd.h"

TMPDIR_SUITE(client_gather);

enum { BUSY = 16, GATHER = 32 };

static unsigned n_sends;

ssize_t	__real_sendmsg(int, const struct msghdr *, int);
ssize_t	__wrap_sendmsg(int, const struct msghdr *, int);

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	n_sends++;
	return __real_sendmsg(fd, msg, flags);
}

ssize_t	__real_send(int, const void *, size_t, int);
ssize_t	__wrap_send(int, const void *, size_t, int);

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	n_sends++;
	return __real_send(fd, bytes, len, flags);
}

/* A client of a server that has BUSY requests, all submitted in a row. */
static void
busy_client(void)
{
	fake_client((struct brood_client_options){ .queue = 200 });
	for (uint64_t id = 1; id <= BUSY; id++)
		cr_assert_eq(fake_submit("", fake_plain), id);
	for (uint64_t id = 1; id <= BUSY; id++)
		fake_expect(BROOD_KIND_REQUEST, id);
	n_sends = 0;
}

static void
submit(unsigned n)
{
	while (n-- > 0)
		(void)fake_submit("", fake_plain);
}

static bool
has_come(void)
{
	size_t n = 0;

	cr_assert_eq(brood__fd_unread(fake.fd, &n), 0);
	return n > 0;
}

static void
expect_requests(uint64_t first, uint64_t last)
{
	for (uint64_t id = first; id <= last; id++)
		fake_expect(BROOD_KIND_REQUEST, id);
	cr_assert(!has_come());
}

Test(client_gather, few_requests_leave_at_once)
{
	fake_client((struct brood_client_options){ .queue = 200 });
	for (uint64_t id = 1; id <= BUSY; id++) {
		submit(1);
		expect_requests(id, id);
	}
	fake_end();
}

Test(client_gather, many_leave_together_when_the_program_dispatches)
{
	busy_client();
	submit(20);
	cr_assert(!has_come());
	/* The descriptor tells the program to call. */
	fake_await();
	cr_assert_eq(brood_client_dispatch(fake.client), 0);
	cr_assert_eq(n_sends, 1, "%u", n_sends);
	expect_requests(BUSY + 1, BUSY + 20);
	fake_end();
}

Test(client_gather, many_leave_together_when_the_program_waits)
{
	int64_t begin = wire_now_ms();

	busy_client();
	submit(20);
	cr_assert_eq(brood_client_wait(fake.client, 50), 0);
	/* Nor does what made the descriptor readable end the wait. */
	cr_assert_geq(wire_now_ms() - begin, 50);
	cr_assert_eq(n_sends, 1);
	expect_requests(BUSY + 1, BUSY + 20);
	fake_end();
}

Test(client_gather, those_of_before_leave_in_front_of_a_call)
{
	struct brood_request_options options = { .expire_ms = 50 };
	struct brood_message msg = { .len = 0 };
	struct brood_completion done;

	busy_client();
	submit(3);
	cr_assert_eq(brood_client_call(fake.client, &msg, &options, &done), 0);
	cr_assert_eq(done.fate, BROOD_EXPIRED);
	brood_completion_fini(&done);
	for (uint64_t id = BUSY + 1; id <= BUSY + 4; id++)
		fake_expect(BROOD_KIND_REQUEST, id);
	fake_expect(BROOD_KIND_CANCEL, BUSY + 4);
	fake_end();
}

Test(client_gather, no_more_than_32_are_gathered)
{
	busy_client();
	submit(GATHER);
	cr_assert(!has_come());
	submit(1);
	cr_assert_eq(n_sends, 1);
	expect_requests(BUSY + 1, BUSY + GATHER + 1);
	submit(1);
	cr_assert(!has_come());
	fake_end();
}

Test(client_gather, a_long_one_leaves_at_once_and_takes_the_others_along)
{
	static char text[1026];

	memset(text, 'x', sizeof(text) - 1);
	busy_client();
	submit(3);
	cr_assert_eq(fake_submit(text, fake_plain), BUSY + 4);
	expect_requests(BUSY + 1, BUSY + 4);
	fake_end();
}

Test(client_gather, after_answers_as_many_leave_at_once)
{
	busy_client();
	for (uint64_t id = 1; id <= 10; id++)
		fake_send(BROOD_KIND_REPLY, id, 0, 0, "");
	for (uint64_t id = 1; id <= 10; id++)
		(void)fake_take(id, BROOD_DONE, BROOD_RAN, "");
	submit(10);
	expect_requests(BUSY + 1, BUSY + 10);
	submit(1);
	cr_assert(!has_come());
	fake_end();
}

Test(client_gather, four_in_a_row_leave_at_once)
{
	busy_client();
	for (unsigned i = 0; i < 2; i++) {
		cr_assert_eq(brood_client_dispatch(fake.client), 0);
		submit(4);
		expect_requests(BUSY + 1 + 4 * i, BUSY + 4 + 4 * i);
	}
	submit(1);
	cr_assert(!has_come());
	fake_end();
}

Test(client_gather, a_gathered_one_that_is_canceled_has_not_run)
{
	busy_client();
	submit(2);
	cr_assert_eq(brood_client_cancel(fake.client, BUSY + 1), 0);
	(void)fake_take(BUSY + 1, BROOD_CANCELED, BROOD_NOT_RUN, "");
	expect_requests(BUSY + 2, BUSY + 2);
	fake_end();
}

Test(client_gather, a_gathered_one_that_expires_is_not_sent)
{
	struct brood_request_options options = { .expire_ms = 1 };
	int64_t begin = wire_now_ms();

	busy_client();
	submit(1);
	cr_assert_eq(fake_submit("", options), BUSY + 2);
	submit(1);
	/* The program does something else. */
	while (wire_now_ms() - begin < 100)
		(void)poll(NULL, 0, 20);
	(void)fake_take(BUSY + 2, BROOD_EXPIRED, BROOD_NOT_RUN, "");
	cr_assert_lt(wire_now_ms() - begin, WIRE_PATIENCE / 2);
	fake_expect(BROOD_KIND_REQUEST, BUSY + 1);
	expect_requests(BUSY + 3, BUSY + 3);
	fake_end();
}

Test(client_gather, deadlines_hold_for_what_was_gathered)
{
	struct brood_request_options options = { .expire_ms = 50 };

	busy_client();
	cr_assert_eq(fake_submit("", options), BUSY + 1);
	(void)fake_take(BUSY + 1, BROOD_EXPIRED, BROOD_MAY_HAVE_RUN, "");
	fake_expect(BROOD_KIND_REQUEST, BUSY + 1);
	fake_expect(BROOD_KIND_CANCEL, BUSY + 1);
	fake_end();
}

Test(client_gather, a_server_that_is_gone_completes_them)
{
	busy_client();
	submit(2);
	fake_hang_up();
	for (uint64_t id = 1; id <= BUSY; id++)
		(void)fake_take(id, BROOD_FAILED, BROOD_MAY_HAVE_RUN, "");
	for (uint64_t id = BUSY + 1; id <= BUSY + 2; id++)
		(void)fake_take(id, BROOD_FAILED, BROOD_NOT_RUN, "");
	fake_end();
}
