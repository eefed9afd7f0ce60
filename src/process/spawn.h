/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SPAWN_H
#define BROOD__SPAWN_H

/*
 * Start one process, by fork or by fork and exec, at the far end of a
 * socketpair.  What the child does between fork and the caller's code, or the
 * program, is here and nowhere else.
 *
 * A child that cannot get that far sends a report: the step that failed, its
 * errno, and a text with the path.  The report comes through a pipe.  exec, or
 * the child itself, closes the pipe when all has gone well, so end-of-file
 * without a report means that the child runs.
 */

#include "process/failure.h"

#include <brood/child.h>
#include <brood/worker.h>
#include <sys/resource.h>

struct brood__spawn {
	const char *name;		/* for HELLO; NULL: none */
	int slot;			/* of brood_worker_slot(); -1: none */
	uint32_t generation;

	/* Either a function: setup, then HELLO if says_hello, then fn. */
	brood_child_fn fn;
	brood_setup_fn setup;		/* NULL: none */
	void *setup_arg;
	void *arg;			/* of fn */
	bool says_hello;

	/* Or a program; NULL: the function. */
	const char *const *argv;

	const struct brood_child_options *options;
	unsigned group;			/* of cgroup.h: the number of its one */
	bool takes_fds;			/* the parent does, from the child */
	bool has_last_words;		/* last_words.h */

	/*
	 * Of a supervised child, whose parent has one thread: standard input is
	 * /dev/null, standard output and error are this descriptor, and the
	 * kernel kills the child when the parent dies.  -1: not supervised; the
	 * child has the parent's standard descriptors and may outlive it.
	 */
	int output_fd;
	const struct rlimit *nofile;	/* RLIMIT_NOFILE; NULL: unchanged */
};

struct brood__spawned {
	pid_t pid;
	int socket;		/* the parent's end */
	int child_socket;	/* the child's end, still open here */
	int report_fd;		/* to read the report from */
};

/*
 * Start the process.  The caller closes all descriptors of *ret_spawned and
 * reaps the pid.
 */
int	brood__spawn(struct brood__spawned *ret_spawned,
	    const struct brood__spawn *spawn);

/*
 * Read a child's report: 1 with a report, 0 without.  0 means that the child
 * has got as far as its own code; or, if is_waiting is false, that it may yet
 * do so.
 */
int	brood__spawn_read_report(int report_fd, bool is_waiting,
	    struct brood__failure *ret_report);

/*
 * Two connected stream sockets, close-on-exec, with numbers above those of the
 * standard descriptors.
 */
int	brood__spawn_socketpair(int ret_fds[2]);

/*
 * In a forked process: close every descriptor from 3 on that is not in fds.
 * Sorts fds.
 */
void	brood__spawn_close_others(int *fds, size_t n_fds);

#endif
