/* SPDX-License-Identifier: ISC */

/*
 * A worker that starts processes which send PROGRESS for its request without an
 * end, and then dies.  They end when nobody holds the other end any more.
 */

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHANNEL = 3, N_CHILDREN = 8, BATCH = 64, FRAME = 24, HELLO = 16 };

static void
put_header(uint8_t *at, uint8_t kind, uint32_t len, uint64_t id)
{
	memset(at, 0, FRAME);
	memcpy(at, &len, sizeof(len));
	at[4] = kind;
	memcpy(at + 8, &id, sizeof(id));
}

static void
say_hello(void)
{
	uint8_t bytes[FRAME + HELLO] = { 0 };
	uint32_t max = 1 << 20;

	put_header(bytes, 1, HELLO, 0);
	memcpy(bytes + FRAME, "BROD\1", 5);
	memcpy(bytes + FRAME + 12, &max, sizeof(max));
	if (write(CHANNEL, bytes, sizeof(bytes)) < 0)
		_exit(1);
}

/* Read whole frames up to a REQUEST; gives its id. */
static uint64_t
await_request(void)
{
	uint8_t header[FRAME], payload[256];
	uint32_t len;
	uint64_t id;

	do {
		if (read(CHANNEL, header, FRAME) != FRAME)
			_exit(1);
		memcpy(&len, header, sizeof(len));
		memcpy(&id, header + 8, sizeof(id));
		if (len > sizeof(payload) ||
		    (len > 0 && read(CHANNEL, payload, len) != (ssize_t)len))
			_exit(1);
	} while (header[4] != 2);
	return id;
}

static void
flood(uint64_t id)
{
	uint8_t frames[BATCH * FRAME];

	for (size_t i = 0; i < BATCH; i++)
		put_header(frames + i * FRAME, 5, 0, id);
	/* Whole batches, or frames of two processes would mix: SIGPIPE ends. */
	while (write(CHANNEL, frames, sizeof(frames)) > 0)
		continue;
	_exit(0);
}

int
main(void)
{
	uint64_t id;

	signal(SIGPIPE, SIG_DFL);
	say_hello();
	id = await_request();
	for (int i = 0; i < N_CHILDREN; i++)
		if (fork() == 0)
			flood(id);
	abort();
}
