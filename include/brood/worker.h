/* SPDX-License-Identifier: ISC */
#ifndef BROOD_WORKER_H
#define BROOD_WORKER_H

/*
 * The worker's side: what a handler may ask of a request, and how it answers.
 *
 * A worker runs one request at a time.  It reads a request from its socket only
 * when it is about to run it.  So, if a worker dies, the host can tell which
 * requests were never started.
 *
 * A handler ends a request by calling one of brood_request_reply(),
 * brood_request_reply_with_fds() and brood_request_fail(), once; a second call
 * returns -EALREADY.  If the handler returns without having done so, the
 * request has failed: with the errno, if the handler returned a negative one.
 *
 * The functions that send wait, without limit, until the kernel has taken the
 * message.  That can take as long as the host does not read.
 */

#include <brood/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_request;

/*
 * A handler: a function that handles one request.  It returns 0 or a negative
 * errno, as described above.
 */
typedef int (*brood_handler_fn)(struct brood_request *request, void *arg);

/*
 * A function that is called once in each new process, before it is ready.  It
 * returns 0, or a negative errno: then the start has failed.
 */
typedef int (*brood_setup_fn)(void *arg);

/*
 * Get the payload of the request.  It is valid until the handler returns.
 */
const void *
	brood_request_data(const struct brood_request *request);

/*
 * Get the length of the payload, in bytes.
 */
size_t	brood_request_len(const struct brood_request *request);

/*
 * Get the method, a number that the program and the worker agree on: code of
 * the message that was submitted.
 */
uint32_t
	brood_request_code(const struct brood_request *request);

/*
 * Get the number of descriptors that came with the request.
 */
size_t	brood_request_n_fds(const struct brood_request *request);

/*
 * Get descriptor number i (from 0).  It is closed when the handler returns.
 *
 *   -EBADF	the request has no such descriptor, or it was taken
 */
int	brood_request_fd(const struct brood_request *request, size_t i);

/*
 * Keep descriptor number i (from 0).
 *
 * Gives the descriptor.
 *
 *   -EBADF	the request has no such descriptor, or it was taken before
 */
int	brood_request_take_fd(struct brood_request *request, size_t i);

/*
 * Get the milliseconds until the deadline of the request.  -1: it has none, 0:
 * the deadline has passed.
 */
int	brood_request_time_left(const struct brood_request *request);

/*
 * Ask whether the request was canceled.  A handler that runs for long may ask
 * now and then, and answer brood_request_fail(request, ECANCELED, NULL).  Costs
 * one system call.
 */
bool	brood_request_is_canceled(struct brood_request *request);

/*
 * Get memory for the payload of an answer, of len bytes.  Write the payload
 * there, and give it to brood_request_reply(), or to another function that
 * sends, with at most len bytes: where answers go through shared memory, it is
 * where the host reads it, and nothing is copied.  It pays for answers of some
 * 10 KiB and more, up to a quarter of the pool's ring_bytes: longer ones go by
 * the socket.
 *
 * The memory is the library's.  It is there until something is sent, until
 * memory is asked for again, and until the handler returns.  What is in it at
 * first is unknown.
 *
 *   -EMSGSIZE	the host does not accept so long an answer
 */
int	brood_reply_alloc(struct brood_request *request, size_t len,
	    void **ret_data);

/*
 * Answer the request.  status is a number of the worker's own: it becomes the
 * code of the reply.
 *
 * Borrows data.
 *
 *   -EMSGSIZE	the answer is longer than the host accepts.  The request is not
 *		ended: answer with less, in parts, or with brood_request_fail()
 *   -EPIPE	the host is gone
 *   -EALREADY	the request was ended before
 *   -EINVAL	data was memory of brood_reply_alloc(), and is no longer; or len
 *		is more than was asked for
 */
int	brood_request_reply(struct brood_request *request, uint32_t status,
	    const void *data, size_t len);

/*
 * Answer the request, with descriptors attached.  The pool must have been made
 * with fds_from_worker.
 *
 * Borrows data and fds.  The errors are those of brood_request_reply(), and:
 *
 *   -EPERM	the host takes no descriptors.  The request is not ended
 *   -EINVAL	there are more than BROOD_MAX_FDS descriptors
 */
int	brood_request_reply_with_fds(struct brood_request *request,
	    uint32_t status, const void *data, size_t len, const int *fds,
	    size_t n_fds);

/*
 * Send a part of the answer.  After any number of parts the handler ends the
 * request with brood_request_reply(), whose data is the last part, or with
 * brood_request_fail().
 *
 * Borrows data.  The errors are those of brood_request_reply().
 */
int	brood_request_reply_more(struct brood_request *request,
	    const void *data, size_t len);

/*
 * Tell how far the request has come, in a form that the program and the worker
 * agree on.  May be called any number of times before the request is ended.
 *
 * Borrows data.  The errors are those of brood_request_reply().
 */
int	brood_request_progress(struct brood_request *request, const void *data,
	    size_t len);

/*
 * Answer that the request has failed.  error is a positive errno, or 0; text
 * may be NULL.  The host gets text, then the English words for error, if it is
 * not 0; and as code an enum brood_error:
 *
 *	ENOSYS, EOPNOTSUPP	BROOD_ERROR_NO_METHOD
 *	EMSGSIZE		BROOD_ERROR_TOO_LARGE
 *	ETIMEDOUT		BROOD_ERROR_EXPIRED
 *	ECANCELED		BROOD_ERROR_CANCELED
 *	any other, and 0	BROOD_ERROR_FAILED
 *
 * Borrows text.  The errors are those of brood_request_reply().
 */
int	brood_request_fail(struct brood_request *request, int error,
	    const char *text);

/* How to be a worker. */
struct brood_worker_options {
	const char	*name;		/* for HELLO; NULL: the program's */
	size_t		 max_payload;	/* the longest request and reply, in
					   bytes; 0: 16 MiB.  The pool's limit
					   holds too */
	uint64_t	 reserved[6];
};

/*
 * Be a worker: the main loop of a program that a pool starts by argv.  It makes
 * a channel of BROOD_FD, says by HELLO that it is ready, and calls
 * handler(request, arg) for each request, until the host sends GOODBYE or is
 * gone.  So set everything up before you call it.
 *
 * options may be NULL.
 *
 * Returns 0 after GOODBYE or the end of the host.  The errors are those of
 * brood_channel_inherit(), brood_channel_hello() and brood_worker_run().
 */
int	brood_worker_main(brood_handler_fn handler, void *arg,
	    const struct brood_worker_options *options);

/*
 * The loop alone, on any channel: for a child of a supervisor, or of
 * brood_child_fork(), that answers requests.  Returns as brood_worker_main()
 * does; the channel stays the caller's.
 *
 * Takes the messages first that were kept on the channel, by
 * brood_channel_call() or brood_channel_wait_link().  LINK messages are kept,
 * the last of each name.  In a handler both functions may be called on this
 * channel.
 *
 * The errors are those of brood_channel_recv() except -EPIPE, and:
 *
 *   -EINVAL	handler is NULL, or brood_channel_read_ahead() was called
 *   -EPROTO	the host sent a kind of message that a worker does not accept
 */
int	brood_worker_run(struct brood_channel *channel,
	    brood_handler_fn handler, void *arg);

/*
 * Get the number of the slot of this process, as in brood/event.h, and its
 * generation: for a setup function or a handler, and for a program that a pool
 * or a supervisor started, once it has its channel.  A program in another
 * language finds them in the environment, as BROOD_SLOT and BROOD_GENERATION.
 *
 * The slot is -1, and the generation 0, in any other process.
 */
int	brood_worker_slot(void);
uint32_t
	brood_worker_generation(void);

#ifdef __cplusplus
}
#endif

#endif
