/* SPDX-License-Identifier: ISC */

/*
 * The program under test as a process and a stream of bytes; see target.h.
 */

#include "base/await.h"
#include "base/fd.h"
#include "command/command.h"
#include "command/conformance/target.h"
#include "command/subprocess.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TARGET_RECV = 65536 };		/* bytes in one recv(2) */

bool
target_fail(struct target *target, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(target->why, sizeof(target->why), format, ap);
	va_end(ap);
	return false;
}

static int64_t
target_deadline(const struct target *target)
{
	return brood__deadline(brood__now_ms(), target->timeout_ms);
}

/* The process */

static int
target_run(struct target *target)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fds[SUBPROCESS_N_FDS] = { null_fd, STDERR_FILENO, -1,
	    target->kept_fd };
	int r;

	if (null_fd < 0 || setenv("BROOD_FD", "3", 1) < 0)
		r = -errno;
	else
		r = subprocess_start(&target->child, target->argv, fds, NULL);
	(void)brood__fd_close(null_fd);
	return r;
}

int
target_start(struct target *target, bool is_kept)
{
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	target->fd = fds[0];
	target->kept_fd = fds[1];
	target->is_eof = false;
	target->skipped = NULL;
	target->why[0] = '\0';
	r = target_run(target);
	if (!is_kept)
		target->kept_fd = brood__fd_close(target->kept_fd);
	return r;
}

void
target_kill(struct target *target)
{
	if (target->child != NULL)
		target->status = subprocess_stop(target->child);
	target->child = NULL;
}

void
target_stop(struct target *target)
{
	target->fd = brood__fd_close(target->fd);
	target->kept_fd = brood__fd_close(target->kept_fd);
	target_kill(target);
	brood__buffer_fini(&target->in);
	target->n_passed = 0;
}

bool
target_await_end(struct target *target)
{
	target->fd = brood__fd_close(target->fd);
	if (!subprocess_await(target->child, target_deadline(target)))
		return target_fail(target, "it does not end");
	/* What the program has started is killed too. */
	target_kill(target);
	return true;
}

/* Bytes */

static void
target_reserve(struct brood__buffer *bytes, size_t n)
{
	if (brood__buffer_reserve(bytes, n) < 0)
		command_die(COMMAND_UNUSABLE, ENOMEM, "frames");
}

/* Take what is there of the stream, without waiting. */
static void
target_fill(struct target *target)
{
	struct brood__buffer *in = &target->in;
	ssize_t n;

	do {
		target_reserve(in, TARGET_RECV);
		n = recv(target->fd, in->bytes + in->end, TARGET_RECV,
		    MSG_DONTWAIT);
		if (n > 0)
			in->end += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		target->is_eof = true;
}

bool
target_send(struct target *target, const void *bytes, size_t len)
{
	int64_t deadline_ms = target_deadline(target);
	const uint8_t *at = bytes;
	ssize_t n;

	while (len > 0 && !target->is_eof) {
		n = send(target->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return true;
		if (brood__await(target->fd, POLLIN | POLLOUT,
		    deadline_ms) == 0)
			return target_fail(target, "it does not read: %zu "
			    "bytes are left to send", len);
		target_fill(target);
	}
	return true;
}

bool
target_send_fd(struct target *target, const void *bytes, size_t len, int fd)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes,
	    .iov_len = 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	do {
		n = sendmsg(target->fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return target_fail(target, "sendmsg: %s", strerror(errno));
	return target_send(target, (const uint8_t *)bytes + 1, len - 1);
}

/*
 * There is no event for "the peer has read": look every millisecond how much is
 * unread.  A program that reads only whole headers never empties the socket, so
 * give up after a while.
 */
void
target_await_read(struct target *target)
{
#ifdef SIOCOUTQ
	int n_unread;

	for (int i = 0; i < 20; i++) {
		if (ioctl(target->fd, SIOCOUTQ, &n_unread) < 0 || n_unread == 0)
			return;
		(void)brood__await(target->fd, 0, brood__now_ms() + 1);
	}
#else
	(void)brood__await(target->fd, 0, brood__now_ms() + 1);
#endif
}

bool
target_await_input(struct target *target)
{
	return brood__await(target->fd, POLLIN, target_deadline(target)) != 0 ||
	    target_fail(target, "nothing came from it in time");
}

/* Frames */

/* Look for a whole frame at the start of what was received. */
static int
target_decode(struct target *target)
{
	const uint8_t *header;
	size_t len;

	brood__buffer_consume(&target->in, target->n_passed);
	target->n_passed = 0;
	len = brood__buffer_len(&target->in);
	if (len < BROOD__FRAME_SIZE)
		return 0;
	header = target->in.bytes + target->in.start;
	if (brood__frame_decode(header, UINT32_MAX, &target->frame) < 0) {
		target_fail(target, "what it sent is no frame: %s",
		    brood__frame_fault(header));
		return -1;
	}
	if (len - BROOD__FRAME_SIZE < target->frame.length)
		return 0;
	target->payload = header + BROOD__FRAME_SIZE;
	target->n_passed = BROOD__FRAME_SIZE + target->frame.length;
	return 1;
}

int
target_poll(struct target *target)
{
	int r = target_decode(target);

	if (r != 0 || target->is_eof)
		return r;
	target_fill(target);
	return target_decode(target);
}

int
target_recv(struct target *target)
{
	int64_t deadline_ms = target_deadline(target);
	int r;

	while ((r = target_decode(target)) == 0) {
		if (target->is_eof && brood__buffer_len(&target->in) == 0)
			return 0;
		if (target->is_eof) {
			target_fail(target, "its stream ends within a frame");
			return -1;
		}
		if (brood__await(target->fd, POLLIN, deadline_ms) == 0) {
			target_fail(target, "nothing came from it in time");
			return -1;
		}
		target_fill(target);
	}
	return r;
}

void
target_add_frame(struct brood__buffer *bytes,
    const struct brood__frame *frame, const void *payload)
{
	uint8_t header[BROOD__FRAME_SIZE];

	brood__frame_encode(header, frame);
	target_reserve(bytes, sizeof(header) + frame->length);
	brood__buffer_append(bytes, header, sizeof(header));
	brood__buffer_append(bytes, payload, frame->length);
}
