/* SPDX-License-Identifier: ISC */
#ifndef BROOD_MESSAGE_H
#define BROOD_MESSAGE_H

/*
 * Messages.  A message is one frame of the wire protocol (brood-protocol(7)):
 * a header of 24 bytes, a payload, and up to BROOD_MAX_FDS file descriptors
 * that are attached to it.
 *
 * These rules hold for every brood header:
 *
 *   - Results.  A function returns 0, or a negative errno.  After an error
 *     nothing has changed, and the caller still owns everything that it owned
 *     before the call.  An outcome that is expected, such as "no message has
 *     arrived", is not an error: the function then returns 1 or 0, or the
 *     outcome is in an enum.
 *   - Errors.  The description of a function lists the errors that it adds,
 *     and what to do about each.  -ENOMEM, -EMFILE and -ENFILE can come from
 *     every function that allocates memory or opens a descriptor.
 *   - Ownership.  "Takes" means that the function becomes the owner of an
 *     argument.  "Borrows" means that the caller must keep the argument valid
 *     until the function returns, and that nothing refers to it afterwards.
 *     "Gives" means that the caller becomes the owner of the result.
 *   - Units.  Lengths are in bytes.  A name that ends in _ms is in
 *     milliseconds.
 *   - Options.  In a struct whose name ends in _options or _spec, 0 is the
 *     default of a field, and -1 is "none" or "without limit" where the field
 *     has such a value.  So a struct that is all zeros is complete, and a NULL
 *     instead of it means the same, unless the comment says which fields must
 *     be set.
 *   - Growth.  Structs end in fields named reserved.  The caller sets them to
 *     0, as { .data = d } and memset(3) do; otherwise the function fails with
 *     -EINVAL.  A later version gives a new field a reserved place, so that
 *     programs go on to work without being compiled again.
 *   - Text.  A function with an argument text describes there, if it fails,
 *     what was wrong with what.  text may be NULL; if not, it must have room
 *     for BROOD_TEXT_SIZE bytes.
 *   - Blocking.  An argument timeout_ms is the longest time that the function
 *     may wait: 0 is "do not wait", -1 is "without limit".  A function without
 *     this argument does not wait, unless its description says that it does.
 *   - Fork.  An object belongs to the process that made it.  After a fork(2)
 *     by the program, the functions that return an errno return -ECHILD for
 *     the copy in the child process; the others tell what was true at the time
 *     of the fork; and the function that ends in _free only releases memory
 *     and closes descriptors.
 *   - Threads.  Only one thread at a time may use an object; brood_pool_wake()
 *     is the one function that another thread may call.
 *   - Descriptors.  Every descriptor that brood opens or receives has its
 *     close-on-exec flag set.
 *   - The program's process.  No function prints, exits, causes SIGPIPE,
 *     changes what a signal does, or changes the O_NONBLOCK flag of a
 *     descriptor that it was given.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most descriptors in one message: SCM_MAX_FD of Linux, see unix(7). */
#define BROOD_MAX_FDS		253

/* Room for the text of an error, its NUL included. */
#define BROOD_TEXT_SIZE		256

/* The longest payload, in bytes, where an option for that is 0: 16 MiB. */
#define BROOD_MAX_PAYLOAD	(16u << 20)

/*
 * What a message is for.  brood-protocol(7) says which side may send which
 * kind.
 */
enum brood_kind {
	/* The first message of each side: its version and its limit. */
	BROOD_KIND_HELLO = 1,
	/* Asks for work.  code is the method. */
	BROOD_KIND_REQUEST,
	/* The answer to a request, or, with more set, a part of the answer. */
	BROOD_KIND_REPLY,
	/*
	 * A request has failed.  code is an enum brood_error, data is text for
	 * a person.
	 */
	BROOD_KIND_ERROR,
	/* How far a request has come; any number, before the last reply. */
	BROOD_KIND_PROGRESS,
	/* The answer to the request with this id is not wanted any more. */
	BROOD_KIND_CANCEL,
	/* No further request will come: the receiver finishes and closes. */
	BROOD_KIND_GOODBYE,
	/*
	 * Asks for a PONG with the same id and the same payload.  The handler
	 * of a worker does not see it.
	 */
	BROOD_KIND_PING,
	/* The answer to PING. */
	BROOD_KIND_PONG,
	/* The name of another child, with a socket to it: brood/supervisor.h */
	BROOD_KIND_LINK,
};

/*
 * Why a request has failed: the code of a message of kind ERROR.  These are not
 * the numbers of errno, which differ between systems.
 */
enum brood_error {
	BROOD_ERROR_FAILED = 1,		/* the handler failed */
	BROOD_ERROR_NO_METHOD,		/* the worker has no such method */
	BROOD_ERROR_TOO_LARGE,		/* a payload is over a limit */
	BROOD_ERROR_NO_CAPACITY,	/* a queue is full */
	BROOD_ERROR_EXPIRED,		/* the request's deadline passed */
	BROOD_ERROR_CANCELED,		/* the request was canceled */
	BROOD_ERROR_CRASHED,		/* the worker died */
	BROOD_ERROR_STOPPING,		/* no request is accepted any more */
	BROOD_ERROR_VERSION,		/* another version of the protocol */
	BROOD_ERROR_PROTOCOL,		/* the peer broke the protocol */
	BROOD_ERROR_NOT_ALLOWED,	/* not for this user */
};

/*
 * What is known of whether a request ran, which is whether the worker's handler
 * was called for it.  Only an answer proves that it was.
 */
enum brood_ran {
	BROOD_NOT_RUN = 1,	/* it is certain that it did not */
	BROOD_MAY_HAVE_RUN,	/* it is not known */
	BROOD_RAN,		/* the worker has answered */
};

/*
 * One message.  A field that is 0 has its default, so that
 * { .data = d, .len = n } is a complete request.
 *
 * Sending: the program sets the fields; data and fds are borrowed.  Receiving:
 * brood sets the fields; data and fds belong to the object that gave the
 * message, until the call that the description of the receiving function names.
 * To keep a descriptor of it, use the object's function that ends in _take_fd.
 */
struct brood_message {
	const void	*data;		/* the payload ... */
	size_t		 len;		/* ... and its length in bytes */
	const int	*fds;		/* the attached descriptors ... */
	size_t		 n_fds;		/* ... and how many there are */
	uint64_t	 id;		/* of the request: the asking side sets
					   it, and never uses an id twice on
					   one connection */
	uint32_t	 kind;		/* an enum brood_kind; 0: REQUEST */
	uint32_t	 code;		/* REQUEST: the method.  REPLY: the
					   worker's status.  ERROR: an enum
					   brood_error.  Else 0 */
	uint32_t	 expire_ms;	/* REQUEST: the time that is left for
					   it, 0: no limit.  Else 0 */
	uint32_t	 more;		/* REPLY: 1: this is a part, and further
					   replies with this id follow.  Else
					   0 */
	uint32_t	 ran;		/* ERROR: an enum brood_ran, 0: not
					   said.  Else 0 */
	uint32_t	 reserved_1;
	uint64_t	 reserved[3];
};

/*
 * Words for an enum brood_error, such as "no such method", and for an enum
 * brood_ran, such as "not run", for messages and logs; "unknown" for any other
 * number.  Strings in static memory.
 */
const char *
	brood_error_name(uint32_t error);
const char *
	brood_ran_name(uint32_t ran);

#ifdef __cplusplus
}
#endif

#endif
