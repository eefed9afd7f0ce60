/* SPDX-License-Identifier: ISC */
#ifndef BROOD_WORKER_H
#define BROOD_WORKER_H

/*
 * The worker's side: what a handler may ask and answer.
 *
 * A worker runs one request at a time.  It takes a request off its socket only
 * when it is about to run it, so that the host can tell, if the worker dies,
 * which requests were never started.
 *
 * A request ends with exactly one of brood_reply(), brood_reply_with_fds() and
 * brood_fail(); a second one says -EALREADY.  A handler that returns without
 * any has failed: with the errno if it returned a negative one.  Functions that
 * send may wait for the host to receive.
 */

#include <brood/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_request;

/*
 * Handle one request.  0, or a negative errno; see above.
 */
typedef int (*brood_handler_fn)(struct brood_request *request, void *arg);

/*
 * Run once in a new worker before it says it is ready.  0, or a negative errno,
 * with which the start has failed.
 */
typedef int (*brood_setup_fn)(void *arg);

/* The payload; it lives as long as the request. */
const void *
	brood_request_data(const struct brood_request *request);
size_t	brood_request_len(const struct brood_request *request);

/* The method that the asker named; 0 if none. */
uint32_t
	brood_request_code(const struct brood_request *request);

size_t	brood_request_n_fds(const struct brood_request *request);

/*
 * Look at descriptor number i, which is closed when the handler returns.
 *
 * Gives the descriptor, or -EBADF if there is none or it was taken.
 */
int	brood_request_fd(const struct brood_request *request, size_t i);

/*
 * Keep descriptor number i: it is the handler's to close.
 *
 * Gives the descriptor, or -EBADF if there is none or it was taken already.
 */
int	brood_request_take_fd(struct brood_request *request, size_t i);

/*
 * Milliseconds until the asker gives up; -1 if it never does, 0 if it has.
 */
int	brood_request_time_left(const struct brood_request *request);

/*
 * Has the asker canceled this request?  A long handler asks now and then and
 * answers brood_fail(request, ECANCELED, NULL).  One system call.
 */
bool	brood_request_is_canceled(struct brood_request *request);

/*
 * Answer.  status is the worker's own; it comes back as the reply's code.
 *
 *   -EMSGSIZE	longer than the host accepts: the request is still open
 *   -EPIPE	the host is gone
 *   -EALREADY	it was answered before
 */
int	brood_reply(struct brood_request *request, uint32_t status,
	    const void *data, size_t len);

/*
 * Answer with descriptors, which are borrowed.  The pool must have asked for
 * fds_from_worker; otherwise it drops this worker for breaking the protocol.
 */
int	brood_reply_with_fds(struct brood_request *request, uint32_t status,
	    const void *data, size_t len, const int *fds, size_t n_fds);

/*
 * Send a part of the answer.  Any number of parts; then brood_reply().
 */
int	brood_reply_more(struct brood_request *request, const void *data,
	    size_t len);

/*
 * Say how far it has come.
 */
int	brood_progress(struct brood_request *request, const void *data,
	    size_t len);

/*
 * Answer that it failed: error is a positive errno, or 0 for none; text may be
 * NULL.  The asker gets the text, then what error is called in English, and an
 * enum brood_error: NO_METHOD for ENOSYS and EOPNOTSUPP, TOO_LARGE for
 * EMSGSIZE, EXPIRED for ETIMEDOUT, CANCELED for ECANCELED, otherwise FAILED.
 */
int	brood_fail(struct brood_request *request, int error, const char *text);

/*
 * The main function of a program that a pool runs by argv: receive requests
 * from BROOD_FD and call handler(request, arg) for each, until the host says
 * goodbye or is gone.
 *
 * Set up first, then call this: it says "ready".  Gives 0, or the negative
 * errno of brood_channel_inherit(), brood_channel_hello() or
 * brood_channel_recv(), or -EPROTO for what a host does not send.
 */
int	brood_worker_main(brood_handler_fn handler, void *arg);

#ifdef __cplusplus
}
#endif

#endif
