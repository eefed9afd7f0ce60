/* SPDX-License-Identifier: ISC */
#ifndef BROOD__MAIN_H
#define BROOD__MAIN_H

/*
 * The supervisor process: the parent of all children.  The host forks it once.
 * From then on it is alone with its slots.
 *
 * It acts on three things: what the host commands on the control channel, what
 * its children do, and time.  It never waits for the host: its notices are
 * queued, and while too many are queued it starts nothing.
 *
 * When the control channel ends, or the host itself where that can be watched,
 * it stops all children and exits.
 */

#include "supervisor/groups.h"
#include "supervisor/slot.h"

struct brood__supervisor_config {
	/* What fills the slots.  1: it fills all slots.  Else one per slot. */
	const struct brood__slot_spec *specs;
	size_t n_specs;
	struct brood__groups groups;	/* of all specs; the host's */
	bool is_ordered;	/* start in order, stop in reverse */
	enum brood_strategy strategy;
	unsigned intensity;
	int period_ms;
	int sink_fd;		/* -1: what children print is dropped */
	int host_fd;		/* pidfd of the host; -1: there is none */
	bool has_prefix;
	const int *keep_fds;	/* those of all specs together */
	size_t n_keep_fds;
};

/*
 * Be the supervisor, in a process that was forked for it with all signals
 * blocked.  control_fd, sink_fd and host_fd are above 2.
 */
_Noreturn void
	brood__supervisor_run(const struct brood__supervisor_config *config,
	    int control_fd);

#endif
