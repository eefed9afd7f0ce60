/* SPDX-License-Identifier: ISC */

/*
 * The supervisor process's signals, standard descriptors and limits.
 *
 * What it has open:
 *
 *	11		0 to 2, the control channel, the watch over the host,
 *			the sink, two for SIGCHLD, two for the readiness set,
 *			and one for a file in /proc
 *	n_keep_fds	what the children are to inherit
 *	per slot	1: what its process prints
 *	per process	3: both ends of its socketpair, and the pipe of its
 *			report; from fork until the host has adopted it
 *	for a start	2: the child's ends of two pipes.  And the child, whose
 *			table is a copy of this one, opens /dev/null, and for a
 *			program copies of all that it keeps, before it closes
 *			the rest
 */

#include "base/self_pipe.h"
#include "process/spawn.h"
#include "supervisor/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SETUP_FIXED = 11,
	SETUP_PER_SLOT = 1,
	SETUP_PER_HELD = 3,
	SETUP_PER_START = 8,	/* 2 + 1, socket and report, and some more */
};

/* Everything but what is held for processes that are not adopted yet. */
static rlim_t
setup_needed(size_t n_slots, size_t n_keep_fds)
{
	return SETUP_FIXED + SETUP_PER_START +
	    SETUP_PER_SLOT * (rlim_t)n_slots + 2 * (rlim_t)n_keep_fds;
}

int
brood__setup_can_hold(size_t n_slots, size_t n_keep_fds)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	return setup_needed(n_slots, n_keep_fds) + SETUP_PER_HELD >
	    limit.rlim_max ? -EMFILE : 0;
}

unsigned
brood__setup_max_held(rlim_t limit, size_t n_slots, size_t n_keep_fds)
{
	rlim_t needed = setup_needed(n_slots, n_keep_fds), max;

	if (limit < needed + SETUP_PER_HELD)
		return 1;
	max = (limit - needed) / SETUP_PER_HELD;
	return max < UINT_MAX ? (unsigned)max : UINT_MAX;
}

/* If 0 to 2 were free, other descriptors would be given these numbers. */
static int
setup_stdio(void)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0)
		return -errno;
	for (int i = 0; i <= STDERR_FILENO; i++)
		if (fd != i && dup2(fd, i) < 0)
			return -errno;
	if (fd > STDERR_FILENO)
		(void)close(fd);
	return 0;
}

int
brood__setup_fds(const int *keep_fds, size_t n_keep_fds, const int *own_fds,
    size_t n_own_fds)
{
	size_t n = n_keep_fds;
	int *fds;

	fds = reallocarray(NULL, n + n_own_fds, sizeof(*fds));
	if (fds == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(fds, keep_fds, n * sizeof(*fds));
	for (size_t i = 0; i < n_own_fds; i++)
		if (own_fds[i] >= 0)
			fds[n++] = own_fds[i];
	brood__spawn_close_others(fds, n);
	free(fds);
	return setup_stdio();
}

/*
 * A terminal and a system that shuts down send signals to every process at
 * once, and so does a user who kills by the program's name, which is this
 * process's name too.  The program decides what they mean and tells this
 * process.  SIGXFSZ would come from a sink that is a file at its size limit.
 * SIGKILL cannot be ignored.
 */
void
brood__setup_signals(void)
{
	static const int ignored[] = {
		SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP,
		SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGXFSZ,
	};
	struct sigaction sa = { .sa_handler = SIG_DFL };

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)sigaction(ignored[i], &sa, NULL);
}

int
brood__setup_sigchld(void)
{
	static const int signals[] = { SIGCHLD, 0 };
	sigset_t none;
	int fd;

	fd = brood__self_pipe_open(signals);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	return fd;
}

void
brood__setup_nofile(struct rlimit *ret_before)
{
	struct rlimit limit;

	(void)getrlimit(RLIMIT_NOFILE, ret_before);
	limit = *ret_before;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
