/* SPDX-License-Identifier: ISC */

/*
 * Claims about an inbox that reads ahead, of frames with descriptors: each
 * frame gets its own and no other's, wherever the stream was split; and what a
 * peer attaches to nothing is refused, and closed.
 */

#include "support/support.h"
#include "support/wire.h"
#include "wire/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

BROOD_SUITE(inbox_ahead);

/* An inbox, its socket, the peer's end, and files to be sent. */
struct scene {
	struct brood__inbox inbox;
	int fd;
	int raw;
	int files[3];
};

static void
scene_init(struct scene *s)
{
	int fds[2];

	wire_pair(fds);
	s->fd = fds[0];
	s->raw = fds[1];
	for (size_t i = 0; i < 3; i++)
		s->files[i] = wire_file();
	cr_assert_eq(brood__inbox_init(&s->inbox, 65536, BROOD_MAX_FDS), 0);
	s->inbox.mode = BROOD__INBOX_GREEDY;
}

static void
scene_fini(struct scene *s)
{
	brood__inbox_fini(&s->inbox);
	close(s->fd);
	close(s->raw);
	for (size_t i = 0; i < 3; i++)
		close(s->files[i]);
}

static int
recv_once(struct scene *s)
{
	return brood__inbox_recv(&s->inbox, s->fd, MSG_DONTWAIT);
}

/* Write a frame with a payload of 4 bytes that announces n_fds descriptors. */
static size_t
encode(uint8_t *bytes, uint64_t id, uint8_t n_fds)
{
	struct wire_header header = { .kind = 2, .id = id, .nfds = n_fds,
	    .length = 4 };

	return wire_encode(bytes, &header, "text");
}

static void
send_frame(struct scene *s, uint64_t id, size_t n_fds)
{
	uint8_t bytes[64];

	wire_write_fds(s->raw, bytes, encode(bytes, id, (uint8_t)n_fds),
	    s->files, n_fds);
}

/* The next frame is there already, with the first n_fds of the files. */
static void
expect_next(struct scene *s, uint64_t id, size_t n_fds)
{
	struct brood_message msg;

	cr_assert_eq(brood__inbox_next(&s->inbox, &msg), 1);
	cr_assert_eq(msg.id, id);
	cr_assert_eq(msg.n_fds, n_fds, "%zu with frame %d", msg.n_fds, (int)id);
	for (size_t i = 0; i < n_fds; i++)
		cr_assert_eq(wire_inode(msg.fds[i]), wire_inode(s->files[i]));
}

static int
next(struct scene *s)
{
	struct brood_message msg;

	return brood__inbox_next(&s->inbox, &msg);
}

Test(inbox_ahead, each_frame_gets_its_own_descriptors)
{
	static const size_t n_fds[] = { 0, 0, 2, 0, 1, 3, 0, 0 };
	const size_t n = sizeof(n_fds) / sizeof(*n_fds);
	size_t n_receives = 0;
	struct scene s;

	scene_init(&s);
	for (size_t i = 0; i < n; i++)
		send_frame(&s, i + 1, n_fds[i]);
	for (size_t i = 0; i < n; i++) {
		while (next(&s) == 0) {
			cr_assert_eq(recv_once(&s), 1);
			n_receives++;
		}
		brood__inbox_unget(&s.inbox);
		expect_next(&s, i + 1, n_fds[i]);
	}
	/* One for each frame with descriptors, one for what is behind. */
	cr_assert_eq(n_receives, 4);
	cr_assert_eq(next(&s), 0);
	cr_assert_eq(recv_once(&s), -EAGAIN);
	scene_fini(&s);
}

Test(inbox_ahead, frames_may_follow_in_the_same_sendmsg)
{
	uint8_t bytes[128];
	struct scene s;
	size_t len;

	scene_init(&s);
	send_frame(&s, 1, 0);
	len = encode(bytes, 2, 1);
	len += encode(bytes + len, 3, 0);
	wire_write_fds(s.raw, bytes, len, s.files, 1);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, 0);
	expect_next(&s, 2, 1);
	expect_next(&s, 3, 0);
	cr_assert_eq(next(&s), 0);
	scene_fini(&s);
}

/* What is taken is the program's; the rest is closed. */
Test(inbox_ahead, a_descriptor_can_be_kept)
{
	struct scene s;
	int fd;

	scene_init(&s);
	send_frame(&s, 1, 0);
	send_frame(&s, 2, 3);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, 0);
	cr_assert_eq(brood__inbox_take_fd(&s.inbox, 0), -EBADF);
	expect_next(&s, 2, 3);
	fd = brood__inbox_take_fd(&s.inbox, 1);
	cr_assert_eq(wire_inode(fd), wire_inode(s.files[1]));
	close(fd);
	scene_fini(&s);
}

/*
 * Split the second of three frames, all with descriptors, and the frame without
 * any that is in front of them.
 */
static void
split(size_t at, bool has_plain)
{
	uint8_t bytes[64];
	struct scene s;
	size_t len;

	scene_init(&s);
	if (has_plain)
		send_frame(&s, 9, 0);
	send_frame(&s, 1, 1);
	len = encode(bytes, 2, 2);
	wire_write_fds(s.raw, bytes, at, s.files, 2);
	if (has_plain) {
		cr_assert_eq(recv_once(&s), 1);
		expect_next(&s, 9, 0);
	} else
		cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, 1);
	cr_assert_eq(next(&s), 0);
	cr_assert_eq(recv_once(&s), 1);
	cr_assert_eq(next(&s), 0, "split at %zu", at);
	wire_write(s.raw, bytes + at, len - at);
	send_frame(&s, 3, 3);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 2, 2);
	expect_next(&s, 3, 3);
	cr_assert_eq(next(&s), 0);
	scene_fini(&s);
}

Test(inbox_ahead, a_frame_with_descriptors_may_be_split_at_each_byte)
{
	for (size_t at = 1; at < WIRE_HEADER + 4; at++) {
		split(at, false);
		split(at, true);
	}
}

/* Refusals */

Test(inbox_ahead, descriptors_in_the_midst_of_a_frame_are_refused)
{
	for (size_t at = 1; at < WIRE_HEADER + 4; at++) {
		uint8_t bytes[128];
		struct scene s;
		size_t len;

		scene_init(&s);
		len = encode(bytes, 1, 1);
		wire_write(s.raw, bytes, at);
		cr_assert_eq(recv_once(&s), 1);
		/* A header without its descriptors is refused already. */
		if (next(&s) == 0) {
			wire_write_fds(s.raw, bytes + at, len - at, s.files, 1);
			cr_assert_eq(recv_once(&s), 1);
			cr_assert_eq(next(&s), -EBADMSG, "after %zu", at);
		} else
			cr_assert_geq(at, WIRE_HEADER);
		scene_fini(&s);
	}
}

Test(inbox_ahead, descriptors_behind_the_header_are_refused)
{
	uint8_t bytes[64];
	struct scene s;
	size_t len;

	scene_init(&s);
	len = encode(bytes, 1, 0);
	wire_write(s.raw, bytes, WIRE_HEADER + 1);
	cr_assert_eq(recv_once(&s), 1);
	cr_assert_eq(next(&s), 0);
	wire_write_fds(s.raw, bytes + WIRE_HEADER + 1, len - WIRE_HEADER - 1,
	    s.files, 1);
	cr_assert_eq(recv_once(&s), -EBADMSG);
	scene_fini(&s);
}

Test(inbox_ahead, descriptors_in_two_parts_of_a_header_are_refused)
{
	uint8_t bytes[64];
	struct scene s;
	size_t len;

	scene_init(&s);
	len = encode(bytes, 1, 1);
	for (size_t i = 0; i < 2; i++) {
		wire_write_fds(s.raw, bytes + i, 1, s.files, 1);
		cr_assert_eq(recv_once(&s), 1);
		cr_assert_eq(next(&s), 0);
	}
	wire_write(s.raw, bytes + 2, len - 2);
	cr_assert_eq(recv_once(&s), -EBADMSG);
	scene_fini(&s);
}

/* The frames in front are given; and it is not found out later than that. */
Test(inbox_ahead, descriptors_that_no_frame_announces_are_refused)
{
	uint8_t bytes[64];
	struct scene s;

	scene_init(&s);
	send_frame(&s, 1, 0);
	wire_write_fds(s.raw, bytes, encode(bytes, 2, 0), s.files, 1);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, 0);
	cr_assert_eq(next(&s), -EBADMSG);
	scene_fini(&s);
}

Test(inbox_ahead, a_frame_without_what_it_announces_is_refused)
{
	for (size_t n_fds = 0; n_fds <= 3; n_fds++) {
		uint8_t bytes[64];
		struct scene s;

		scene_init(&s);
		send_frame(&s, 1, 0);
		wire_write_fds(s.raw, bytes, encode(bytes, 2, 2), s.files,
		    n_fds);
		cr_assert_eq(recv_once(&s), 1);
		expect_next(&s, 1, 0);
		cr_assert_eq(next(&s), n_fds == 2 ? 1 : -EBADMSG, "with %zu",
		    n_fds);
		scene_fini(&s);
	}
}

/* The room in the control buffer is for max_fds. */
Test(inbox_ahead, more_descriptors_than_accepted_break_the_stream)
{
	struct scene s;

	scene_init(&s);
	s.inbox.max_fds = 1;
	send_frame(&s, 1, 0);
	send_frame(&s, 2, 3);
	cr_assert_eq(recv_once(&s), -EBADMSG);
	scene_fini(&s);
}
