/* SPDX-License-Identifier: ISC */

/*
 * See guard.h.  The worker holds one end of a socketpair and the guard the
 * other.  Both the numbers of the groups and the worker's end come through it.
 */

#include "command/map/guard.h"

#include <brood.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

/* This process's one guard; it ends by itself, so it is never freed. */
static struct brood_child *guard;

static int
guard_run(struct brood_channel *channel, void *arg)
{
	int fd = brood_channel_fd(channel);
	pid_t group = 0, next;
	ssize_t n;

	(void)arg;
	while ((n = recv(fd, &next, sizeof(next), MSG_WAITALL)) != 0) {
		if (n == sizeof(next))
			group = next;
		else if (n > 0 || errno != EINTR)
			break;
	}
	if (group > 0)
		(void)kill(-group, SIGKILL);
	return EXIT_SUCCESS;
}

int
guard_start(void)
{
	return brood_child_fork(&guard, NULL, guard_run, NULL);
}

void
guard_watch(pid_t group)
{
	if (guard == NULL)
		return;
	/* Without its guard, the worker goes on all the same. */
	(void)send(brood_channel_fd(brood_child_channel(guard)), &group,
	    sizeof(group), MSG_NOSIGNAL);
}

void
guard_hold(bool is_held)
{
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(is_held ? SIG_BLOCK : SIG_UNBLOCK, &term, NULL);
}
