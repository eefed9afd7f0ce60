/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_TESTCHILD_H
#define BROOD_TESTS_TESTCHILD_H

/*
 * A supervised child that does what a test tells it over its channel; and the
 * functions by which the test tells it, and reads events.
 *
 * No function here asserts, because a host that a test has forked uses them
 * too, and an assertion in a forked process hangs Criterion.  Each wait ends
 * after TESTCHILD_PATIENCE at the latest.
 */

#include <brood/supervisor.h>

#define TESTCHILD_PATIENCE	10000	/* milliseconds */

/* What a request's code tells the child to do. */
enum testchild_code {
	TESTCHILD_ECHO = 0,	/* answer with the payload */
	TESTCHILD_WHO,		/* answer with a struct testchild_who */
	TESTCHILD_LINK,		/* wait until the sibling whose pid is the
				   payload has answered over the link, then
				   as TESTCHILD_WHO */
	TESTCHILD_SAY,		/* print the payload to standard error, then
				   answer */
	TESTCHILD_EXIT,		/* exit with the first byte as the status */
	TESTCHILD_RAISE,	/* die of the signal in the first byte */
};

struct testchild_who {
	pid_t	 pid;
	pid_t	 parent;	/* the supervisor */
	int	 n_fds;		/* open descriptors from 3 on */
	unsigned n_links;	/* LINK messages that have come */
	char	 link[32];	/* the name in the last of these */
	pid_t	 peer;		/* the sibling that TESTCHILD_LINK reached, or
				   0 */
};

/*
 * A copy of an event with its strings, which brood keeps until the next one
 * only.  The pointers in `event' are NULL.
 */
struct testchild_event {
	struct brood_event event;
	char	 name[32];
	char	 step[32];
	char	 text[512];
	char	 tail[8192];
};

/*
 * The child, a brood_child_fn.  Unless arg is NULL, the child does not exit
 * after a GOODBYE.
 */
int	testchild_main(struct brood_channel *channel, void *arg);

/* A brood_setup_fn that makes the child ignore SIGTERM. */
int	testchild_ignore_term(void *arg);

/* Send a request, and do not wait for an answer. */
bool	testchild_tell(struct brood_supervisor *sup, const char *name,
	    enum testchild_code code, const void *data, size_t len);
bool	testchild_tell_byte(struct brood_supervisor *sup, const char *name,
	    enum testchild_code code, int byte);

/* Send a request and wait for the answer; meanwhile, dispatch. */
bool	testchild_ask(struct brood_supervisor *sup, const char *name,
	    enum testchild_code code, const void *data, size_t len,
	    struct brood_message *ret_msg);
bool	testchild_who(struct brood_supervisor *sup, const char *name,
	    struct testchild_who *ret_who);

/* Ask for TESTCHILD_LINK with this pid. */
bool	testchild_link(struct brood_supervisor *sup, const char *name,
	    pid_t peer, struct testchild_who *ret_who);

/* Wait at most timeout_ms for the next event, and read it. */
bool	testchild_next(struct brood_supervisor *sup, int timeout_ms,
	    struct testchild_event *ret_event);

/* Read events up to the next of this kind, about this child (NULL: any). */
bool	testchild_await(struct brood_supervisor *sup,
	    enum brood_event_kind kind, const char *name,
	    struct testchild_event *ret_event);

#endif
