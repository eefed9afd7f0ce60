/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SLOT_H
#define BROOD__SLOT_H

/*
 * A slot of the supervisor process: a place that one process fills at a time.
 * Its states are in order.h.  A slot knows its own process and the time; which
 * slots must stop or wait for others is for order to say.
 *
 * Several functions here tell the host something.  Their callers have reserved
 * room for it: brood__notice_reserve().
 */

#include "supervisor/boot.h"
#include "supervisor/log_stream.h"
#include "supervisor/obituary.h"
#include "supervisor/restart.h"
#include "supervisor/shared.h"

/* What fills a slot: how to start it, and how long it may take. */
struct brood__slot_spec {
	struct brood__spawn spawn;
	enum brood_restart restart;
	int boot_ms;
	int shutdown_ms;
};

/* How far the process has come; never goes back. */
enum brood__slot_progress {
	BROOD__PROGRESS_FORKED,
	BROOD__PROGRESS_HELLO,		/* it has said HELLO */
	BROOD__PROGRESS_OFFERED,	/* READY was sent to the host */
};

/* Who is to blame if the process ends now. */
enum brood__slot_blame {
	BROOD__BLAME_OWN_END,	/* the slot's, unless it was told to end */
	BROOD__BLAME_FAULT,	/* the slot's, though it was told to end: the
				   host had it killed for what it did */
	BROOD__BLAME_REQUEST,	/* not the slot's: it was given a request */
	BROOD__BLAME_SHORTAGE,	/* not the slot's: the kernel was short */
};

struct brood__slot {
	struct brood__order_slot order;	/* the state; must be the first */
	const struct brood__slot_spec *spec;
	struct brood__restart_record record;
	uint32_t generation;		/* of the process now, or the last */
	uint32_t revision;		/* of the last FILL */

	/* The process: set by its fork, and kept until the next fork. */
	RB_ENTRY(brood__slot) by_pid;	/* in shared->by_pid until reaped */
	STAILQ_ENTRY(brood__slot) ended;	/* reaped: for the caller */
	pid_t pid;			/* 0: none could be forked */
	bool is_reaped;			/* the pid may be another process's */
	int status;			/* of wait(2), when reaped */
	uint32_t process_revision;	/* the slot's when it was forked */
	unsigned group;			/* of cgroup.h: the number of its one */
	unsigned group_left;		/* that of an earlier one which could
					   not be removed yet; 0: none */
	struct brood__hello hello;	/* what the process has said */
	enum brood__slot_progress progress;
	enum brood__slot_blame blame;
	struct brood__obituary obituary;
	struct brood__log_stream stream;

	struct brood__boot boot;	/* STARTING */
	int ends[2];			/* OFFERING, OFFERED: both ends of the
					   socketpair; -1 otherwise */
	enum brood__stop_phase phase;	/* STOPPING */
	bool is_refill;			/* STOPPING: another process follows */
};

enum brood__slot_token { BROOD__TOKEN_BOOT = 1, BROOD__TOKEN_STREAM };

int	brood__slot_new(struct brood__slot **ret_slot, unsigned index,
	    const struct brood__slot_spec *spec, unsigned intensity,
	    int period_ms);
struct brood__slot *
	brood__slot_free(struct brood__slot *slot);

/* Commands of the host: see messages.h. */
void	brood__slot_fill(struct brood__slot *slot, uint32_t revision,
	    int64_t now_ms);
void	brood__slot_used(struct brood__slot *slot);
void	brood__slot_adopted(struct brood__slot *slot);
void	brood__slot_later(struct brood__slot *slot, int64_t now_ms);

/*
 * Stop the process, or go on with a harder phase.  A slot without a process
 * becomes empty, unless is_refill.  Tells the host: EMPTIED.
 */
void	brood__slot_stop(struct brood__slot *slot, struct brood__shared *shared,
	    enum brood__stop_phase phase, bool is_refill, int64_t now_ms);

/*
 * Start a process in a slot that is WAITING.  A start that fails counts as a
 * failure of the slot and tells the host: NOT_STARTED.
 *
 * A negative errno: the kernel is short of descriptors or memory.  Nobody is
 * blamed.  The slot is still WAITING, or its process will end at once.
 */
int	brood__slot_start(struct brood__slot *slot,
	    struct brood__shared *shared, int64_t now_ms);

/* The process's socket is readable: HELLO, or something else. */
void	brood__slot_on_hello(struct brood__slot *slot,
	    struct brood__shared *shared, int64_t now_ms);

/*
 * Send READY if the slot is OFFERING and it is time.  0, or the errors of
 * brood__channel_try(); after those that time alone can mend the slot tries
 * again a little later.
 */
int	brood__slot_offer(struct brood__slot *slot,
	    struct brood__shared *shared, int64_t now_ms);

/* due_ms has come, STARTING or STOPPING: the process takes too long. */
void	brood__slot_on_timeout(struct brood__slot *slot, int64_t now_ms);

/*
 * A process was reaped.  Gives its slot, or NULL if it was no slot's.  The end
 * is not judged before the commands that the host had sent by then were read:
 * USED may be among them.
 */
struct brood__slot *
	brood__slot_reap(struct brood__shared *shared, pid_t pid, int status);

/* Judge an end: tell the host, and decide what the slot does next. */
void	brood__slot_on_exit(struct brood__slot *slot,
	    struct brood__shared *shared, int64_t now_ms);

static inline struct brood__slot *
brood__slot_of(struct brood__order_slot *order)
{
	return (struct brood__slot *)order;
}

#endif
