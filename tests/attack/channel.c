/* SPDX-License-Identifier: ISC */

/*
 * Attacks on what brood itself gave the worker: its memory and its channel.
 * These must fail at each level: nothing but brood's own code stands in the
 * way.
 */

#include "attack.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 24, HELLO_LEN = 16 };

static int
result(long r)
{
	return r < 0 ? -errno : 0;
}

/* Memory.  The region is made as that of a ring which the host writes. */

TRY(try_ring_shrink)
{
	(void)answer;
	return result(ftruncate(world->region_fd, 0));
}

TRY(try_ring_punch)
{
	(void)answer;
	return result(fallocate(world->region_fd, FALLOC_FL_PUNCH_HOLE |
	    FALLOC_FL_KEEP_SIZE, 0, REGION_SIZE));
}

TRY(try_ring_write)
{
	(void)answer;
	return result(pwrite(world->region_fd, "x", 1, 0));
}

TRY(try_ring_map)
{
	char *memory = mmap(NULL, REGION_SIZE, PROT_READ, MAP_SHARED,
	    world->region_fd, 0);

	(void)answer;
	if (memory == MAP_FAILED)
		return -errno;
	if (madvise(memory, REGION_SIZE, MADV_REMOVE) == 0)
		return 0;
	if (mprotect(memory, REGION_SIZE, PROT_READ | PROT_WRITE) < 0)
		return -errno;
	memory[0] = 'x';
	return 0;
}

WORKED(worked_ring)
{
	struct stat st;

	if (fstat(host->world->region_fd, &st) < 0 ||
	    st.st_size != REGION_SIZE)
		return true;
	for (size_t i = 0; i < REGION_SIZE; i++)
		if (host->region[i] != 'r')
			return true;
	return false;
}

/* The channel */

/* Did the host or the sibling feel it?  The host has looked at each answer. */
WORKED(worked_channel)
{
	return host->is_harmed;
}

/* Wait to be ended, at most as long as the test waits. */
_Noreturn static void
live_on(void)
{
	(void)alarm(60);
	for (;;)
		(void)pause();
}

TRY(try_close)
{
	(void)answer;
	(void)close(channel_fd(world));
	live_on();
}

TRY(try_shutdown)
{
	(void)answer;
	(void)shutdown(channel_fd(world), SHUT_RDWR);
	live_on();
}

static int
send_frame(const struct world *world, unsigned kind, unsigned id,
    const void *payload, size_t len)
{
	unsigned char bytes[HEADER + 64] = {
		[0] = (unsigned char)len, [4] = (unsigned char)kind,
		[8] = (unsigned char)id,
	};

	if (len > 0)
		memcpy(bytes + HEADER, payload, len);
	return result(send(channel_fd(world), bytes, HEADER + len,
	    MSG_NOSIGNAL));
}

TRY(try_hello)
{
	const unsigned char hello[HELLO_LEN] = {
		'B', 'R', 'O', 'D', 1, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 1,
	};

	(void)answer;
	return send_frame(world, 1, 0, hello, sizeof(hello));
}

TRY(try_goodbye)
{
	(void)answer;
	return send_frame(world, 7, 0, NULL, 0);
}

TRY(try_pong)
{
	(void)answer;
	return send_frame(world, 9, 77, "pong", 4);
}

/* Answers to all requests that there can be, that of the sibling among them. */
TRY(try_forge)
{
	int r = 0;

	(void)answer;
	for (unsigned id = 0; id < 32 && r == 0; id++)
		r = send_frame(world, 3, id, "forged", 6);
	return r;
}

/* The host holds this socket too, to look into it when the worker is dead. */
TRY(try_options)
{
	const int large = 1 << 30, one = 1;
	int fd = channel_fd(world);

	(void)answer;
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &large, sizeof(large));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &large, sizeof(large));
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	abort();
}
