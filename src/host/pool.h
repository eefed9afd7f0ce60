/* SPDX-License-Identifier: ISC */
#ifndef BROOD__POOL_H
#define BROOD__POOL_H

/*
 * A pool inside, in five files:
 *
 *	pool.c		the interface: making, submitting, waiting, taking
 *	queue.c		requests that wait, and results to be taken
 *	traffic.c	requests to workers, answers from them, deadlines
 *	crew.c		the workers: which are wanted, replaced, told to go
 *	liaison.c	commands to the supervisor process, notices from it
 *
 * Nothing is called back.  What happens is put where the program takes it:
 * results and events.
 */

#include "base/ready.h"
#include "host/control.h"
#include "host/event.h"
#include "host/pending.h"
#include "host/worker.h"

enum { BROOD__POOL_MAX_IN_FLIGHT = 64 };

/* A slot as the host sees it; the supervisor has its own view. */
struct brood__post {
	struct brood__peer *peer;	/* ready, or NULL */
	bool is_wanted;
	bool is_live;			/* the supervisor keeps it filled, or
					   empties it */
	bool is_given_up;
	bool is_old;			/* to be replaced by a reload */
	uint32_t generation;
	unsigned long n_failures;
};

struct brood_pool {
	pid_t owner;
	char *name;
	unsigned n_workers;		/* wanted */
	unsigned in_flight;		/* per worker */
	unsigned max_queued;
	unsigned max_requests;
	size_t max_payload;
	bool fds_from_worker;

	struct brood__ready *ready;
	struct brood__supervision *supervision;
	short control_events;
	struct brood__post *posts;
	unsigned n_posts;
	struct brood__peers by_load[BROOD__POOL_MAX_IN_FLIGHT];
	struct brood__peer *outgoing;	/* being replaced, after max_requests */
	unsigned replacement;		/* by the worker of this slot */
	bool is_reloading;

	struct brood__requests queue;
	unsigned n_queued;
	unsigned n_in_flight;
	unsigned n_outstanding;		/* without their completion taken */
	struct brood__deadlines deadlines;
	uint64_t last_id;

	struct brood__results results;
	unsigned n_untaken;
	size_t parts_size;		/* of those, parts: bytes and a bit */
	bool is_choked;			/* too many parts: workers wait */
	uint64_t called;		/* but not the one that runs this */

	struct brood__events events;
	bool is_stopping;		/* nothing is submitted any more */
	bool is_drained;		/* after that: workers are told to go */
	bool is_stopped;
	bool is_lost;			/* the supervisor is gone */
	char *broken;			/* why no worker will ever come */
	int64_t drain_ms;		/* when is_stopping ends */
	int64_t retry_ms;		/* for want of descriptors */
	bool has_news;			/* since the last turn: it is due */
	uint64_t n_by_fate[BROOD_REFUSED + 1];
	uint64_t n_submitted;
	uint64_t n_resubmitted;
	uint64_t n_started;
	uint64_t n_ended;
};

/* queue.c */

/* It is past its deadline, or over; over, and freed. */
void	brood__queue_forget_deadline(struct brood_pool *pool,
	    struct brood__request *request);
void	brood__queue_forget(struct brood_pool *pool,
	    struct brood__request *request);

/*
 * Queue a request for the first worker that is free, behind the others; or
 * complete it, REFUSED, if none will come.
 */
void	brood__queue_add(struct brood_pool *pool,
	    struct brood__request *request);

/* The same with one that was at a worker, before the others: to run again. */
void	brood__queue_restore(struct brood_pool *pool,
	    struct brood__request *request);

void	brood__queue_remove(struct brood_pool *pool,
	    struct brood__request *request);

/* Complete all that wait, REFUSED. */
void	brood__queue_refuse(struct brood_pool *pool, const char *text);

/*
 * Complete a request: fill in what done lacks, and put the result.  fds are
 * taken.
 */
void	brood__queue_complete(struct brood_pool *pool,
	    struct brood__request *request, struct brood_completion *done,
	    const struct brood_message *reply, const int *fds, size_t n_fds);

/* Complete one that no worker has, and free it. */
void	brood__queue_end(struct brood_pool *pool,
	    struct brood__request *request, enum brood_fate fate,
	    const char *text);

/* Put a part of a reply to be taken: 0 or -ENOMEM. */
int	brood__queue_put_part(struct brood_pool *pool,
	    const struct brood_completion *part,
	    const struct brood_message *msg);

/* traffic.c */

/* Send queued requests to workers with room. */
void	brood__traffic_assign(struct brood_pool *pool);

/* A worker's socket is ready. */
void	brood__traffic_read(struct brood_pool *pool,
	    struct brood__peer *peer, short events);

/* Hand the kernel what is queued for a worker. */
void	brood__traffic_flush(struct brood_pool *pool,
	    struct brood__peer *peer);

/*
 * Cancel the request called if nothing will come of it until parts are taken.
 */
void	brood__traffic_unblock(struct brood_pool *pool);

void	brood__traffic_expire(struct brood_pool *pool, int64_t now_ms);

/* 0 or -ENOENT. */
int	brood__traffic_cancel(struct brood_pool *pool, uint64_t id);

/* Complete everything that is at a worker, CANCELED. */
void	brood__traffic_cancel_all(struct brood_pool *pool, const char *text);

/*
 * A worker has ended: read its last replies; what it had not started is queued
 * again, and what it may have run completes.
 */
void	brood__traffic_settle(struct brood_pool *pool,
	    struct brood__peer *peer, int status, const char *text);

/* The supervisor is gone: nothing can be proved, nothing is run again. */
void	brood__traffic_abandon(struct brood_pool *pool,
	    struct brood__peer *peer);

/* A part of len bytes has been taken: workers that waited may go on. */
void	brood__traffic_unchoke(struct brood_pool *pool, size_t len);

/* crew.c */

int	brood__crew_start(struct brood_pool *pool, unsigned n_workers);
void	brood__crew_shrink(struct brood_pool *pool, unsigned n_workers);
void	brood__crew_reload(struct brood_pool *pool);

/* The worker answered, and has room or nothing to do. */
void	brood__crew_is_idle(struct brood_pool *pool,
	    struct brood__peer *peer);

/* Put it where its load says, or nowhere. */
void	brood__crew_list(struct brood_pool *pool, struct brood__peer *peer);

/* Stop a worker that overran a deadline (TERM) or broke the protocol (KILL). */
void	brood__crew_stop(struct brood_pool *pool, struct brood__peer *peer,
	    enum brood__stop_phase phase);

/* Tell the supervisor that the worker is about to get its first request. */
int	brood__crew_use(struct brood_pool *pool, struct brood__peer *peer);

/* End the drain when it is over: everyone is told to go. */
void	brood__crew_drain(struct brood_pool *pool, int64_t now_ms);

/* Watch a worker's socket for what matters now. */
void	brood__crew_watch(struct brood_pool *pool, struct brood__peer *peer);

/* Tell a worker that has nothing to do to go. */
void	brood__crew_say_goodbye(struct brood_pool *pool,
	    struct brood__peer *peer);

/* The replacement in this slot is ready: what it replaces may go. */
void	brood__crew_complete_replacement(struct brood_pool *pool,
	    unsigned slot);

/* Replace the next that has served its time, if none is being replaced. */
void	brood__crew_replace_next(struct brood_pool *pool);

/* One that was being replaced has died: are there too many now? */
void	brood__crew_balance(struct brood_pool *pool);

/* A start has failed: if that was a reload's, end it; is a reload over? */
void	brood__crew_check_canary(struct brood_pool *pool,
	    const struct brood__notice *notice);
void	brood__crew_check_reload(struct brood_pool *pool);

/* Why a start failed, in words, behind what it means. */
void	brood__crew_describe(const char *what,
	    const struct brood__notice *notice, char *text, size_t size);

/* liaison.c */

/* Commands; that the supervisor is gone is found out, not told. */
void	brood__liaison_command(struct brood_pool *pool,
	    const struct brood__command *command);
void	brood__liaison_stop(struct brood_pool *pool, unsigned slot,
	    uint32_t generation, enum brood__stop_phase phase, bool is_refill);

/* Read notices, a bounded number; send what could not be sent before. */
void	brood__liaison_read(struct brood_pool *pool);
void	brood__liaison_flush(struct brood_pool *pool);

#endif
