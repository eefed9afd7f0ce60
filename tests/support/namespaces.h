/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_NAMESPACES_H
#define BROOD_TESTS_NAMESPACES_H

/*
 * May this process leave its namespaces?  Some systems do not let it, and none
 * lets a process whose root directory was changed.
 */

#include <stdbool.h>

#ifdef __linux__
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

/* Asks a process that is forked for it. */
static inline bool
namespaces_can_be_left(void)
{
#if defined(__linux__) && defined(CLONE_NEWUSER)
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
#else
	return false;
#endif
}

#endif
