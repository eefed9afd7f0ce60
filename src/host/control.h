/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CONTROL_H
#define BROOD__CONTROL_H

/*
 * The host's end of its conversation with the supervisor process: the channel
 * with its readiness, the process itself, and the loss of it.
 *
 * That the supervisor is gone is a state, not an error of the call that finds
 * it out: ask brood__control_is_lost() once in a turn.
 */

#include "base/ready.h"
#include "supervisor/main.h"
#include "supervisor/messages.h"

struct brood__control;

/*
 * Fork the supervisor process.  config and all that it points to need to live
 * only as long as the call: the supervisor has its own copy of everything.
 * config->sink_fd: 0 is standard error, if that is open.
 *
 *   -EBADF	a descriptor to keep, or sink_fd, is not open
 *   -EINVAL	one to keep is below 3: those are the children's standard ones
 */
int	brood__control_new(struct brood__control **ret_control,
	    const struct brood__supervisor_config *config);

/*
 * Close the channel and wait until the supervisor, and so every child, has
 * ended; kill it if it takes longer than its children may.  In another process
 * than the owner's: close and free, nothing else.
 *
 * *ret_is_orderly: false if it had to be killed, or was: then its children,
 * which the kernel kills, may be there for a moment longer.
 */
struct brood__control *
	brood__control_free(struct brood__control *control,
	    bool *ret_is_orderly);

/*
 * From now on poll for the channel with this set, which outlives the control or
 * is freed before it; its events have this token.
 */
int	brood__control_watch(struct brood__control *control,
	    struct brood__ready *ready, uint64_t token);

/*
 * Queue a command, and send what can be sent; the rest leaves with the next
 * brood__control_flush().
 *
 *   -ENOMEM	not queued: try again later
 *   -EPIPE	the supervisor is gone, as brood__control_is_lost() says now
 */
int	brood__control_send(struct brood__control *control,
	    const struct brood__command *command);

/* The same, but nothing leaves before the next brood__control_flush(). */
int	brood__control_queue(struct brood__control *control,
	    const struct brood__command *command);

/*
 * Send what is queued, and poll for room if some is left.  Called last in a
 * turn.
 *
 *   -ENOMEM	memory was short in this turn, for this or for a notice, and the
 *		channel is not polled for: have another turn in a moment
 */
int	brood__control_flush(struct brood__control *control);

/* Called first in a turn: try again what memory was short for. */
void	brood__control_resume(struct brood__control *control);

/*
 * Receive a notice, without waiting.  With READY, ret_fds are the caller's: the
 * host's end and the child's; both -1 if they were lost, this process having no
 * descriptor left.
 *
 * 1 with one, and then brood__control_send() of one command, the answer, does
 * not fail for want of memory; 0 if there is none now or ever again.
 */
int	brood__control_recv(struct brood__control *control,
	    struct brood__notice *ret_notice, int ret_fds[2]);

/*
 * The supervisor has said what cannot be: it is lost from now on, and ends when
 * it finds the channel closed.
 */
void	brood__control_lose(struct brood__control *control);

/*
 * Positions in the stream of commands: the end of what was queued, and of what
 * the kernel has taken, so that the supervisor reads it before it judges a
 * death that comes later.
 */
uint64_t brood__control_queued(const struct brood__control *control);
uint64_t brood__control_sent(const struct brood__control *control);

bool	brood__control_is_lost(const struct brood__control *control);
pid_t	brood__control_pid(const struct brood__control *control);

/*
 * Would n more descriptors fit into this process now?  0 or -EMFILE, -ENFILE.
 */
int	brood__control_has_room(size_t n);

#endif
