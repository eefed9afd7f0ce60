/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_METHODS_H
#define BROOD_TESTS_METHODS_H

/*
 * What the workers of the pool's tests can do: one handler, and a method for
 * each way of behaving.  A method that counts adds one to the counters's counter
 * for the number its payload begins with, before anything else.
 */

#include "support/counters.h"

enum method {
	METHOD_ECHO,		/* the payload comes back */
	METHOD_COUNT,		/* count, then echo */
	METHOD_HOLD,		/* count, enter, wait at the gate, echo */
	METHOD_NAP,		/* count, 2 ms of work, echo */
	METHOD_PAUSE,		/* count, enter, never end */
	METHOD_PAUSE_HARD,	/* the same, blocking and ignoring SIGTERM */
	METHOD_STOP_SELF,	/* count, enter, SIGSTOP, echo */
	METHOD_AWAIT_CANCEL,	/* count, enter, fail once it is canceled */
	METHOD_ABORT,		/* count, die of SIGABRT */
	METHOD_ABORT_FIRST,	/* the same the first time, then echo */
	METHOD_EXIT,		/* exit with the status in the payload */
	METHOD_PRINT,		/* the payload to stderr, then echo */
	METHOD_PRINT_ABORT,	/* the payload to stderr, then SIGABRT */
	METHOD_SILENT,		/* return without an answer */
	METHOD_RETURN_ENOENT,	/* return -ENOENT without an answer */
	METHOD_FAIL_EACCES,	/* brood_fail() with the payload as text */
	METHOD_FAIL,		/* the same without an errno */
	METHOD_ANSWER_TWICE,	/* "first"; what else says goes to results */
	METHOD_STREAM,		/* progress 0, a, progress 1, b, and c */
	METHOD_PARTS,		/* payload "N SIZE": N parts, an empty reply */
	METHOD_BIG_REPLY,	/* payload "SIZE": one reply; fail if too big */
	METHOD_READ_FDS,	/* what is in the request's descriptors */
	METHOD_GIVE_FDS,	/* three descriptors, the payload in a pipe */
	METHOD_READ_KEPT,	/* payload "FD": what can be read there */
	METHOD_TIME_LEFT,	/* brood_request_time_left() in decimal */
	METHOD_GETENV,		/* the variable named by the payload */
	METHOD_GETCWD,
};

/* arg is a struct counters, or NULL in an exec'd worker. */
int	methods_handle(struct brood_request *request, void *arg);

#endif
