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
	BROOD__SLOT_STOPPING,	/* next phase at due_ms */
	BROOD__SLOT_GIVEN_UP,
};

/* How far READY has come, of a process that has said HELLO. */
enum brood__slot_offer {
	BROOD__OFFER_NONE,	/* no HELLO yet, or the host has both ends */
	BROOD__OFFER_DUE,	/* the host said LATER: sent again at due_ms */
	BROOD__OFFER_MADE,	/* READY was sent: ADOPTED or LATER will come */
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
	uint32_t generation;	/* of the process now, or the last one */
	uint32_t revision;	/* of the last FILL: the next fork's */
	uint32_t process_revision;	/* what the process is stamped with */
	struct brood__restart restart;

	pid_t pid;			/* 0: no child */
	struct brood_channel *channel;	/* STARTING: the host's end */
	int host_socket;		/* READY: the host's end, until ADOPTED */
	int child_socket;		/* both: the child's end */
	int report_fd;
	enum brood__slot_offer offer;
	struct brood__output output;
	uint32_t max_payload;		/* READY: as its HELLO said */
	bool is_watched;		/* output is in the readiness set */

	bool was_ready;
	bool is_used;		/* blameless: it was given a request */
	bool is_doomed;		/* to be stopped when it is its turn ... */
	bool is_refill;		/* ... or being stopped, and replaced */
	bool is_ordered;	/* those after it wait until it is ready */
	bool is_condemned;	/* stopped for what it did: it counts */
	enum brood__stop_phase phase;
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
 * The command STOP: see messages.h.  Begin to stop the process, or go on with a
 * harder phase; a slot that waits becomes empty, or goes on waiting if it is to
 * be refilled.
 */
void	brood__slot_stop(struct brood__slot *slot, struct brood__nest *nest,
	    enum brood__stop_phase phase, bool is_refill, int64_t now_ms);

/*
 * due_ms has come: start, fail for want of HELLO, send READY again, or go on to
 * the next phase of stopping.
 */
void	brood__slot_due(struct brood__slot *slot, struct brood__nest *nest,
	    int64_t now_ms);

/* It has been reaped: report, and decide what the slot does next. */
void	brood__slot_bury(struct brood__slot *slot, struct brood__nest *nest,
	    int64_t now_ms);

/* The command FILL: see messages.h. */
void	brood__slot_fill(struct brood__slot *slot, uint32_t revision,
	    int64_t now_ms);

/* The host has adopted the process; or could not, and is to be asked again. */
void	brood__slot_adopted(struct brood__slot *slot);
void	brood__slot_offer_later(struct brood__slot *slot, int64_t now_ms);

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
