/* SPDX-License-Identifier: ISC */

/*
 * A worker that breaks every rule, as a program of its own: it speaks the wire
 * by hand, and what it does is its first argument.  Tests find it by the
 * environment variable MISBEHAVING_WORKER.
 *
 *	deaf		stop receiving once a request is there, and live on
 *	shut		the same, and say nothing more either
 *	faint		die whenever a request is there, without reading it
 *	clairvoyant	answer requests that are on the way, reading none
 *	flood		read one request; outlive the supervisor, and never
 *			stop saying how far it is
 *	hang_up		read one request; outlive the supervisor, shut
 *			everything
 *	parts		read a request, answer 1000 parts of 2 KiB and an end
 *	last_words	read a request, answer 200 times progress and an end,
 *			each in a message of its own, and die
 */

#include <endian.h>
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

enum { HEADER = 24, HELLO = 1, REPLY = 3, PROGRESS = 5, MORE = 1 };

static int misbehaving_fd;

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

static void
misbehaving_hello(void)
{
	static const uint8_t payload[16] = {
		'B', 'R', 'O', 'D', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	};
	uint8_t bytes[HEADER + sizeof(payload)];
	size_t len = misbehaving_put(bytes, HELLO, 0, 0, sizeof(payload));

	memcpy(bytes + HEADER, payload, sizeof(payload));
	misbehaving_send(bytes, len);
}

/* Read a frame and forget its payload; gives its id. */
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

static void
misbehaving_await(void)
{
	struct pollfd pfd = { .fd = misbehaving_fd, .events = POLLIN };

	(void)poll(&pfd, 1, -1);
}

static void
misbehaving_outlive(void)
{
#ifdef __linux__
	(void)prctl(PR_SET_PDEATHSIG, 0);
#endif
	(void)alarm(20);
}

static void
misbehaving_foresee(void)
{
	uint8_t header[HEADER];
	uint64_t id;

	misbehaving_await();
	if (recv(misbehaving_fd, header, HEADER, MSG_PEEK) != HEADER)
		_exit(8);
	memcpy(&id, header + 8, sizeof(id));
	for (id = le64toh(id);; id++) {
		misbehaving_say(REPLY, 0, id, 0);
		(void)usleep(5000);
	}
}

static void
misbehaving_flood(uint64_t id)
{
	static uint8_t bytes[1000 * HEADER];
	size_t len = 0;

	while (len < sizeof(bytes))
		len += misbehaving_put(bytes + len, PROGRESS, 0, id, 0);
	for (;;)
		misbehaving_send(bytes, len);
}

static void
misbehaving_behave(const char *how)
{
	uint64_t id;

	if (strcmp(how, "clairvoyant") == 0)
		misbehaving_foresee();
	if (strcmp(how, "faint") == 0) {
		misbehaving_await();
		_exit(3);
	}
	if (strcmp(how, "deaf") == 0 || strcmp(how, "shut") == 0) {
		misbehaving_await();
		(void)shutdown(misbehaving_fd, how[0] == 'd' ? SHUT_RD : SHUT_RDWR);
		for (;;)
			(void)pause();
	}
	id = misbehaving_read();
	if (strcmp(how, "parts") == 0) {
		for (int i = 0; i < 1000; i++)
			misbehaving_say(REPLY, MORE, id, 2048);
		misbehaving_say(REPLY, 0, id, 0);
		return;
	}
	if (strcmp(how, "last_words") == 0) {
		for (int i = 0; i < 200; i++)
			misbehaving_say(PROGRESS, 0, id, 1);
		misbehaving_say(REPLY, 0, id, 1);
		(void)raise(SIGKILL);
	}
	misbehaving_outlive();
	if (strcmp(how, "flood") == 0)
		misbehaving_flood(id);
	if (strcmp(how, "hang_up") == 0)
		(void)shutdown(misbehaving_fd, SHUT_RDWR);
	for (;;)
		(void)pause();
}

int
main(int argc, char **argv)
{
	const char *fd = getenv("BROOD_FD");

	if (argc < 2 || fd == NULL)
		return 1;
	misbehaving_fd = atoi(fd);
	misbehaving_hello();
	(void)misbehaving_read();
	for (;;)
		misbehaving_behave(argv[1]);
}
