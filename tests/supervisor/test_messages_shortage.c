/* SPDX-License-Identifier: ISC */

/*
 * The supervisor process when it is short of memory, of descriptors, or of room
 * in the socket to the host: nothing is lost, nobody is blamed, and it goes on.
 */

#include "supervisor/messages_fixture.h"

BROOD_SUITE(messages_shortage);

/* Fill the socket in the supervisor's place.  Gives how many bytes it took. */
static size_t
stuff_control(const struct fixture *fix)
{
	static const char bytes[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = send(fix->spare_fd, bytes, sizeof(bytes),
	    MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	cr_assert_eq(errno, EAGAIN);
	return len;
}

static void
empty_control(const struct fixture *fix, size_t len)
{
	char bytes[4096];
	ssize_t n;

	while (len > 0) {
		n = recv(fix->control_fds[0], bytes,
		    len < sizeof(bytes) ? len : sizeof(bytes), 0);
		cr_assert_gt(n, 0);
		len -= (size_t)n;
	}
}

/*
 * Wait until every child that began has been judged; gives how many.  What is
 * awaited is inside the supervisor, so no event tells of it: ask every 5 ms.
 */
static unsigned
await_block(const struct fixture *fix)
{
	int n = 0;

	while (n < N_BLOCKING || support_n_children() > 1 ||
	    support_n_fds_of(fix->pid) > 13) {
		(void)usleep(5000);
		cr_assert_eq(ioctl(fix->told[0], FIONREAD, &n), 0);
	}
	return (unsigned)n;
}

/*
 * Each slot is given up after one failure, so that no delay ends later.  The
 * socket is full until so many reports are queued that the supervisor starts no
 * more.  Then, while it is stopped, the socket is emptied: when it goes on, one
 * flush sends all that is queued, and no other event will wake it.
 */
Test(messages_shortage, starts_go_on_when_one_flush_sends_every_notice)
{
	int big = 1 << 20;
	struct brood__notice notice;
	unsigned n_begun;
	struct fixture fix;
	size_t len;

	start_with_spare(&fix, setup_prints_and_fails, 0);
	cr_assert_eq(setsockopt(fix.spare_fd, SOL_SOCKET, SO_SNDBUF, &big,
	    sizeof(big)), 0);
	len = stuff_control(&fix);
	for (unsigned i = 0; i < N_SLOTS; i++)
		fill(&fix, i, 1);
	n_begun = await_block(&fix);
	cr_assert_lt(n_begun, N_SLOTS);
	(void)kill(fix.pid, SIGSTOP);
	empty_control(&fix, len);
	(void)kill(fix.pid, SIGCONT);
	for (unsigned n = 0; n < 2 * N_SLOTS; n++)
		cr_assert(next_notice(&fix, PATIENCE_MS, &notice),
		    "%u of %u began, then %u notices came", n_begun, N_SLOTS,
		    n);
	finish(&fix);
}

Test(messages_shortage, command_is_obeyed_when_there_is_memory_again)
{
	struct fixture fix;

	start(&fix, NULL, 0);
	fill(&fix, 0, 1);
	(void)adopt(&fix, 0);
	atomic_store(&page->starved, fix.pid);
	fill(&fix, 1, 1);
	starve(&fix);
	feed();
	(void)adopt(&fix, 1);
	finish(&fix);
}

Test(messages_shortage, start_without_memory_is_nobodys_failure)
{
	struct brood__notice ready, ended;
	struct fixture fix;

	start(&fix, NULL, 1);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	(void)kill(ready.pid, SIGKILL);
	ended = expect(&fix, BROOD__NOTICE_ENDED, 0);
	cr_assert_eq(ended.delay_ms, 100);
	starve(&fix);
	feed();
	ready = adopt(&fix, 0);
	cr_assert_eq(ready.generation, 2);
	finish(&fix);
}

/* All die in one turn of a supervisor that has no memory for the reports. */
Test(messages_shortage, deaths_are_told_when_there_is_memory_again)
{
	struct brood__notice ready[N_DEAD], notice;
	struct fixture fix;
	unsigned n = 0;

	start(&fix, setup_prints, 100);
	for (unsigned i = 0; i < N_DEAD; i++)
		fill(&fix, i, 1);
	for (unsigned i = 0; i < N_DEAD; i++) {
		cr_assert(next_notice(&fix, PATIENCE_MS, &ready[i]));
		answer(&fix, &ready[i], BROOD__COMMAND_ADOPTED);
	}
	(void)kill(fix.pid, SIGSTOP);
	for (unsigned i = 0; i < N_DEAD; i++)
		(void)kill(ready[i].pid, SIGKILL);
	for (unsigned i = 0; i < N_DEAD; i++)
		cr_assert(support_wait_gone(ready[i].pid));
	atomic_store(&page->starved, fix.pid);
	(void)kill(fix.pid, SIGCONT);
	starve(&fix);
	feed();
	while (n < N_DEAD) {
		cr_assert(next_notice(&fix, PATIENCE_MS, &notice));
		if (notice.kind != BROOD__NOTICE_ENDED)
			continue;
		cr_assert_eq(notice.tail_len, BROOD__TAIL_MAX);
		n++;
	}
	finish(&fix);
}

Test(messages_shortage, start_without_descriptors_is_nobodys_failure)
{
	struct rlimit few = { .rlim_cur = 3 }, before;
	struct brood__notice ready;
	struct fixture fix;

	start(&fix, NULL, 1);
	fill(&fix, 0, 1);
	ready = adopt(&fix, 0);
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, NULL, &before), 0);
	few.rlim_max = before.rlim_max;
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, &few, NULL), 0);
	(void)kill(ready.pid, SIGKILL);
	(void)expect(&fix, BROOD__NOTICE_ENDED, 0);
	expect_silence(&fix);
	cr_assert_eq(prlimit(fix.pid, RLIMIT_NOFILE, &before, NULL), 0);
	ready = adopt(&fix, 0);
	cr_assert_eq(ready.generation, 2);
	finish(&fix);
}
