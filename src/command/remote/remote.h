/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REMOTE_H
#define BROOD__REMOTE_H

/*
 * A connection to the socket of a brood run.  Every error ends the command,
 * with the path of the socket and the reason.
 */

#include "command/command.h"

#include <brood.h>

/* How long to wait for the connection and for the server's HELLO. */
enum { REMOTE_TIMEOUT_MS = 10000 };

struct remote {
	const char *path;
	struct brood_channel *channel;
	uint64_t id;		/* of the last request; 0 before the first */
	uint32_t method;	/* of the last request */
};

/* Connect and exchange HELLO, waiting up to timeout_ms for each. */
void	remote_open(struct remote *remote, const char *path, int timeout_ms);
void	remote_close(struct remote *remote);

/* Send a request; waits until the kernel has all of it. */
void	remote_request(struct remote *remote,
	    const struct brood_message *request);

/*
 * Wait until deadline_ms, an instant of brood__now_ms(), for the next REPLY or
 * PROGRESS to the last request.  Its data belongs to the channel.  An ERROR
 * ends the command, with an exit status by its code; a deadline that passes
 * with COMMAND_TIMEOUT.
 */
void	remote_answer(const struct remote *remote, int64_t deadline_ms,
	    struct brood_message *ret_answer);

/*
 * Call a method of methods.h, which sends one reply, and wait for that up to
 * timeout_ms; -1: for ever.  The reply's data belongs to the channel.
 */
void	remote_call(struct remote *remote, uint32_t method, const char *json,
	    int timeout_ms, struct brood_message *ret_reply);

/*
 * A copy of what a server sent, made fit for one line of a terminal; at most
 * 4 KiB of it.  The caller frees it.
 */
char	*remote_text(const void *data, size_t len);

#endif
