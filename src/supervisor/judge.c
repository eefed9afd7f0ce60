/* SPDX-License-Identifier: ISC */

/*
 * What a slot does next.  Changes nothing but the record of failures.
 */

#include "supervisor/judge.h"

#include <sys/wait.h>

static bool
judge_has_exited(const struct brood__slot *slot, int status)
{
	return slot->pid > 0 && WIFEXITED(slot->status) &&
	    WEXITSTATUS(slot->status) == status;
}

/* Does the restart type ask for another one, after an end nobody asked for? */
static bool
judge_is_restarted(const struct brood__slot *slot)
{
	switch (slot->spec->restart) {
	case BROOD_PERMANENT:
		return true;
	case BROOD_TRANSIENT:
		return slot->progress == BROOD__PROGRESS_FORKED ||
		    !judge_has_exited(slot, 0);
	case BROOD_TEMPORARY:
		return false;
	}
	return false;
}

static bool
judge_is_blamed(const struct brood__slot *slot, bool is_asked)
{
	switch (slot->blame) {
	case BROOD__BLAME_OWN_END:
		return !is_asked;
	case BROOD__BLAME_FAULT:
		return true;
	case BROOD__BLAME_REQUEST:
	case BROOD__BLAME_SHORTAGE:
		return false;
	}
	return true;
}

enum brood__slot_state
brood__judge_end(struct brood__slot *slot, bool is_asked, int64_t now_ms,
    int *ret_delay_ms)
{
	*ret_delay_ms = -1;
	if (is_asked && !slot->is_refill)
		return BROOD__SLOT_EMPTY;
	if (slot->process_revision < slot->revision) {
		*ret_delay_ms = 0;
		return BROOD__SLOT_WAITING;
	}
	if (!is_asked && judge_has_exited(slot, BROOD_EXIT_DONE))
		return BROOD__SLOT_GIVEN_UP;
	if (!is_asked && !judge_is_restarted(slot))
		return BROOD__SLOT_EMPTY;
	*ret_delay_ms = judge_is_blamed(slot, is_asked) ?
	    brood__restart_failed(&slot->record, now_ms) : 0;
	return *ret_delay_ms < 0 ? BROOD__SLOT_GIVEN_UP : BROOD__SLOT_WAITING;
}
