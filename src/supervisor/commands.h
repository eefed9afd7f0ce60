/* SPDX-License-Identifier: ISC */
#ifndef BROOD__COMMANDS_H
#define BROOD__COMMANDS_H

/*
 * The commands of the host, read from the control channel and obeyed.
 *
 * A command is obeyed only when there is memory for that, and for the notices
 * that tell the host of it.  Until then it stays in the socket, or here.
 */

#include "supervisor/slots.h"

struct brood__commands {
	struct brood__shared *shared;
	struct brood__slots *slots;
	/* Read, not obeyed yet for want of memory.  kind 0: there is none. */
	struct brood__command kept;
};

/*
 * Read and obey what is there, without waiting: 0 when that is all, or 1 if
 * until_ms has come before.
 *
 *   -ENOMEM, -ENOBUFS	not all was obeyed: call it again in a while
 *   others	the channel has ended, or what came is no command
 */
int	brood__commands_read(struct brood__commands *commands,
	    int64_t now_ms, int64_t until_ms);

/*
 * Stop every slot for good.  From now on nothing starts, and the strategy
 * restarts nothing.
 */
void	brood__commands_stop_all(struct brood__shared *shared,
	    enum brood__host_state host);

#endif
