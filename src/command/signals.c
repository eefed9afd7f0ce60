/* SPDX-License-Identifier: ISC */

/*
 * The self-pipe.  Owns both of its ends, for the life of the process; knows
 * nothing of what a signal means.
 *
 * A handler can take no argument but the signal's number: hence the static.  A
 * full pipe loses a signal that is the same as many before it.
 */

#include "command/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int signals_pipe_fd = -1;

static void
signals_handle(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	if (write(signals_pipe_fd, &byte, 1) < 0)
		errno = saved;
}

int
signals_open(const int *signals)
{
	struct sigaction action;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	signals_pipe_fd = fds[1];
	memset(&action, 0, sizeof(action));
	action.sa_handler = signals_handle;
	action.sa_flags = SA_RESTART;
	(void)sigemptyset(&action.sa_mask);
	for (; *signals != 0; signals++)
		(void)sigaction(*signals, &action, NULL);
	return fds[0];
}

int
signals_next(int fd)
{
	unsigned char byte;

	return read(fd, &byte, 1) == 1 ? byte : 0;
}
