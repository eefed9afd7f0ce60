/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_METHODS_H
#define BROOD_TESTS_METHODS_H

/*
 * What the workers of the pool's tests can do: one handler, with a method for
 * each behaviour that a test needs.
 *
 *	count	a request's payload begins with its number: add 1 to
 *		counters->runs[number], before anything else
 *	enter	count, then write a byte to the pipe counters->entered
 *	echo	answer with the payload
 */

#include "support/counters.h"

enum method {
	METHOD_ECHO,		/* echo */
	METHOD_COUNT,		/* count, echo */
	METHOD_HOLD,		/* enter, wait at the gate, echo */
	METHOD_NAP,		/* count, sleep for 2 ms, echo */
	METHOD_PAUSE,		/* enter, never return */
	METHOD_PAUSE_HARD,	/* ignore SIGTERM, enter, never return */
	METHOD_STOP_SELF,	/* enter, stop by SIGSTOP, echo */
	METHOD_AWAIT_CANCEL,	/* enter, wait to be canceled, fail */
	METHOD_ABORT,		/* count, die of SIGABRT */
	METHOD_ABORT_FIRST,	/* first run: METHOD_ABORT; then METHOD_COUNT */
	METHOD_EXIT,		/* exit with the status in the payload */
	METHOD_PRINT,		/* print the payload to stderr, echo */
	METHOD_PRINT_ABORT,	/* print the payload to stderr, SIGABRT */
	METHOD_SILENT,		/* return 0 without an answer */
	METHOD_RETURN_ENOENT,	/* return -ENOENT without an answer */
	METHOD_FAIL_EACCES,	/* fails with EACCES, payload as text */
	METHOD_FAIL,		/* fails without an errno, payload as text */
	METHOD_ANSWER_TWICE,	/* reply, reply, fail; all return values go
				   to counters->results */
	METHOD_STREAM,		/* progress "0", part "a", progress "1",
				   part "b", reply "c" with status 7 */
	METHOD_PARTS,		/* payload "N SIZE": N parts, an empty reply */
	METHOD_BIG_REPLY,	/* payload "SIZE": one reply; fail if it is
				   over the limit */
	METHOD_READ_FDS,	/* reply: contents of the descriptors sent */
	METHOD_GIVE_FDS,	/* reply: three descriptors of one pipe that
				   has the payload in it */
	METHOD_READ_KEPT,	/* payload "FD": reply what can be read there */
	METHOD_TIME_LEFT,	/* reply: brood_request_time_left(), decimal */
	METHOD_GETENV,		/* reply: value of the variable in the payload;
				   fail if there is none */
	METHOD_GETCWD,		/* reply: the working directory */
	METHOD_WHO,		/* reply: slot and generation, decimal */
};

/* arg is a struct counters, or NULL in a worker that was exec'd. */
int	methods_handle(struct brood_request *request, void *arg);

#endif
