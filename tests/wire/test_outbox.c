/* SPDX-License-Identifier: ISC */

/*
 * Claims about frames that wait to be sent: their order, their positions, and
 * that descriptors leave with the frame that they belong to, wherever a send
 * ends.
 *
 * The program is linked with --wrap=sendmsg and --wrap=send: a test decides how
 * many bytes the kernel takes.
 */

#include "support/support.h"
#include "support/wire.h"
#include "wire/frame.h"
#include "wire/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

BROOD_SUITE(outbox);

#define SIZE(len)	(BROOD__FRAME_SIZE + (uint64_t)(len))

/* How many bytes sendmsg() and send() may still take; -1: any number. */
static ssize_t n_allowed = -1;

ssize_t	__real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t	__wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct iovec iov[3];
	struct msghdr part = *msg;
	ssize_t n, left = n_allowed;

	if (n_allowed == 0) {
		errno = EAGAIN;
		return -1;
	}
	cr_assert_leq(msg->msg_iovlen, 3);
	part.msg_iov = iov;
	part.msg_iovlen = 0;
	for (size_t i = 0; i < msg->msg_iovlen && left != 0; i++) {
		iov[i] = msg->msg_iov[i];
		if (left > 0 && iov[i].iov_len > (size_t)left)
			iov[i].iov_len = (size_t)left;
		if (left > 0)
			left -= (ssize_t)iov[i].iov_len;
		part.msg_iovlen++;
	}
	n = __real_sendmsg(fd, &part, flags);
	if (n > 0 && n_allowed > 0)
		n_allowed -= n;
	return n;
}

ssize_t	__real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t	__wrap_send(int fd, const void *bytes, size_t len, int flags);

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	ssize_t n;

	if (n_allowed == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (n_allowed > 0 && len > (size_t)n_allowed)
		len = (size_t)n_allowed;
	n = __real_send(fd, bytes, len, flags);
	if (n > 0 && n_allowed > 0)
		n_allowed -= n;
	return n;
}

/* Send n bytes, or all that is queued if n is -1. */
static void
send_some(struct brood__outbox *outbox, int fd, ssize_t n)
{
	ssize_t r = 0;

	n_allowed = n;
	while (brood__outbox_len(outbox) > 0 && r >= 0)
		r = brood__outbox_send(outbox, fd, 0, UINT64_MAX);
	cr_assert(r >= 0 || r == -EAGAIN, "send: %zd", r);
	n_allowed = -1;
}

static void
append_as(int (*append)(struct brood__outbox *, const struct brood_message *),
    struct brood__outbox *outbox, uint64_t id, const char *text, int fd)
{
	struct brood_message msg = {
		.id = id,
		.data = text,
		.len = strlen(text),
		.fds = &fd,
		.n_fds = fd >= 0 ? 1 : 0,
	};

	cr_assert_eq(append(outbox, &msg), 0);
}

static void
append(struct brood__outbox *outbox, uint64_t id, const char *text, int fd)
{
	append_as(brood__outbox_append, outbox, id, text, fd);
}

static uint64_t
insert(struct brood__outbox *outbox, uint64_t id, const char *text,
    uint64_t after)
{
	struct brood_message msg = { .kind = BROOD_KIND_CANCEL, .id = id,
	    .data = text, .len = strlen(text) };
	uint64_t at = UINT64_MAX;

	cr_assert_eq(brood__outbox_insert(outbox, &msg, after, &at), 0);
	return at;
}

/*
 * Receive a frame, which must have this id and text, and the descriptor of this
 * file; -1: no descriptor.
 */
static void
expect(int fd, uint64_t id, const char *text, int file)
{
	static struct wire_frame frame;

	cr_assert(wire_recv(fd, &frame));
	cr_assert_eq(frame.header.id, id, "id %d, not %d",
	    (int)frame.header.id, (int)id);
	cr_assert_str_eq((char *)frame.payload, text);
	cr_assert_eq(frame.n_fds, file >= 0 ? 1 : 0);
	if (file >= 0) {
		cr_assert_eq(wire_inode(frame.fds[0]), wire_inode(file));
		close(frame.fds[0]);
	}
}

Test(outbox, frames_leave_in_one_send_and_in_order)
{
	struct brood__outbox outbox;
	int fds[2];

	wire_pair(fds);
	brood__outbox_init(&outbox);
	append(&outbox, 1, "one", -1);
	append(&outbox, 2, "", -1);
	append(&outbox, 3, "three", -1);
	cr_assert_eq(brood__outbox_len(&outbox), 3 * SIZE(0) + 8);
	cr_assert_eq(brood__outbox_send(&outbox, fds[0], 0, UINT64_MAX),
	    3 * SIZE(0) + 8);
	cr_assert_eq(brood__outbox_len(&outbox), 0);
	cr_assert_eq(outbox.n_sent, 3 * SIZE(0) + 8);
	expect(fds[1], 1, "one", -1);
	expect(fds[1], 2, "", -1);
	expect(fds[1], 3, "three", -1);
	brood__outbox_fini(&outbox);
	close(fds[0]);
	close(fds[1]);
}

Test(outbox, descriptors_start_a_send_of_their_own)
{
	struct brood__outbox outbox;
	int fds[2], file = wire_file();

	wire_pair(fds);
	brood__outbox_init(&outbox);
	append(&outbox, 1, "before", -1);
	append(&outbox, 2, "with", file);
	append(&outbox, 3, "behind", -1);
	append(&outbox, 4, "with", file);
	cr_assert_eq(brood__outbox_send(&outbox, fds[0], 0, UINT64_MAX),
	    SIZE(6));
	cr_assert_eq(brood__outbox_send(&outbox, fds[0], 0, UINT64_MAX),
	    SIZE(4) + SIZE(6));
	cr_assert_eq(brood__outbox_send(&outbox, fds[0], 0, UINT64_MAX),
	    SIZE(4));
	expect(fds[1], 1, "before", -1);
	expect(fds[1], 2, "with", file);
	expect(fds[1], 3, "behind", -1);
	expect(fds[1], 4, "with", file);
	brood__outbox_fini(&outbox);
	close(fds[0]);
	close(fds[1]);
	close(file);
}

/*
 * Append frames 1 to 4, the third with a descriptor, and the one with number
 * `lent` lent.  Send n bytes.  Then insert frame 9 behind the frame with number
 * `after` (0: behind none).
 */
static void
insert_after_sending(ssize_t n, unsigned after, unsigned lent)
{
	static const char *const texts[] = { "first", "", "has a file", "4th" };
	struct brood__outbox outbox;
	uint64_t ends[5] = { 0 }, at;
	int fds[2], file = wire_file();
	unsigned n_first;

	wire_pair(fds);
	brood__outbox_init(&outbox);
	for (unsigned i = 0; i < 4; i++) {
		append_as(i + 1 == lent ? brood__outbox_append_lent :
		    brood__outbox_append, &outbox, i + 1, texts[i],
		    i == 2 ? file : -1);
		ends[i + 1] = brood__outbox_len(&outbox);
	}
	send_some(&outbox, fds[0], n);
	cr_assert_eq(outbox.n_sent, (uint64_t)n);
	for (n_first = after; ends[n_first] < (uint64_t)n; n_first++)
		continue;
	at = insert(&outbox, 9, "now", ends[after]);
	cr_assert_eq(at, ends[n_first], "%zd bytes sent, behind %u: at %d", n,
	    after, (int)at);
	cr_assert_eq(outbox.n_sent + brood__outbox_len(&outbox),
	    ends[4] + SIZE(3));
	send_some(&outbox, fds[0], -1);
	for (unsigned i = 0; i <= 4; i++) {
		if (i > 0)
			expect(fds[1], i, texts[i - 1], i == 3 ? file : -1);
		if (i == n_first)
			expect(fds[1], 9, "now", -1);
	}
	cr_assert(wire_is_silent(fds[1]));
	brood__outbox_fini(&outbox);
	close(fds[0]);
	close(fds[1]);
	close(file);
}

Test(outbox, a_frame_is_inserted_behind_what_was_begun_wherever_a_send_ended)
{
	const ssize_t all = (ssize_t)(4 * SIZE(0) + 5 + 10 + 3);

	for (ssize_t n = 0; n <= all; n++)
		for (unsigned after = 0; after <= 4; after++)
			for (unsigned lent = 0; lent <= 4; lent++)
				insert_after_sending(n, after, lent);
}

Test(outbox, a_payload_that_is_lent_is_sent_from_where_it_is)
{
	struct brood__outbox outbox;
	char one[] = "one", two[] = "two";
	int fds[2];

	wire_pair(fds);
	brood__outbox_init(&outbox);
	append_as(brood__outbox_append_lent, &outbox, 1, one, -1);
	/* There is one at a time; the second is copied. */
	append_as(brood__outbox_append_lent, &outbox, 2, two, -1);
	memset(one, '1', 3);
	memset(two, '2', 3);
	send_some(&outbox, fds[0], -1);
	expect(fds[1], 1, "111", -1);
	expect(fds[1], 2, "two", -1);
	append_as(brood__outbox_append_lent, &outbox, 3, one, -1);
	brood__outbox_drop(&outbox);
	cr_assert_eq(brood__outbox_len(&outbox), 0);
	brood__outbox_fini(&outbox);
	close(fds[0]);
	close(fds[1]);
}

Test(outbox, several_frames_are_inserted_while_a_frame_is_sent_bit_by_bit)
{
	struct brood__outbox outbox;
	int fds[2];

	wire_pair(fds);
	brood__outbox_init(&outbox);
	append(&outbox, 1, "a frame that leaves in three parts", -1);
	append(&outbox, 2, "the last", -1);
	send_some(&outbox, fds[0], 1);
	cr_assert_eq(insert(&outbox, 3, "", 0), SIZE(34));
	send_some(&outbox, fds[0], 30);
	cr_assert_eq(insert(&outbox, 4, "x", 0), SIZE(34));
	send_some(&outbox, fds[0], 28);
	/* One byte of frame 4 is sent. */
	cr_assert_eq(insert(&outbox, 5, "", 0), SIZE(34) + SIZE(1));
	send_some(&outbox, fds[0], -1);
	expect(fds[1], 1, "a frame that leaves in three parts", -1);
	expect(fds[1], 4, "x", -1);
	expect(fds[1], 5, "", -1);
	expect(fds[1], 3, "", -1);
	expect(fds[1], 2, "the last", -1);
	cr_assert_eq(insert(&outbox, 6, "", 0), outbox.n_sent);
	brood__outbox_fini(&outbox);
	close(fds[0]);
	close(fds[1]);
}

Test(outbox, fini_closes_descriptors_that_were_not_sent)
{
	struct brood__outbox outbox;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	brood__outbox_init(&outbox);
	append(&outbox, 1, "never sent", fds[1]);
	close(fds[1]);
	brood__outbox_fini(&outbox);
	cr_assert(wire_is_hung_up(fds[0]));
	close(fds[0]);
}
