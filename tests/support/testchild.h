/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_TESTCHILD_H
#define BROOD_TESTS_TESTCHILD_H

/*
 * A supervised child that does what it is told over its channel, and the test's
 * way to talk to it and to read events.
 *
 * Nothing here asserts: it serves hosts that are themselves forked by a test.
 * All waiting is bounded by TESTCHILD_PATIENCE.
 */

#include <brood/supervisor.h>

#define TESTCHILD_PATIENCE	10000	/* milliseconds */

/* The code of a request. */
enum testchild_code {
	TESTCHILD_ECHO = 0,	/* answer with the payload */
	TESTCHILD_WHO,		/* answer with a struct testchild_who */
	TESTCHILD_LINK,		/* the same, after asking the sibling whose pid
				   is the payload over the link to it */
	TESTCHILD_SAY,		/* print the payload to standard error */
	TESTCHILD_EXIT,		/* return the first byte of the payload */
	TESTCHILD_RAISE,		/* be ended by that signal */
};

struct testchild_who {
	pid_t	 pid;
	pid_t	 parent;	/* the supervisor */
	int	 n_fds;		/* past standard error */
	unsigned n_links;	/* LINK messages so far ... */
	char	 link[32];	/* ... and the name in the last */
	pid_t	 peer;		/* who answered over it; 0 not asked */
};

/* An event that outlives the next one. */
struct testchild_event {
	struct brood_event event;
	char	 name[32];
	char	 step[32];
	char	 text[512];
	char	 tail[8192];
};

/* The brood_child_fn.  With an arg, it does not finish when told GOODBYE. */
int	testchild_main(struct brood_channel *channel, void *arg);

/* A brood_setup_fn, after which SIGTERM does not end it. */
int	testchild_ignore_term(void *arg);

/* Send a request without waiting: true if it could be sent. */
bool	testchild_tell(struct brood_supervisor *sup, const char *name,
	    enum testchild_code code, const void *data, size_t len);
bool	testchild_tell_byte(struct brood_supervisor *sup, const char *name,
	    enum testchild_code code, int byte);

/* Send a request and wait for the answer, dispatching. */
bool	testchild_ask(struct brood_supervisor *sup, const char *name,
	    enum testchild_code code, const void *data, size_t len,
	    struct brood_message *ret_msg);
bool	testchild_who(struct brood_supervisor *sup, const char *name,
	    struct testchild_who *ret_who);

/* The same over the link to the sibling with that pid. */
bool	testchild_link(struct brood_supervisor *sup, const char *name,
	    pid_t peer, struct testchild_who *ret_who);

/* The next event, within timeout_ms. */
bool	testchild_next(struct brood_supervisor *sup, int timeout_ms,
	    struct testchild_event *ret_event);

/* Skip events up to one of that kind, and name unless that is NULL. */
bool	testchild_await(struct brood_supervisor *sup, enum brood_event_kind kind,
	    const char *name, struct testchild_event *ret_event);

#endif
