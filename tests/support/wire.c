/* SPDX-License-Identifier: ISC */

/*
 * The wire format, written a second time: this file uses nothing of src/.  The
 * sockets are blocking; poll(2) limits each wait to WIRE_PATIENCE.
 */

#include "support/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/endian.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

union control {
	struct cmsghdr	align;
	char		bytes[CMSG_SPACE(WIRE_FDS * sizeof(int))];
};

int64_t
wire_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
wire_pair(int ret_fds[2])
{
	int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds);

	cr_assert_eq(r, 0, "socketpair: %s", strerror(errno));
}

struct wire_half
wire_half_new(const struct brood_channel_options *options)
{
	struct wire_half half = { NULL, -1 };
	int fds[2];
	int r;

	wire_pair(fds);
	r = brood_channel_new(&half.channel, fds[0], options);
	cr_assert_eq(r, 0, "brood_channel_new: %d", r);
	half.raw = fds[1];
	return half;
}

void
wire_half_free(struct wire_half *half)
{
	cr_assert_null(brood_channel_free(half->channel));
	close(half->raw);
}

int
wire_file(void)
{
	char path[] = "/tmp/brood-test-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0, "mkstemp: %s", strerror(errno));
	unlink(path);
	return fd;
}

ino_t
wire_inode(int fd)
{
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0, "fstat(%d): %s", fd, strerror(errno));
	return st.st_ino;
}

size_t
wire_encode(uint8_t *bytes, const struct wire_header *header,
    const void *payload)
{
	le32enc(bytes, header->length);
	bytes[4] = header->kind;
	bytes[5] = header->flags;
	bytes[6] = header->nfds;
	bytes[7] = header->reserved;
	le64enc(bytes + 8, header->id);
	le32enc(bytes + 16, header->code);
	le32enc(bytes + 20, header->timeout_ms);
	if (payload == NULL)
		return WIRE_HEADER;
	memcpy(bytes + WIRE_HEADER, payload, header->length);
	return WIRE_HEADER + header->length;
}

static void
header_decode(const uint8_t *bytes, struct wire_header *ret)
{
	ret->length = le32dec(bytes);
	ret->kind = bytes[4];
	ret->flags = bytes[5];
	ret->nfds = bytes[6];
	ret->reserved = bytes[7];
	ret->id = le64dec(bytes + 8);
	ret->code = le32dec(bytes + 16);
	ret->timeout_ms = le32dec(bytes + 20);
}

size_t
wire_hello(uint8_t *bytes, uint16_t version, uint32_t max_payload,
    const char *name)
{
	memcpy(bytes, "BROD", 4);
	le16enc(bytes + 4, version);
	le16enc(bytes + 6, 0);
	le32enc(bytes + 8, 0);
	le32enc(bytes + 12, max_payload);
	memcpy(bytes + 16, name, strlen(name));
	return 16 + strlen(name);
}

ssize_t
wire_try_fds(int fd, const void *bytes, size_t len, const int *fds,
    size_t n_fds)
{
	union control control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

void
wire_write_fds(int fd, const void *bytes, size_t len, const int *fds,
    size_t n_fds)
{
	ssize_t n = wire_try_fds(fd, bytes, len, fds, n_fds);

	cr_assert_eq(n, (ssize_t)len, "sendmsg: %zd of %zu", n, len);
}

void
wire_write(int fd, const void *bytes, size_t len)
{
	wire_write_fds(fd, bytes, len, NULL, 0);
}

void
wire_send(int fd, const struct wire_header *header, const void *payload)
{
	uint8_t *bytes = malloc(WIRE_HEADER + header->length);

	cr_assert_not_null(bytes);
	wire_write(fd, bytes, wire_encode(bytes, header, payload));
	free(bytes);
}

void
wire_send_hello(int fd, uint32_t max_payload)
{
	uint8_t hello[64];
	struct wire_header header = { .kind = 1 };

	header.length = (uint32_t)wire_hello(hello, 1, max_payload, "test");
	wire_send(fd, &header, hello);
}

static void
collect_fds(struct msghdr *msg, struct wire_frame *frame)
{
	struct cmsghdr *cmsg;
	size_t n;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		cr_assert_leq(frame->n_fds + n, WIRE_FDS);
		memcpy(frame->fds + frame->n_fds, CMSG_DATA(cmsg),
		    n * sizeof(int));
		frame->n_fds += n;
	}
}

static bool
await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, WIRE_PATIENCE) == 1;
}

static bool
read_some(int fd, struct iovec *iov, struct wire_frame *frame)
{
	union control control;
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes) };

	cr_assert(await(fd, POLLIN), "nothing came");
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return false;
	cr_assert_gt(n, 0, "recvmsg: %s", strerror(errno));
	if (frame != NULL)
		collect_fds(&msg, frame);
	iov->iov_base = (char *)iov->iov_base + n;
	iov->iov_len -= (size_t)n;
	return true;
}

static bool
read_all(int fd, void *bytes, size_t len, struct wire_frame *frame)
{
	struct iovec iov = { bytes, len };

	while (iov.iov_len > 0)
		if (!read_some(fd, &iov, frame))
			return false;
	return true;
}

bool
wire_read(int fd, void *bytes, size_t len)
{
	return read_all(fd, bytes, len, NULL);
}

bool
wire_recv(int fd, struct wire_frame *ret)
{
	uint8_t bytes[WIRE_HEADER];

	ret->n_fds = 0;
	if (!read_all(fd, bytes, sizeof(bytes), ret))
		return false;
	header_decode(bytes, &ret->header);
	cr_assert_leq(ret->header.length, WIRE_PAYLOAD);
	ret->payload[ret->header.length] = 0;
	return read_all(fd, ret->payload, ret->header.length, ret);
}

bool
wire_is_silent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	    errno == EAGAIN;
}

bool
wire_is_hung_up(int read_fd)
{
	char byte;

	return await(read_fd, POLLIN) && read(read_fd, &byte, 1) == 0;
}
