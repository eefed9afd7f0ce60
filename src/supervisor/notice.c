/* SPDX-License-Identifier: ISC */

/*
 * Notices as messages on the control channel.
 */

#include "supervisor/notice.h"
#include "wire/channel.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

enum { NOTICE_PER_EVENT = 2 };

/* Of the tail only what is there is sent. */
static struct brood_message
notice_message(const struct brood__notice *notice)
{
	return (struct brood_message) {
		.data = notice,
		.len = offsetof(struct brood__notice, tail) + notice->tail_len,
	};
}

int
brood__notice_reserve(struct brood__shared *shared)
{
	if (shared->host == BROOD__HOST_GONE)
		return 0;
	return brood__channel_reserve(shared->control, NOTICE_PER_EVENT,
	    NOTICE_PER_EVENT * sizeof(struct brood__notice));
}

/* -EPIPE: the next flush finds that out too, and acts on it. */
void
brood__notice_queue(struct brood__shared *shared,
    const struct brood__notice *notice)
{
	struct brood_message msg = notice_message(notice);
	int r;

	if (shared->host == BROOD__HOST_GONE)
		return;
	r = brood__channel_queue(shared->control, &msg);
	assert(r == 0 || r == -EPIPE);
	(void)r;
}

int
brood__notice_try(struct brood__shared *shared,
    const struct brood__notice *notice, const int fds[2])
{
	struct brood_message msg = notice_message(notice);

	if (shared->host == BROOD__HOST_GONE)
		return 0;
	msg.fds = fds;
	msg.n_fds = 2;
	return brood__channel_try(shared->control, &msg);
}
