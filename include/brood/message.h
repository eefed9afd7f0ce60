/* SPDX-License-Identifier: ISC */
#ifndef BROOD_MESSAGE_H
#define BROOD_MESSAGE_H

/*
 * What travels: a message is one frame of the wire protocol, a header of 24
 * bytes and a payload, with up to BROOD_MAX_FDS descriptors attached.
 *
 * Conventions of every brood header:
 *
 *   - Functions return 0 or a negative errno; on error nothing has changed and
 *     the caller still owns everything.  An expected outcome is 1/0 or an enum.
 *   - Lengths are bytes.  Names ending in _ms are milliseconds; a timeout of -1
 *     means none and 0 means "do not wait".
 *   - An object belongs to the process that made it: in a forked copy its
 *     functions say -ECHILD, or, if they give no errno, what was so at the
 *     fork; _free then only releases memory and descriptors.  An object is used
 *     by one thread at a time.
 *   - Every descriptor that brood opens or receives is close-on-exec.
 *   - No function prints, exits, raises SIGPIPE, or changes a signal's
 *     disposition or the O_NONBLOCK flag of a descriptor.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* unix(7): SCM_MAX_FD, the most that one sendmsg(2) may carry on Linux. */
#define BROOD_MAX_FDS		253

/* The payload limit where an option leaves it 0. */
#define BROOD_MAX_PAYLOAD	(16u << 20)

enum brood_kind {
	BROOD_KIND_HELLO = 1,	/* first frame of each side */
	BROOD_KIND_REQUEST,	/* code: method; timeout_ms: time left */
	BROOD_KIND_REPLY,	/* code: status; more: further replies follow */
	BROOD_KIND_ERROR,	/* code: enum brood_error; payload: text */
	BROOD_KIND_PROGRESS,	/* any number of times before the last reply */
	BROOD_KIND_CANCEL,	/* of the request with this id */
	BROOD_KIND_GOODBYE,	/* no more requests: finish and close */
	BROOD_KIND_PING,	/* answered by PONG: same id, same payload */
	BROOD_KIND_PONG,
	BROOD_KIND_LINK,	/* a sibling's name, a socket to it */
};

/* The code of an ERROR frame.  Not errno: those differ between systems. */
enum brood_error {
	BROOD_ERROR_FAILED = 1,
	BROOD_ERROR_NO_METHOD,
	BROOD_ERROR_TOO_LARGE,
	BROOD_ERROR_NO_CAPACITY,
	BROOD_ERROR_EXPIRED,
	BROOD_ERROR_CANCELED,
	BROOD_ERROR_CRASHED,
	BROOD_ERROR_STOPPING,
	BROOD_ERROR_VERSION,
	BROOD_ERROR_PROTOCOL,
};

/*
 * One message.  Zeroed fields are defaults, so that { .data = d, .len = n } is
 * a message.  Sent: data and fds are borrowed for the length of the call.
 * Received: both belong to the object that gave the message, until the call
 * that its header names; descriptors are kept by taking them.
 */
struct brood_message {
	const void	*data;
	size_t		 len;
	const int	*fds;
	size_t		 n_fds;
	uint64_t	 id;		/* chosen by the asker; never reused */
	enum brood_kind	 kind;
	uint32_t	 code;
	uint32_t	 timeout_ms;	/* of a request: time left, 0 none */
	bool		 more;		/* of a reply */
};

#ifdef __cplusplus
}
#endif

#endif
