/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FUZZ_FAKE_H
#define BROOD_TESTS_FUZZ_FAKE_H

/*
 * A supervisor process and its workers that are none: they are played in the
 * process of the host, by a script, so that thousands of pools can be had in a
 * second.
 *
 * The seam is fork(2).  The host's end of the control channel, the channels of
 * the workers, and all of src/host are what they always are; so are the sockets
 * and descriptors.  Only the process that fork(2) should have made is missing,
 * and what it would have sent comes from here.
 */

#include "world.h"

#include "supervisor/messages.h"
#include "wire/ring.h"

#include <sys/types.h>

enum {
	FAKE_SLOTS = 12,		/* higher ones stay empty */
	FAKE_RUNS = 64,			/* requests that a worker remembers */
	FAKE_SERIALS = 256,
};

/* What the host asked the supervisor to do with a slot. */
enum fake_wish {
	FAKE_LEAVE,
	FAKE_START,
	FAKE_STOP,			/* and start no other */
	FAKE_REPLACE,
};

struct fake_slot {
	enum fake_wish wish;
	uint32_t revision;
	uint32_t generation;
	bool is_filled;			/* there is a process */
	int host_fd;			/* -1, or to be sent with READY again */
	int fd;				/* the worker's end; -1: closed */

	/* What the worker has read. */
	uint8_t buf[2048];
	size_t len;
	bool is_blind;			/* it has lost the frames */
	uint64_t ids[FAKE_RUNS];
	unsigned n_ids;
	unsigned n_answered;		/* of those, the first ones */

	/* The worker's end of the rings. */
	int ring_fds[2];
	size_t ring_bytes;
	void *own;
	const void *peer;
	struct brood__ring *ring;
	bool has_switched;
};

struct fake {
	struct fuzz *fuzz;
	int control;			/* -1: the supervisor is gone */
	struct fake_slot slots[FAKE_SLOTS];
	bool may_lie;			/* the supervisor may say anything */
	bool has_lied;			/* the supervisor has */
	bool is_raw;			/* a worker sent what it has not built
					   of an id: P4 cannot be seen */
	struct world world;

	/*
	 * How many workers have read this request whole from their socket.  The
	 * first 4 bytes of a payload, minus one, are the serial number.
	 */
	uint8_t n_read[FAKE_SERIALS];
};

/* Play for the pools that are made from now on, until fake_end(). */
void	fake_begin(struct fake *fake, struct fuzz *fuzz);
void	fake_end(struct fake *fake);

/* The supervisor or a worker does something. */
void	fake_act(struct fake *fake);

/* All that is asked of the supervisor, it does. */
void	fake_obey(struct fake *fake);

/* The supervisor and all workers die. */
void	fake_die(struct fake *fake);

/* Send a frame whose payload begins with its id, and goes on with zeros. */
void	fake_send(int fd, uint8_t kind, uint8_t flags, uint64_t id,
	    uint32_t code, uint32_t len, int n_fds);

#endif
