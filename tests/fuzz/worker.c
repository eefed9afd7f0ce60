/* SPDX-License-Identifier: ISC */

/*
 * The worker's side in one process: brood_worker_run() with a handler, and a
 * host that is played by the script.  The host acts whenever the worker would
 * wait, and in the midst of the handler.
 *
 * A request whose frame was right reaches the handler as it was sent, once and
 * in order; no answer is sent twice; whatever the host does, the loop ends when
 * the host is gone, and no descriptor is left.
 */

#include "world.h"

#include "base/fd.h"
#include "wire/channel.h"
#include "wire/fdpass.h"
#include "wire/frame.h"
#include "wire/rings.h"

#include <brood.h>

#include <errno.h>
#include <sys/endian.h>
#include <sys/socket.h>
#include <unistd.h>

struct hosted {
	struct fuzz fuzz;
	struct world world;
	struct brood_channel *channel;
	int fd;				/* the host's end; -1: it is gone */
	bool is_raw;			/* what was sent cannot be foreseen */
	uint64_t last_id;		/* of a request that was sent */
	uint64_t handled;		/* the last one that was run */
	struct brood__rings rings;	/* the host's end of them */
	bool has_switched;
};

static void
host_close_rings(struct hosted *h)
{
	brood__rings_fini(&h->rings, true);
	brood__rings_init(&h->rings);
}

static void
host_die(void *arg)
{
	struct hosted *h = arg;

	if (h->fd >= 0)
		(void)close(h->fd);
	h->fd = -1;
}

/* What the host sends */

static void
host_put(struct hosted *h, const uint8_t *bytes, uint32_t len, bool by_socket,
    const int *fds, size_t n_fds)
{
	struct iovec iov = { (void *)(uintptr_t)bytes,
	    BROOD__FRAME_SIZE + len };
	ssize_t n;

	if (h->has_switched && !by_socket && n_fds == 0) {
		if (brood__ring_put(h->rings.ring, bytes,
		    bytes + BROOD__FRAME_SIZE, len) == 0)
			(void)brood__ring_publish(h->rings.ring);
		else
			h->is_raw = true;
		return;
	}
	if (h->has_switched && !by_socket) {
		(void)brood__ring_put_mark(h->rings.ring);
		(void)brood__ring_publish(h->rings.ring);
	}
	n = brood__fdpass_send(h->fd, &iov, 1, fds, n_fds, MSG_DONTWAIT);
	if (n != (ssize_t)iov.iov_len) {
		h->is_raw = true;
		host_die(h);
	}
}

/* The payload repeats the lowest byte of the id. */
static void
host_send(struct hosted *h, uint8_t kind, uint64_t id, uint32_t len,
    size_t n_fds, bool by_socket)
{
	static uint8_t bytes[BROOD__FRAME_SIZE + (1 << 16)];
	struct brood__frame frame = {
		.kind = kind,
		.id = id,
		.length = len % (1 << 16),
		.nfds = (uint8_t)n_fds,
	};
	static const int fds[4];

	if (kind == BROOD_KIND_REQUEST)
		frame.timeout_ms = fuzz_u8(&h->fuzz);
	brood__frame_encode(bytes, &frame);
	memset(bytes + BROOD__FRAME_SIZE, (uint8_t)id, frame.length);
	host_put(h, bytes, frame.length, by_socket, fds, n_fds);
}

static void
host_request(struct hosted *h)
{
	uint8_t c = fuzz_u8(&h->fuzz);
	uint32_t len = c >= 0xf0 ? fuzz_u16(&h->fuzz) : fuzz_u8(&h->fuzz);

	host_send(h, BROOD_KIND_REQUEST, ++h->last_id, len,
	    c & 2 ? c / 64 : 0, false);
}

static void
host_hello(struct hosted *h)
{
	struct brood__hello hello = {
		.version = BROOD__VERSION,
		.max_payload = BROOD_MAX_PAYLOAD,
		.name = "host",
	};
	uint8_t bytes[BROOD__FRAME_SIZE + BROOD__HELLO_SIZE + BROOD__NAME_MAX];
	struct brood__frame frame = { .kind = BROOD_KIND_HELLO };
	uint8_t c = fuzz_u8(&h->fuzz);

	if (c & 1)
		hello.max_payload = (uint32_t)fuzz_number(&h->fuzz);
	if (c & 2)
		hello.features = fuzz_u8(&h->fuzz);
	if (c >= 0xf0)
		hello.version = c & 7;
	frame.length = (uint32_t)brood__hello_encode(bytes + BROOD__FRAME_SIZE,
	    &hello);
	brood__frame_encode(bytes, &frame);
	host_put(h, bytes, frame.length, true, NULL, 0);
}

static void
host_send_fields(struct hosted *h)
{
	uint8_t kind = fuzz_u8(&h->fuzz) % 16;
	uint64_t id = fuzz_number(&h->fuzz);
	uint32_t len = (uint32_t)fuzz_number(&h->fuzz);
	uint8_t c = fuzz_u8(&h->fuzz);

	h->is_raw = true;
	host_send(h, kind, id, len, c % 4, c & 4);
}

static void
host_send_raw(struct hosted *h)
{
	static const int fds[3];
	uint8_t c = fuzz_u8(&h->fuzz);
	size_t len;
	const uint8_t *bytes = fuzz_bytes(&h->fuzz, 255, &len);
	struct iovec iov = { (void *)(uintptr_t)bytes, len };

	h->is_raw = true;
	if (len > 0)
		(void)brood__fdpass_send(h->fd, &iov, 1, fds, c / 64,
		    MSG_DONTWAIT);
}

/* The way of a LINK is free only for a name and one socket. */
static void
host_link(struct hosted *h)
{
	int fds[2];
	uint8_t bytes[BROOD__FRAME_SIZE + 4];
	struct brood__frame frame = {
		.kind = BROOD_KIND_LINK,
		.nfds = 1,
		.length = fuzz_u8(&h->fuzz) % 4,
	};

	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	brood__frame_encode(bytes, &frame);
	memset(bytes + BROOD__FRAME_SIZE, 'n', 4);
	host_put(h, bytes, frame.length, false, fds, 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Rings */

static void
host_offer(struct hosted *h)
{
	uint8_t c = fuzz_u8(&h->fuzz);
	uint8_t bytes[BROOD__FRAME_SIZE + 8];
	struct brood__frame frame = {
		.kind = BROOD__KIND_OFFER,
		.length = 8,
		.nfds = 2,
	};
	int fds[2];

	if (h->rings.ring != NULL || h->has_switched ||
	    brood__rings_make(&h->rings, BROOD__RING_MIN, fds) < 0)
		return;
	brood__frame_encode(bytes, &frame);
	le64enc(bytes + BROOD__FRAME_SIZE, c >= 0xf8 ?
	    fuzz_number(&h->fuzz) : BROOD__RING_MIN);
	if (c >= 0xf0) {
		h->is_raw = true;
		(void)dup2(c & 1 ? 0 : fds[0], fds[1]);
	}
	host_put(h, bytes, 8, true, fds, 2);
	brood__fd_close_all(fds, 2);
}

static void
host_switch(struct hosted *h)
{
	if (h->rings.ring == NULL || h->has_switched)
		return;
	/* Before the worker has said so it is a violation. */
	h->is_raw = true;
	host_send(h, BROOD__KIND_SWITCH, 0, 0, 0, true);
	h->has_switched = true;
}

static void
host_poke(struct hosted *h)
{
	static const uint8_t words[] = { 0, 64, 128, 136, 192, 200 };
	uint8_t c = fuzz_u8(&h->fuzz), *at = h->rings.own;
	uint64_t value, old;

	if (at == NULL)
		return;
	h->is_raw = true;
	at += c & 0x80 ? 4096 + fuzz_u8(&h->fuzz) * 4 :
	    words[c % sizeof(words)];
	memcpy(&old, at, sizeof(old));
	value = c & 0x40 ? old + fuzz_u8(&h->fuzz) * UINT64_C(8) :
	    fuzz_number(&h->fuzz);
	memcpy(at, &value, sizeof(value));
}

/* Take what the worker sends. */
static void
host_read(struct hosted *h)
{
	uint8_t bytes[4096], header[BROOD__FRAME_SIZE];
	const uint8_t *payload;
	struct brood__frame frame;
	bool wakes;

	while (recv(h->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	if (!h->has_switched || brood__ring_peek(h->rings.ring, header,
	    &payload, &wakes) != BROOD__RING_FRAME)
		return;
	/* Of room that was given back falsely anything is read. */
	FUZZ_ASSERT(h->is_raw ||
	    brood__frame_decode(header, UINT32_MAX, &frame) == 0);
	brood__ring_take(h->rings.ring);
}

static void
host_act(void *arg)
{
	struct hosted *h = arg;
	uint8_t c = fuzz_u8(&h->fuzz);

	if (h->fd < 0)
		return;
	switch (c % 16) {
	default:
		host_request(h);
		break;
	case 4:
		host_send(h, BROOD_KIND_CANCEL, h->last_id - c / 64, 0, 0,
		    false);
		break;
	case 5:
		host_send(h, BROOD_KIND_PING, c, c, 0, false);
		break;
	case 6:
		host_link(h);
		break;
	case 7:
		host_send_fields(h);
		break;
	case 8:
		host_send_raw(h);
		break;
	case 9:
		host_offer(h);
		break;
	case 10:
		host_switch(h);
		break;
	case 11:
		host_poke(h);
		break;
	case 12:
		host_read(h);
		break;
	case 13:
		world_pass_time(&h->world, c);
		break;
	case 14:
		host_hello(h);
		h->is_raw = true;
		break;
	case 15:
		if (c == 0xff)
			host_die(h);
		else if (c == 0xef) {
			h->is_raw = true;
			host_send(h, BROOD_KIND_GOODBYE, 0, 0, 0, false);
		} else if (c == 0xdf)
			(void)shutdown(h->fd, SHUT_RD);
		break;
	}
}

/* The handler */

static void
worker_check_request(struct hosted *h, struct brood_request *request)
{
	const uint8_t *data = brood_request_data(request);
	size_t len = brood_request_len(request);
	int fd;

	FUZZ_ASSERT(len <= 1 << 16);
	if (!h->is_raw) {
		FUZZ_ASSERT(++h->handled <= h->last_id);
		for (size_t i = 0; i < len; i += 1 + len / 8)
			FUZZ_ASSERT(data[i] == (uint8_t)h->handled);
		FUZZ_ASSERT(len == 0 ||
		    data[len - 1] == (uint8_t)h->handled);
	}
	for (size_t i = 0; i < brood_request_n_fds(request); i++)
		FUZZ_ASSERT(brood_request_fd(request, i) >= 0);
	if (brood_request_n_fds(request) > 1) {
		fd = brood_request_take_fd(request, 1);
		FUZZ_ASSERT(fd >= 0 && close(fd) == 0);
		FUZZ_ASSERT(brood_request_take_fd(request, 1) == -EBADF);
	}
	(void)brood_request_time_left(request);
}

static int
worker_reply(struct hosted *h, struct brood_request *request)
{
	static const uint8_t zeros[1 << 16];
	static const int fds[2];
	uint8_t c = fuzz_u8(&h->fuzz);
	size_t len = c >= 0xf0 ? fuzz_u16(&h->fuzz) : c;
	void *data;
	int r;

	switch (c / 2 % 8) {
	case 0:
		return brood_request_reply_more(request, zeros, len);
	case 1:
		return brood_request_progress(request, zeros, len);
	case 2:
		r = brood_reply_alloc(request, len, &data);
		if (r < 0)
			return r;
		memset(data, 1, len);
		host_act(h);
		return brood_request_reply(request, 0, data, len);
	case 3:
		return brood_request_reply_with_fds(request, 0, zeros, len,
		    fds, c / 64 % 3);
	case 4:
		return brood_request_fail(request, c, "no");
	default:
		return brood_request_reply(request, c, zeros, len);
	}
}

static int
worker_handle(struct brood_request *request, void *arg)
{
	struct hosted *h = arg;
	struct brood_message msg = { .data = "?", .len = 1 }, answer;
	uint8_t c = fuzz_u8(&h->fuzz);
	int r = 0;

	worker_check_request(h, request);
	for (int i = c % 4; i > 0; i--) {
		if (fuzz_u8(&h->fuzz) & 1)
			host_act(h);
		else
			(void)brood_request_is_canceled(request);
		r = worker_reply(h, request);
	}
	/* What the host sends meanwhile is kept, and handled later. */
	if (c >= 0xf0)
		(void)brood_channel_call(h->channel, &msg, c & 7, &answer);
	if (c & 8) {
		r = brood_request_reply(request, 0, NULL, 0);
		if (r == 0)
			FUZZ_ASSERT(brood_request_reply(request, 0, NULL,
			    0) < 0);
	}
	return c & 16 ? -ENOSYS : r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hosted h = { .fuzz = { data, size } };
	struct brood_channel_options options = {
		.max_payload = 1 << 16,
		.max_fds = BROOD_MAX_FDS,
	};
	int n_fds = fuzz_n_fds(), fds[2], r;

	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ==
	    0);
	FUZZ_ASSERT(brood_channel_new(&h.channel, fds[0], &options) == 0);
	h.fd = fds[1];
	brood__rings_init(&h.rings);
	h.world = (struct world) {
		.fuzz = &h.fuzz,
		.now_ns = INT64_C(1000000000000),
		.act = host_act,
		.die = host_die,
		.arg = &h,
	};
	world_set(&h.world);
	brood__channel_accept_rings(h.channel);
	if (fuzz_u8(&h.fuzz) != 0xff)
		host_hello(&h);
	else
		h.is_raw = true;
	r = brood_channel_hello(h.channel, "worker", -1);
	if (r == 0)
		r = brood_worker_run(h.channel, worker_handle, &h);
	FUZZ_ASSERT(r <= 0 && r != -EAGAIN);
	host_die(&h);
	(void)brood_channel_free(h.channel);
	host_close_rings(&h);
	world_set(NULL);
	FUZZ_ASSERT(fuzz_n_fds() == n_fds);
	return 0;
}
