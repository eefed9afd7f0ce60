/* SPDX-License-Identifier: ISC */
#ifndef BROOD__JUDGE_H
#define BROOD__JUDGE_H

/*
 * A process has ended, or could not be started: what does its slot do next?
 */

#include "supervisor/slot.h"

/*
 * Gives the next state: WAITING for *ret_delay_ms, EMPTY or GIVEN_UP.
 * is_asked: the process was being stopped.  The first case that fits decides.
 *
 *   1. The process was to end for good: EMPTY.
 *   2. The host has filled the slot with a newer revision since the process was
 *	forked.  Its end says nothing about that revision: WAITING, 0 ms.
 *   3. The process asked not to be restarted (BROOD_EXIT_DONE): GIVEN_UP.
 *   4. It ended by itself, and its restart type wants no other: EMPTY.
 *   5. The slot is not to blame (enum brood__slot_blame): WAITING, 0 ms.
 *   6. The slot has failed: its record gives the delay, or GIVEN_UP.
 */
enum brood__slot_state
	brood__judge_end(struct brood__slot *slot, bool is_asked,
	    int64_t now_ms, int *ret_delay_ms);

#endif
