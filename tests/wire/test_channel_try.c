/* SPDX-License-Identifier: ISC */

/*
 * Claims about sending now or not at all, and about room that was made before:
 * what the supervisor process relies on when it has something to say.
 *
 * The program is linked with --wrap=realloc: a test decides when the queue can
 * grow and when not.
 */

#include "support/support.h"
#include "support/wire.h"
#include "wire/channel.h"

#include <brood.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

BROOD_SUITE(channel_try);

static bool is_out_of_memory;

void	*__real_realloc(void *memory, size_t size);
void	*__wrap_realloc(void *memory, size_t size);

void *
__wrap_realloc(void *memory, size_t size)
{
	if (!is_out_of_memory)
		return __real_realloc(memory, size);
	errno = ENOMEM;
	return NULL;
}

/* Fill the socket past the channel's back, so that nothing is queued. */
static void
fill_socket(const struct wire_half *half)
{
	char bytes[4096] = { 0 };

	while (send(brood_channel_fd(half->channel), bytes, sizeof(bytes),
	    MSG_DONTWAIT) > 0)
		continue;
	cr_assert_eq(errno, EAGAIN);
}

static int
try_file(struct wire_half *half, const char *text, int fd)
{
	return brood__channel_try(half->channel, &(struct brood_message){
	    .data = text, .len = strlen(text), .fds = &fd, .n_fds = 1 });
}

Test(channel_try, message_goes_at_once_with_its_descriptor)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	int fd = wire_file();

	cr_assert_eq(try_file(&half, "now", fd), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_str_eq((char *)frame.payload, "now");
	cr_assert_eq(frame.n_fds, 1);
	cr_assert_eq(wire_inode(frame.fds[0]), wire_inode(fd));
	cr_assert_eq(brood__channel_queued(half.channel),
	    WIRE_HEADER + strlen("now"));
	cr_assert_eq(brood__channel_sent(half.channel),
	    WIRE_HEADER + strlen("now"));
	close(frame.fds[0]);
	close(fd);
	wire_half_free(&half);
}

Test(channel_try, nothing_is_sent_past_what_is_queued)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	int fd = wire_file();

	cr_assert_eq(brood_channel_queue(half.channel,
	    &(struct brood_message){ .data = "first", .len = 5 }), 0);
	cr_assert_eq(try_file(&half, "second", fd), -EAGAIN);
	cr_assert_eq(brood_channel_flush(half.channel, 0), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_str_eq((char *)frame.payload, "first");
	cr_assert(wire_is_silent(half.raw));
	close(fd);
	wire_half_free(&half);
}

Test(channel_try, full_socket_leaves_nothing_in_the_queue)
{
	struct wire_half half = wire_half_new(NULL);
	int fd = wire_file();

	fill_socket(&half);
	cr_assert_eq(try_file(&half, "no room", fd), -EAGAIN);
	cr_assert_eq(brood_channel_events(half.channel), POLLIN);
	cr_assert_eq(brood__channel_queued(half.channel), 0);
	close(fd);
	wire_half_free(&half);
}

Test(channel_try, dead_peer_is_told_as_such)
{
	struct wire_half half = wire_half_new(NULL);
	int fd = wire_file();

	close(half.raw);
	cr_assert_eq(try_file(&half, "anyone", fd), -EPIPE);
	cr_assert_eq(try_file(&half, "anyone", fd), -EPIPE);
	half.raw = fd;
	wire_half_free(&half);
}

Test(channel_try, want_of_memory_changes_nothing)
{
	struct wire_half half = wire_half_new(NULL);
	struct wire_frame frame;
	int fd = wire_file();

	is_out_of_memory = true;
	cr_assert_eq(try_file(&half, "no memory", fd), -ENOMEM);
	is_out_of_memory = false;
	cr_assert(wire_is_silent(half.raw));
	cr_assert_eq(try_file(&half, "memory", fd), 0);
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_str_eq((char *)frame.payload, "memory");
	close(frame.fds[0]);
	close(fd);
	wire_half_free(&half);
}

Test(channel_try, reserved_messages_are_queued_without_memory)
{
	struct brood_channel_options options = { .max_queued = 1 << 20 };
	struct wire_half half = wire_half_new(&options);
	static const char big[40000];
	struct brood_message msg = { .data = big, .len = sizeof(big) };
	struct wire_frame frame;

	is_out_of_memory = true;
	cr_assert_eq(brood__channel_reserve(half.channel, 2, 2 * sizeof(big)),
	    -ENOMEM);
	is_out_of_memory = false;
	cr_assert_eq(brood__channel_reserve(half.channel, 2, 2 * sizeof(big)),
	    0);
	is_out_of_memory = true;
	cr_assert_eq(brood__channel_queue(half.channel, &msg), 0);
	cr_assert_eq(brood__channel_queue(half.channel, &msg), 0);
	cr_assert_eq(brood__channel_flush(half.channel, 0), 0);
	is_out_of_memory = false;
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert(wire_recv(half.raw, &frame));
	cr_assert_eq(frame.header.length, sizeof(big));
	wire_half_free(&half);
}
