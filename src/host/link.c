/* SPDX-License-Identifier: ISC */

/*
 * Links between children; see link.h.  Owns the ends of a socketpair until they
 * are queued.
 */

#include "base/fd.h"
#include "host/link.h"
#include "process/spawn.h"
#include "wire/channel.h"

#include <string.h>

void
brood__link_init(struct brood__link *link, unsigned a, unsigned b)
{
	*link = (struct brood__link) { .child = { a, b }, .fd = { -1, -1 } };
}

void
brood__link_reset(struct brood__link *link)
{
	brood__fd_close_all(link->fd, 2);
	link->state = BROOD__LINK_UNMADE;
}

static int
link_queue_end(struct brood_channel *channel, const char *other, int *fd)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_LINK,
		.data = other,
		.len = strlen(other),
		.fds = fd,
		.n_fds = 1,
	};
	int r;

	if (*fd < 0)
		return 0;
	r = brood__channel_queue_own(channel, &msg);
	if (r == 0)
		*fd = brood__fd_close(*fd);
	return r;
}

int
brood__link_queue(struct brood__link *link,
    struct brood_channel *const channels[2], const char *const names[2])
{
	int r = 0;

	if (link->state == BROOD__LINK_UNMADE) {
		r = brood__spawn_socketpair(link->fd);
		if (r < 0)
			return r;
		link->state = BROOD__LINK_MADE;
	}
	for (int i = 0; r == 0 && i < 2; i++)
		r = link_queue_end(channels[i], names[!i], &link->fd[i]);
	if (r == 0)
		link->state = BROOD__LINK_QUEUED;
	return r;
}
