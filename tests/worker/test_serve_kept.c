/* SPDX-License-Identifier: ISC */

/*
 * A worker that receives besides its loop: what it kept is handled, and the
 * request that it handles stays whole.
 *
 * The host's frames are in the socket before the loop begins, and the host's
 * end is closed: so all of it runs in this process, to the end of the stream.
 */

#include "base/fd.h"
#include "support/support.h"
#include "support/wire.h"

#include <brood.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

BROOD_SUITE(serve_kept);

/* What the handler is to do, and what it saw. */
struct seen {
	struct brood_channel *channel;
	const char *wait_for;		/* a LINK, in the first request */
	int fd;				/* taken after that, or an error */
	bool is_canceled;		/* asked after that */
	char text[256];			/* of each request, one after another */
};

static void
put(struct wire_half *half, uint8_t kind, uint64_t id, const char *text)
{
	wire_send(half->raw, &(struct wire_header){ .kind = kind, .id = id,
	    .length = (uint32_t)strlen(text) }, text);
}

static void
put_with_fd(struct wire_half *half, uint8_t kind, uint64_t id,
    const char *text, int fd)
{
	struct wire_header header = { .kind = kind, .nfds = 1, .id = id,
	    .length = (uint32_t)strlen(text) };
	uint8_t bytes[128];
	size_t n = wire_encode(bytes, &header, text);

	wire_write_fds(half->raw, bytes, n, &fd, 1);
}

/* LINK with one end of a socketpair; gives the other one. */
static int
put_link(struct wire_half *half, const char *name)
{
	int fds[2];

	wire_pair(fds);
	put_with_fd(half, BROOD_KIND_LINK, 0, name, fds[0]);
	(void)brood__fd_close(fds[0]);
	return fds[1];
}

static int
handle(struct brood_request *request, void *arg)
{
	struct seen *seen = arg;
	struct brood_channel *peer;
	const char *data = brood_request_data(request);
	size_t len = brood_request_len(request);

	if (seen->wait_for != NULL) {
		if (brood_channel_wait_link(seen->channel, seen->wait_for, -1,
		    NULL, &peer) == 1)
			(void)brood_channel_free(peer);
		seen->wait_for = NULL;
		seen->is_canceled = brood_request_is_canceled(request);
		seen->fd = brood_request_take_fd(request, 0);
	}
	strlcat(seen->text, strndupa(data, len), sizeof(seen->text));
	strlcat(seen->text, " ", sizeof(seen->text));
	return brood_request_reply(request, 0, NULL, 0);
}

static struct wire_half
new_half(void)
{
	return wire_half_new(&(struct brood_channel_options){ .max_fds = 2 });
}

Test(serve_kept, request_that_came_before_a_link_is_handled)
{
	struct wire_half half = new_half();
	struct seen seen = { .channel = half.channel };
	struct brood_channel *peer;
	int link;

	put(&half, BROOD_KIND_REQUEST, 1, "one");
	link = put_link(&half, "a");
	put(&half, BROOD_KIND_REQUEST, 2, "two");
	put(&half, BROOD_KIND_GOODBYE, 0, "");
	put(&half, BROOD_KIND_REQUEST, 3, "three");
	cr_assert_eq(brood_channel_wait_link(half.channel, "a", -1, NULL,
	    &peer), 1);
	cr_assert_eq(brood_worker_run(half.channel, handle, &seen), 0);
	cr_assert_str_eq(seen.text, "one two ");
	(void)brood_channel_free(peer);
	(void)brood__fd_close(link);
	wire_half_free(&half);
}

Test(serve_kept, channel_that_reads_ahead_is_refused)
{
	struct wire_half half = new_half();
	struct seen seen = { .channel = half.channel };

	put(&half, BROOD_KIND_REQUEST, 1, "one");
	cr_assert_eq(brood_channel_read_ahead(half.channel), 0);
	cr_assert_eq(brood_worker_run(half.channel, handle, &seen), -EINVAL);
	cr_assert_str_eq(seen.text, "");
	wire_half_free(&half);
}

Test(serve_kept, goodbye_that_ended_a_wait_ends_the_loop)
{
	struct wire_half half = new_half();
	struct seen seen = { .channel = half.channel };
	struct brood_channel *peer;

	put(&half, BROOD_KIND_GOODBYE, 0, "");
	cr_assert_eq(brood_channel_wait_link(half.channel, "a", -1, NULL,
	    &peer), -ESHUTDOWN);
	cr_assert_eq(brood_worker_run(half.channel, handle, &seen), 0);
	wire_half_free(&half);
}

/* Twice: the request may come from the socket, or from what was kept. */
static void
check_request_is_whole(bool is_kept)
{
	struct wire_half half = new_half();
	struct seen seen = { .channel = half.channel, .wait_for = "b" };
	struct brood_channel *peer;
	int file = wire_file(), a = -1, b;

	put_with_fd(&half, BROOD_KIND_REQUEST, 1, "payload-of-one", file);
	if (is_kept) {
		a = put_link(&half, "a");
		cr_assert_eq(brood_channel_wait_link(half.channel, "a", -1,
		    NULL, &peer), 1);
		(void)brood_channel_free(peer);
	}
	put(&half, BROOD_KIND_REQUEST, 2, "SECOND-PAYLOAD-THAT-IS-LONGER");
	put(&half, BROOD_KIND_CANCEL, 1, "");
	b = put_link(&half, "b");
	put(&half, BROOD_KIND_GOODBYE, 0, "");
	cr_assert_eq(brood_worker_run(half.channel, handle, &seen), 0);
	cr_assert_str_eq(seen.text,
	    "payload-of-one SECOND-PAYLOAD-THAT-IS-LONGER ");
	cr_assert_geq(seen.fd, 0);
	cr_assert_eq(wire_inode(seen.fd), wire_inode(file));
	cr_assert(seen.is_canceled);
	(void)brood__fd_close(seen.fd);
	(void)brood__fd_close(file);
	(void)brood__fd_close(a);
	(void)brood__fd_close(b);
	wire_half_free(&half);
}

Test(serve_kept, request_is_whole_after_its_handler_has_received)
{
	check_request_is_whole(false);
}

Test(serve_kept, kept_request_is_whole_after_its_handler_has_received)
{
	check_request_is_whole(true);
}

Test(serve_kept, links_of_one_name_are_kept_once)
{
	struct wire_half half = new_half();
	struct seen seen = { .channel = half.channel };
	struct brood_channel *peer;
	int links[20];
	char byte;

	for (int i = 0; i < 20; i++)
		links[i] = put_link(&half, "a");
	put(&half, BROOD_KIND_GOODBYE, 0, "");
	cr_assert_eq(brood_worker_run(half.channel, handle, &seen), 0);
	for (int i = 0; i < 19; i++)
		cr_assert_eq(read(links[i], &byte, 1), 0, "link %d", i);
	cr_assert_eq(brood_channel_wait_link(half.channel, "a", 0, NULL,
	    &peer), 1);
	cr_assert(wire_is_silent(links[19]));
	(void)brood_channel_free(peer);
	brood__fd_close_all(links, 20);
	wire_half_free(&half);
}

Test(serve_kept, late_answer_to_a_call_of_a_handler_ends_nothing)
{
	struct wire_half half = new_half();
	struct seen seen = { .channel = half.channel };
	struct brood_message msg = { .code = 1 }, answer;

	cr_assert_eq(brood_channel_call(half.channel, &msg, 1, &answer), 0);
	put(&half, BROOD_KIND_REPLY, (UINT64_C(1) << 63) + 1, "late");
	put(&half, BROOD_KIND_REQUEST, 1, "one");
	put(&half, BROOD_KIND_GOODBYE, 0, "");
	cr_assert_eq(brood_worker_run(half.channel, handle, &seen), 0);
	cr_assert_str_eq(seen.text, "one ");
	wire_half_free(&half);
}
