/* SPDX-License-Identifier: ISC */
/*
 * Claims about the readiness set.  They hold for both implementations; one of
 * them is linked in.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "base/ready.h"
#include "support/support.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

BROOD_SUITE(ready);

#define N_MAX		512

/* A token with bits in its upper half too, as owners make them. */
#define TOKEN(i)	(0xfedcba9800000000 + (uint64_t)(i))

static struct brood__ready *ready;
static struct brood__ready_event events[N_MAX];
static int pair[2];

/* Make a set that watches pair[0] for events, with token 1. */
static void
set_open(short interest)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
	    0);
	cr_assert_eq(brood__ready_new(&ready), 0);
	cr_assert_eq(brood__ready_add(ready, pair[0], interest, TOKEN(1)), 0);
}

static void
set_close(void)
{
	ready = brood__ready_free(ready);
	cr_assert_null(ready);
	brood__fd_close_all(pair, 2);
}

static int
set_wait(int timeout_ms)
{
	return brood__ready_wait(ready, timeout_ms, events, N_MAX);
}

static void
expect_event(short want)
{
	cr_assert_eq(set_wait(0), 1);
	cr_assert_eq(events[0].token, TOKEN(1));
	cr_assert_eq(events[0].events, want, "%#x", (unsigned)events[0].events);
}

static void
expect_nothing(void)
{
	cr_assert_eq(set_wait(0), 0);
}

static void
make_readable(void)
{
	cr_assert_eq(write(pair[1], "x", 1), 1);
}

static void
make_quiet(void)
{
	char byte;

	cr_assert_eq(read(pair[0], &byte, 1), 1);
}

/* Wait with a long timeout until the alarm rings; gives how long it took. */
static int64_t
wait_for_alarm(void)
{
	int64_t start_ms = brood__now_ms();

	cr_assert_eq(set_wait(20000), 0);
	return brood__now_ms() - start_ms;
}

Test(ready, a_readable_descriptor_gives_its_token)
{
	set_open(POLLIN);
	expect_nothing();
	make_readable();
	expect_event(POLLIN);
	set_close();
}

Test(ready, interest_is_level_triggered)
{
	set_open(POLLIN);
	make_readable();
	expect_event(POLLIN);
	expect_event(POLLIN);
	make_quiet();
	expect_nothing();
	set_close();
}

Test(ready, only_what_was_asked_for_is_reported)
{
	set_open(POLLIN);
	expect_nothing();
	cr_assert_eq(brood__ready_change(ready, pair[0], POLLOUT, TOKEN(1)), 0);
	make_readable();
	expect_event(POLLOUT);
	cr_assert_eq(brood__ready_change(ready, pair[0], POLLIN | POLLOUT,
	    TOKEN(1)), 0);
	expect_event(POLLIN | POLLOUT);
	cr_assert_eq(brood__ready_change(ready, pair[0], 0, TOKEN(1)), 0);
	expect_nothing();
	set_close();
}

Test(ready, a_change_may_bring_another_token)
{
	set_open(POLLIN);
	make_readable();
	cr_assert_eq(brood__ready_change(ready, pair[0], POLLIN, 0), 0);
	cr_assert_eq(set_wait(0), 1);
	cr_assert_eq(events[0].token, 0u);
	set_close();
}

Test(ready, hangup_and_error_are_reported_without_interest)
{
	int ends[2];

	set_open(0);
	pair[1] = brood__fd_close(pair[1]);
	expect_event(POLLHUP);
	brood__ready_remove(ready, pair[0]);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(brood__ready_add(ready, ends[1], 0, TOKEN(1)), 0);
	expect_nothing();
	close(ends[0]);
	expect_event(POLLERR);
	brood__ready_remove(ready, ends[1]);
	close(ends[1]);
	set_close();
}

Test(ready, a_removed_descriptor_is_silent_and_can_be_added_again)
{
	set_open(POLLIN);
	make_readable();
	brood__ready_remove(ready, pair[0]);
	expect_nothing();
	brood__ready_remove(ready, pair[0]);
	cr_assert_eq(brood__ready_add(ready, pair[0], POLLIN, TOKEN(2)), 0);
	cr_assert_eq(set_wait(0), 1);
	cr_assert_eq(events[0].token, TOKEN(2));
	set_close();
}

Test(ready, nothing_is_left_of_a_descriptor_removed_before_it_is_closed)
{
	int copy;

	set_open(POLLIN);
	make_readable();
	copy = brood__fd_dup(pair[0]);
	cr_assert_geq(copy, 0);
	brood__ready_remove(ready, pair[0]);
	pair[0] = brood__fd_close(pair[0]);
	expect_nothing();
	brood__fd_close(copy);
	set_close();
}

Test(ready, removing_one_leaves_the_others)
{
	int ends[8][2];

	set_open(POLLIN);
	for (unsigned i = 0; i < 8; i++) {
		cr_assert_eq(pipe(ends[i]), 0);
		cr_assert_eq(write(ends[i][1], "x", 1), 1);
		cr_assert_eq(brood__ready_add(ready, ends[i][0], POLLIN,
		    TOKEN(100 + i)), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		uint64_t sum = 0, want = 0;
		int n = set_wait(0);

		cr_assert_eq(n, 8 - (int)i);
		for (int k = 0; k < n; k++)
			sum += events[k].token;
		for (unsigned k = i; k < 8; k++)
			want += TOKEN(100 + k);
		cr_assert_eq(sum, want);
		brood__ready_remove(ready, ends[i][0]);
		brood__fd_close_all(ends[i], 2);
	}
	expect_nothing();
	set_close();
}

Test(ready, mistakes_are_named)
{
	int fd;

	set_open(POLLIN);
	cr_assert_eq(brood__ready_add(ready, pair[0], POLLIN, TOKEN(2)),
	    -EEXIST);
	cr_assert_eq(brood__ready_change(ready, pair[1], POLLIN, TOKEN(2)),
	    -ENOENT);
	fd = brood__fd_dup(pair[0]);
	cr_assert_geq(fd, 0);
	close(fd);
	cr_assert_eq(brood__ready_add(ready, fd, POLLIN, TOKEN(2)), -EBADF);
	make_readable();
	expect_event(POLLIN);
	cr_assert_null(brood__ready_free(NULL));
	set_close();
}

/*
 * Nine descriptors are ready, and a wait gives three of them: three waits give
 * each of them once.
 */
Test(ready, more_than_a_wait_gives_are_served_in_turn)
{
	int ends[9][2];
	unsigned n_seen[9] = { 0 };

	set_open(POLLIN);
	for (unsigned i = 0; i < 9; i++) {
		cr_assert_eq(pipe(ends[i]), 0);
		cr_assert_eq(write(ends[i][1], "x", 1), 1);
		cr_assert_eq(brood__ready_add(ready, ends[i][0], POLLIN,
		    TOKEN(100 + i)), 0);
	}
	for (unsigned round = 0; round < 3 * 10; round++) {
		cr_assert_eq(brood__ready_wait(ready, 0, events, 3), 3);
		for (unsigned i = 0; i < 3; i++)
			n_seen[events[i].token - TOKEN(100)]++;
	}
	for (unsigned i = 0; i < 9; i++) {
		cr_expect_eq(n_seen[i], 10u, "%u: %u", i, n_seen[i]);
		brood__ready_remove(ready, ends[i][0]);
		brood__fd_close_all(ends[i], 2);
	}
	set_close();
}

Test(ready, hundreds_of_descriptors_are_all_found)
{
	static int copies[300];
	static bool is_seen[300];
	unsigned n_seen = 0;

	set_open(POLLIN);
	make_readable();
	brood__ready_remove(ready, pair[0]);
	for (unsigned i = 0; i < 300; i++) {
		copies[i] = brood__fd_dup(pair[0]);
		cr_assert_geq(copies[i], 0);
		cr_assert_eq(brood__ready_add(ready, copies[i], POLLIN,
		    TOKEN(i)), 0);
	}
	for (unsigned round = 0; round < 30 && n_seen < 300; round++) {
		int n = set_wait(0);

		cr_assert_gt(n, 0);
		for (int i = 0; i < n; i++) {
			bool *is = &is_seen[events[i].token - TOKEN(0)];

			n_seen += !*is;
			*is = true;
		}
	}
	cr_assert_eq(n_seen, 300u);
	for (unsigned i = 0; i < 300; i++) {
		brood__ready_remove(ready, copies[i]);
		brood__fd_close(copies[i]);
	}
	set_close();
}

Test(ready, a_wait_in_vain_takes_its_timeout)
{
	int64_t start_ms;

	set_open(POLLIN);
	start_ms = brood__now_ms();
	cr_assert_eq(set_wait(40), 0);
	cr_assert_geq(brood__now_ms() - start_ms, 39);
	set_close();
}

Test(ready, an_alarm_rings_at_its_instant_and_not_before)
{
	int64_t at_ms;

	set_open(POLLIN);
	at_ms = brood__now_ms() + 40;
	cr_assert_eq(brood__ready_alarm(ready, at_ms), 0);
	cr_assert_lt(wait_for_alarm(), 10000);
	cr_assert_geq(brood__now_ms(), at_ms);
	set_close();
}

Test(ready, an_alarm_in_the_past_rings_at_once)
{
	static const int64_t instants[] = { 1, 0, -1, INT64_MIN };

	set_open(POLLIN);
	for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
		cr_assert_eq(brood__ready_alarm(ready, instants[i]), 0);
		cr_assert_lt(wait_for_alarm(), 10000, "row %zu", i);
	}
	cr_assert_eq(brood__ready_alarm(ready, brood__now_ms()), 0);
	cr_assert_lt(wait_for_alarm(), 10000);
	set_close();
}

Test(ready, an_alarm_rings_once_and_can_be_set_to_the_same_instant_again)
{
	int64_t at_ms, start_ms;

	set_open(POLLIN);
	at_ms = brood__now_ms() - 5;
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(brood__ready_alarm(ready, at_ms), 0);
		cr_assert_eq(brood__ready_alarm(ready, at_ms), 0);
		cr_assert_lt(wait_for_alarm(), 10000);
		start_ms = brood__now_ms();
		cr_assert_eq(set_wait(20), 0);
		cr_assert_geq(brood__now_ms() - start_ms, 19);
	}
	set_close();
}

Test(ready, an_alarm_can_be_moved_both_ways_and_taken_back)
{
	int64_t start_ms = brood__now_ms();

	set_open(POLLIN);
	cr_assert_eq(brood__ready_alarm(ready, start_ms + 20000), 0);
	cr_assert_eq(brood__ready_alarm(ready, start_ms + 10), 0);
	cr_assert_lt(wait_for_alarm(), 10000);
	start_ms = brood__now_ms();
	cr_assert_eq(brood__ready_alarm(ready, start_ms - 10), 0);
	cr_assert_eq(brood__ready_alarm(ready, start_ms + 60), 0);
	cr_assert_lt(wait_for_alarm(), 10000);
	cr_assert_geq(brood__now_ms(), start_ms + 60);
	start_ms = brood__now_ms();
	cr_assert_eq(brood__ready_alarm(ready, start_ms - 10), 0);
	cr_assert_eq(brood__ready_alarm(ready, BROOD__NEVER), 0);
	cr_assert_eq(set_wait(30), 0);
	cr_assert_geq(brood__now_ms() - start_ms, 29);
	set_close();
}

Test(ready, an_alarm_by_an_instant_is_moved_forward_only)
{
	int64_t start_ms = brood__now_ms();

	set_open(POLLIN);
	cr_assert_eq(brood__ready_alarm_by(ready, start_ms + 20000), 0);
	cr_assert_eq(brood__ready_alarm_by(ready, start_ms + 10), 0);
	cr_assert_eq(brood__ready_alarm_by(ready, start_ms + 30000), 0);
	cr_assert_eq(brood__ready_alarm_by(ready, BROOD__NEVER), 0);
	cr_assert_lt(wait_for_alarm(), 10000);
	cr_assert_geq(brood__now_ms(), start_ms + 10);
	cr_assert_eq(brood__ready_alarm_by(ready, BROOD__NEVER), 0);
	cr_assert_eq(brood__ready_alarm_by(ready, start_ms + 60), 0);
	cr_assert_lt(wait_for_alarm(), 10000);
	cr_assert_geq(brood__now_ms(), start_ms + 60);
	set_close();
}

Test(ready, an_alarm_at_the_end_of_time_does_not_ring)
{
	int64_t start_ms;

	set_open(POLLIN);
	cr_assert_eq(brood__ready_alarm(ready, BROOD__NEVER - 1), 0);
	start_ms = brood__now_ms();
	cr_assert_eq(set_wait(30), 0);
	cr_assert_geq(brood__now_ms() - start_ms, 29);
	set_close();
}

Test(ready, an_alarm_takes_no_event_from_a_descriptor)
{
	unsigned n_seen = 0;

	set_open(POLLIN);
	make_readable();
	for (unsigned round = 0; round < 10; round++) {
		cr_assert_eq(brood__ready_alarm(ready, 1), 0);
		n_seen += brood__ready_wait(ready, 0, events, 1) == 1;
		n_seen += brood__ready_wait(ready, 0, events, 1) == 1;
	}
	cr_assert_geq(n_seen, 10u);
	set_close();
}

static bool
is_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1 && pollfd.revents == POLLIN;
}

Test(ready, the_single_descriptor_is_readable_when_a_wait_would_not_block)
{
	int fd;

	set_open(POLLIN);
	fd = brood__ready_fd(ready);
	if (fd == -ENOSYS) {
		set_close();
		cr_skip_test("this making has none");
	}
	cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	cr_assert(!is_readable(fd));
	make_readable();
	cr_assert(is_readable(fd));
	expect_event(POLLIN);
	cr_assert(is_readable(fd));
	make_quiet();
	cr_assert(!is_readable(fd));
	cr_assert_eq(brood__ready_alarm(ready, 1), 0);
	cr_assert(is_readable(fd));
	cr_assert_lt(wait_for_alarm(), 10000);
	cr_assert(!is_readable(fd));
	set_close();
}

Test(ready, an_alarm_rings_at_a_descriptor_that_is_asked_for_later)
{
	int fd;

	set_open(POLLIN);
	cr_assert_not(brood__ready_is_shared(ready));
	cr_assert_eq(brood__ready_alarm(ready, 1), 0);
	fd = brood__ready_fd(ready);
	if (fd == -ENOSYS) {
		set_close();
		cr_skip_test("this making has none");
	}
	cr_assert(brood__ready_is_shared(ready));
	cr_assert(is_readable(fd));
	expect_nothing();
	cr_assert(!is_readable(fd));
	set_close();
}

static void
tick_nothing(int sig)
{
	(void)sig;
}

/* The signal comes every 2 ms, so that one comes during the wait. */
Test(ready, a_signal_ends_a_wait_with_nothing)
{
	struct sigaction action = { .sa_handler = tick_nothing };
	struct itimerval every = { { 0, 2000 }, { 0, 2000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	int r;

	set_open(POLLIN);
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
	r = set_wait(-1);
	cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	cr_assert_eq(r, 0);
	make_readable();
	expect_event(POLLIN);
	set_close();
}

static int
free_copy(void *arg)
{
	return brood__ready_free(arg) != NULL;
}

Test(ready, a_forked_copy_is_freed_without_harm_to_the_original)
{
	set_open(POLLIN);
	cr_assert_eq(brood__ready_alarm(ready, brood__now_ms() + 30), 0);
	support_in_child(free_copy, ready);
	cr_assert_lt(wait_for_alarm(), 10000);
	make_readable();
	expect_event(POLLIN);
	set_close();
}
