/* SPDX-License-Identifier: ISC */
#ifndef BROOD_SUPERVISOR_H
#define BROOD_SUPERVISOR_H

/*
 * Different children under one supervisor: a program made of processes, such as
 * a parent, a parser and a resolver that hold different privileges.
 *
 * A child is a function or a program.  Each has a channel to the host; two may
 * be linked by a channel of their own.  A child that ends is restarted by its
 * restart type and the supervisor's strategy, after a delay that grows with
 * failures (see brood/pool.h: intensity, period_ms).
 *
 * A child ends with the supervisor process, even if that is killed; but on
 * Linux a process that changes its uid or gid is released from that.  A
 * function does so in setup, after which it is tied again; a program has to see
 * to it itself: prctl(2), PR_SET_PDEATHSIG.
 *
 * Children start in the order of the list, each when the one before is ready,
 * and are stopped in reverse.
 *
 *	while (running) {
 *		poll(...);	// brood_supervisor_fd() and the channels
 *		brood_supervisor_dispatch(sup);
 *		while (brood_supervisor_next_event(sup, &event) == 1)
 *			...
 *		channel = brood_supervisor_channel(sup, "parser");
 *		...
 *	}
 */

#include <brood/child.h>
#include <brood/event.h>
#include <brood/worker.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_supervisor;

enum brood_strategy {
	BROOD_ONE_FOR_ONE = 0,	/* a child that ends is restarted alone */
	BROOD_ONE_FOR_ALL,	/* all are stopped, and started again */
	BROOD_REST_FOR_ONE,	/* those after it in the list, and itself */
};

enum brood_restart {
	BROOD_PERMANENT = 0,	/* always restarted */
	BROOD_TRANSIENT,	/* only after an abnormal end: a signal, or an
				   exit status that is not 0 */
	BROOD_TEMPORARY,	/* never restarted, not with its group either */
};

/* A child that exits with this status is not restarted, whatever its type. */
#define BROOD_EXIT_DONE		125

/*
 * One child.  Zeroed fields are defaults.
 */
struct brood_child_spec {
	const char	*name;		/* unique, not empty */
	brood_child_fn	 fn;		/* a function ... */
	brood_setup_fn	 setup;		/* ... ready once this has succeeded */
	void		*arg;		/* of fn and setup */
	const char *const *argv;	/* or a program that says HELLO on
					   BROOD_FD: brood_channel_hello() */
	struct brood_child_options options;
	enum brood_restart restart;
	int		 boot_ms;	/* 0: 60 s */
	int		 shutdown_ms;	/* 0: 5 s */
};

/* Two siblings by name that get a channel to each other. */
struct brood_link {
	const char	*a;
	const char	*b;
};

struct brood_supervisor_options {
	const struct brood_child_spec *children;
	size_t		 n_children;
	const struct brood_link *links;
	size_t		 n_links;
	enum brood_strategy strategy;
	unsigned	 intensity;	/* 0: 5 */
	int		 period_ms;	/* 0: 30 s */
	int		 stderr_fd;	/* 0: standard error, -1: nowhere */
	bool		 prefix_stderr;
};

/*
 * Fork the supervisor and start the children.  Returns at once.
 *
 * In a child, fn gets the channel to the host, HELLO exchanged.  For each of
 * its links a message of kind BROOD_KIND_LINK comes on that channel once both
 * siblings are ready, and again whenever the other has been restarted: its
 * payload is the other's name, its descriptor a socket for brood_channel_new().
 * It comes before anything that the host sends after it has read the second
 * sibling's BROOD_EVENT_READY.  A linked child accepts one descriptor with a
 * message even if its options say none; the host's end does not.  A child whose
 * channel ends, or that is told GOODBYE, finishes.
 *
 * All is copied, but arg, which a child sees as it was then; descriptors to
 * keep may be closed in the host afterwards.
 *
 *   -EINVAL	no children, a child without or with both of fn and argv, a
 *		name twice, a link to a name that is not in the list or of one
 *		to itself, a descriptor to keep that is not above 2
 *   -EBADF	a descriptor to keep, or stderr_fd, is not open
 *   -EMFILE	RLIMIT_NOFILE leaves no room for two descriptors per child
 */
int	brood_supervisor_new(struct brood_supervisor **ret_supervisor,
	    const struct brood_supervisor_options *options);

/*
 * Stop every child, last one first, and free.  Takes NULL; gives NULL.
 */
struct brood_supervisor *
	brood_supervisor_free(struct brood_supervisor *supervisor);

/*
 * One descriptor for poll(2), for POLLIN; it does not cover the channels.
 *
 *   -ENOSYS	this system has no such descriptor: use brood_supervisor_wait()
 */
int	brood_supervisor_fd(const struct brood_supervisor *supervisor);

/*
 * Do what is due, without waiting.
 */
int	brood_supervisor_dispatch(struct brood_supervisor *supervisor);

/*
 * Wait up to timeout_ms, dispatching, for an event.
 *
 * Returns 1 if an event is there to read, 0 if not in time.
 */
int	brood_supervisor_wait(struct brood_supervisor *supervisor,
	    int timeout_ms);

/*
 * Read an event.  Returns 1 with one, 0 if there is none.
 */
int	brood_supervisor_next_event(struct brood_supervisor *supervisor,
	    struct brood_event *ret_event);

/*
 * The channel to the child of that name as it runs now, or NULL while it does
 * not.  When the child ends, so does the stream: -EPIPE.  The channel belongs
 * to the supervisor and is valid until the next brood_supervisor_dispatch() or
 * _wait(): ask again after those.
 */
struct brood_channel *
	brood_supervisor_channel(struct brood_supervisor *supervisor,
	    const char *name);

/*
 * Replace a child: stop it and start it again.  By its strategy, others too.
 *
 *   -ENOENT	no child of that name is running
 */
int	brood_supervisor_restart(struct brood_supervisor *supervisor,
	    const char *name);

/*
 * Begin to stop all children, last one first: GOODBYE, SIGTERM, SIGKILL, each
 * after shutdown_ms.  BROOD_EVENT_STOPPED says that all have ended.
 */
int	brood_supervisor_stop(struct brood_supervisor *supervisor);

#ifdef __cplusplus
}
#endif

#endif
