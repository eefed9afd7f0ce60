/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_TURN_H
#define BROOD_TESTS_TURN_H

/*
 * How long brood takes before it gives control back: each call of the program,
 * and each turn of the supervisor process.
 *
 * Of each kind the longest one is kept, by the clock and by the processor time
 * of its thread.  On a machine that does other work too, only the second says
 * something about brood; but a call that waits shows in the first alone.
 *
 * The library has no part in this.  The supervisor process is a fork of this
 * one; a turn of its is the time from when the system gives events to it until
 * it asks for more: turn.c has an epoll_wait(2) and a poll(2) of its own, which
 * the library then calls.
 */

#include <stdbool.h>
#include <stdint.h>

enum turn_kind {
	TURN_DISPATCH,
	TURN_SUBMIT,
	TURN_CALL,		/* resize, reload, stop, cancel */
	TURN_SUPERVISOR,
	TURN_KINDS,
};

/* Before the first pool is made.  False: no memory. */
bool	turn_watch(void);

/* Around a call.  turn_end() gives what the call gave, so: turn_end(K, call) */
void	turn_begin(void);
int	turn_end(enum turn_kind kind, int r);

/*
 * Print the longest ones as a part of a line, and forget them.  False if one
 * took longer than these limits.
 */
bool	turn_report(int64_t max_us, int64_t max_cpu_us);

/* The longest one by the clock, and by processor time. */
int64_t	turn_longest_us(enum turn_kind kind);
int64_t	turn_longest_cpu_us(enum turn_kind kind);

#endif
