/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SUPERVISION_H
#define BROOD__SUPERVISION_H

/*
 * The host's handle on its supervisor process: the control channel and the pid.
 */

#include "supervisor/main.h"
#include "supervisor/messages.h"

struct brood__supervision;

/*
 * Fork the supervisor.  config and all that it points to need to live only as
 * long as the call: the supervisor has its own copy of everything.
 * config->sink_fd: 0 is standard error, if that is open.
 *
 *   -EBADF	a descriptor to keep, or sink_fd, is not open
 *   -EINVAL	one to keep is below 3: those are the children's standard ones
 */
int	brood__supervision_new(struct brood__supervision **ret_supervision,
	    const struct brood__supervisor_config *config);

/*
 * Close the control channel and wait until the supervisor, and so every child,
 * has ended; kill it if it takes longer than its children may.  In another
 * process than the owner's: close and free, nothing else.
 *
 * *ret_is_orderly: false if it had to be killed, or was: then its children,
 * which the kernel kills, may be there for a moment longer.
 */
struct brood__supervision *
	brood__supervision_free(struct brood__supervision *supervision,
	    bool *ret_is_orderly);

int	brood__supervision_fd(const struct brood__supervision *supervision);
short	brood__supervision_events(const struct brood__supervision *supervision);
pid_t	brood__supervision_pid(const struct brood__supervision *supervision);

/*
 * Queue a command and send what can be sent; the rest waits for the next flush.
 * -EPIPE: the supervisor is gone.
 */
int	brood__supervision_command(struct brood__supervision *supervision,
	    const struct brood__command *command);
int	brood__supervision_flush(struct brood__supervision *supervision);

/* Has the kernel every command? */
bool	brood__supervision_is_flushed(
	    const struct brood__supervision *supervision);

/*
 * Receive a notice, without waiting.  With READY, ret_fds are the caller's: the
 * host's end and the child's; both -1 if they were lost, this process having no
 * descriptor left.
 *
 * 1 with one, 0 if there is none now; -EPIPE: the supervisor is gone.
 */
int	brood__supervision_recv(struct brood__supervision *supervision,
	    struct brood__notice *ret_notice, int ret_fds[2]);

/*
 * Would n more descriptors fit into this process now?  0 or -EMFILE, -ENFILE.
 */
int	brood__supervision_has_room(size_t n);

#endif
