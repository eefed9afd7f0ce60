/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SPAWN_H
#define BROOD__SPAWN_H

/*
 * Start one process, by fork or by fork and exec, at the far end of a
 * socketpair.  What runs in the child between fork and the caller's code is
 * here and nowhere else.
 *
 * A child that cannot come that far says so in a report: the step that failed,
 * its errno, and a text with the path.  It comes through a pipe that exec
 * closes, so that end-of-file means "it runs".
 */

#include <brood/child.h>
#include <brood/worker.h>
#include <sys/resource.h>

struct brood__spawn {
	const char *name;		/* said in HELLO */

	/* A function: setup(arg), HELLO if is_greeting, then fn(arg). */
	brood_child_fn fn;
	brood_setup_fn setup;		/* NULL: none */
	void *setup_arg;
	void *arg;
	bool is_greeting;

	/* Or a program. */
	const char *const *argv;

	const struct brood_child_options *options;

	/*
	 * In a supervised child: standard input is /dev/null, output and error
	 * are this descriptor, and the kernel kills it when its parent, which
	 * has one thread, dies.  -1: the parent's, and it may outlive it.
	 */
	int output_fd;
	const struct rlimit *nofile;	/* its RLIMIT_NOFILE; NULL: stay */
};

struct brood__spawned {
	pid_t pid;
	int socket;		/* the parent's end */
	int child_socket;	/* the child's end, still open here */
	int report_fd;
};

struct brood__report {
	char step[16];		/* "exec", "chdir", "setup", ... */
	int error;		/* errno */
	char text[256];
};

/* Everything that it gives is the caller's to close; the pid to reap. */
int	brood__spawn(struct brood__spawned *ret_spawned,
	    const struct brood__spawn *spawn);

/*
 * Read a child's report, waiting for it or not.  1 with one; 0 if the child got
 * as far as its own code, or, not waiting, may still.
 */
int	brood__report_read(int report_fd, bool is_waiting,
	    struct brood__report *ret_report);

/*
 * A pair of connected stream sockets above the standard descriptors.
 */
int	brood__spawn_socketpair(int ret_fds[2]);

/*
 * In a forked process: close every descriptor from 3 on that is not in fds,
 * which are sorted by it.
 */
void	brood__spawn_close_others(int *fds, size_t n_fds);

#endif
