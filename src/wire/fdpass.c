/* SPDX-License-Identifier: ISC */
/*
 * Descriptors over a UNIX socket.
 *
 * Owns the control buffers, and every descriptor that recvmsg(2) has installed
 * until the caller gets it.  Keeps no state.
 *
 * Invariants: each descriptor that the kernel has installed is in fds or has
 * been closed.  A caller gets all descriptors that were attached, or none.
 */

#include "base/fd.h"
#include "wire/fdpass.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/*
 * On a socket with SO_PASSCRED the kernel puts pid, uid and gid in front of the
 * descriptors.  Without room for both, descriptors would be lost.
 */
#define ROOM_FOR_CREDENTIALS	CMSG_SPACE(3 * sizeof(uint32_t))

/* CMSG_DATA and CMSG_NXTHDR need the buffer aligned like a header. */
union fdpass_control {
	struct cmsghdr	 header;
	unsigned char	 bytes[ROOM_FOR_CREDENTIALS +
	    CMSG_SPACE(BROOD_MAX_FDS * sizeof(int))];
};

struct fdpass_received {
	int	*fds;
	size_t	 n_fds;
	size_t	 n_closed;	/* did not fit fds, so were closed */
};

static void
control_fill(struct msghdr *msg, union fdpass_control *control, const int *fds,
    size_t n_fds)
{
	struct cmsghdr *cmsg;

	/* The kernel is given the padding too: do not leave it as it is. */
	memset(control, 0, sizeof(*control));
	msg->msg_control = control->bytes;
	msg->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
}

static void
received_adopt(struct fdpass_received *received, int fd)
{
	if (received->n_fds < BROOD_MAX_FDS) {
		received->fds[received->n_fds++] = fd;
		return;
	}
	brood__fd_close(fd);
	received->n_closed++;
}

/*
 * cmsg_len says how many descriptors there are.  It may be one more than there
 * was meant to be room for: CMSG_SPACE rounds up, and the kernel fills the
 * padding too, if the peer has sent that many.
 */
static void
received_adopt_all(struct fdpass_received *received, struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t n;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(fd));
			received_adopt(received, fd);
		}
	}
}

static ssize_t
fdpass_recvmsg(int socket, struct msghdr *msg, int flags)
{
	ssize_t n;

	do
		n = recvmsg(socket, msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/*
 * Without descriptors and in one piece, send(2) does.  A filter of system calls
 * (process/seccomp.c) can allow that, as it names no address; it cannot look at
 * what sendmsg(2) is given, and so may refuse it with EPERM.
 */
static ssize_t
fdpass_send_piece(int socket, const struct iovec *piece, int flags)
{
	ssize_t n;

	do
		n = send(socket, piece->iov_base, piece->iov_len,
		    flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t
brood__fdpass_send(int socket, const struct iovec *iov, size_t n_iov,
    const int *fds, size_t n_fds, int flags)
{
	union fdpass_control control;
	struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,	/* sendmsg only reads it */
		.msg_iovlen = n_iov,
	};
	ssize_t n;

	assert(n_fds <= BROOD_MAX_FDS);
	if (n_fds == 0 && n_iov == 1)
		return fdpass_send_piece(socket, iov, flags);
	if (n_fds > 0)
		control_fill(&msg, &control, fds, n_fds);
	do
		n = sendmsg(socket, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EPERM && n_fds == 0)
		return fdpass_send_piece(socket, &iov[0], flags);
	/* Descriptors that are sent without a byte are silently lost. */
	assert(n != 0);
	return n < 0 ? -errno : n;
}

/*
 * The control buffer has room for max_fds descriptors and little more, so that
 * a peer which attaches too many cannot use up this process's table of
 * descriptors, even for a moment.
 *
 * Without a control buffer MSG_CTRUNC does not mean that descriptors were lost:
 * on a socket with SO_PASSCRED it is set for every message.
 */
ssize_t
brood__fdpass_recv(int socket, void *buf, size_t len, int *fds, size_t max_fds,
    size_t *ret_n_fds, bool *ret_is_lost, int flags)
{
	union fdpass_control control;
	struct fdpass_received received = { .fds = fds };
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	assert(max_fds <= BROOD_MAX_FDS);
	*ret_n_fds = 0;
	*ret_is_lost = false;
	if (max_fds > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = ROOM_FOR_CREDENTIALS +
		    CMSG_SPACE(max_fds * sizeof(int));
	}
	n = fdpass_recvmsg(socket, &msg, flags);
	if (n < 0 || max_fds == 0)
		return n;
	received_adopt_all(&received, &msg);
	if ((msg.msg_flags & MSG_CTRUNC) || received.n_fds > max_fds ||
	    received.n_closed > 0) {
		brood__fd_close_all(fds, received.n_fds);
		*ret_is_lost = true;
		return n;
	}
	*ret_n_fds = received.n_fds;
	return n;
}
