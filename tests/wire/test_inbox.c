/* SPDX-License-Identifier: ISC */

/*
 * Claims about the receiving half of a channel: how much each mode takes off
 * the socket, what it gives, whose descriptors they are, and what it sees
 * behind what it took.
 */

#include "base/fd.h"
#include "support/support.h"
#include "support/wire.h"
#include "wire/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

BROOD_SUITE(inbox);

/* An inbox, its socket, and the peer's end, which is played by hand. */
struct scene {
	struct brood__inbox inbox;
	int fd;
	int raw;
};

static void
scene_init(struct scene *s, enum brood__inbox_mode mode, unsigned max_fds)
{
	int fds[2];

	wire_pair(fds);
	s->fd = fds[0];
	s->raw = fds[1];
	cr_assert_eq(brood__inbox_init(&s->inbox, 65536, max_fds), 0);
	s->inbox.mode = mode;
}

static void
scene_fini(struct scene *s)
{
	brood__inbox_fini(&s->inbox);
	close(s->fd);
	close(s->raw);
}

static int
recv_once(struct scene *s)
{
	return brood__inbox_recv(&s->inbox, s->fd, MSG_DONTWAIT);
}

static size_t
unread(const struct scene *s)
{
	size_t n = 0;

	cr_assert_eq(brood__fd_unread(s->fd, &n), 0);
	return n;
}

static void
send_frame(struct scene *s, uint64_t id, const char *text, const int *files,
    uint8_t n_fds)
{
	struct wire_header header = { .kind = 2, .id = id, .nfds = n_fds,
	    .length = (uint32_t)strlen(text) };
	uint8_t bytes[256];

	wire_write_fds(s->raw, bytes, wire_encode(bytes, &header, text), files,
	    n_fds);
}

/* The next frame is there already, without receiving. */
static void
expect_next(struct scene *s, uint64_t id, const char *text)
{
	struct brood_message msg;

	cr_assert_eq(brood__inbox_next(&s->inbox, &msg), 1);
	cr_assert_eq(msg.id, id);
	cr_assert_eq(msg.len, strlen(text));
	cr_assert_arr_eq(msg.data, text, msg.len);
}

static void
expect_none(struct scene *s)
{
	struct brood_message msg;

	cr_assert_eq(brood__inbox_next(&s->inbox, &msg), 0);
}

Test(inbox, exact_takes_a_header_then_a_payload_and_nothing_behind)
{
	struct scene s;

	scene_init(&s, BROOD__INBOX_EXACT, 0);
	send_frame(&s, 1, "payload", NULL, 0);
	send_frame(&s, 2, "", NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		expect_none(&s);
		cr_assert_eq(recv_once(&s), 1);
		cr_assert_eq(unread(&s), 2 * WIRE_HEADER + 7 -
		    s.inbox.n_received);
		cr_assert_eq(s.inbox.n_received, WIRE_HEADER + 7 * i);
	}
	expect_next(&s, 1, "payload");
	cr_assert_eq(recv_once(&s), 1);
	cr_assert_eq(unread(&s), 0);
	expect_next(&s, 2, "");
	cr_assert_eq(recv_once(&s), -EAGAIN);
	expect_none(&s);
	cr_assert_eq(s.inbox.n_received, 2 * WIRE_HEADER + 7);
	scene_fini(&s);
}

Test(inbox, greedy_takes_all_that_there_is_room_for)
{
	struct scene s;

	scene_init(&s, BROOD__INBOX_GREEDY, 0);
	for (uint64_t id = 1; id <= 3; id++)
		send_frame(&s, id, "payload", NULL, 0);
	wire_write(s.raw, "12345", 5);
	cr_assert_eq(recv_once(&s), 1);
	cr_assert_eq(unread(&s), 0);
	cr_assert_gt(s.inbox.spare, 0);
	for (uint64_t id = 1; id <= 3; id++)
		expect_next(&s, id, "payload");
	expect_none(&s);
	cr_assert_eq(s.inbox.n_received, 3 * (WIRE_HEADER + 7) + 5);
	scene_fini(&s);
}

Test(inbox, greedy_says_when_its_room_was_filled)
{
	static char big[65536];
	struct scene s;
	struct wire_header header = { .kind = 2, .length = sizeof(big) };

	scene_init(&s, BROOD__INBOX_GREEDY, 0);
	wire_send(s.raw, &header, big);
	cr_assert_eq(recv_once(&s), 1);
	cr_assert_eq(s.inbox.spare, 0);
	expect_none(&s);
	cr_assert_eq(recv_once(&s), 1);
	cr_assert_gt(s.inbox.spare, 0);
	scene_fini(&s);
}

static void
split(struct scene *s, size_t at)
{
	struct wire_header header = { .kind = 3, .id = at, .length = 4 };
	uint8_t bytes[WIRE_HEADER + 4];

	wire_encode(bytes, &header, "text");
	wire_write(s->raw, bytes, at);
	while (recv_once(s) == 1)
		expect_none(s);
	wire_write(s->raw, bytes + at, sizeof(bytes) - at);
	while (s->inbox.n_received % sizeof(bytes) != 0) {
		expect_none(s);
		cr_assert_eq(recv_once(s), 1);
	}
	expect_next(s, at, "text");
}

Test(inbox, a_frame_may_be_split_at_each_byte)
{
	static const enum brood__inbox_mode modes[] = { BROOD__INBOX_EXACT,
	    BROOD__INBOX_GREEDY, BROOD__INBOX_LOSSY };

	for (size_t i = 0; i < 3; i++) {
		struct scene s;

		scene_init(&s, modes[i], 0);
		for (size_t at = 1; at < WIRE_HEADER + 4; at++)
			split(&s, at);
		scene_fini(&s);
	}
}

Test(inbox, descriptors_are_of_the_frame_that_begins_with_them)
{
	int files[2] = { wire_file(), wire_file() }, fd;
	struct scene s;

	scene_init(&s, BROOD__INBOX_EXACT, 2);
	send_frame(&s, 1, "", files, 2);
	send_frame(&s, 2, "", NULL, 0);
	cr_assert_eq(recv_once(&s), 1);
	cr_assert_eq(brood__inbox_take_fd(&s.inbox, 0), -EBADF);
	expect_next(&s, 1, "");
	fd = brood__inbox_take_fd(&s.inbox, 1);
	cr_assert_eq(wire_inode(fd), wire_inode(files[1]));
	cr_assert_eq(brood__inbox_take_fd(&s.inbox, 1), -EBADF);
	cr_assert_eq(brood__inbox_take_fd(&s.inbox, 2), -EBADF);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 2, "");
	cr_assert_eq(brood__inbox_take_fd(&s.inbox, 0), -EBADF);
	close(fd);
	close(files[0]);
	close(files[1]);
	scene_fini(&s);
}

/* Send the first bytes of a header, and then the rest with a descriptor. */
static void
expect_late_descriptors_refused(size_t first)
{
	struct wire_header header = { .kind = 2, .nfds = 1 };
	uint8_t bytes[WIRE_HEADER];
	int file = wire_file();
	struct scene s;

	scene_init(&s, BROOD__INBOX_EXACT, 1);
	wire_encode(bytes, &header, NULL);
	wire_write(s.raw, bytes, first);
	cr_assert_eq(recv_once(&s), 1);
	expect_none(&s);
	wire_write_fds(s.raw, bytes + first, sizeof(bytes) - first, &file, 1);
	cr_assert_eq(recv_once(&s), -EBADMSG, "after %zu bytes", first);
	close(file);
	scene_fini(&s);
}

Test(inbox, descriptors_behind_the_first_byte_are_refused)
{
	for (size_t first = 1; first < WIRE_HEADER; first++)
		expect_late_descriptors_refused(first);
}

Test(inbox, only_lossy_delivers_a_frame_that_lost_its_descriptors)
{
	int files[2] = { wire_file(), wire_file() };
	struct scene s;

	/* Too many for the inbox are lost, as they are for want of numbers. */
	scene_init(&s, BROOD__INBOX_EXACT, 1);
	send_frame(&s, 1, "", files, 2);
	cr_assert_eq(recv_once(&s), -EBADMSG);
	scene_fini(&s);

	scene_init(&s, BROOD__INBOX_LOSSY, 1);
	send_frame(&s, 1, "", files, 2);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, "");
	cr_assert_eq(s.inbox.n_fds, 0);
	scene_fini(&s);
	close(files[0]);
	close(files[1]);
}

static int
look(struct scene *s, enum brood_kind kind, uint64_t id, uint64_t *position)
{
	return brood__inbox_look_ahead(&s->inbox, s->fd, kind, id, position);
}

Test(inbox, frames_ahead_are_seen_and_left_and_looked_at_once)
{
	struct scene s;
	uint64_t position = 0, other = 0;

	scene_init(&s, BROOD__INBOX_EXACT, 0);
	for (uint64_t id = 1; id <= 3; id++)
		send_frame(&s, id, "text", NULL, 0);
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 1, &position), 0);
	cr_assert_eq(recv_once(&s), 1);
	expect_none(&s);
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 2, &position), 0,
	    "it looked in the midst of a frame");
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, "text");

	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 3, &position), 1);
	cr_assert_eq(position, 2 * (WIRE_HEADER + 4));
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 3, &position), 1);
	cr_assert_eq(look(&s, BROOD_KIND_REPLY, 3, &position), 0);
	cr_assert_eq(position, 3 * (WIRE_HEADER + 4));
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 2, &position), 0);
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 2, &other), 1);
	send_frame(&s, 4, "", NULL, 0);
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 4, &position), 1);

	for (uint64_t id = 2; id <= 3; id++) {
		cr_assert_eq(recv_once(&s), 1);
		expect_none(&s);
		cr_assert_eq(recv_once(&s), 1);
		expect_next(&s, id, "text");
		cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 4, &other), 1);
	}
	scene_fini(&s);
}

/* The header of frame 3 comes byte by byte, and its payload never. */
Test(inbox, a_frame_ahead_is_seen_when_its_header_is_whole)
{
	struct wire_header header = { .kind = 2, .id = 3, .length = 100 };
	uint8_t bytes[WIRE_HEADER];
	uint64_t position = 0;
	struct scene s;

	scene_init(&s, BROOD__INBOX_EXACT, 0);
	send_frame(&s, 1, "", NULL, 0);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, "");
	wire_encode(bytes, &header, NULL);
	for (size_t n = 0; n < WIRE_HEADER; n++) {
		cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 3, &position), 0);
		wire_write(s.raw, bytes + n, 1);
	}
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 3, &position), 1);
	/* Its payload has not come: there is nothing behind it to be seen. */
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 4, &position), 0);
	cr_assert_eq(position, 2 * WIRE_HEADER + 100);
	cr_assert_eq(look(&s, BROOD_KIND_REQUEST, 4, &position), 0);
	scene_fini(&s);
}

Test(inbox, end_of_the_stream_is_epipe)
{
	struct scene s;

	scene_init(&s, BROOD__INBOX_EXACT, 0);
	send_frame(&s, 1, "", NULL, 0);
	shutdown(s.raw, SHUT_WR);
	cr_assert_eq(recv_once(&s), 1);
	expect_next(&s, 1, "");
	cr_assert_eq(recv_once(&s), -EPIPE);
	scene_fini(&s);
}
