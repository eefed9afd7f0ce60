/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REMOTE_H
#define BROOD__REMOTE_H

/*
 * A brood run somewhere, by its socket.  What goes wrong ends the command, with
 * the socket's name and why.
 */

#include "command/command.h"

#include <brood.h>

struct remote {
	const char *path;
	struct brood_channel *channel;
};

/* Connect and greet, within timeout_ms each; -1: ten seconds. */
void	remote_open(struct remote *remote, const char *path, int timeout_ms);
void	remote_close(struct remote *remote);

/*
 * Send a request with id 1.  Waits for the server to take all of it.
 */
void	remote_request(const struct remote *remote,
	    const struct brood_message *request);

/*
 * The next message, which belongs to the channel; waits up to timeout_ms (-1:
 * for ever), then ends the command with COMMAND_TIMEOUT.
 */
void	remote_recv(const struct remote *remote, int timeout_ms,
	    struct brood_message *ret_msg);

/* End the command as the ERROR frame says, the status by its code. */
noreturn void
	remote_refused(const struct remote *remote,
	    const struct brood_message *error);

/*
 * One request of methods.h: connect, ask, and wait for the reply, which belongs
 * to the channel.  An error ends the command.
 */
void	remote_control(struct remote *remote, const char *path,
	    uint32_t method, const char *json, struct brood_message *ret_reply);

/* A payload as a line for a terminal; the caller frees it. */
char	*remote_text(const struct brood_message *msg);

#endif
