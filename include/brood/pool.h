/* SPDX-License-Identifier: ISC */
#ifndef BROOD_POOL_H
#define BROOD_POOL_H

/*
 * A pool: workers of one kind that answer requests.
 *
 * brood_pool_new() forks a small supervisor process, which starts the workers
 * and replaces those that die.  The program needs no SIGCHLD handler and must
 * not wait for the supervisor; if a wait loop of its own does, nothing breaks.
 * Workers that run a handler are copies of the program as it was at that
 * moment: make the pool early, before threads and before memory has grown.
 *
 * Every request that brood_pool_submit() accepts has exactly one completion,
 * whatever dies.  The program pulls them:
 *
 *	while (running) {
 *		poll(fds, n_fds, -1);		// one is brood_pool_fd(pool)
 *		brood_pool_dispatch(pool);
 *		while (brood_pool_take(pool, &done) == 1) {
 *			...
 *			brood_completion_fini(&done);
 *		}
 *	}
 *
 * Take until there is none: the descriptor announces what is new, not what was
 * left.
 */

#include <brood/event.h>
#include <brood/worker.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_pool;

/*
 * How a pool is made; zeroed fields are defaults.  Everything is copied, but
 * arg, which the workers see as it was when the pool was made.
 */
struct brood_pool_options {
	const char	*name;		/* in events; "worker" */

	/* What a worker is: a handler or a program, not both. */
	brood_handler_fn handler;
	brood_setup_fn	 setup;		/* with a handler only */
	void		*arg;		/* of handler and setup */
	const char *const *argv;	/* a NULL last; speaks the protocol on
					   BROOD_FD: brood_worker_main() */
	const char *const *env;		/* with argv only; NULL: the host's */
	const char	*chdir;		/* with argv only; NULL: stay */

	unsigned	 workers;	/* 0: as many as there are processors */
	unsigned	 in_flight;	/* sent to one worker at a time, at most
					   64; 0: 1 */
	unsigned	 queue;		/* requests beyond those at workers; 0:
					   twice the workers, at least 64 */
	size_t		 max_payload;	/* bytes, both ways; 0: 16 MiB */
	unsigned	 max_requests;	/* then, within 10 %, the worker is
					   replaced by a new one; 0: never */
	bool		 fds_from_worker; /* accept them in replies: only from
					   workers that are trusted */

	int		 boot_ms;	/* from start to ready; 0: 60 s */
	int		 shutdown_ms;	/* from GOODBYE to SIGTERM, and again
					   from there to SIGKILL; 0: 5 s */
	int		 retire_ms;	/* how long a worker that is to be
					   replaced or removed may go on with
					   the requests it has; then it gets
					   SIGTERM.  0: 10 minutes; -1: as long
					   as it takes */
	unsigned	 intensity;	/* failures of one slot ... 0: 5 */
	int		 period_ms;	/* ... in this time; one more and it is
					   given up; 0: 30 s */

	const int	*keep_fds;	/* above 2; stay open in the workers, at
					   their numbers with a handler, at 4,
					   5, ... with argv */
	size_t		 n_keep_fds;
	int		 stderr_fd;	/* where lines go that workers print; 0:
					   standard error, -1: nowhere */
	bool		 prefix_stderr;	/* each line with "name[pid]: " */
};

enum brood_fate {
	BROOD_DONE = 1,		/* the reply is in it */
	BROOD_FAILED,		/* the handler said no: reply.code is an enum
				   brood_error, or 0 if it was brood that could
				   not pass on the request or the reply; text
				   says why */
	BROOD_CRASHED,		/* its worker died: status of wait(2), and text
				   such as "killed by signal 6 (Aborted)"; or
				   five did, one by one, before starting it */
	BROOD_EXPIRED,		/* its deadline passed */
	BROOD_CANCELED,		/* by brood_pool_cancel() or a stop */
	BROOD_REFUSED,		/* never started: stopping, or a broken pool */

	/* Not completions: with BROOD_STREAM, more follow for this id. */
	BROOD_PART,		/* brood_reply_more() */
	BROOD_PROGRESS,		/* brood_progress() */
};

/* Did the handler run?  A request is NOT_RUN only where that is certain. */
enum brood_ran {
	BROOD_NOT_RUN = 1,
	BROOD_MAY_HAVE_RUN,
	BROOD_RAN,
};

/* How to treat a request: the flags of brood_pool_submit(). */
enum brood_submit_flag {
	BROOD_IDEMPOTENT = 1,	/* may run twice: tried once more if its worker
				   dies, unless parts have been given */
	BROOD_STREAM = 2,	/* give parts and progress as they come; else
				   parts are put together, progress dropped */
};

/*
 * What became of a request.  It owns its memory and descriptors until
 * brood_completion_fini().
 */
struct brood_completion {
	uint64_t	 id;
	void		*tag;
	enum brood_fate	 fate;
	enum brood_ran	 ran;
	struct brood_message reply;	/* data, len, fds, n_fds, code */
	int		 status;	/* CRASHED: of wait(2) */
	pid_t		 pid;		/* of the worker; 0 if it met none */
	const char	*text;		/* why, if not DONE; never NULL */
	void		*memory;	/* brood's own */
};

enum brood_worker_state {
	BROOD_WORKER_STARTING = 1,	/* or waiting to be started again */
	BROOD_WORKER_IDLE,
	BROOD_WORKER_BUSY,
	BROOD_WORKER_LEAVING,		/* finishes what it has, or stops */
	BROOD_WORKER_GIVEN_UP,		/* it could not be started */
};

/* One worker, or the place of one. */
struct brood_worker_info {
	unsigned	 slot;
	uint32_t	 generation;	/* 0: none was ready yet */
	enum brood_worker_state state;
	pid_t		 pid;		/* 0 unless it is ready */
	uint64_t	 served;	/* requests answered by this process */
	unsigned long	 failures;	/* of the slot: ends nobody asked for */
	uint64_t	 id;		/* of the request it runs; 0 none */
	int		 age_ms;	/* since that was sent */
};

struct brood_pool_stats {
	unsigned	 workers;	/* wanted */
	unsigned	 ready;		/* in service */
	unsigned	 busy;		/* with at least one request */
	unsigned	 queued;	/* requests waiting for a worker */
	unsigned	 in_flight;	/* requests at a worker */
	unsigned	 untaken;	/* completions waiting to be taken */
	uint64_t	 submitted;
	uint64_t	 done;		/* completions by fate ... */
	uint64_t	 failed;
	uint64_t	 crashed;
	uint64_t	 expired;
	uint64_t	 canceled;
	uint64_t	 refused;
	uint64_t	 resubmitted;	/* sent again after a worker's death */
	uint64_t	 started;	/* processes that became ready */
	uint64_t	 ended;		/* of those, ended */
	pid_t		 supervisor;
};

/*
 * Make a pool and start its workers.  Returns at once: they become ready one by
 * one, and what keeps one from it is an event.
 *
 *   -EINVAL	options NULL, no or both of handler and argv, or a combination
 *		or number that makes no sense
 *   -EMFILE	RLIMIT_NOFILE leaves no room for two descriptors per worker:
 *		raise it, or ask for fewer
 *   -EBADF	a descriptor of keep_fds, or stderr_fd, is not open
 */
int	brood_pool_new(struct brood_pool **ret_pool,
	    const struct brood_pool_options *options);

/*
 * Stop at once and free: every process of the pool has ended when this returns,
 * after SIGTERM and, shutdown_ms later, SIGKILL.  Requests without a completion
 * are forgotten; use brood_pool_stop() first to finish them.
 *
 * Takes NULL; gives NULL.
 */
struct brood_pool *
	brood_pool_free(struct brood_pool *pool);

/*
 * Queue one request; it is sent at once if a worker is free.  flags are of enum
 * brood_submit_flag.  What it leaves to do shows at brood_pool_fd(): a program
 * may submit last and then poll(2).
 *
 * Borrows msg, which is copied, descriptors included; of it only data, len,
 * fds, n_fds and code (the method) may be set.  timeout_ms counts from now and
 * covers the wait for a worker; -1 is none, 0 has passed before it can run.
 * tag comes back in the completion.  ret_id may be NULL.
 *
 *   -EAGAIN	as many requests as the queue and the workers hold have no
 *		completion, or an untaken one: take completions, then retry
 *   -EMSGSIZE	msg is longer than max_payload
 *   -EINVAL	a field of msg that is not the program's to set, more than
 *		BROOD_MAX_FDS descriptors, or an unknown flag
 *   -ESHUTDOWN	brood_pool_stop() was called
 *   -EMFILE	no descriptor left to copy msg's
 */
int	brood_pool_submit(struct brood_pool *pool,
	    const struct brood_message *msg, unsigned flags, int timeout_ms,
	    void *tag, uint64_t *ret_id);

/*
 * One descriptor, the same for the pool's life: poll(2) it for POLLIN, then
 * call brood_pool_dispatch().  Belongs to the pool.
 *
 *   -ENOSYS	this system has no such descriptor: use brood_pool_wait()
 */
int	brood_pool_fd(const struct brood_pool *pool);

/*
 * Do what is due, without waiting: send, receive, expire.  A bounded amount;
 * the descriptor stays readable if there is more.
 */
int	brood_pool_dispatch(struct brood_pool *pool);

/*
 * Take a completion, or with BROOD_STREAM a part.
 *
 * Gives its memory and descriptors: brood_completion_fini() when done.
 *
 * Returns 1 with one, 0 if there is none.
 */
int	brood_pool_take(struct brood_pool *pool,
	    struct brood_completion *ret_done);

/*
 * Wait up to timeout_ms, dispatching, for something to take.
 *
 * Returns 1 if there is a completion to take, or an event has come since the
 * last call; 0 if not in time.
 *
 *   -ESHUTDOWN	stopped: no process is left and nothing to take
 */
int	brood_pool_wait(struct brood_pool *pool, int timeout_ms);

/*
 * Submit a request and wait for that one; others stay to be taken.  Without
 * BROOD_STREAM: the parts of a reply are put together, up to max_payload; if
 * they are longer the request has failed.  Parts of other requests that are not
 * taken make workers wait; if the request cannot go on for that, it is
 * CANCELED.
 *
 * The errors are those of brood_pool_submit(); what became of an accepted
 * request is in ret_done.
 */
int	brood_pool_call(struct brood_pool *pool,
	    const struct brood_message *msg, int timeout_ms,
	    struct brood_completion *ret_done);

/*
 * Cancel a request.  Its completion comes at once, CANCELED.  A worker that has
 * it is told and keeps it until it answers; that answer is dropped.  If it does
 * not by the request's deadline, it is replaced.
 *
 *   -ENOENT	no such request, or it has its completion
 */
int	brood_pool_cancel(struct brood_pool *pool, uint64_t id);

/*
 * Change the number of workers.  New ones are started; those that are too many
 * finish what they have and leave.
 *
 *   -EINVAL	0 workers, or too many to count
 *   -EMFILE	as brood_pool_new()
 *   -ESHUTDOWN	brood_pool_stop() was called, or the pool is broken
 */
int	brood_pool_resize(struct brood_pool *pool, unsigned workers);

/*
 * Begin to replace every worker by a new process, as when the program of argv
 * has changed.  One is started first; only when it is ready does an old one
 * finish what it has and leave, then the next is started, and so on: capacity
 * is kept.  If a new one cannot start, the old ones that are left stay, and
 * BROOD_EVENT_NOT_RELOADED says why; at the end comes BROOD_EVENT_RELOADED.
 * A pool that was given up is started again.
 *
 *   -EALREADY	a reload is under way
 *   -ESHUTDOWN	brood_pool_stop() was called, or the supervisor is gone
 */
int	brood_pool_reload(struct brood_pool *pool);

/*
 * Begin to stop: nothing is accepted any more, what was accepted is finished
 * within drain_ms (-1: 30 s), then refused or, if it has started, canceled.
 * Returns at once; dispatch until BROOD_EVENT_STOPPED, or wait until
 * brood_pool_wait() says -ESHUTDOWN.  Called again, it may shorten the drain.
 */
int	brood_pool_stop(struct brood_pool *pool, int drain_ms);

void	brood_pool_stats(const struct brood_pool *pool,
	    struct brood_pool_stats *ret_stats);

/*
 * Describe the worker number i, from 0 on, in no particular order.
 *
 * Returns 1 with it, 0 if there are no more than i.
 */
int	brood_pool_worker(const struct brood_pool *pool, unsigned i,
	    struct brood_worker_info *ret_info);

/*
 * Read an event.  Returns 1 with one, 0 if there is none.
 */
int	brood_pool_next_event(struct brood_pool *pool,
	    struct brood_event *ret_event);

/*
 * Keep descriptor number i of a reply; the rest is closed by _fini.
 *
 * Gives the descriptor, or -EBADF if there is none or it was taken already.
 */
int	brood_completion_take_fd(struct brood_completion *done, size_t i);

/*
 * Release what a completion owns.  A zeroed one, and one released before, are
 * fine.
 */
void	brood_completion_fini(struct brood_completion *done);

#ifdef __cplusplus
}
#endif

#endif
