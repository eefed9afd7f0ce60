/* SPDX-License-Identifier: ISC */
#ifndef BROOD_CLIENT_H
#define BROOD_CLIENT_H

/*
 * A client: one connection to a server that answers requests on a socket with a
 * name, such as brood run.
 *
 * It is used as a pool is: submit requests, poll(2) one descriptor, take
 * completions.  The workers are the server's, and so are the limits run_ms and
 * cancel_ms.
 *
 * Every request that brood_client_submit() accepts gets exactly one completion,
 * whatever the server does.  If the connection is lost, each request that has
 * none yet gets its completion then: FAILED, with 0 as reply.code, and with a
 * text that says what has happened.
 *
 *	while (running) {
 *		poll(fds, n_fds, -1);		// one is brood_client_fd(client)
 *		r = brood_client_dispatch(client);
 *		while (brood_client_take(client, &done) == 1) {
 *			...
 *			brood_completion_fini(&done);
 *		}
 *		if (r == -EPIPE)
 *			...			// make a new client
 *	}
 *
 * Take completions until there are none: the descriptor reports completions
 * that are new, not those that were left from an earlier turn of the loop.
 *
 * In a completion of a client these fields differ from those of a pool:
 *
 *   - fate is REFUSED if the server did not accept the request: its queue is
 *     full, it is stopping, the payload is too long for its workers, or this
 *     user may not ask for that.
 *   - reply.code is the enum brood_error that the server sent, 0 if the server
 *     sent none, whatever the fate is, unless that is DONE, PART or PROGRESS.
 *   - ran is what the server said.  If it said nothing, ran is NOT_RUN as long
 *     as nothing of the request was handed to the connection, or if the
 *     connection is lost before the kernel has taken its last byte; otherwise
 *     MAY_HAVE_RUN.
 *   - limit is 0 if the request was EXPIRED by a limit of the server.
 *   - status and pid are always 0.
 *   - attempts is 1 if the request was handed to the connection, 0 if not.
 *   - waited_ms is the time until then, and ran_ms that from then to the
 *     completion.
 *
 * Nothing that the server sends is trusted.  If it breaks the protocol, the
 * connection is lost.
 */

#include <brood/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_client;

/* How to make a client.  NULL instead of it: every option has its default. */
struct brood_client_options {
	/*
	 * The name of this side, up to 64 bytes, for the server's messages;
	 * NULL: none.
	 */
	const char	*name;
	/*
	 * The longest request and the longest reply, in bytes; at least 80, so
	 * that a HELLO fits; 0: 16 MiB.
	 */
	size_t		 max_payload;
	/*
	 * The most requests whose completion was not taken yet; and also the
	 * most that the server has not answered yet.  0: 64.
	 */
	uint32_t	 queue;
	/*
	 * 1: accept descriptors in replies.  Set it only for a server that is
	 * trusted, with trusted workers: merely closing a hostile descriptor
	 * can block.  With 0, a reply with descriptors breaks the protocol.
	 */
	uint32_t	 fds_from_server;
	/*
	 * How long to wait for a server that does not listen at the path yet:
	 * there is no file, or no process listens on the socket, or the process
	 * that did is ending.  No event tells when a socket begins to listen,
	 * so the path is tried again up to 20 times in a second.  0: do not
	 * wait, -1: without limit.
	 */
	int32_t		 wait_ms;
	/*
	 * How long a server that listens may take to accept the connection and
	 * to send its HELLO.  0: 10 s, -1: without limit.
	 */
	int32_t		 connect_ms;
	/* The limit of a request whose own expire_ms is 0; 0 and -1: none. */
	int32_t		 expire_ms;
	uint32_t	 reserved_1;
	uint64_t	 reserved[8];
};

/*
 * Make a client: connect to the socket at the path, and exchange HELLO with the
 * server there.  Waits for both: see wait_ms and connect_ms.
 *
 *   -ENOENT	the path does not exist
 *   -ECONNREFUSED	the path exists, but no process listens there
 *   -ETIMEDOUT	the server did not answer within connect_ms
 *   -EPIPE	the server closed the connection before it sent its HELLO
 *   -EPROTO	the server's first message was not a HELLO
 *   -EPROTONOSUPPORT	the server speaks another version of the protocol
 *   -EINVAL	an option has a value that makes no sense: text says which
 *   -ENAMETOOLONG	the path is too long for a socket address
 *   -ENOTDIR, -EACCES, ...	what connect(2) said
 */
int	brood_client_new(struct brood_client **ret_client, const char *path,
	    const struct brood_client_options *options, char *text);

/*
 * Close the connection and free the client.  The server cancels the requests
 * that it has not answered.  Those that have no completion yet are lost.
 *
 * client may be NULL.  Returns NULL.
 */
struct brood_client *
	brood_client_free(struct brood_client *client);

/*
 * Send one request, or queue it if it cannot be sent yet.  What remains to be
 * done shows at brood_client_fd(), so the program may submit and then poll(2).
 *
 * If more than four are submitted in a row, while the server has 16 or more
 * that it has not answered, those of up to 1 KiB are queued, at most 32, and
 * then sent together: when the program waits, or calls
 * brood_client_dispatch(), as the descriptor tells it at once.  A program that
 * goes on with something long calls that first.
 *
 * Borrows msg: the payload is copied, and the descriptors are duplicated.  Only
 * data, len, fds, n_fds and code (the method) of msg may be set.  Borrows
 * options, which may be NULL.  Of its flags only BROOD_STREAM may be set: the
 * server decides whether a request runs twice.  expire_ms is sent to the server
 * too, but it holds whatever the server does: the completion, EXPIRED, comes at
 * that time, the server is told, and its late answer is dropped.  The id of the
 * request is stored in ret_id, which may be NULL.
 *
 *   -EAGAIN	the client is full: see the option queue.  Take completions, or
 *		wait for answers, then try again
 *   -EMSGSIZE	the payload is longer than max_payload, or longer than the
 *		server accepts
 *   -EINVAL	a field of msg is set that the program may not set, there are
 *		more than BROOD_MAX_FDS descriptors, a flag other than
 *		BROOD_STREAM is set, run_ms or cancel_ms is not 0, or expire_ms
 *		is below -1
 *   -EPERM	the message has descriptors, and the server takes none from this
 *		user
 *   -ESHUTDOWN	the server has said that it accepts no further request.  It
 *		still answers those that it has
 *   -EPIPE	the connection is lost: make a new client
 *   -EMFILE	no descriptor is left to duplicate those of msg
 */
int	brood_client_submit(struct brood_client *client,
	    const struct brood_message *msg,
	    const struct brood_request_options *options, uint64_t *ret_id);

/*
 * Get the one descriptor of the client: poll(2) it for POLLIN, then call
 * brood_client_dispatch().  It stays the same, and it belongs to the client.
 *
 *   -ENOSYS	this system has no such descriptor: use brood_client_wait()
 */
int	brood_client_fd(struct brood_client *client);

/*
 * Do what is to be done now, without waiting: send requests, receive answers,
 * expire requests.  One call does a bounded amount of work; if more is left,
 * the descriptor stays readable.
 *
 *   -EPIPE	the connection is lost.  Every request has its completion: take
 *		those that are left, then free the client
 */
int	brood_client_dispatch(struct brood_client *client);

/*
 * Take one completion, or with BROOD_STREAM a part or progress.
 *
 * While parts that were not taken have more than 1 MiB together, nothing is
 * received: then answers to other requests have to wait too.
 *
 * Gives its memory and its descriptors: call brood_completion_fini() when they
 * are not needed any more.
 *
 * Returns 1 with a completion, 0 if there is none.
 */
int	brood_client_take(struct brood_client *client,
	    struct brood_completion *ret_done);

/*
 * Wait up to timeout_ms, dispatching, until there is a completion to take.  For
 * programs that have no loop of their own.
 *
 * Returns 1 if there is a completion to take, 0 if none came in time.
 *
 *   -EPIPE	nothing can come any more: the connection is lost, and nothing
 *		is left to take.  Free the client
 */
int	brood_client_wait(struct brood_client *client, int timeout_ms);

/*
 * Submit a request and wait for its completion.  Completions of other requests
 * stay to be taken.
 *
 * Nobody takes parts of other requests while this call waits.  When so many of
 * them are there that nothing is received, this request is CANCELED.
 *
 * The errors are those of brood_client_submit(), which are -EINVAL for the flag
 * BROOD_STREAM too.  What became of a request that was accepted is in ret_done.
 */
int	brood_client_call(struct brood_client *client,
	    const struct brood_message *msg,
	    const struct brood_request_options *options,
	    struct brood_completion *ret_done);

/*
 * Cancel a request.  Its completion, CANCELED, can be taken at once.  If the
 * request was sent, the server is told, and its answer is dropped.
 *
 *   -ENOENT	there is no request with this id, or it has its completion
 */
int	brood_client_cancel(struct brood_client *client, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif
