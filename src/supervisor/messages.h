/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CONTROL_H
#define BROOD__CONTROL_H

/*
 * What the host and the supervisor process say to each other: commands down,
 * notices up, each the payload of one REQUEST on the control channel.  Both
 * ends are the same program, one forked from the other, so these are plain
 * structs.
 *
 * A process is named by its slot and the slot's generation; a command for one
 * that has ended meanwhile is void, so no stale pid is ever signalled.
 */

#include <brood/message.h>
#include <sys/types.h>

enum { BROOD__TAIL_MAX = 4096 };	/* kept of what a child printed */

/* The ladder on which a child is stopped; each step lasts its shutdown_ms. */
enum brood__rung {
	BROOD__RUNG_GOODBYE,	/* it was told, or will be, on its channel */
	BROOD__RUNG_TERM,
	BROOD__RUNG_KILL,
};

enum brood__command_kind {
	BROOD__COMMAND_START = 1,	/* keep this slot filled */
	BROOD__COMMAND_USED,		/* it is given its first request */
	BROOD__COMMAND_STOP,
	BROOD__COMMAND_STOP_ALL,	/* the last slot first, none refilled */
};

struct brood__command {
	enum brood__command_kind kind;
	unsigned slot;
	uint32_t generation;
	enum brood__rung rung;		/* STOP: where to begin */
	bool is_refill;			/* STOP: and start another */
};

enum brood__notice_kind {
	BROOD__NOTICE_READY = 1,	/* fds: the host's end, the child's */
	BROOD__NOTICE_ENDED,
	BROOD__NOTICE_NOT_STARTED,
	BROOD__NOTICE_GIVEN_UP,
	BROOD__NOTICE_STOPPING,		/* it is its turn: say GOODBYE */
};

struct brood__notice {
	enum brood__notice_kind kind;
	unsigned slot;
	uint32_t generation;
	pid_t pid;
	int status;
	bool is_asked;
	int delay_ms;
	int error;
	uint32_t max_payload;		/* READY: what the child accepts */
	char step[16];
	char text[256];
	size_t tail_len;
	char tail[BROOD__TAIL_MAX + 1];	/* sent as long as it is */
};

#endif
