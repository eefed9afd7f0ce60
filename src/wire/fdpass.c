/* SPDX-License-Identifier: ISC */
/*
 * Descriptors over a UNIX socket.
 *
 * Owns the control buffers and every descriptor that recvmsg(2) has installed
 * until it is handed to the caller.  Knows no frame, no limit but its
 * arguments, and keeps no state.
 *
 * Invariants: whatever the kernel installed is in fds or is closed; a caller
 * never gets some of the descriptors that were attached, only all or none.
 */

#include "base/fd.h"
#include "wire/fdpass.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/*
 * pid, uid and gid: a socket with SO_PASSCRED puts them in front of the
 * descriptors, which would not fit any more.
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
	size_t	 n_closed;	/* beyond BROOD_MAX_FDS */
};

static void
control_fill(struct msghdr *msg, union fdpass_control *control, const int *fds,
    size_t n_fds)
{
	struct cmsghdr *cmsg;

	/* The padding goes to the kernel as well. */
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
 * How many there are is cmsg_len's to say.  The room that was offered is no
 * measure: CMSG_SPACE rounds up, and the kernel fills the padding with one more
 * descriptor if the peer sent one.
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
	if (n_fds > 0)
		control_fill(&msg, &control, fds, n_fds);
	do
		n = sendmsg(socket, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* Without a byte to ride on, the descriptors would silently be lost. */
	assert(n != 0);
	return n < 0 ? -errno : n;
}

/*
 * The room is for max_fds and little more: a peer that attaches too many must
 * not use up this process's table even for a moment.
 *
 * Without a control buffer MSG_CTRUNC says nothing about descriptors: a socket
 * with SO_PASSCRED has it on every message.
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
