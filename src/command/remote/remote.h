/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REMOTE_H
#define BROOD__REMOTE_H

/*
 * A connection to the socket of a brood run.  Every error ends the command,
 * with the path of the socket and the reason.
 */

#include "command/command.h"

#include <brood.h>

/* How long to wait for the connection and the server's HELLO. */
enum { REMOTE_TIMEOUT_MS = 10000 };

struct remote {
	const char *path;
	struct brood_client *client;
	struct brood_completion done;	/* the last that was taken */
	bool tells_ran;			/* as of remote_open() */
};

/* The option of the commands that can wait for a server; -w, --wait. */
#define REMOTE_WAIT(wait_ms)						\
	{ 'w', "wait", "SECONDS", "wait up to this time until a server "	\
	    "listens at SOCKET", .seconds_ms = &(wait_ms) }

/*
 * Connect and exchange HELLO, waiting up to timeout_ms; and before that, up to
 * wait_ms until a server listens there.  tells_ran: say of a request that has
 * failed whether it ran.
 */
void	remote_open(struct remote *remote, const char *path, int timeout_ms,
	    int wait_ms, bool tells_ran);
void	remote_close(struct remote *remote);

/*
 * Send a request: data, len, fds, n_fds and code of msg.  After timeout_ms it
 * has failed; -1: never.
 */
void	remote_request(struct remote *remote, const struct brood_message *msg,
	    int timeout_ms);

/*
 * Wait for the next REPLY or PROGRESS to the last request.  Its data belongs to
 * remote, until the next call.  If the request has failed the command ends,
 * with an exit status by its fate.
 */
void	remote_answer(struct remote *remote, struct brood_message *ret_answer);

/*
 * Call a method of methods.h, which sends one reply, and wait for that up to
 * timeout_ms; -1: for ever.  The reply's data belongs to remote, until the next
 * call.
 */
void	remote_call(struct remote *remote, uint32_t method, const char *json,
	    int timeout_ms, struct brood_message *ret_reply);

/* Wait until the server has closed the connection. */
void	remote_await_end(struct remote *remote);

/*
 * A copy of what a server sent, made fit for one line of a terminal; at most
 * 4 KiB of it.  The caller frees it.
 */
char	*remote_text(const void *data, size_t len);

#endif
