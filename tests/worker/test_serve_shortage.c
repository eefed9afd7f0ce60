/* SPDX-License-Identifier: ISC */

/*
 * A worker whose system is short of something for a while: an answer is late
 * then, and still the only one.
 */

#include "base/fd.h"
#include "support/support.h"
#include "support/wire.h"

#include <brood.h>
#include <errno.h>
#include <sys/socket.h>

BROOD_SUITE(serve_shortage);

ssize_t	__real_sendmsg(int, const struct msghdr *, int);
ssize_t	__wrap_sendmsg(int, const struct msghdr *, int);

/* So many times sendmsg(2) fails with this errno. */
static int n_refusals, refusal;

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (n_refusals == 0)
		return __real_sendmsg(fd, msg, flags);
	n_refusals--;
	errno = refusal;
	return -1;
}

struct order {
	int error;		/* of the first answer */
	size_t len;		/* of each answer */
	int result;		/* what the handler was told */
};

static int
handle(struct brood_request *request, void *arg)
{
	static const char bytes[60000];
	struct order *order = arg;
	int fd = STDERR_FILENO;

	refusal = order->error;
	n_refusals = order->error != 0 ? 3 : 0;
	order->error = 0;
	return order->result = brood_request_reply_with_fds(request, 7, bytes,
	    order->len, &fd, 1);
}

static void
expect_reply(int raw, uint64_t id, size_t len)
{
	static struct wire_frame frame;

	cr_assert(wire_recv(raw, &frame));
	cr_assert_eq(frame.header.kind, BROOD_KIND_REPLY);
	cr_assert_eq(frame.header.id, id);
	cr_assert_eq(frame.header.length, len);
	cr_assert_eq(frame.n_fds, 1);
	(void)brood__fd_close(frame.fds[0]);
}

static void
check(int error, size_t len)
{
	struct wire_half half = wire_half_new(NULL);
	struct order order = { .error = error, .len = len, .result = 1 };
	static struct wire_frame frame;

	for (uint64_t id = 1; id <= 2; id++)
		wire_send(half.raw, &(struct wire_header){
		    .kind = BROOD_KIND_REQUEST, .id = id }, NULL);
	cr_assert_eq(shutdown(half.raw, SHUT_WR), 0);
	cr_assert_eq(brood_worker_run(half.channel, handle, &order), 0);
	cr_assert_eq(order.result, 0);
	cr_assert_eq(n_refusals, 0);
	half.channel = brood_channel_free(half.channel);
	expect_reply(half.raw, 1, len);
	expect_reply(half.raw, 2, len);
	cr_assert_not(wire_recv(half.raw, &frame), "a third answer");
	wire_half_free(&half);
}

Test(serve_shortage, too_many_descriptors_on_their_way_delay_an_answer)
{
	check(ETOOMANYREFS, 10);
}

Test(serve_shortage, lack_of_memory_delays_an_answer)
{
	check(ENOMEM, 10);
	check(ENOBUFS, 60000);
}
