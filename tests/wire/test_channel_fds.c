/* SPDX-License-Identifier: ISC */

/*
 * Claims about descriptors in messages: each arrives with the message that it
 * was sent with, and no other; and a descriptor that nobody took is closed,
 * whatever the peer has attached.
 *
 * Whether all copies of a descriptor are closed is seen by a pipe: its reader
 * sees end-of-file when no copy of the writing end is left, not even one that
 * is on its way in a socket.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/refusal.h"
#include "support/support.h"
#include "support/wire.h"

BROOD_SUITE(channel_fds);

#define N_OF(array)	(sizeof(array) / sizeof((array)[0]))

static const struct brood_channel_options all_fds = {
    .max_fds = BROOD_MAX_FDS, .max_queued = 8 << 20 };

struct ends {
	struct brood_channel *a;
	struct brood_channel *b;
};

static struct ends
ends_new(void)
{
	struct ends ends = { NULL, NULL };
	int fds[2];

	wire_pair(fds);
	cr_assert_eq(brood_channel_new(&ends.a, fds[0], &all_fds), 0);
	cr_assert_eq(brood_channel_new(&ends.b, fds[1], &all_fds), 0);
	return ends;
}

static void
ends_free(struct ends *ends)
{
	brood_channel_free(ends->a);
	brood_channel_free(ends->b);
}

static void
close_all(const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++)
		cr_assert_eq(close(fds[i]), 0);
}

/*
 * Make a pipe.  Its reading end, which is given, sees end-of-file when the last
 * copy of *ret_write_fd is closed.
 */
static int
tell_tale(int *ret_write_fd)
{
	int fds[2];

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	*ret_write_fd = fds[1];
	return fds[0];
}

static void
expect_closed(int read_fd)
{
	cr_assert(wire_is_hung_up(read_fd), "a copy is still open");
	close(read_fd);
}

static bool
is_open_somewhere(int read_fd)
{
	struct pollfd p = { .fd = read_fd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static void
queue(struct brood_channel *channel, uint64_t id, const int *fds, size_t n)
{
	int r = brood_channel_queue(channel, &(struct brood_message){
	    .id = id, .data = "data", .len = 4, .fds = fds, .n_fds = n });

	cr_assert_eq(r, 0, "queue with %zu descriptors: %d", n, r);
}

/* Receive the message with this id, which must have exactly these files. */
static void
expect_files(struct brood_channel *channel, uint64_t id, const int *files,
    size_t n_files)
{
	struct brood_message got;
	int r = brood_channel_recv(channel, WIRE_PATIENCE, &got);

	cr_assert_eq(r, 1, "recv of %zu descriptors: %d", n_files, r);
	cr_assert_eq(got.id, id);
	cr_assert_eq(got.n_fds, n_files);
	for (size_t i = 0; i < n_files; i++) {
		cr_assert_eq(wire_inode(got.fds[i]), wire_inode(files[i]));
		cr_assert(fcntl(got.fds[i], F_GETFD) & FD_CLOEXEC);
	}
}

Test(channel_fds, one_to_253_descriptors_arrive_in_order)
{
	static const size_t counts[] = { 1, 2, 3, 127, 252, BROOD_MAX_FDS };
	struct ends ends = ends_new();
	int files[4], fds[BROOD_MAX_FDS];

	for (size_t i = 0; i < N_OF(files); i++)
		files[i] = wire_file();
	for (size_t i = 0; i < BROOD_MAX_FDS; i++)
		fds[i] = files[i * i % 7 % N_OF(files)];
	for (size_t i = 0; i < N_OF(counts); i++) {
		queue(ends.a, i, fds, counts[i]);
		cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
		expect_files(ends.b, i, fds, counts[i]);
	}
	close_all(files, N_OF(files));
	ends_free(&ends);
}

Test(channel_fds, descriptors_stay_with_their_message)
{
	struct ends ends = ends_new();
	int files[8];

	for (size_t i = 0; i < N_OF(files); i++)
		files[i] = wire_file();
	queue(ends.a, 1, &files[0], 1);
	queue(ends.a, 2, NULL, 0);
	queue(ends.a, 3, &files[1], 3);
	queue(ends.a, 4, &files[4], 1);
	queue(ends.a, 5, NULL, 0);
	queue(ends.a, 6, &files[5], 3);
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	expect_files(ends.b, 1, &files[0], 1);
	expect_files(ends.b, 2, NULL, 0);
	expect_files(ends.b, 3, &files[1], 3);
	expect_files(ends.b, 4, &files[4], 1);
	expect_files(ends.b, 5, NULL, 0);
	expect_files(ends.b, 6, &files[5], 3);
	close_all(files, N_OF(files));
	ends_free(&ends);
}

Test(channel_fds, descriptors_of_a_long_message_are_sent_once)
{
	const size_t len = 2 << 20;
	struct ends ends = ends_new();
	int files[] = { wire_file(), wire_file() };
	struct brood_message got = { .data = NULL };
	uint8_t *bytes = calloc(1, len);
	int r = 0;

	cr_assert_eq(brood_channel_queue(ends.a, &(struct brood_message){
	    .data = bytes, .len = len, .fds = files, .n_fds = 2 }), 0);
	queue(ends.a, 7, &files[1], 1);
	for (int i = 0; r == 0 && i < 100000; i++) {
		r = brood_channel_flush(ends.a, 0);
		cr_assert(r == 0 || r == -EAGAIN);
		r = brood_channel_recv(ends.b, 0, &got);
	}
	cr_assert_eq(r, 1, "recv: %d", r);
	cr_assert_eq(got.len, len);
	cr_assert_eq(got.n_fds, 2);
	cr_assert_eq(wire_inode(got.fds[1]), wire_inode(files[1]));
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	expect_files(ends.b, 7, &files[1], 1);
	free(bytes);
	close_all(files, 2);
	ends_free(&ends);
}

Test(channel_fds, queue_copies_descriptors_and_leaves_the_callers_open)
{
	struct ends ends = ends_new();
	int file = wire_file();
	int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);

	queue(ends.a, 1, &copy, 1);
	cr_assert_eq(close(copy), 0, "taken");
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	expect_files(ends.b, 1, &file, 1);
	close(file);
	ends_free(&ends);
}

Test(channel_fds, message_with_254_descriptors_is_refused)
{
	struct ends ends = ends_new();
	int file = wire_file();
	int fds[BROOD_MAX_FDS + 1];
	unsigned before = support_n_fds();

	for (size_t i = 0; i < N_OF(fds); i++)
		fds[i] = file;
	cr_assert_eq(brood_channel_queue(ends.a, &(struct brood_message){
	    .fds = fds, .n_fds = N_OF(fds) }), -EINVAL);
	cr_assert_eq(support_n_fds(), before);
	queue(ends.a, 2, &file, 1);
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	expect_files(ends.b, 2, &file, 1);
	close(file);
	ends_free(&ends);
}

Test(channel_fds, message_with_a_closed_descriptor_is_refused)
{
	struct ends ends = ends_new();
	int file = wire_file();
	int fds[] = { file, -1 };
	unsigned before = support_n_fds();

	cr_assert_lt(brood_channel_queue(ends.a, &(struct brood_message){
	    .fds = fds, .n_fds = 2 }), 0);
	cr_assert_eq(support_n_fds(), before);
	queue(ends.a, 2, &file, 1);
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	expect_files(ends.b, 2, &file, 1);
	close(file);
	ends_free(&ends);
}

Test(channel_fds, untaken_descriptor_is_closed_by_the_next_receive)
{
	struct ends ends = ends_new();
	struct brood_message got;
	int write_fds[2], tales[2], taken;

	for (int i = 0; i < 2; i++)
		tales[i] = tell_tale(&write_fds[i]);
	queue(ends.a, 1, write_fds, 2);
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	close_all(write_fds, 2);
	cr_assert_eq(brood_channel_recv(ends.b, 0, &got), 1);
	taken = brood_channel_take_fd(ends.b, 1);
	cr_assert_geq(taken, 0);
	cr_assert(is_open_somewhere(tales[0]));

	cr_assert_eq(brood_channel_recv(ends.b, 0, &got), 0);
	expect_closed(tales[0]);
	ends_free(&ends);
	cr_assert(is_open_somewhere(tales[1]));
	close(taken);
	expect_closed(tales[1]);
}

Test(channel_fds, free_closes_what_is_untaken_and_what_is_unsent)
{
	struct ends ends = ends_new();
	struct brood_message got;
	int write_fds[2], tales[2];

	for (int i = 0; i < 2; i++)
		tales[i] = tell_tale(&write_fds[i]);
	queue(ends.a, 1, &write_fds[0], 1);
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	cr_assert_eq(brood_channel_recv(ends.b, 0, &got), 1);
	queue(ends.a, 2, &write_fds[1], 1);
	close_all(write_fds, 2);
	ends_free(&ends);
	expect_closed(tales[0]);
	expect_closed(tales[1]);
}

Test(channel_fds, descriptor_is_taken_once)
{
	struct ends ends = ends_new();
	struct brood_message got;
	int file = wire_file();
	int taken;

	cr_assert_eq(brood_channel_take_fd(ends.b, 0), -EBADF);
	queue(ends.a, 1, &file, 1);
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	cr_assert_eq(brood_channel_recv(ends.b, 0, &got), 1);
	cr_assert_eq(brood_channel_take_fd(ends.b, 1), -EBADF);
	cr_assert_eq(brood_channel_take_fd(ends.b, SIZE_MAX), -EBADF);
	taken = brood_channel_take_fd(ends.b, 0);
	cr_assert_geq(taken, 0);
	cr_assert_eq(wire_inode(taken), wire_inode(file));
	cr_assert(fcntl(taken, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(brood_channel_take_fd(ends.b, 0), -EBADF);
	close(taken);
	close(file);
	ends_free(&ends);
}

/*
 * Send a frame whose header announces nfds descriptors, and attach n_fds copies
 * of the writing end of one pipe.
 */
static int
send_frame_with(int raw, uint8_t nfds, size_t n_fds)
{
	uint8_t bytes[64];
	int fds[WIRE_FDS];
	int write_fd, tale;
	size_t len;

	tale = tell_tale(&write_fd);
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = write_fd;
	len = wire_encode(bytes, &(struct wire_header){ .kind = 3,
	    .nfds = nfds, .length = 4 }, "data");
	wire_write_fds(raw, bytes, len, fds, n_fds);
	close(write_fd);
	return tale;
}

static void
expect_lost(struct wire_half *half, int tale, unsigned n_fds)
{
	struct brood_message got;
	int r = brood_channel_recv(half->channel, 0, &got);

	cr_expect_eq(r, -EBADMSG, "recv: %d", r);
	expect_closed(tale);
	cr_expect_leq(support_n_fds(), n_fds);
	cr_expect_eq(brood_channel_recv(half->channel, 0, &got), -EBADMSG);
	cr_expect_eq(brood_channel_take_fd(half->channel, 0), -EBADF);
	wire_half_free(half);
}

Test(channel_fds, count_that_differs_from_the_header_ends_the_channel)
{
	static const struct { uint8_t nfds; size_t attached; } lies[] = {
	    { 0, 1 }, { 1, 0 }, { 1, 2 }, { 2, 1 }, { 2, 253 }, { 253, 252 },
	    { 253, 1 }, { 0, 253 },
	};

	for (size_t i = 0; i < N_OF(lies); i++) {
		struct wire_half half = wire_half_new(&all_fds);
		unsigned before = support_n_fds();
		int tale = send_frame_with(half.raw, lies[i].nfds,
		    lies[i].attached);

		expect_lost(&half, tale, before);
	}
}

Test(channel_fds, more_descriptors_than_accepted_end_the_channel)
{
	struct wire_half half = wire_half_new(&(struct brood_channel_options){
	    .max_fds = 2 });
	struct brood_message got;
	unsigned before = support_n_fds();
	int tale = send_frame_with(half.raw, 2, 2);

	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 1);
	cr_assert_eq(got.n_fds, 2);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 0);
	expect_closed(tale);
	tale = send_frame_with(half.raw, 3, 3);
	expect_lost(&half, tale, before);
}

Test(channel_fds, descriptors_in_mid_frame_end_the_channel)
{
	struct wire_half half = wire_half_new(&all_fds);
	struct brood_message got;
	unsigned before = support_n_fds();
	uint8_t bytes[64];
	int write_fd, tale;
	size_t len;

	len = wire_encode(bytes, &(struct wire_header){ .kind = 3,
	    .length = 4 }, "data");
	wire_write(half.raw, bytes, len - 2);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 0);
	tale = tell_tale(&write_fd);
	wire_write_fds(half.raw, bytes + len - 2, 2, &write_fd, 1);
	close(write_fd);
	expect_lost(&half, tale, before);
}

Test(channel_fds, descriptors_come_with_the_first_byte_of_a_split_frame)
{
	struct wire_half half = wire_half_new(&all_fds);
	int files[] = { wire_file(), wire_file() };
	struct brood_message got;
	uint8_t bytes[64];
	size_t len;

	len = wire_encode(bytes, &(struct wire_header){ .kind = 3, .nfds = 2,
	    .length = 4, .id = 3 }, "data");
	wire_write_fds(half.raw, bytes, 1, files, 2);
	for (size_t i = 1; i < len; i++) {
		cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 0);
		wire_write(half.raw, bytes + i, 1);
	}
	expect_files(half.channel, 3, files, 2);
	close_all(files, 2);
	wire_half_free(&half);
}

Test(channel_fds, free_in_mid_frame_closes_what_came)
{
	struct wire_half half = wire_half_new(&all_fds);
	struct brood_message got;
	int write_fd;
	int tale = tell_tale(&write_fd);

	wire_write_fds(half.raw, "\0", 1, &write_fd, 1);
	close(write_fd);
	cr_assert_eq(brood_channel_recv(half.channel, 0, &got), 0);
	cr_assert(is_open_somewhere(tale));
	wire_half_free(&half);
	expect_closed(tale);
}

Test(channel_fds, channel_that_accepts_none_has_them_refused)
{
	struct wire_half half = wire_half_new(NULL);
	struct brood_message got;
	int file = wire_file();

	if (!refusal_is_there())
		cr_skip_test("this system does not refuse descriptors");
	cr_expect_eq(wire_try_fds(half.raw, "x", 1, &file, 1), -EPERM);
	cr_expect_eq(brood_channel_recv(half.channel, 0, &got), 0);
	(void)close(file);
	wire_half_free(&half);
}

/* Where they are not refused. */
Test(channel_fds, channel_that_accepts_none_never_gets_one)
{
	static const uint8_t said[] = { 0, 1 };

	for (size_t i = 0; i < N_OF(said); i++) {
		struct wire_half half = wire_half_new(NULL);
		unsigned before = support_n_fds();
		struct brood_message got = { .n_fds = 1 };
		int tale, r;

		brood__passrights_set(brood_channel_fd(half.channel), true);
		tale = send_frame_with(half.raw, said[i], 1);
		r = brood_channel_recv(half.channel, 0, &got);

		/*
		 * If the header announces no descriptor, nobody can see that
		 * one was dropped.
		 */
		cr_expect(r == -EBADMSG || (r == 1 && said[i] == 0 &&
		    got.n_fds == 0), "recv: %d", r);
		expect_closed(tale);
		cr_expect_leq(support_n_fds(), before);
		cr_expect_eq(brood_channel_take_fd(half.channel, 0), -EBADF);
		wire_half_free(&half);
	}
}

/* Let this process open only n more descriptors. Gives the limit as it was. */
static struct rlimit
limit_fds(int n)
{
	struct rlimit old, new;
	int lowest[4];

	for (int i = 0; i < n + 1; i++)
		lowest[i] = fcntl(0, F_DUPFD_CLOEXEC, 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	new = old;
	new.rlim_cur = (rlim_t)lowest[n];
	close_all(lowest, (size_t)n + 1);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &new), 0);
	return old;
}

Test(channel_fds, receiver_out_of_descriptors_loses_the_channel_only)
{
	struct wire_half half = wire_half_new(&all_fds);
	unsigned before = support_n_fds();
	int tale = send_frame_with(half.raw, 3, 3);
	struct rlimit old = limit_fds(1);
	struct brood_message got;
	int r = brood_channel_recv(half.channel, 0, &got);

	setrlimit(RLIMIT_NOFILE, &old);
	cr_assert_eq(r, -EBADMSG, "recv: %d", r);
	expect_lost(&half, tale, before);
}

Test(channel_fds, sender_out_of_descriptors_may_try_again)
{
	struct ends ends = ends_new();
	int files[] = { wire_file(), wire_file() };
	unsigned before = support_n_fds();
	struct rlimit old = limit_fds(1);
	int r = brood_channel_queue(ends.a, &(struct brood_message){
	    .fds = files, .n_fds = 2 });

	setrlimit(RLIMIT_NOFILE, &old);
	cr_assert_eq(r, -EMFILE, "queue: %d", r);
	cr_assert_eq(support_n_fds(), before);
	queue(ends.a, 3, files, 2);
	cr_assert_eq(brood_channel_flush(ends.a, 0), 0);
	expect_files(ends.b, 3, files, 2);
	close_all(files, 2);
	ends_free(&ends);
}
