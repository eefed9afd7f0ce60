/* SPDX-License-Identifier: ISC */

/*
 * A program that the tests start as a worker, and that breaks the rules.  It
 * speaks the wire protocol with its own code.  The environment variable
 * MISBEHAVING_WORKER has its path; its first argument says what it does:
 *
 *	stop_receiving	when a request has come, leave it unread, let no more
 *			come in, and do nothing
 *	shut_down	the same, but close the socket in both directions
 *	die_unread	when a request has come, exit and leave it unread
 *	answer_ahead	answer the first request and the ids after it, unread
 *	flood		read a request; send PROGRESS for ever, also when the
 *			supervisor is dead
 *	hang_up		read a request; close the socket in both directions, and
 *			do nothing, also when the supervisor is dead
 *	parts		read a request; answer with 1000 parts of 2 KiB and an
 *			empty last one; again
 *	answer_and_die	read a request; send 200 times PROGRESS and a reply,
 *			each by itself; die by SIGKILL
 *
 *	linger		read a request; answer with a descriptor that takes a
 *			long time to close: a TCP socket with SO_LINGER whose
 *			data nobody takes.  Exit with status 5 if that is
 *			refused, with 6 if there is no TCP
 *	linger_first	the same, with HELLO
 *	no_fds		say in HELLO that it takes no descriptors; answer each
 *			request
 *
 * If the pool keeps a descriptor for its workers, it is number 4 here.  Then
 * stop_receiving, shut_down and hang_up write a byte to it once the socket is
 * closed, and flood just before it begins.
 */

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { HEADER = 24, HELLO = 1, REPLY = 3, PROGRESS = 5, MORE = 1,
    NO_FDS = 2 };

enum { REPORT_FD = 4 };

static int misbehaving_fd;	/* the channel */

static void
misbehaving_send(const void *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(misbehaving_fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(9);
		bytes = (const char *)bytes + n;
		len -= (size_t)n;
	}
}

static size_t
misbehaving_put(uint8_t *bytes, int kind, int flags, uint64_t id, uint32_t len)
{
	uint64_t le_id = htole64(id);
	uint32_t le_len = htole32(len);

	memset(bytes, 0, HEADER + len);
	memcpy(bytes, &le_len, sizeof(le_len));
	bytes[4] = (uint8_t)kind;
	bytes[5] = (uint8_t)flags;
	memcpy(bytes + 8, &le_id, sizeof(le_id));
	return HEADER + len;
}

static void
misbehaving_say(int kind, int flags, uint64_t id, uint32_t len)
{
	static uint8_t bytes[HEADER + 4096];

	misbehaving_send(bytes, misbehaving_put(bytes, kind, flags, id, len));
}

/*
 * A TCP socket that waits in its last close(2) for 10 s: its peer, which this
 * process keeps, does not take what has been sent to it.
 */
static int
misbehaving_lingering(void)
{
	static const struct linger linger = { .l_onoff = 1, .l_linger = 10 };
	struct sockaddr_in address = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	static char data[65536];

	if (listener < 0 || fd < 0 ||
	    bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&address, size) < 0 ||
	    accept(listener, NULL, NULL) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		_exit(6);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		continue;
	return fd;
}

/* Send a frame with that socket, and have no copy of it any more. */
static _Noreturn void
misbehaving_linger(const void *bytes, size_t len)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };
	int fd = misbehaving_lingering();

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(misbehaving_fd, &msg, MSG_NOSIGNAL) < 0)
		_exit(errno == EPERM ? 5 : 9);
	(void)close(fd);
	for (;;)
		(void)pause();
}

static void
misbehaving_hello(const char *how)
{
	uint8_t payload[16] = {
		'B', 'R', 'O', 'D', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	};
	uint8_t bytes[HEADER + sizeof(payload)];
	size_t len = misbehaving_put(bytes, HELLO, 0, 0, sizeof(payload));

	if (strcmp(how, "no_fds") == 0)
		payload[8] = NO_FDS;
	memcpy(bytes + HEADER, payload, sizeof(payload));
	if (strcmp(how, "linger_first") == 0)
		misbehaving_linger(bytes, len);
	misbehaving_send(bytes, len);
}

/* Read a frame and drop its payload.  Gives its id. */
static uint64_t
misbehaving_read(void)
{
	uint8_t header[HEADER], byte;
	uint32_t len;
	uint64_t id;

	if (recv(misbehaving_fd, header, HEADER, MSG_WAITALL) != HEADER)
		_exit(8);
	memcpy(&len, header, sizeof(len));
	memcpy(&id, header + 8, sizeof(id));
	for (len = le32toh(len); len > 0; len--)
		if (recv(misbehaving_fd, &byte, 1, 0) != 1)
			_exit(8);
	return le64toh(id);
}

/* Tell the test that it is done, if the test wants to know (else: EBADF). */
static void
misbehaving_report(void)
{
	(void)!write(REPORT_FD, "", 1);
}

/* Wait until something can be read, and leave it there. */
static void
misbehaving_await(void)
{
	struct pollfd pfd = { .fd = misbehaving_fd, .events = POLLIN };

	(void)poll(&pfd, 1, -1);
}

/*
 * The kernel is not to send a signal when the supervisor dies.  The alarm ends
 * this process if the test does not.
 */
static void
misbehaving_outlive(void)
{
#ifdef __linux__
	(void)prctl(PR_SET_PDEATHSIG, 0);
#endif
	(void)alarm(20);
}

/*
 * The host gives ids one after the other.  5 ms are time for the host to send
 * the next request.  If they are too short, the answer comes even earlier.
 */
static _Noreturn void
misbehaving_answer_ahead(void)
{
	uint8_t header[HEADER];
	uint64_t id;

	if (recv(misbehaving_fd, header, HEADER, MSG_PEEK) != HEADER)
		_exit(8);
	memcpy(&id, header + 8, sizeof(id));
	for (id = le64toh(id);; id++) {
		misbehaving_say(REPLY, 0, id, 0);
		(void)usleep(5000);
	}
}

static _Noreturn void
misbehaving_flood(uint64_t id)
{
	static uint8_t bytes[1000 * HEADER];
	size_t len = 0;

	while (len < sizeof(bytes))
		len += misbehaving_put(bytes + len, PROGRESS, 0, id, 0);
	misbehaving_report();
	for (;;)
		misbehaving_send(bytes, len);
}

static _Noreturn void
misbehaving_end(int how)
{
	(void)shutdown(misbehaving_fd, how);
	misbehaving_report();
	for (;;)
		(void)pause();
}

/* Serve one request in the way that the argument says. */
static void
misbehaving_behave(const char *how)
{
	uint64_t id;

	misbehaving_await();
	if (strcmp(how, "answer_ahead") == 0)
		misbehaving_answer_ahead();
	if (strcmp(how, "die_unread") == 0)
		_exit(3);
	if (strcmp(how, "stop_receiving") == 0)
		misbehaving_end(SHUT_RD);
	if (strcmp(how, "shut_down") == 0)
		misbehaving_end(SHUT_RDWR);
	id = misbehaving_read();
	if (strcmp(how, "no_fds") == 0) {
		misbehaving_say(REPLY, 0, id, 0);
		return;
	}
	if (strcmp(how, "linger") == 0) {
		uint8_t bytes[HEADER];

		misbehaving_linger(bytes,
		    misbehaving_put(bytes, REPLY, 0, id, 0));
	}
	if (strcmp(how, "parts") == 0) {
		for (int i = 0; i < 1000; i++)
			misbehaving_say(REPLY, MORE, id, 2048);
		misbehaving_say(REPLY, 0, id, 0);
		return;
	}
	if (strcmp(how, "answer_and_die") == 0) {
		for (int i = 0; i < 200; i++)
			misbehaving_say(PROGRESS, 0, id, 1);
		misbehaving_say(REPLY, 0, id, 1);
		(void)raise(SIGKILL);
	}
	misbehaving_outlive();
	if (strcmp(how, "hang_up") == 0)
		misbehaving_end(SHUT_RDWR);
	if (strcmp(how, "flood") == 0)
		misbehaving_flood(id);
	_exit(1);	/* unknown argument */
}

int
main(int argc, char **argv)
{
	const char *fd = getenv("BROOD_FD");

	if (argc < 2 || fd == NULL)
		return 1;
	misbehaving_fd = atoi(fd);
	misbehaving_hello(argv[1]);
	(void)misbehaving_read();
	for (;;)
		misbehaving_behave(argv[1]);
}
