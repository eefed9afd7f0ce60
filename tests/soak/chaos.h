/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_CHAOS_H
#define BROOD_TESTS_CHAOS_H

/*
 * What the host of chaos.c and its workers, chaos_worker.c, both know.
 */

#include <brood.h>

#include <stdatomic.h>
#include <stdbool.h>

enum {
	REQUESTS = 6000,	/* of one pool, at most */
	WORKERS = 4,
	KEPT_FD = 4,		/* where a program finds the memory */
};

enum method {
	ECHO, NAP, FAIL, PARTS, EXIT, ABORT, FAULT, REPLY_AND_DIE, GARBAGE,
	SHUT_DOWN, FLOOD, HANG, CLOSE, METHODS,
};

/* What the workers write. */
struct truth {
	_Atomic int pids[WORKERS + 1];	/* of a slot, once it ran a request */
	_Atomic unsigned n_signals;
	struct {
		_Atomic unsigned n_runs;
		_Atomic unsigned n_replies;	/* that were sent */
	} requests[REQUESTS];
};

struct request {
	uint32_t number;
	uint32_t size;			/* of all of it */
};

struct kind {
	enum brood_transport transport;
	unsigned workers, in_flight, spare;
	bool is_program, has_fds, is_polled, is_confined;
};

extern struct truth *truth;	/* shared with the workers */
extern struct kind kind;	/* of the pool */

/* Have the truth of this descriptor.  False: it cannot be mapped. */
bool	map_truth(int fd);

/* The handler of the pools. */
int	handle(struct brood_request *request, void *arg);

/* Be a program that is a worker. */
_Noreturn void
	be_worker(const char *how);

#endif
