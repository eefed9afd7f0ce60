/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SUPERVISOR_H
#define BROOD__SUPERVISOR_H

/*
 * The supervisor process: the parent of all children, forked once from the host
 * and alone with its slots from then on.
 *
 * It acts on three things: what the host commands on the control channel, what
 * its children do, and time.  It never waits for the host: what it has to say
 * is queued, and while too much is, nothing is started.  The end of the control
 * channel is the end of the host, or the end of the host itself where that can
 * be watched: all children are stopped, and it exits.
 */

#include "supervisor/slot.h"

struct brood__supervisor_config {
	const struct brood__kind *kinds;
	size_t n_kinds;		/* 1: every slot is of it; else one slot each */
	bool is_ordered;	/* start in order, stop in reverse */
	enum brood_strategy strategy;
	unsigned intensity;
	int period_ms;
	int sink_fd;		/* -1: what children print is dropped */
	int host_fd;		/* of host_watch.h; -1: there is none */
	bool has_prefix;
	const int *keep_fds;	/* of all kinds together */
	size_t n_keep_fds;
};

/*
 * Be the supervisor, in a process forked for it with all signals blocked.
 * control_fd, sink_fd and host_fd are above 2.
 */
_Noreturn void
	brood__supervisor_run(const struct brood__supervisor_config *config,
	    int control_fd);

#endif
