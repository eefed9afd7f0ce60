/* SPDX-License-Identifier: ISC */

/*
 * The thread that lets everything pass and tells of it.
 */

#include "process/seccomp_learn.h"

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEARN_NUMBERS = 1024 };	/* no architecture has so many calls */

static void
learn_tell(const struct seccomp_notif *call, bool *seen)
{
	unsigned number = (unsigned)call->data.nr;
	char *name;

	if (number < LEARN_NUMBERS) {
		if (seen[number])
			return;
		seen[number] = true;
	}
	name = seccomp_syscall_resolve_num_arch(call->data.arch,
	    call->data.nr);
	(void)dprintf(STDERR_FILENO, "brood: level 2 would deny %s\n",
	    name != NULL ? name : "an unknown system call");
	free(name);
}

/* Answer a single call.  False: there will be no more. */
static bool
learn_answer(int listener, bool *seen)
{
	struct seccomp_notif *call;
	struct seccomp_notif_resp *answer;
	int r;

	/* The kernel wants them zeroed, in a size that it alone knows. */
	if (seccomp_notify_alloc(&call, &answer) < 0)
		return false;
	r = seccomp_notify_receive(listener, call);
	if (r == 0) {
		learn_tell(call, seen);
		answer->id = call->id;
		answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		/* ENOENT: a signal has ended the call meanwhile. */
		(void)seccomp_notify_respond(listener, answer);
	}
	seccomp_notify_free(call, answer);
	return r == 0 || errno == EINTR || errno == ENOENT;
}

/* Calls that nobody answers fail with ENOSYS once the listener is closed. */
static void
learn_serve(int listener)
{
	bool seen[LEARN_NUMBERS] = { false };

	while (learn_answer(listener, seen))
		;
	(void)close(listener);
}

static void *
learn_run(void *arg)
{
	int fd = (int)(intptr_t)arg, listener;

	if (read(fd, &listener, sizeof(listener)) == sizeof(listener))
		learn_serve(listener);
	(void)close(fd);
	return NULL;
}

int
brood__learner_start(struct brood__learner *learner)
{
	sigset_t all, before;
	pthread_t thread;
	int fds[2], r;

	if (pipe(fds) < 0)
		return -errno;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, learn_run, (void *)(intptr_t)fds[0]);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return -r;
	}
	(void)pthread_detach(thread);
	learner->fd = fds[1];
	return 0;
}

int
brood__learner_watch(struct brood__learner *learner, int listener)
{
	ssize_t n = write(learner->fd, &listener, sizeof(listener));
	int r = n < 0 ? -errno : 0;

	(void)close(learner->fd);
	return r;
}
