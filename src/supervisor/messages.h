/* SPDX-License-Identifier: ISC */
#ifndef BROOD__MESSAGES_H
#define BROOD__MESSAGES_H

/*
 * What the host and the supervisor process say to each other: commands go from
 * the host to the supervisor, notices come back.  Each is the payload of one
 * REQUEST frame on the control channel.  Both ends are the same program, one
 * forked from the other, so these are plain structs.
 *
 * A slot is a place that one process fills at a time.  The processes of a slot
 * are counted by its generation, from 1 on.  A command for a process names slot
 * and generation and is ignored if that process has ended meanwhile, so the
 * host never makes the supervisor signal a wrong pid.
 *
 * A revision counts the reloads of a host.  The supervisor only compares and
 * repeats it: each process is stamped, when it is forked, with the revision of
 * the last FILL of its slot.
 */

#include <brood/message.h>
#include <sys/types.h>

enum { BROOD__TAIL_MAX = 4096 };	/* kept of what a child printed */

/*
 * How hard a process is asked to end.  When shutdown_ms has passed and the
 * process is still there, the supervisor goes on to the next phase by itself.
 */
enum brood__stop_phase {
	BROOD__STOP_NONE,	/* not at all; in no command */
	BROOD__STOP_GOODBYE,	/* the host says GOODBYE on its channel */
	BROOD__STOP_TERM,	/* SIGTERM */
	BROOD__STOP_WORDS,	/* SIGABRT, if it has last words to say; only
				   the supervisor comes here */
	BROOD__STOP_KILL,	/* SIGKILL */
};

enum brood__command_kind {
	/*
	 * FILL(slot, revision): keep this slot filled, with processes of this
	 * revision from the next fork on.  An empty or given-up slot is started
	 * at once, with no failures on record.  A slot with a process keeps
	 * that process; if it is being stopped, another follows.  A revision
	 * that is higher than the slot's wipes the record of failures, so that
	 * a slot that waits to be started is started at once.
	 */
	BROOD__COMMAND_FILL = 1,

	/*
	 * USED(slot, generation): the host is about to send the process its
	 * first request.  If the process ends from now on, the slot is not
	 * blamed.
	 */
	BROOD__COMMAND_USED,

	/*
	 * The answers to READY, with its slot and generation.  ADOPTED: the
	 * host holds both ends of the socketpair; the supervisor closes its
	 * own.  LATER: the host had no descriptor or memory left; the
	 * supervisor sends READY again, 100 ms later.  LATER blames nobody.
	 */
	BROOD__COMMAND_ADOPTED,
	BROOD__COMMAND_LATER,

	/*
	 * STOP(slot, generation, phase, is_refill).
	 *
	 * With is_refill: stop this process and start another.  Ignored if the
	 * slot has another generation by now, or no process.
	 *
	 * Without is_refill: empty the slot.  The slot is meant, whatever its
	 * generation.  A process that the host has not adopted is stopped with
	 * SIGTERM at least, since nobody can say GOODBYE to it.  A slot that
	 * waits to be started becomes empty, and EMPTIED is the answer; a slot
	 * that was given up becomes empty without an answer.
	 */
	BROOD__COMMAND_STOP,

	/* STOP_ALL: empty all slots, the last first if they are ordered. */
	BROOD__COMMAND_STOP_ALL,
};

struct brood__command {
	enum brood__command_kind kind;
	unsigned slot;
	uint32_t generation;
	uint32_t revision;		/* FILL */
	enum brood__stop_phase phase;	/* STOP: where to begin */
	bool is_refill;			/* STOP */
};

enum brood__notice_kind {
	/*
	 * READY(slot, generation, revision, pid, max_payload, features) and two
	 * descriptors: the host's end of the socketpair, then the child's.
	 * The process has said HELLO.  The host answers ADOPTED or LATER; until
	 * ADOPTED the supervisor holds both ends too.
	 */
	BROOD__NOTICE_READY = 1,

	/*
	 * A process has ended.  ENDED if READY was sent for it, otherwise
	 * NOT_STARTED, also if no process could be forked.  ENDED may come for
	 * a process that the host has not adopted: the host had said LATER.
	 * delay_ms: when the supervisor will start another; below 0: never, the
	 * slot is empty, or given up if GIVEN_UP follows.
	 */
	BROOD__NOTICE_ENDED,
	BROOD__NOTICE_NOT_STARTED,

	/* The slot is not refilled until the next FILL.  Why: step, text. */
	BROOD__NOTICE_GIVEN_UP,

	/*
	 * This process, which the host has adopted, is the next to be stopped
	 * for good: by STOP_ALL, or because its group restarts without it.  The
	 * host says GOODBYE to it.
	 */
	BROOD__NOTICE_STOPPING,

	/*
	 * A slot that waited to be started was emptied, as STOP asked.  The
	 * revision is that of the last FILL.
	 */
	BROOD__NOTICE_EMPTIED,
};

struct brood__notice {
	enum brood__notice_kind kind;
	unsigned slot;
	uint32_t generation;
	uint32_t revision;		/* that the process is stamped with */
	pid_t pid;			/* 0: there was no process */
	int status;			/* of wait(2); ENDED, NOT_STARTED */
	bool is_asked;			/* it ended because of a STOP */
	int delay_ms;
	int error;			/* errno of the step; 0: unknown */
	uint32_t max_payload;		/* READY: what the child accepts */
	uint32_t features;		/* READY: of its HELLO */
	uint32_t level;			/* READY: that it is confined to */
	char step[16];			/* that failed, or "" */
	char text[256];
	size_t tail_len;
	char tail[BROOD__TAIL_MAX + 1];	/* tail_len bytes of it are sent */
};

#endif
