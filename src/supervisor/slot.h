/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SLOT_H
#define BROOD__SLOT_H

/*
 * A slot of the supervisor process: one place that a child fills, and another
 * after it.
 *
 *	EMPTY ----> WAITING ----> STARTING ----> READY
 *	  ^            ^  |           |            |
 *	  |            |  +--> GIVEN_UP <----------+  it failed too often
 *	  |            |              |            |
 *	  |            +--------------+------------+  it ended: again, later
 *	  |                           v            v
 *	  +------------------------ STOPPING: GOODBYE, TERM, KILL
 *
 * A slot knows its own child and the time; which others must stop or wait is
 * the supervisor's to say.
 */

#include "base/ready.h"
#include "process/spawn.h"
#include "supervisor/log_stream.h"
#include "supervisor/messages.h"
#include "supervisor/restart.h"

#include <brood/supervisor.h>

enum brood__slot_state {
	BROOD__SLOT_EMPTY,
	BROOD__SLOT_WAITING,	/* to start at due_ms */
	BROOD__SLOT_STARTING,	/* HELLO must come by due_ms */
	BROOD__SLOT_READY,
	BROOD__SLOT_STOPPING,	/* next rung at due_ms */
	BROOD__SLOT_GIVEN_UP,
};

/* One kind of child: how to start it, and how long its ways may take. */
struct brood__kind {
	struct brood__spawn spawn;
	enum brood_restart restart;
	int boot_ms;
	int shutdown_ms;
};

struct brood__slot {
	unsigned index;
	const struct brood__kind *kind;
	enum brood__slot_state state;
	int64_t due_ms;
	uint32_t generation;
	struct brood__restart restart;

	pid_t pid;			/* 0: no child */
	struct brood_channel *channel;	/* STARTING: the host's end ... */
	int child_socket;		/* ... and the child's */
	int report_fd;
	struct brood__output output;
	bool is_watched;		/* output is in the readiness set */

	bool was_ready;
	bool is_used;		/* blameless: it was given a request */
	bool is_doomed;		/* to be stopped when it is its turn ... */
	bool is_refill;		/* ... or being stopped, and replaced */
	bool is_ordered;	/* those after it wait until it is ready */
	bool is_condemned;	/* stopped for what it did: it counts */
	enum brood__rung rung;
	bool is_dead;		/* reaped, not judged yet */
	int status;
	char failure[16];	/* the step that failed, as this side saw it */
	int error;
	char text[256];
};

/* What the slots of one supervisor share. */
struct brood__nest {
	struct brood__ready *ready;
	struct brood_channel *control;
	struct brood__sink sink;
	struct rlimit nofile;		/* as it was in the host */
	bool has_prefix;
	bool is_host_gone;		/* nobody to notify */
};

enum brood__token { BROOD__TOKEN_BOOT = 1, BROOD__TOKEN_OUTPUT };

int	brood__slot_new(struct brood__slot **ret_slot, unsigned index,
	    const struct brood__kind *kind, unsigned intensity, int period_ms);
struct brood__slot *
	brood__slot_free(struct brood__slot *slot);

/* WAITING -> STARTING, or, if that cannot be, as if it had ended at once. */
void	brood__slot_start(struct brood__slot *slot, struct brood__nest *nest,
	    int64_t now_ms);

/* Its socket is readable: HELLO, or what is none. */
void	brood__slot_greet(struct brood__slot *slot, struct brood__nest *nest,
	    int64_t now_ms);

/* Its output is readable, or the sink has room again. */
void	brood__slot_pump(struct brood__slot *slot, struct brood__nest *nest);

/*
 * Begin to stop it, or go on at a harder rung; a slot that waits becomes empty,
 * or stays waiting if it is to be refilled.
 */
void	brood__slot_stop(struct brood__slot *slot, struct brood__nest *nest,
	    enum brood__rung rung, bool is_refill, int64_t now_ms);

/* due_ms has come: start, give up waiting for HELLO, or the next rung. */
void	brood__slot_due(struct brood__slot *slot, struct brood__nest *nest,
	    int64_t now_ms);

/* It has been reaped: report, and decide what the slot does next. */
void	brood__slot_bury(struct brood__slot *slot, struct brood__nest *nest,
	    int64_t now_ms);

/* Fill a slot that is empty or given up, from a clean record. */
void	brood__slot_want(struct brood__slot *slot, int64_t now_ms);

/* Has it a process? */
static inline bool
brood__slot_is_alive(const struct brood__slot *slot)
{
	return slot->pid != 0;
}

void	brood__slot_notify(const struct brood__slot *slot,
	    struct brood__nest *nest, struct brood__notice *notice,
	    enum brood__notice_kind kind);

#endif
