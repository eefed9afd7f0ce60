/* SPDX-License-Identifier: ISC */
#ifndef BROOD_EVENT_H
#define BROOD_EVENT_H

/*
 * Events: what happened to the processes of a pool or a supervisor, in the
 * order in which it happened.
 *
 * Events are for logs and decisions.  A program that does not read them loses
 * nothing else.  At most BROOD_MAX_EVENTS unread events are kept: when another
 * one comes, the oldest is dropped, and n_lost of the next event that is read
 * says how many were dropped.
 *
 * A slot is a place for one process at a time.  When the process in a slot has
 * ended, another one may be started in the same slot.  The first process of a
 * slot has generation 1, the next one generation 2, and so on.
 */

#include <brood/message.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BROOD_MAX_EVENTS	256

enum brood_event_kind {
	/* A process has sent HELLO and is in service. */
	BROOD_EVENT_READY = 1,
	/* A process that was ready has ended. */
	BROOD_EVENT_ENDED,
	/* A process could not be started, or ended before it was ready. */
	BROOD_EVENT_NOT_STARTED,
	/*
	 * No further process is started in this slot: too many failed (see
	 * intensity in brood/pool.h), or one exited with BROOD_EXIT_DONE.
	 */
	BROOD_EVENT_GIVEN_UP,
	/* All slots are given up, or the supervisor process has ended. */
	BROOD_EVENT_BROKEN,
	/* After a stop that the program asked for: every process has ended. */
	BROOD_EVENT_STOPPED,
	/* A reload of a pool is complete: every old worker was replaced. */
	BROOD_EVENT_RELOADED,
	/* A new worker could not start: the reload ends, old workers stay. */
	BROOD_EVENT_NOT_RELOADED,
};

/*
 * One event; brood sets the fields.  A field has a meaning only for the kinds
 * that its comment names, and for all kinds if it names none.  BROKEN, STOPPED,
 * RELOADED and NOT_RELOADED are not about one process: slot, generation and pid
 * are 0.
 *
 * The strings are never NULL.  They belong to the pool or supervisor, and are
 * valid until its next event is read or it is freed.
 */
struct brood_event {
	uint32_t	 kind;		/* an enum brood_event_kind */
	uint32_t	 slot;		/* of a supervisor: the child's index in
					   the list of children */
	const char	*name;		/* the child's, or the pool's; "" for an
					   event about all children of a
					   supervisor */
	uint32_t	 generation;
	int32_t		 pid;		/* 0: there was no process */
	int32_t		 status;	/* ENDED, NOT_STARTED, GIVEN_UP: how the
					   process ended, as of wait(2) */
	uint32_t	 is_asked;	/* ENDED, NOT_STARTED: 1: it was told to
					   end, by the program or the pool */
	int32_t		 delay_ms;	/* ENDED, NOT_STARTED: time until the
					   next start in this slot; -1: there
					   will be none */
	int32_t		 error;		/* NOT_STARTED, GIVEN_UP: the errno of
					   the step; 0: unknown */
	const char	*step;		/* NOT_STARTED, GIVEN_UP: the step that
					   failed: "fork", "exec", "chdir",
					   "setup", "hello", "boot" (no HELLO
					   came in time, or the process ended
					   before), and others */
	const char	*text;		/* the cause in words, with the path if
					   there is one; "" if there is none */
	const char	*stderr_tail;	/* ENDED, NOT_STARTED: the last bytes
					   that the process printed, at most
					   4 KiB, unchanged: they may have
					   control characters, but no NUL */
	uint64_t	 n_lost;	/* events that were dropped just before
					   this one */
	uint32_t	 level;		/* READY: the level that the process is
					   confined to, brood/confine.h */
	uint32_t	 reserved_1;
	uint64_t	 reserved[7];
};

/*
 * Words for a kind of event, such as "not started"; "unknown" for any other
 * number.  A string in static memory.
 */
const char *
	brood_event_kind_name(uint32_t kind);

#ifdef __cplusplus
}
#endif

#endif
