/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FDPASS_H
#define BROOD__FDPASS_H

/*
 * sendmsg(2) and recvmsg(2) with SCM_RIGHTS, each called once: unix(7), and
 * nothing of brood's own.  EINTR is retried; SIGPIPE is never raised; every
 * descriptor that arrives is close-on-exec.
 */

#include <brood/message.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Send bytes with descriptors attached to the first.  Gives the count of bytes
 * taken, at least 1; by then the descriptors are sent, all of them: the rest of
 * the bytes must go without.
 *
 * flags are those of sendmsg(2).
 */
ssize_t	brood__fdpass_send(int socket, const struct iovec *iov, size_t n_iov,
	    const int *fds, size_t n_fds, int flags);

/*
 * Receive bytes and the descriptors that came with them.  Gives the count of
 * bytes, 0 at the end of the stream.
 *
 * With max_fds 0 there is no control buffer, and the kernel drops what a peer
 * attached.  Otherwise fds has room for BROOD_MAX_FDS, and *ret_n_fds counts
 * those that were adopted.  *ret_is_lost says that the kernel could not deliver
 * all (MSG_CTRUNC: this process is out of descriptors) or that there were more
 * than max_fds; those that did arrive are closed then, and the count is 0.  The
 * bytes count in any case.
 */
ssize_t	brood__fdpass_recv(int socket, void *buf, size_t len, int *fds,
	    size_t max_fds, size_t *ret_n_fds, bool *ret_is_lost, int flags);

#endif
