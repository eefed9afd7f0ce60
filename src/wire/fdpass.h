/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FDPASS_H
#define BROOD__FDPASS_H

/*
 * One call of sendmsg(2) or recvmsg(2), with descriptors (SCM_RIGHTS, unix(7)).
 * Knows nothing of frames.  EINTR is retried, SIGPIPE is never raised, and
 * every descriptor that arrives is close-on-exec.
 */

#include <brood/message.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Send bytes with descriptors attached to the first of them.  flags are those
 * of sendmsg(2).  Gives the number of bytes that the kernel has taken, at least
 * 1.  It has then taken all descriptors: send the rest of the bytes without
 * any.
 */
ssize_t	brood__fdpass_send(int socket, const struct iovec *iov, size_t n_iov,
	    const int *fds, size_t n_fds, int flags);

/*
 * Receive bytes and the descriptors that came with them.  Gives the number of
 * bytes, or 0 at the end of the stream.
 *
 * With max_fds 0 there is no control buffer, and the kernel drops what the peer
 * has attached.  Otherwise fds has room for BROOD_MAX_FDS descriptors, and
 * *ret_n_fds is set to how many came.
 *
 * *ret_is_lost is set to true if the kernel could not deliver all descriptors
 * (MSG_CTRUNC: this process has no number left), or if there were more than
 * max_fds.  Those that did arrive have been closed then, and *ret_n_fds is 0.
 * The bytes have been received in any case.
 */
ssize_t	brood__fdpass_recv(int socket, void *buf, size_t len, int *fds,
	    size_t max_fds, size_t *ret_n_fds, bool *ret_is_lost, int flags);

#endif
