/* SPDX-License-Identifier: ISC */
#ifndef BROOD_SUPERVISOR_H
#define BROOD_SUPERVISOR_H

/*
 * A supervisor keeps different children running.  It is for a program that is
 * made of several processes, for instance a parent, a parser and a resolver
 * that have different privileges.
 *
 * Each child runs a function or a program.  Each has a channel to the host, the
 * program that made the supervisor; two children may be linked by a channel of
 * their own.  When a child ends, its restart type says whether it is started
 * again, and the strategy says which others are restarted with it.  A child
 * that fails is started again after a delay, and too many failures end in its
 * being given up: see intensity.
 *
 * The children start in the order of the list, each when the one before it is
 * ready.  They are stopped in the reverse order.
 *
 * When the supervisor process dies, the kernel kills the children.  But Linux
 * forgets that when a process changes its uid or gid.  If setup does so, brood
 * asks for it again afterwards.  A program that does so has to ask for it again
 * itself: prctl(2), PR_SET_PDEATHSIG.
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
#include <brood/restart.h>
#include <brood/worker.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_supervisor;

/*
 * One child.  Set name; and set fn, and setup if needed, or set argv.
 */
struct brood_child_spec {
	/* Its name: not empty, and different from those of the others. */
	const char	*name;
	/* A function that runs in the child.  HELLO was exchanged before. */
	brood_child_fn	 fn;
	/* Called before fn.  The child is ready when it has returned 0. */
	brood_setup_fn	 setup;
	/* The argument of fn and of setup. */
	void		*arg;
	/*
	 * A program and its arguments, a NULL last.  It is ready when it has
	 * said HELLO on BROOD_FD: see brood_channel_inherit() and
	 * brood_channel_hello().
	 */
	const char *const *argv;
	/* See brood/child.h.  Descriptors of keep_fds must be above 2. */
	struct brood_child_options options;
	uint32_t	 restart;	/* an enum brood_restart */
	/*
	 * How long the child may take from its start until it is ready.  Then
	 * it is killed, and the start has failed.  0: 60 s.
	 */
	int32_t		 boot_ms;
	/*
	 * How long the child may take, when it is stopped, between GOODBYE and
	 * SIGTERM, and again between SIGTERM and SIGKILL.  0: 5 s.
	 */
	int32_t		 shutdown_ms;
	uint32_t	 reserved_1;
	uint64_t	 reserved[8];
};

/* The names of two different children that get a channel to each other. */
struct brood_link {
	const char	*a;
	const char	*b;
	uint64_t	 reserved[2];
};

/* How to make a supervisor.  children must be set. */
struct brood_supervisor_options {
	const struct brood_child_spec *children;
	size_t		 n_children;
	const struct brood_link *links;
	size_t		 n_links;
	uint32_t	 strategy;	/* an enum brood_strategy */
	/*
	 * How many failures of one child are allowed within period_ms.  One
	 * failure more, and the child is given up: it is not started again.  A
	 * failure is any end of the child that nobody asked for and after which
	 * it is started again, and any start that did not succeed.
	 *
	 * After each failure the next start is delayed: by 100 ms after the
	 * first, then twice as long each time, at most 30 s.  The delay begins
	 * at 100 ms again when the child has been ready for 30 s, or for twice
	 * the last delay if that is longer.
	 */
	int32_t		 intensity;	/* 0: 5, -1: none; at most 1000 */
	int32_t		 period_ms;	/* 0: 30 s */
	/*
	 * Where the lines go that children print to standard output and error.
	 * 0: standard error of the program, -1: nowhere.  Standard input of a
	 * child is /dev/null.
	 */
	int32_t		 stderr_fd;
	/* 1: begin each of these lines with "name[pid]: ". */
	uint32_t	 prefix_stderr;
	uint32_t	 reserved_1;
	uint64_t	 reserved[16];
};

/*
 * Fork the supervisor process and begin to start the children.  Does not wait
 * for them: brood_supervisor_next_event() says when each is ready.
 *
 * Borrows options: everything is copied, except what arg points to, which a
 * child sees as it was at this moment.  The host may close the descriptors of
 * keep_fds afterwards.
 *
 * In a child, fn gets the channel to the host.  A child should finish when its
 * channel ends, or when it receives GOODBYE on it.
 *
 * For each link, both children get a message of kind BROOD_KIND_LINK on their
 * channels when both are ready, and again when either has been restarted.  Its
 * payload is the name of the other child, and its descriptor is a socket to it:
 * see brood_channel_wait_link().  The message comes
 * before anything that the host sends after it has read BROOD_EVENT_READY of
 * the second of the two.  For this a linked child accepts one descriptor with a
 * message, even if its options say none.
 *
 *   -EINVAL	there are no children; a child has neither or both of fn and
 *		argv, or setup with argv, or env or chdir with fn; a name is
 *		empty or is used twice; a link has a name that is not in the
 *		list, or the same name twice; a descriptor of keep_fds is not
 *		above 2; or a number makes no sense: text says which
 *   -EBADF	a descriptor of keep_fds, or stderr_fd, is not open
 *   -EMFILE	RLIMIT_NOFILE has no room for two descriptors per child: raise
 *		the limit
 *   -EAGAIN	fork(2) failed: the limit of processes is reached
 */
int	brood_supervisor_new(struct brood_supervisor **ret_supervisor,
	    const struct brood_supervisor_options *options, char *text);

/*
 * Stop all children, the last one first, and free the supervisor.  The children
 * get SIGTERM, and shutdown_ms later SIGKILL.  Waits until every process has
 * ended.  To say GOODBYE first, call brood_supervisor_stop().
 *
 * supervisor may be NULL.  Returns NULL.
 */
struct brood_supervisor *
	brood_supervisor_free(struct brood_supervisor *supervisor);

/*
 * Get the one descriptor of the supervisor: poll(2) it for POLLIN, then call
 * brood_supervisor_dispatch().  It says nothing about the channels of the
 * children: poll those too.  It stays the same, and it belongs to the
 * supervisor.
 *
 *   -ENOSYS	this system has no such descriptor: use brood_supervisor_wait()
 */
int	brood_supervisor_fd(struct brood_supervisor *supervisor);

/*
 * Do what is to be done now, without waiting.
 */
int	brood_supervisor_dispatch(struct brood_supervisor *supervisor);

/*
 * Wait up to timeout_ms, dispatching, until there is an event to read.  A
 * program that leaves events unread is told of each one once.
 *
 * Returns 1 if there is an event to read, 0 if none came in time.
 *
 *   -ESHUTDOWN	no event can come any more: all have stopped, or no child is
 *		left that would be started again
 */
int	brood_supervisor_wait(struct brood_supervisor *supervisor,
	    int timeout_ms);

/*
 * Read the next event: brood/event.h.
 *
 * Returns 1 with an event, 0 if there is none.
 */
int	brood_supervisor_next_event(struct brood_supervisor *supervisor,
	    struct brood_event *ret_event);

/*
 * Wait up to timeout_ms, dispatching, until every child is ready.  A child that
 * has died just now counts as ready until the supervisor process tells of it,
 * or until its channel has said -EPIPE.
 *
 *   -ETIMEDOUT	some child is not ready yet
 *   -ESHUTDOWN	a child has ended, or has been given up, and is not started
 *		again; or all are being stopped.  The events say why
 */
int	brood_supervisor_wait_ready(struct brood_supervisor *supervisor,
	    int timeout_ms);

/*
 * Send a request to the child of that name and wait up to timeout_ms for its
 * answer, dispatching: so events go on, links are made, and a child that has
 * died is noticed.  Waits for the child if it is not running.  For the request,
 * and for other messages that come meanwhile, see brood_channel_call().
 *
 * A child that dies before the kernel has taken all of the request has not run
 * it: then the next process of the child gets it.
 *
 * Borrows msg.  The data and the descriptors of ret_msg belong to the
 * supervisor, until its next dispatch, call or wait.  Keep a descriptor with
 * brood_supervisor_take_fd().
 *
 * Returns 1 with the answer, 0 if it did not come in time.  The errors are
 * those of brood_channel_call(), and:
 *
 *   -EPIPE	the child died before it answered: it may have run the request
 *   -ENOENT	there is no child of that name
 *   -ESHUTDOWN	the child has ended, or has been given up, and is not started
 *		again; or all are being stopped
 */
int	brood_supervisor_call(struct brood_supervisor *supervisor,
	    const char *name, const struct brood_message *msg, int timeout_ms,
	    struct brood_message *ret_msg);

/*
 * Keep descriptor number i (from 0) of the answer that brood_supervisor_call()
 * gave last.
 *
 * Gives the descriptor.
 *
 *   -EBADF	the answer has no such descriptor, or it was taken before
 */
int	brood_supervisor_take_fd(struct brood_supervisor *supervisor, size_t i);

/*
 * Get the channel to the child of that name.  NULL while the child is not
 * running, and if there is no child of that name.
 *
 * The channel belongs to the supervisor.  It is valid until the next
 * brood_supervisor_dispatch(), brood_supervisor_call(), or wait: ask again
 * after each of them.  When the child has ended, sending and receiving on it
 * say -EPIPE.
 */
struct brood_channel *
	brood_supervisor_channel(struct brood_supervisor *supervisor,
	    const char *name);

/*
 * Restart a child: stop it, beginning with GOODBYE, and start it again.  Others
 * are restarted with it if the strategy says so; they are stopped beginning
 * with SIGTERM.  Does not wait for them.
 *
 * A child that has ended for good, or was given up, is started again, alone, as
 * if it had never failed.
 *
 *   -ENOENT	there is no child of that name
 *   -EALREADY	the child is being started, or waits for its next start
 *   -ESHUTDOWN	all are being stopped, or the supervisor process has ended
 */
int	brood_supervisor_restart(struct brood_supervisor *supervisor,
	    const char *name);

/*
 * In a child: wait up to timeout_ms for the LINK message of that name on the
 * channel to the host, and make a channel to the other child of it.  Other
 * messages that come meanwhile are kept, as by brood_channel_call().
 *
 * The host sends LINK when it dispatches: in brood_supervisor_call() and its
 * other waits too, but not in brood_channel_call().  So a handler may wait here
 * without limit if the host asks by brood_supervisor_call().
 *
 * When the other child has been restarted, its channel fails with -EPIPE:
 * free that, and wait for the next LINK.
 *
 * Gives the channel.  options are those of brood_channel_new().
 *
 * Returns 1 with the channel, 0 if no LINK came in time.  The errors are those
 * of brood_channel_recv() and brood_channel_new(), and:
 *
 *   -EBADMSG	the LINK came without its descriptor
 *   -ENOBUFS	as for brood_channel_call()
 *   -ESHUTDOWN	the host has said GOODBYE: the child should end
 */
int	brood_channel_wait_link(struct brood_channel *channel,
	    const char *name, int timeout_ms,
	    const struct brood_channel_options *options,
	    struct brood_channel **ret_peer);

/*
 * Begin to stop all children, the last one first.  Each gets GOODBYE, then
 * SIGTERM, then SIGKILL, with shutdown_ms between them.  Returns at once:
 * BROOD_EVENT_STOPPED says that all have ended.
 */
int	brood_supervisor_stop(struct brood_supervisor *supervisor);

#ifdef __cplusplus
}
#endif

#endif
