/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LOOP_H
#define BROOD__LOOP_H

/*
 * The loop between a server's listener, its connections and its pool.
 */

#include "command/serve/server.h"

/*
 * Wait up to timeout_ms for the server's wake_fd to be readable, or for
 * something to do, and do that.  Takes the pool's completions.  Its events are
 * left to the caller, who passes each to loop_event().  Gives 1 if wake_fd is
 * readable, else 0.
 */
int	loop_turn(struct server *server, int timeout_ms);
void	loop_event(struct server *server, const struct brood_event *event);

/* The pool has stopped, and the clients have the answers that were theirs. */
bool	loop_is_over(const struct server *server);

/* Close all connections, then free the server. */
struct server *
	loop_free(struct server *server);

#endif
