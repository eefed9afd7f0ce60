/* SPDX-License-Identifier: ISC */

/*
 * A real pool with real processes.  An input is a request, and what its worker
 * does to the pool instead of an answer: bytes, descriptors, writes to the
 * rings while the host reads them, and a death.
 *
 * One pool lives through all inputs.  Each of them: every request gets one
 * completion, in time; another worker answers as if nothing had been; and the
 * host has as many descriptors as before.
 */

#include "fuzz.h"

#include "wire/fdpass.h"
#include "wire/frame.h"

#include <brood.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FORKED_SCRIPT = 1,		/* method: do as the payload says */
	FORKED_BESIDE = 2,		/* innocent requests beside it */
	FORKED_WAIT_MS = 20000,
	FORKED_RUN_MS = 300,
};

static struct brood_pool *forked_pool;
static int forked_n_fds;		/* when one worker is ready and idle */

/* The worker */

struct hostile {
	struct fuzz fuzz;
	int fd;				/* its channel */
	uint8_t *ring;			/* what it writes; NULL: none */
	uint64_t id;
};

static int
hostile_find_channel(void)
{
	socklen_t len = sizeof(int);
	int type;

	for (int fd = 3; fd < 64; fd++)
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0)
			return fd;
	return -1;
}

static uint8_t *
hostile_find_ring(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint8_t *ring = NULL;
	uintptr_t start;
	char line[512];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "memfd:brood") != NULL &&
		    strstr(line, "rw-s") != NULL &&
		    sscanf(line, "%" SCNxPTR, &start) == 1)
			memcpy(&ring, &start, sizeof(ring));
	if (maps != NULL)
		(void)fclose(maps);
	return ring;
}

static void
hostile_send(struct hostile *h, const uint8_t *bytes, size_t len, size_t n_fds)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	int fds[4], pair[2];

	if (len == 0)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return;
	/* The worker's own channel among them: it then has no end. */
	fds[0] = pair[0];
	fds[1] = h->fd;
	fds[2] = fds[3] = 0;
	(void)brood__fdpass_send(h->fd, &iov, 1, fds, n_fds, MSG_DONTWAIT);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
hostile_send_frame(struct hostile *h)
{
	static uint8_t bytes[BROOD__FRAME_SIZE + (1 << 16)];
	uint8_t c = fuzz_u8(&h->fuzz);
	struct brood__frame frame = { .kind = fuzz_u8(&h->fuzz) % 16 };
	size_t n_fds = c & 1 ? c / 64 : 0;

	frame.id = c & 2 ? h->id - 1 + c / 64 : fuzz_number(&h->fuzz);
	frame.length = (uint32_t)(c & 4 ? fuzz_u16(&h->fuzz) :
	    fuzz_u8(&h->fuzz));
	frame.flags = c & 8 ? fuzz_u8(&h->fuzz) % 8 : 0;
	frame.nfds = (uint8_t)(c & 16 ? fuzz_u8(&h->fuzz) : n_fds);
	brood__frame_encode(bytes, &frame);
	hostile_send(h, bytes, BROOD__FRAME_SIZE + frame.length, n_fds);
}

static void
hostile_poke(struct hostile *h, int times)
{
	static const uint8_t words[] = { 0, 64, 128, 136, 192, 200 };
	uint8_t c = fuzz_u8(&h->fuzz);
	size_t at = c & 0x80 ? 4096 + fuzz_u8(&h->fuzz) * (size_t)4 :
	    words[c % sizeof(words)];
	uint64_t value, old, step = fuzz_number(&h->fuzz);

	if (h->ring == NULL)
		return;
	memcpy(&old, h->ring + at, sizeof(old));
	for (; times > 0; times--) {
		value = c & 0x40 ? old + step * (unsigned)(times & 1) : step;
		memcpy(h->ring + at, &value, sizeof(value));
	}
}

/* Read what the host has sent, without running it. */
static void
hostile_read(struct hostile *h)
{
	static uint8_t bytes[4096];
	int fds[BROOD_MAX_FDS];
	size_t n_fds = 0;
	bool is_lost;

	(void)brood__fdpass_recv(h->fd, bytes, 1 + fuzz_u8(&h->fuzz) *
	    (size_t)8, fds, BROOD_MAX_FDS, &n_fds, &is_lost, MSG_DONTWAIT);
}

static void
hostile_die(struct hostile *h)
{
	uint8_t c = fuzz_u8(&h->fuzz);

	switch (c % 8) {
	case 0:
		_exit(c);
	case 1:
		/* The worker lives on, until run_ms has passed. */
		if (c == 0xf9)
			(void)raise(SIGSTOP);
		/* FALLTHROUGH */
	default:
		(void)raise(SIGKILL);
	}
	_exit(1);
}

static void
hostile_step(struct hostile *h)
{
	uint8_t c = fuzz_u8(&h->fuzz);
	const uint8_t *bytes;
	size_t len;

	switch (c % 8) {
	default:
		hostile_send_frame(h);
		break;
	case 2:
		bytes = fuzz_bytes(&h->fuzz, 255, &len);
		hostile_send(h, bytes, len, c / 64);
		break;
	case 3:
	case 4:
		hostile_poke(h, 1);
		break;
	case 5:
		hostile_poke(h, 2000);
		break;
	case 6:
		if (c & 8)
			hostile_read(h);
		else if (c & 16)
			(void)shutdown(h->fd, c / 64 % 3);
		break;
	case 7:
		if (c & 8)
			(void)send(h->fd, "", 1, MSG_DONTWAIT | MSG_OOB |
			    MSG_NOSIGNAL);
		break;
	}
}

static int
forked_handle(struct brood_request *request, void *arg)
{
	struct hostile h = {
		.fuzz = { brood_request_data(request),
		    brood_request_len(request) },
	};

	(void)arg;
	if (brood_request_code(request) != FORKED_SCRIPT)
		return brood_request_reply(request, 0,
		    brood_request_data(request), brood_request_len(request));
	h.id = fuzz_u64(&h.fuzz);
	h.fd = hostile_find_channel();
	h.ring = hostile_find_ring();
	while (!fuzz_is_over(&h.fuzz) && fuzz_u8(&h.fuzz) != 0xff)
		hostile_step(&h);
	hostile_die(&h);
	return 0;
}

/* The host */

/* Submit, as often as the pool is full; gives the id. */
static uint64_t
forked_submit(uint32_t method, const void *data, size_t len, int *n_open)
{
	struct brood_message msg = { .code = method, .data = data, .len = len };
	struct brood_request_options options = { .tag = n_open };
	uint64_t id;

	FUZZ_ASSERT(brood_pool_submit(forked_pool, &msg, &options, &id) == 0);
	++*n_open;
	return id;
}

/* Until all have completed; gives how many were DONE. */
static int
forked_drain(int *n_open)
{
	struct brood_completion done;
	struct brood_event event;
	int n_done = 0;

	while (*n_open > 0) {
		FUZZ_ASSERT(brood_pool_wait(forked_pool, FORKED_WAIT_MS) == 1);
		while (brood_pool_take(forked_pool, &done) == 1) {
			FUZZ_ASSERT(done.tag == n_open && *n_open > 0);
			FUZZ_ASSERT(done.fate <= BROOD_CANCELED);
			n_done += done.fate == BROOD_DONE;
			--*n_open;
			brood_completion_fini(&done);
		}
		while (brood_pool_next_event(forked_pool, &event) == 1)
			FUZZ_ASSERT(event.kind != BROOD_EVENT_BROKEN &&
			    event.kind != BROOD_EVENT_GIVEN_UP);
	}
	return n_done;
}

/* A worker answers, though the last one may yet be dying. */
static void
forked_check_pool(void)
{
	int n_open = 0, n_done = 0;

	for (int i = 0; n_done == 0; i++) {
		FUZZ_ASSERT(i < 10);
		(void)forked_submit(0, "ok", 2, &n_open);
		n_done = forked_drain(&n_open);
	}
}

static void
forked_start(void)
{
	static const struct brood_pool_options options = {
		.handler = forked_handle,
		.workers = 1,
		.in_flight = 4,
		.max_payload = 1 << 16,
		.run_ms = FORKED_RUN_MS,
		.shutdown_ms = 50,
		.transport = BROOD_RINGS,
		.ring_bytes = 1 << 18,
		.stderr_fd = -1,
	};
	char text[BROOD_TEXT_SIZE];

	FUZZ_ASSERT(brood_pool_new(&forked_pool, &options, text) == 0);
	forked_check_pool();
	forked_n_fds = fuzz_n_fds();
}

/* The worker that has broken a rule may yet be there, and its descriptors. */
static bool
forked_has_no_more_fds(void)
{
	for (int i = 0; i < 10; i++) {
		forked_check_pool();
		if (fuzz_n_fds() == forked_n_fds)
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t last_id;
	static uint8_t script[8 + 4096];
	int n_open = 0;

	if (forked_pool == NULL)
		forked_start();
	if (size > sizeof(script) - 8)
		size = sizeof(script) - 8;
	/* Ids count up from 1: the script's is one more than the last. */
	last_id++;
	memcpy(script, &last_id, 8);
	if (size > 0)
		memcpy(script + 8, data, size);
	last_id = forked_submit(FORKED_SCRIPT, script, 8 + size, &n_open);
	for (int i = 0; i < FORKED_BESIDE; i++)
		last_id = forked_submit(0, "beside", 6, &n_open);
	(void)forked_drain(&n_open);
	FUZZ_ASSERT(forked_has_no_more_fds());
	return 0;
}
