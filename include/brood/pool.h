/* SPDX-License-Identifier: ISC */
#ifndef BROOD_POOL_H
#define BROOD_POOL_H

/*
 * A pool: worker processes of one kind that answer requests.
 *
 * brood_pool_new() forks a small supervisor process.  The supervisor process
 * starts the workers, and replaces those that die.  The program needs no
 * handler for SIGCHLD, and must not wait for the supervisor process; if a wait
 * loop of the program does, no harm is done.
 *
 * Workers that run a handler are copies of the program as it was when the pool
 * was made.  So make the pool early: before the program starts threads, and
 * before it uses much memory.
 *
 * Every request that brood_pool_submit() accepts gets exactly one completion,
 * whichever process dies.  The program takes the completions; the pool calls no
 * function of the program:
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
 * Take completions until there are none: the descriptor reports completions
 * that are new, not those that were left from an earlier turn of the loop.
 */

#include <brood/confine.h>
#include <brood/event.h>
#include <brood/worker.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_pool;

/* How requests and answers travel, if not as the library chooses. */
enum brood_transport {
	BROOD_SOCKET = 1,	/* through the socket */
	BROOD_RINGS,		/* through shared memory from the start */
};

/*
 * How to make a pool.  brood_pool_new() copies everything, except what arg
 * points to: a handler sees that as it was when the pool was made.
 */
struct brood_pool_options {
	/* The name of the workers in events and log lines; NULL: "worker". */
	const char	*name;

	/*
	 * What a worker runs.  Set handler, and setup if needed; or set argv,
	 * and env and chdir if needed.
	 */
	brood_handler_fn handler;	/* called for each request */
	brood_setup_fn	 setup;		/* called once in each new worker */
	void		*arg;		/* argument of handler and setup */
	const char *const *argv;	/* a program and its arguments, a NULL
					   last.  It speaks the protocol on
					   BROOD_FD: see brood_worker_main() */
	const char *const *env;		/* of argv: strings "NAME=value", a NULL
					   last; NULL: the host program's */
	const char	*chdir;		/* of argv: the working directory; NULL:
					   the host program's */

	/*
	 * The number of workers.  0: the number of processors that this process
	 * may use, by its CPU affinity and its cgroup's limit.
	 */
	uint32_t	 workers;
	/* The most requests that one worker has at a time: 1 to 64; 0: 1. */
	uint32_t	 in_flight;
	/*
	 * The most requests that wait for a worker, besides those that workers
	 * have.  0: two for each worker, but at least 64.
	 */
	uint32_t	 queue;
	/* The longest request and the longest reply, in bytes; 0: 16 MiB. */
	size_t		 max_payload;
	/*
	 * A worker is replaced by a new one after this many requests; the exact
	 * number varies by up to 10 %, so that not all workers are replaced at
	 * the same time.  0: never.
	 */
	uint32_t	 max_requests;
	/*
	 * 1: accept descriptors in replies.  Set it only for workers that are
	 * trusted: merely closing a hostile descriptor can block.
	 */
	uint32_t	 fds_from_worker;

	/*
	 * The limits of time of a request whose own options are 0: see struct
	 * brood_request_options.
	 */
	int32_t		 expire_ms;	/* 0 and -1: none */
	int32_t		 run_ms;	/* 0 and -1: none */
	int32_t		 cancel_ms;	/* 0: shutdown_ms, -1: none */

	/*
	 * How long a worker may take from its start until it is ready.  Then it
	 * is killed, and the start has failed.  0: 60 s.
	 */
	int32_t		 boot_ms;
	/*
	 * How long a worker that was told to end may take before it is told in
	 * a harder way: GOODBYE, after that time SIGTERM, after that time
	 * SIGKILL.  0: 5 s.
	 */
	int32_t		 shutdown_ms;
	/*
	 * How long a worker that is to be replaced or removed may go on with
	 * the requests that it has; then it gets SIGTERM.  0: 10 minutes, -1:
	 * as long as it takes.
	 */
	int32_t		 retire_ms;

	/*
	 * How many failures of one slot are allowed within period_ms.  One
	 * failure more, and the slot is given up: no worker is started in it
	 * any more.  A failure is a start that did not succeed, or the end of a
	 * worker that had not been given any request.  (A worker that dies
	 * after it was given a request does not count: it is replaced at once.)
	 *
	 * After each failure the next start is delayed: by 100 ms after the
	 * first, then twice as long each time, at most 30 s.  The delay begins
	 * at 100 ms again when a worker has been ready for 30 s, or for twice
	 * the last delay if that is longer.
	 */
	int32_t		 intensity;	/* 0: 5, -1: none; at most 1000 */
	int32_t		 period_ms;	/* 0: 30 s */

	/*
	 * Descriptors, each above 2, that stay open in the workers.  With a
	 * handler they keep their numbers; with argv they get the numbers 4, 5,
	 * 6, ... in the order of this list.
	 */
	const int	*keep_fds;
	size_t		 n_keep_fds;

	/*
	 * Where the lines go that workers print to standard output and error.
	 * 0: standard error of the program, -1: nowhere.  Standard input of a
	 * worker is /dev/null.
	 */
	int32_t		 stderr_fd;
	/* 1: begin each of these lines with "name[pid]: ". */
	uint32_t	 prefix_stderr;

	/*
	 * How requests and answers travel.  0: when a worker has answered some
	 * requests, through memory that is shared with it, which takes no
	 * system call while both are busy.  BROOD_RINGS: the same from the
	 * start.  BROOD_SOCKET: through the socket only.
	 *
	 * Nothing else changes.  There is such memory where the system has
	 * memfd_create(2), and for workers that are a handler, or a program
	 * that calls brood_worker_main(); others go on by the socket.  A worker
	 * can read its requests there, and cannot alter them.
	 *
	 * Whether a request of a dead worker was begun is then what the worker
	 * has written there, and not what the kernel counts of its socket.  A
	 * worker that writes to random addresses could change that; use
	 * BROOD_SOCKET where it must be believed even then.
	 */
	uint32_t	 transport;	/* of enum brood_transport */
	/*
	 * How long the memory is in each direction: a power of two from 256 KiB
	 * to 1 GiB.  Requests and answers of up to a quarter of that go through
	 * it, longer ones through the socket.  Pages that were never used take
	 * no memory.  0: 1 MiB.
	 */
	uint32_t	 ring_bytes;

	/*
	 * How many workers more are kept ready, to take the places of others.
	 * A spare is a worker like any other, but it gets no requests before it
	 * has a place: there are as many places as `workers` says.  When a
	 * worker dies, a spare takes its place at once, and the next worker
	 * that starts is the new spare.  So no request waits for a start,
	 * unless more workers die than there are spares.
	 *
	 * A worker that is replaced, after max_requests or by
	 * brood_pool_reload(), gives its place to a spare too.  If
	 * brood_pool_resize() makes room, spares take it, and are made up
	 * again.  Spares do not count for the size of the queue.  A spare has
	 * the same events as any worker, and if it ends by itself, that is a
	 * failure of its slot: see intensity.  0: none; at most 262144.
	 */
	uint32_t	 spare;
	uint32_t	 reserved_1;

	/*
	 * What each worker is confined to, when its setup is done.  NULL:
	 * nothing.
	 */
	const struct brood_confine *confine;
	/*
	 * A worker that has more memory than this, in bytes, is replaced by a
	 * new one, as after max_requests: what it has is finished, and the new
	 * one is ready before it goes.  It is looked at when the worker
	 * answers, at most every 10 ms, and is its resident set size: what it
	 * shares with the program counts too, so leave room.  0: any.  It is no
	 * limit: for that there is RLIMIT_AS, see struct brood_confine.
	 */
	uint64_t	 max_rss;
	/*
	 * 1: a worker that a signal ends first prints where it was, a line for
	 * each function that is active (backtrace(3)), to standard error; so it
	 * is in stderr_tail of the event.  That is for SIGSEGV, SIGBUS, SIGFPE,
	 * SIGILL and SIGABRT, and for SIGTERM, which a worker gets when a limit
	 * of time has passed; before SIGKILL it gets SIGABRT, and a second.
	 * brood sets handlers for these signals in workers that are a handler,
	 * or a program that calls brood_worker_main(), unless they set their
	 * own.  Functions have names if the program was linked with -rdynamic.
	 */
	uint32_t	 last_words;
	uint32_t	 reserved_2;
	uint64_t	 reserved[11];
};

/* What became of a request. */
enum brood_fate {
	/* The worker answered: the answer is in reply. */
	BROOD_DONE = 1,
	/*
	 * The request failed; text says why.  If the handler failed,
	 * reply.code is the worker's enum brood_error.  If brood could not
	 * deliver the request or the reply, reply.code is 0.
	 */
	BROOD_FAILED,
	/*
	 * The worker that had the request died: status says how, and text says
	 * it in words, as in "killed by signal 6 (Aborted)"; of both workers,
	 * if the request was given to a second one.  Or five workers died, one
	 * after another, when this request was their next.
	 */
	BROOD_CRASHED,
	/*
	 * A limit of time passed: limit says which.  A worker that runs the
	 * request is stopped: it gets SIGTERM, and shutdown_ms later SIGKILL.
	 */
	BROOD_EXPIRED,
	/* The program called brood_pool_cancel(), or the pool was stopped. */
	BROOD_CANCELED,
	/* The request was never started: the pool is stopping or broken. */
	BROOD_REFUSED,

	/*
	 * Only with BROOD_STREAM, and not completions: more will follow for the
	 * same id.
	 */
	BROOD_PART,		/* of brood_request_reply_more() */
	BROOD_PROGRESS,		/* of brood_request_progress() */
};

/* Which limit of time has passed. */
enum brood_limit {
	BROOD_LIMIT_EXPIRE = 1,		/* expire_ms */
	BROOD_LIMIT_RUN,		/* run_ms */
};

/* The flags of struct brood_request_options. */
enum brood_request_flag {
	/*
	 * The request may run twice.  If its worker dies while it may be
	 * running, it is sent once more, to another worker; not if the program
	 * was given parts of the reply already.
	 */
	BROOD_IDEMPOTENT = 1,
	/*
	 * Give parts of the reply and progress to the program when they come.
	 * Without this flag the parts are joined to one reply, of max_payload
	 * at most, and progress is dropped.
	 */
	BROOD_STREAM = 2,
	/*
	 * A long reply that came through shared memory need not be copied: the
	 * payload of the completion may be where the worker has written it.
	 * Then it is valid from brood_pool_take(), or brood_pool_call(), to the
	 * next brood_pool_dispatch(), _wait(), _call() or _free(); the worker
	 * can change it as long as it lives, so read each byte once; and it is
	 * not there in a forked copy of the program.  Meanwhile no more is
	 * received from that worker.  A reply of more than a quarter of
	 * ring_bytes does not come through shared memory, and is copied.
	 */
	BROOD_VIEW = 4,
};

/*
 * How to treat one request.
 *
 * A worker runs one request at a time.  So with in_flight above 1 a request may
 * have to wait at its worker too: it runs when no older request of that worker
 * is unanswered, and only then its run_ms begins.
 */
struct brood_request_options {
	uint32_t	 flags;		/* of enum brood_request_flag */
	/*
	 * When the program stops caring: the time from brood_pool_submit() to
	 * the completion.  It includes the time that the request waits for a
	 * worker.  0: the pool's, -1: none.
	 */
	int32_t		 expire_ms;
	/*
	 * How long a worker may run the request.  If the request is run again,
	 * its time begins again.  0: the pool's, -1: none.
	 */
	int32_t		 run_ms;
	/*
	 * How long the worker may go on after brood_pool_cancel().  If it has
	 * not answered by then, it is stopped and replaced.  0: the pool's, -1:
	 * none, it may go on until it answers.
	 */
	int32_t		 cancel_ms;
	void		*tag;		/* comes back in the completion */
	uint64_t	 reserved[6];
};

/*
 * A completion: what became of one request.  brood sets the fields.  It owns
 * its memory and the descriptors of its reply until brood_completion_fini().
 */
struct brood_completion {
	uint64_t	 id;		/* of the request */
	void		*tag;		/* of the request's options */
	uint32_t	 fate;		/* an enum brood_fate */
	uint32_t	 ran;		/* an enum brood_ran */
	uint32_t	 limit;		/* EXPIRED: an enum brood_limit */
	int32_t		 status;	/* CRASHED: how the worker ended, as of
					   wait(2); 0 if that is not known, for
					   instance because the supervisor
					   process died too */
	int32_t		 pid;		/* the worker that had the request at
					   the end; 0: none */
	int32_t		 attempts;	/* how many times it was given to a
					   worker */
	int32_t		 waited_ms;	/* from submit until its last worker
					   ran it, or until its completion */
	int32_t		 ran_ms;	/* from then to the completion */
	struct brood_message reply;	/* DONE, PART, PROGRESS: data, len, fds,
					   n_fds, code.  FAILED: code */
	const char	*text;		/* why, unless DONE; never NULL.  What a
					   worker sent has question marks for
					   control characters */
	void		*memory;	/* for brood only */
	uint64_t	 reserved[8];
};

enum brood_worker_state {
	/* Starting, or waiting for the time of the next start. */
	BROOD_WORKER_STARTING = 1,
	/* Ready, and without a request. */
	BROOD_WORKER_IDLE,
	/* Ready, and with at least one request. */
	BROOD_WORKER_BUSY,
	/* Finishing the requests that it has, or being stopped. */
	BROOD_WORKER_LEAVING,
	/* The slot was given up: no worker is started in it. */
	BROOD_WORKER_GIVEN_UP,
	/* Ready, and without a place: see spare of the pool's options. */
	BROOD_WORKER_SPARE,
};

/* A slot of the pool, and the worker in it: see brood_pool_worker(). */
struct brood_worker_info {
	uint32_t	 slot;
	uint32_t	 generation;	/* of the last worker that was ready; 0:
					   none was ready yet */
	uint32_t	 state;		/* an enum brood_worker_state */
	int32_t		 pid;		/* 0: no worker is ready */
	uint64_t	 served;	/* requests that this worker answered */
	uint64_t	 failures;	/* workers of this slot that ended
					   without having been told to */
	uint64_t	 id;		/* the request that the worker runs; 0:
					   none */
	int32_t		 age_ms;	/* since it has run that request */
	uint32_t	 reserved_1;
	uint64_t	 reserved[6];
};

/* Counts of a pool: those of now, then those since the pool was made. */
struct brood_pool_stats {
	uint32_t	 workers;	/* wanted: see brood_pool_resize() */
	uint32_t	 ready;		/* workers in service; no spares */
	uint32_t	 busy;		/* workers with at least one request */
	uint32_t	 queued;	/* requests that wait for a worker */
	uint32_t	 in_flight;	/* requests that workers have */
	uint32_t	 untaken;	/* completions and parts to be taken */
	uint64_t	 submitted;	/* requests that were accepted */
	uint64_t	 done;		/* completions, by their fate */
	uint64_t	 failed;
	uint64_t	 crashed;
	uint64_t	 expired;
	uint64_t	 canceled;
	uint64_t	 refused;
	uint64_t	 resubmitted;	/* times that a request was sent again
					   because a worker died */
	uint64_t	 started;	/* workers that became ready */
	uint64_t	 ended;		/* of those, workers that have ended */
	int32_t		 supervisor;	/* process id of the supervisor */
	uint32_t	 spare;		/* spares that are ready, besides the
					   workers in service */
	uint64_t	 reserved[8];
};

/*
 * Make a pool and begin to start its workers.  Does not wait for them: they
 * become ready one by one.  What prevents one from starting is reported as an
 * event.
 *
 *   -EINVAL	options is NULL; neither or both of handler and argv are set; or
 *		an option has a value, or is combined with another, that makes
 *		no sense: text says which
 *   -EMFILE	RLIMIT_NOFILE has no room for two descriptors per worker, spares
 *		included: raise the limit, or ask for fewer workers
 *   -EBADF	a descriptor of keep_fds, or stderr_fd, is not open
 *   -EAGAIN	fork(2) failed: the limit of processes is reached
 */
int	brood_pool_new(struct brood_pool **ret_pool,
	    const struct brood_pool_options *options, char *text);

/*
 * Stop the workers now and free the pool.  The workers get SIGTERM, and
 * shutdown_ms later SIGKILL.  Waits until every process of the pool has ended.
 * Requests that have no completion yet are lost: to finish them, call
 * brood_pool_stop() first.
 *
 * pool may be NULL.  Returns NULL.
 */
struct brood_pool *
	brood_pool_free(struct brood_pool *pool);

/*
 * Queue one request.  It is sent at once if a worker is free.  What remains to
 * be done shows at brood_pool_fd(), so the program may submit and then poll(2).
 *
 * Borrows msg: the payload is copied, unless it is of brood_request_alloc(),
 * and the descriptors are duplicated.  Only data, len, fds, n_fds and code (the
 * method) of msg may be set.  Borrows options, which may be NULL.  The id of
 * the request is stored in ret_id, which may be NULL.
 *
 * A pool that is broken accepts the request and completes it, REFUSED.
 *
 *   -EAGAIN	the pool is full: as many requests as the queue and the workers
 *		can hold are not finished, or their completions were not taken.
 *		Take completions, then try again
 *   -EMSGSIZE	the payload is longer than max_payload
 *   -EINVAL	a field of msg is set that the program may not set, there are
 *		more than BROOD_MAX_FDS descriptors, a flag is unknown, a time
 *		is below -1, or msg.len is more than brood_request_alloc() was
 *		asked for
 *   -ESHUTDOWN	brood_pool_stop() was called
 *   -EMFILE	no descriptor is left to duplicate those of msg
 */
int	brood_pool_submit(struct brood_pool *pool,
	    const struct brood_message *msg,
	    const struct brood_request_options *options, uint64_t *ret_id);

/*
 * Get memory for the payload of a request, of len bytes.  Write the payload
 * there, and submit or call with msg.data the memory and msg.len at most len:
 * submitting copies nothing then, and on success the memory is the pool's.
 * After an error it is still the program's.  A payload that goes through shared
 * memory (see ring_bytes) is copied there once, when a worker is free for it.
 * It pays for payloads of some 100 KiB and more.
 *
 * What is never submitted goes back by brood_request_free(), or with the pool.
 * What is in the memory at first is unknown.
 *
 *   -EMSGSIZE	len is longer than max_payload
 */
int	brood_request_alloc(struct brood_pool *pool, size_t len,
	    void **ret_data);

/*
 * Give back memory of brood_request_alloc() that was not submitted.
 *
 *   -EINVAL	it is no such memory
 */
int	brood_request_free(struct brood_pool *pool, void *data);

/*
 * Get the one descriptor of the pool: poll(2) it for POLLIN, then call
 * brood_pool_dispatch().  It stays the same, and it belongs to the pool.  A
 * program that does not poll it should not ask for it: from then on there are
 * system calls to keep it right.
 *
 *   -ENOSYS	this system has no such descriptor: use brood_pool_wait()
 */
int	brood_pool_fd(struct brood_pool *pool);

/*
 * Do what is to be done now, without waiting: send requests, receive replies,
 * expire requests, replace workers.  One call does a bounded amount of work; if
 * more is left, the descriptor stays readable.
 */
int	brood_pool_dispatch(struct brood_pool *pool);

/*
 * Take one completion, or with BROOD_STREAM a part or progress.
 *
 * Gives its memory and its descriptors: call brood_completion_fini() when they
 * are not needed any more.
 *
 * Returns 1 with a completion, 0 if there is none.
 */
int	brood_pool_take(struct brood_pool *pool,
	    struct brood_completion *ret_done);

/*
 * Wait up to timeout_ms, dispatching, until there is a completion to take, or
 * an event to read, or brood_pool_wake() is called.  For programs that have no
 * loop of their own.  A program that leaves events unread is told of each one
 * once.
 *
 * Returns 1 if one of the three has come, 0 if none came in time.
 *
 *   -ESHUTDOWN	nothing can come any more: the pool has stopped, or it is broken
 *		and every accepted request has its completion; and nothing is
 *		left to take.  Free the pool
 */
int	brood_pool_wait(struct brood_pool *pool, int timeout_ms);

/*
 * Have the thread that uses the pool look up: brood_pool_wait() returns 1
 * there, now or when it is called next, and brood_pool_fd() becomes readable
 * once.
 *
 * This is the only function that another thread may call while one is using the
 * pool; signal handlers may call it too.  It says nothing but that something is
 * to be done: what, the program puts where both threads find it, for instance
 * in a queue with a lock.  No thread may call it once brood_pool_free() has
 * begun.
 */
void	brood_pool_wake(struct brood_pool *pool);

/*
 * Submit a request and wait for its completion.  Completions of other requests
 * stay to be taken.
 *
 * Nobody takes parts of other requests while this call waits.  When too many of
 * them are there, their workers have to wait; if this request cannot be
 * answered for that reason, it is CANCELED.
 *
 * The errors are those of brood_pool_submit(), which are -EINVAL for the flag
 * BROOD_STREAM too.  What became of a request that was accepted is in ret_done.
 */
int	brood_pool_call(struct brood_pool *pool,
	    const struct brood_message *msg,
	    const struct brood_request_options *options,
	    struct brood_completion *ret_done);

/*
 * Cancel a request.  Its completion, CANCELED, can be taken at once.  If a
 * worker has the request, the worker is told, and its answer is dropped.  If
 * it has run the request for cancel_ms since then and has not answered, or if a
 * limit of the request passes, the worker is stopped and replaced.
 *
 *   -ENOENT	there is no request with this id, or it has its completion
 */
int	brood_pool_cancel(struct brood_pool *pool, uint64_t id);

/*
 * Change the number of workers.  If it grows, new workers are started.  If it
 * shrinks, workers finish the requests that they have, and end.  The number of
 * spares stays the same.
 *
 *   -EINVAL	workers is 0, or over 262144
 *   -EMFILE	as for brood_pool_new()
 *   -ESHUTDOWN	brood_pool_stop() was called, or the pool is broken
 */
int	brood_pool_resize(struct brood_pool *pool, unsigned workers);

/*
 * Begin to replace every worker by a new process, for instance because the
 * program of argv has changed.  Returns at once.
 *
 * One new worker is started first.  When it is ready, one old worker finishes
 * the requests that it has, and ends.  Then the next new worker is started, and
 * so on.  So there are always enough workers.
 *
 * When all are replaced, BROOD_EVENT_RELOADED comes.  If a new worker cannot
 * start, the reload ends: the old workers that are left stay in service, and
 * BROOD_EVENT_NOT_RELOADED says why.  In a pool that is broken because all
 * slots were given up, workers are started again.
 *
 *   -EALREADY	a reload is under way
 *   -ESHUTDOWN	brood_pool_stop() was called, or the supervisor process ended
 */
int	brood_pool_reload(struct brood_pool *pool);

/*
 * Begin to stop.  No further request is accepted.  Accepted requests are
 * finished, for at most timeout_ms (-1: as long as it takes).  After that time,
 * a request that is still waiting is REFUSED, one that a worker has is
 * CANCELED, and the workers are stopped.
 *
 * Returns at once.  Go on dispatching until BROOD_EVENT_STOPPED comes, or wait
 * until brood_pool_wait() returns -ESHUTDOWN.  A second call can shorten the
 * time, but not extend it.
 */
int	brood_pool_stop(struct brood_pool *pool, int timeout_ms);

/*
 * Get the counts of the pool.
 */
void	brood_pool_stats(const struct brood_pool *pool,
	    struct brood_pool_stats *ret_stats);

/*
 * Describe one slot of the pool, and the worker in it if there is one: number i
 * of the slots that are in use, counted from 0, in no particular order.
 *
 * Returns 1 with the description, 0 if no more than i slots are in use.
 */
int	brood_pool_worker(const struct brood_pool *pool, unsigned i,
	    struct brood_worker_info *ret_info);

/*
 * Read the next event: brood/event.h.
 *
 * Returns 1 with an event, 0 if there is none.
 */
int	brood_pool_next_event(struct brood_pool *pool,
	    struct brood_event *ret_event);

/*
 * Keep descriptor number i (from 0) of the reply.  brood_completion_fini()
 * closes those that were not kept.
 *
 * Gives the descriptor.
 *
 *   -EBADF	the reply has no such descriptor, or it was taken before
 */
int	brood_completion_take_fd(struct brood_completion *done, size_t i);

/*
 * Release the memory and the descriptors of a completion.  It may be called for
 * a completion that is all zeros, or that was released before.
 */
void	brood_completion_fini(struct brood_completion *done);

/*
 * Words for an enum brood_fate, such as "crashed", and for an enum brood_limit:
 * "expire", "run"; "unknown" for any other number.  Strings in static memory.
 */
const char *
	brood_fate_name(uint32_t fate);
const char *
	brood_limit_name(uint32_t limit);

#ifdef __cplusplus
}
#endif

#endif
