/* SPDX-License-Identifier: ISC */

/*
 * A worker that breaks every rule, as a program of its own: it speaks the wire
 * by hand, and what it does is its first argument.  Tests find it by the
 * environment variable RUDE_WORKER.
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

static int rude_fd;

static void
rude_send(const void *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(rude_fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(9);
		bytes = (const char *)bytes + n;
		len -= (size_t)n;
	}
}

static size_t
rude_put(uint8_t *bytes, int kind, int flags, uint64_t id, uint32_t len)
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
rude_say(int kind, int flags, uint64_t id, uint32_t len)
{
	static uint8_t bytes[HEADER + 4096];

	rude_send(bytes, rude_put(bytes, kind, flags, id, len));
}

static void
rude_hello(void)
{
	static const uint8_t payload[16] = {
		'B', 'R', 'O', 'D', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	};
	uint8_t bytes[HEADER + sizeof(payload)];
	size_t len = rude_put(bytes, HELLO, 0, 0, sizeof(payload));

	memcpy(bytes + HEADER, payload, sizeof(payload));
	rude_send(bytes, len);
}

/* Read a frame and forget its payload; gives its id. */
static uint64_t
rude_read(void)
{
	uint8_t header[HEADER], byte;
	uint32_t len;
	uint64_t id;

	if (recv(rude_fd, header, HEADER, MSG_WAITALL) != HEADER)
		_exit(8);
	memcpy(&len, header, sizeof(len));
	memcpy(&id, header + 8, sizeof(id));
	for (len = le32toh(len); len > 0; len--)
		if (recv(rude_fd, &byte, 1, 0) != 1)
			_exit(8);
	return le64toh(id);
}

static void
rude_await(void)
{
	struct pollfd pfd = { .fd = rude_fd, .events = POLLIN };

	(void)poll(&pfd, 1, -1);
}

static void
rude_outlive(void)
{
#ifdef __linux__
	(void)prctl(PR_SET_PDEATHSIG, 0);
#endif
	(void)alarm(20);
}

static void
rude_foresee(void)
{
	uint8_t header[HEADER];
	uint64_t id;

	rude_await();
	if (recv(rude_fd, header, HEADER, MSG_PEEK) != HEADER)
		_exit(8);
	memcpy(&id, header + 8, sizeof(id));
	for (id = le64toh(id);; id++) {
		rude_say(REPLY, 0, id, 0);
		(void)usleep(5000);
	}
}

static void
rude_flood(uint64_t id)
{
	static uint8_t bytes[1000 * HEADER];
	size_t len = 0;

	while (len < sizeof(bytes))
		len += rude_put(bytes + len, PROGRESS, 0, id, 0);
	for (;;)
		rude_send(bytes, len);
}

static void
rude_behave(const char *how)
{
	uint64_t id;

	if (strcmp(how, "clairvoyant") == 0)
		rude_foresee();
	if (strcmp(how, "faint") == 0) {
		rude_await();
		_exit(3);
	}
	if (strcmp(how, "deaf") == 0 || strcmp(how, "shut") == 0) {
		rude_await();
		(void)shutdown(rude_fd, how[0] == 'd' ? SHUT_RD : SHUT_RDWR);
		for (;;)
			(void)pause();
	}
	id = rude_read();
	if (strcmp(how, "parts") == 0) {
		for (int i = 0; i < 1000; i++)
			rude_say(REPLY, MORE, id, 2048);
		rude_say(REPLY, 0, id, 0);
		return;
	}
	if (strcmp(how, "last_words") == 0) {
		for (int i = 0; i < 200; i++)
			rude_say(PROGRESS, 0, id, 1);
		rude_say(REPLY, 0, id, 1);
		(void)raise(SIGKILL);
	}
	rude_outlive();
	if (strcmp(how, "flood") == 0)
		rude_flood(id);
	if (strcmp(how, "hang_up") == 0)
		(void)shutdown(rude_fd, SHUT_RDWR);
	for (;;)
		(void)pause();
}

int
main(int argc, char **argv)
{
	const char *fd = getenv("BROOD_FD");

	if (argc < 2 || fd == NULL)
		return 1;
	rude_fd = atoi(fd);
	rude_hello();
	(void)rude_read();
	for (;;)
		rude_behave(argv[1]);
}
