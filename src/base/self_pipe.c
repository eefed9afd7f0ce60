/* SPDX-License-Identifier: ISC */

/*
 * Signals as bytes in a pipe.
 *
 * Owns both ends of the pipe for the life of the process.  Knows nothing of
 * what a signal means.  A signal handler gets no argument but the number of the
 * signal, so the writing end is in a static variable.
 */

#include "base/self_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int self_pipe_write_fd = -1;

/*
 * A full pipe loses this signal.  That does no harm: thousands that came before
 * are still to be read, and signals of one kind may be merged in any case.
 */
static void
self_pipe_handle(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	if (write(self_pipe_write_fd, &byte, 1) < 0)
		errno = saved;
}

int
brood__self_pipe_open(const int *signals)
{
	struct sigaction action = {
		.sa_handler = self_pipe_handle,
		.sa_flags = SA_RESTART | SA_NOCLDSTOP,
	};
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	self_pipe_write_fd = fds[1];
	(void)sigemptyset(&action.sa_mask);
	for (; *signals != 0; signals++)
		(void)sigaction(*signals, &action, NULL);
	return fds[0];
}

int
brood__self_pipe_next(int fd)
{
	unsigned char byte;

	return read(fd, &byte, 1) == 1 ? byte : 0;
}
