/* SPDX-License-Identifier: ISC */
/*
 * Claims about descriptors over a socketpair: which of them arrive, which are
 * closed, and that none is left over (BROOD_SUITE counts them after every
 * test).
 */

#include "base/fd.h"
#include "support/support.h"
#include "wire/fdpass.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

BROOD_SUITE(fdpass);

struct received {
	char	 bytes[64];
	int	 fds[BROOD_MAX_FDS];
	size_t	 n_fds;
	bool	 is_lost;
};

static int pair[2];

/* How many signals the handlers below have seen. */
static volatile sig_atomic_t n_ticks;

static void
pair_open(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
	    0);
}

static void
pair_close(void)
{
	brood__fd_close_all(pair, 2);
}

/* Make n copies of standard input. */
static void
copies_open(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fds[i] = brood__fd_dup(STDIN_FILENO);
		cr_assert_geq(fds[i], 0);
	}
}

static ssize_t
send_text(const char *text, const int *fds, size_t n_fds)
{
	struct iovec iov = {
		.iov_base = (void *)text, .iov_len = strlen(text)
	};

	return brood__fdpass_send(pair[0], &iov, 1, fds, n_fds, MSG_DONTWAIT);
}

static void
send_copies(const char *text, size_t n)
{
	int fds[BROOD_MAX_FDS];

	copies_open(fds, n);
	cr_assert_eq(send_text(text, fds, n), (ssize_t)strlen(text));
	brood__fd_close_all(fds, n);
}

static ssize_t
recv_some(struct received *received, size_t max_fds, int flags)
{
	memset(received, 0x5a, sizeof(*received));
	return brood__fdpass_recv(pair[1], received->bytes,
	    sizeof(received->bytes), received->fds, max_fds, &received->n_fds,
	    &received->is_lost, flags | MSG_DONTWAIT);
}

static void
check_lost(size_t n_sent, size_t max_fds)
{
	struct received received;
	unsigned n_before = support_n_fds();

	send_copies("abc", n_sent);
	cr_expect_eq(recv_some(&received, max_fds, 0), 3);
	cr_expect(received.is_lost, "%zu for %zu", n_sent, max_fds);
	cr_expect_eq(received.n_fds, 0u);
	cr_expect_eq(support_n_fds(), n_before);
}

static bool
is_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	    sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* Let a signal interrupt system calls every 2 ms. */
static void
ticks_start(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };
	struct itimerval every = { { 0, 2000 }, { 0, 2000 } };

	n_ticks = 0;
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
}

static void
ticks_stop(void)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}

Test(fdpass, bytes_are_gathered_and_arrive_without_descriptors)
{
	struct iovec iov[] = {
		{ .iov_base = (char[]){ "he" }, .iov_len = 2 },
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = (char[]){ "llo" }, .iov_len = 3 },
	};
	struct received received;

	pair_open();
	cr_assert_eq(brood__fdpass_send(pair[0], iov, 3, NULL, 0, 0), 5);
	cr_assert_eq(recv_some(&received, BROOD_MAX_FDS, 0), 5);
	cr_assert_arr_eq(received.bytes, "hello", 5);
	cr_assert_eq(received.n_fds, 0u);
	cr_assert(!received.is_lost);
	pair_close();
}

Test(fdpass, descriptors_arrive_in_order_and_close_on_exec)
{
	struct received received;
	int pipes[4];

	pair_open();
	cr_assert_eq(pipe(pipes), 0);
	cr_assert_eq(pipe(pipes + 2), 0);
	cr_assert_eq(send_text("x", pipes, 4), 1);
	cr_assert_eq(recv_some(&received, 4, 0), 1);
	cr_assert_eq(received.n_fds, 4u);
	cr_assert(!received.is_lost);
	for (size_t i = 0; i < 4; i++) {
		cr_expect(is_same_file(received.fds[i], pipes[i]), "%zu", i);
		cr_expect_neq(received.fds[i], pipes[i]);
		cr_expect_eq(fcntl(received.fds[i], F_GETFD), FD_CLOEXEC);
	}
	brood__fd_close_all(received.fds, received.n_fds);
	brood__fd_close_all(pipes, 4);
	pair_close();
}

Test(fdpass, every_count_up_to_the_maximum_arrives_whole)
{
	pair_open();
	for (size_t n = 1; n <= BROOD_MAX_FDS; n++) {
		struct received received;
		unsigned n_before = support_n_fds();

		send_copies("x", n);
		cr_assert_eq(recv_some(&received, n, 0), 1);
		cr_assert_eq(received.n_fds, n);
		cr_assert(!received.is_lost);
		cr_assert_eq(support_n_fds(), n_before + n);
		brood__fd_close_all(received.fds, n);
	}
	pair_close();
}

/*
 * The padding of the control buffer has room for one descriptor more than an
 * odd number.
 */
Test(fdpass, more_than_max_fds_are_lost_all_of_them)
{
	static const size_t maxima[] = { 1, 2, 3, 4, 7, 100, 251, 252 };

	pair_open();
	for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
		check_lost(maxima[i] + 1, maxima[i]);
		check_lost(BROOD_MAX_FDS, maxima[i]);
	}
	pair_close();
}

Test(fdpass, every_excess_over_a_small_maximum_is_lost)
{
	pair_open();
	for (size_t max = 1; max <= 4; max++)
		for (size_t n = max + 1; n < max + 24; n++)
			check_lost(n, max);
	pair_close();
}

Test(fdpass, without_room_for_any_the_kernel_drops_them)
{
	struct received received;
	unsigned n_before;

	pair_open();
	n_before = support_n_fds();
	send_copies("abc", 3);
	cr_assert_eq(recv_some(&received, 0, 0), 3);
	cr_assert_eq(received.n_fds, 0u);
	cr_assert(!received.is_lost);
	cr_assert_eq(support_n_fds(), n_before);
	pair_close();
}

Test(fdpass, peeking_without_room_leaves_the_descriptors_in_place)
{
	struct received received;

	pair_open();
	send_copies("abc", 2);
	cr_assert_eq(recv_some(&received, 0, MSG_PEEK), 3);
	cr_assert(!received.is_lost);
	cr_assert_eq(recv_some(&received, 2, 0), 3);
	cr_assert_eq(received.n_fds, 2u);
	brood__fd_close_all(received.fds, 2);
	pair_close();
}

Test(fdpass, a_receiver_out_of_descriptors_loses_them_and_keeps_the_bytes)
{
	struct rlimit limit, low;
	struct received received;
	unsigned n_before;
	int next;
	ssize_t n;

	pair_open();
	send_copies("abc", 4);
	n_before = support_n_fds();
	next = brood__fd_dup(STDIN_FILENO);
	cr_assert_geq(next, 0);
	brood__fd_close(next);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)next + 2;	/* room for 1 or 2 of the 4 */
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	n = recv_some(&received, 4, 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(n, 3);
	cr_assert(received.is_lost);
	cr_assert_eq(received.n_fds, 0u);
	cr_assert_eq(support_n_fds(), n_before);
	pair_close();
}

Test(fdpass, credentials_leave_room_for_every_descriptor)
{
	int one = 1;
	struct received received;

	pair_open();
	cr_assert_eq(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one,
	    sizeof(one)), 0);
	for (size_t n = 0; n <= BROOD_MAX_FDS; n += 23) {
		send_copies("x", n);
		cr_assert_eq(recv_some(&received, n > 0 ? n : 1, 0), 1);
		cr_assert(!received.is_lost, "%zu", n);
		cr_assert_eq(received.n_fds, n);
		brood__fd_close_all(received.fds, n);
	}
	send_copies("x", 0);
	cr_assert_eq(recv_some(&received, 0, 0), 1);
	cr_assert(!received.is_lost);
	pair_close();
}

Test(fdpass, descriptors_come_with_the_bytes_they_were_sent_with)
{
	struct received received;

	pair_open();
	send_copies("plain", 0);
	send_copies("one", 1);
	send_copies("two", 2);
	cr_assert_eq(recv_some(&received, 8, 0), 5 + 3);
	cr_assert_eq(received.n_fds, 1u);
	brood__fd_close_all(received.fds, 1);
	cr_assert_eq(recv_some(&received, 8, 0), 3);
	cr_assert_arr_eq(received.bytes, "two", 3);
	cr_assert_eq(received.n_fds, 2u);
	brood__fd_close_all(received.fds, 2);
	pair_close();
}

/*
 * When a send took only a part of the bytes, the rest is sent without
 * descriptors.
 */
Test(fdpass, a_partial_send_has_sent_every_descriptor)
{
	static char big[4 << 20];
	struct iovec iov = { .iov_base = big, .iov_len = sizeof(big) };
	struct received received;
	size_t n_fds = 0;
	ssize_t n, n_left;
	int fds[3];

	pair_open();
	copies_open(fds, 3);
	n = brood__fdpass_send(pair[0], &iov, 1, fds, 3, MSG_DONTWAIT);
	cr_assert(n > 0 && (size_t)n < sizeof(big), "n = %zd", n);
	for (n_left = n; n_left > 0; n_left -= n) {
		n = recv_some(&received, 3, 0);
		cr_assert_gt(n, 0);
		cr_assert(received.n_fds == (n_fds == 0 ? 3u : 0u));
		brood__fd_close_all(received.fds, received.n_fds);
		n_fds += received.n_fds;
	}
	cr_assert_eq(n_fds, 3u);
	brood__fd_close_all(fds, 3);
	pair_close();
}

Test(fdpass, a_closed_descriptor_sends_nothing)
{
	struct received received;
	int fds[2];

	pair_open();
	copies_open(fds, 2);
	close(fds[1]);
	cr_assert_eq(send_text("abc", fds, 2), -EBADF);
	cr_assert_eq(recv_some(&received, 2, 0), -EAGAIN);
	close(fds[0]);
	pair_close();
}

/* If a SIGPIPE were raised, it would end this test. */
Test(fdpass, a_peer_that_is_gone_is_an_error_and_no_signal)
{
	struct received received;

	pair_open();
	cr_assert_neq(signal(SIGPIPE, SIG_DFL), SIG_ERR);
	send_copies("abc", 1);
	pair[0] = brood__fd_close(pair[0]);
	cr_assert_eq(recv_some(&received, 1, 0), 3);
	brood__fd_close_all(received.fds, received.n_fds);
	cr_assert_eq(recv_some(&received, 1, 0), 0);
	cr_assert_eq(received.n_fds, 0u);
	pair_close();
	pair_open();
	pair[1] = brood__fd_close(pair[1]);
	cr_assert_eq(send_text("abc", NULL, 0), -EPIPE);
	pair_close();
}

Test(fdpass, what_would_block_says_so)
{
	struct received received;
	ssize_t n;

	pair_open();
	cr_assert_eq(recv_some(&received, 1, 0), -EAGAIN);
	cr_assert_eq(received.n_fds, 0u);
	cr_assert(!received.is_lost);
	do
		n = send_text("x", NULL, 0);
	while (n > 0);
	cr_assert_eq(n, -EAGAIN);
	pair_close();
}

static void
tick_sends(int sig)
{
	(void)sig;
	if (++n_ticks == 3 && write(pair[0], "late", 4) != 4)
		abort();
}

Test(fdpass, a_signal_does_not_end_a_receive)
{
	struct received received;
	ssize_t n;

	pair_open();
	ticks_start(tick_sends);
	n = brood__fdpass_recv(pair[1], received.bytes, sizeof(received.bytes),
	    received.fds, 1, &received.n_fds, &received.is_lost, 0);
	ticks_stop();
	cr_assert_eq(n, 4);
	cr_assert_geq(n_ticks, 3);
	pair_close();
}

static void
tick_makes_room(int sig)
{
	static char buf[1 << 16];

	(void)sig;
	if (++n_ticks < 3)
		return;
	while (recv(pair[1], buf, sizeof(buf), MSG_DONTWAIT) > 0)
		continue;
}

Test(fdpass, a_signal_does_not_end_a_send)
{
	struct iovec iov = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	ssize_t n;

	pair_open();
	while (send_text("x", NULL, 0) > 0)
		continue;
	ticks_start(tick_makes_room);
	n = brood__fdpass_send(pair[0], &iov, 1, NULL, 0, 0);
	ticks_stop();
	cr_assert_eq(n, 1);
	cr_assert_geq(n_ticks, 3);
	pair_close();
}
