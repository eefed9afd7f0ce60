/* SPDX-License-Identifier: ISC */
#ifndef BROOD_EVENT_H
#define BROOD_EVENT_H

/*
 * What happens to the processes of a pool or a supervisor, in order.
 *
 * Events are for logs and decisions; nothing is lost by not reading them.  At
 * most BROOD_MAX_EVENTS wait to be read: the oldest are dropped for new ones,
 * and n_lost of the next says how many.
 */

#include <brood/message.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BROOD_MAX_EVENTS	256

enum brood_event_kind {
	BROOD_EVENT_READY = 1,	/* a process said HELLO and is in service */
	BROOD_EVENT_ENDED,	/* a process that was ready has ended */
	BROOD_EVENT_NOT_STARTED,/* one ended, or failed, before it was ready */
	BROOD_EVENT_GIVEN_UP,	/* its slot is not refilled any more */
	BROOD_EVENT_BROKEN,	/* no slot is left, or the supervisor is gone */
	BROOD_EVENT_STOPPED,	/* the last process has ended after a stop */
	BROOD_EVENT_RELOADED,	/* every worker is of the new generation */
	BROOD_EVENT_NOT_RELOADED, /* it cannot start: the old one stays */
};

/*
 * One event.  The strings belong to the pool or supervisor until its next
 * _next_event or _free; they are never NULL.
 */
struct brood_event {
	enum brood_event_kind kind;
	const char	*name;		/* the child's, or the pool's */
	unsigned	 slot;
	uint32_t	 generation;	/* 1 is the slot's first process */
	pid_t		 pid;		/* 0 if there was no process */
	int		 status;	/* of wait(2): ENDED, NOT_STARTED */
	bool		 is_asked;	/* it ended because the host asked */
	int		 delay_ms;	/* until the next try; -1: none */
	const char	*step;		/* NOT_STARTED: "exec", "setup", ... */
	int		 error;		/* NOT_STARTED: its errno; 0 unknown */
	const char	*text;		/* in words; with the path, if any */
	const char	*stderr_tail;	/* the last it printed, 4 KiB at most */
	unsigned long	 n_lost;	/* events dropped before this one */
};

#ifdef __cplusplus
}
#endif

#endif
