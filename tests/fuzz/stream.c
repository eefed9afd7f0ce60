/* SPDX-License-Identifier: ISC */

/*
 * A channel that receives what a hostile peer sends: frames by a grammar, cut
 * anywhere, with descriptors where they belong or not, and raw bytes.
 *
 * What is sent up to the first fault must arrive as it was sent, descriptors
 * and all; what is wrong must never arrive; and an error must be for ever.  No
 * descriptor may be left.
 */

#include "fuzz.h"

#include "wire/channel.h"
#include "wire/fdpass.h"
#include "wire/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	STREAM_MAX = 16,		/* frames */
	STREAM_PAYLOAD = 2000,		/* accepted */
	STREAM_FDS = 3,			/* accepted */
};

struct stream {
	struct fuzz fuzz;
	struct brood_channel *channel;
	int peer;			/* what it sends to; -1: closed */
	bool takes_fds;
	bool is_greedy;
	bool is_bad;			/* a fault was sent: what comes behind
					   it may be anything ... */
	bool is_certain;		/* ... or it is certain that the fault
					   is found, and nothing comes */
	struct brood__frame sent[STREAM_MAX];
	uint8_t fill[STREAM_MAX];	/* what its payload is made of */
	unsigned n_sent, n_received;
	int error;			/* of receiving */
};

static int stream_null;			/* /dev/null */

static void
stream_close(struct stream *s)
{
	if (s->peer >= 0)
		(void)close(s->peer);
	s->peer = -1;
}

static void
stream_check(struct stream *s, const struct brood_message *msg)
{
	const struct brood__frame *frame = &s->sent[s->n_received];

	/* Behind a fault there is nothing to compare it with. */
	if (s->n_received == s->n_sent) {
		FUZZ_ASSERT(s->is_bad && !s->is_certain);
		return;
	}
	FUZZ_ASSERT(msg->kind == frame->kind && msg->id == frame->id &&
	    msg->code == frame->code && msg->len == frame->length &&
	    msg->more == (frame->flags & 1U) && msg->n_fds == frame->nfds &&
	    msg->ran == (uint32_t)(frame->flags >> 1) &&
	    msg->expire_ms == frame->timeout_ms);
	for (size_t i = 0; i < msg->len; i += 1 + msg->len / 8)
		FUZZ_ASSERT(((const uint8_t *)msg->data)[i] ==
		    s->fill[s->n_received]);
	for (size_t i = 0; i < msg->n_fds; i++)
		FUZZ_ASSERT(fcntl(msg->fds[i], F_GETFD) == FD_CLOEXEC);
	s->n_received++;
}

/* Receive all that is there. */
static void
stream_receive(struct stream *s)
{
	struct brood_message msg;
	uint64_t position = 0;
	int fd, r;

	while ((r = brood_channel_recv(s->channel, 0, &msg)) == 1) {
		FUZZ_ASSERT(s->error == 0);
		FUZZ_ASSERT(msg.len <= STREAM_PAYLOAD &&
		    msg.n_fds <= STREAM_FDS);
		stream_check(s, &msg);
		if (!s->is_greedy && fuzz_u8(&s->fuzz) % 4 == 0)
			(void)brood__channel_look_ahead(s->channel,
			    BROOD_KIND_CANCEL, fuzz_number(&s->fuzz),
			    &position);
		if (msg.n_fds > 0 && fuzz_u8(&s->fuzz) % 2 == 0) {
			fd = brood_channel_take_fd(s->channel, 0);
			FUZZ_ASSERT(fd >= 0 && close(fd) == 0);
			FUZZ_ASSERT(brood_channel_take_fd(s->channel, 0) ==
			    -EBADF);
		}
	}
	FUZZ_ASSERT(s->error == 0 || r == s->error);
	if (r == 0)
		return;
	s->error = r;
	FUZZ_ASSERT(r == -EPIPE || s->is_bad);
	FUZZ_ASSERT(r == -EPIPE || r == -EPROTO || r == -EMSGSIZE ||
	    r == -EBADMSG);
	/* Of frames that were whole none is lost by the end of the stream. */
	FUZZ_ASSERT(s->is_bad || s->n_received == s->n_sent);
}

/* Send bytes, cut in two or three, with descriptors to one of the parts. */
static void
stream_send(struct stream *s, const uint8_t *bytes, size_t len, size_t n_fds,
    bool is_right)
{
	int fds[BROOD_MAX_FDS];
	size_t cut, with = is_right ? 0 : fuzz_u8(&s->fuzz) % 3;
	struct iovec iov;
	ssize_t n;

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = stream_null;
	for (size_t part = 0; len > 0; part++) {
		cut = part < 2 ? fuzz_number(&s->fuzz) : 0;
		cut = cut == 0 || cut > len ? len : cut;
		if (n_fds > 0 && part > with)
			return;		/* none of the parts had them */
		iov = (struct iovec) { (void *)(uintptr_t)bytes, cut };
		n = s->peer < 0 ? -EPIPE : brood__fdpass_send(s->peer, &iov, 1,
		    fds, part == with ? n_fds : 0,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n != (ssize_t)cut) {
			/* A part of a frame at most: the stream ends in it. */
			s->is_bad = true;
			stream_close(s);
			return;
		}
		bytes += cut;
		len -= cut;
		if (part == with)
			n_fds = 0;
		if (fuzz_u8(&s->fuzz) % 4 == 1)
			stream_receive(s);
	}
}

/* Would it be delivered? */
static bool
stream_is_good(const struct stream *s, const struct brood__frame *frame,
    size_t n_fds)
{
	bool fits = frame->kind == BROOD_KIND_REPLY ? frame->flags <= 1 :
	    frame->kind == BROOD_KIND_ERROR ?
	    frame->flags % 2 == 0 && frame->flags <= 6 : frame->flags == 0;

	return fits && frame->kind >= BROOD_KIND_HELLO &&
	    frame->kind <= BROOD_KIND_LINK &&
	    (frame->timeout_ms == 0 || frame->kind == BROOD_KIND_REQUEST) &&
	    frame->length <= STREAM_PAYLOAD && frame->nfds == n_fds &&
	    (n_fds == 0 || (s->takes_fds && n_fds <= STREAM_FDS));
}

static void
stream_frame(struct stream *s)
{
	static uint8_t bytes[BROOD__FRAME_SIZE + 4096];
	uint8_t c = fuzz_u8(&s->fuzz);
	struct brood__frame frame = { .kind = fuzz_u8(&s->fuzz) % 16 };
	size_t n_fds = c & 8 ? fuzz_u8(&s->fuzz) % (STREAM_FDS + 2) : 0;
	bool is_right = !(c & 16);
	uint8_t fill = c & 32 ? fuzz_u8(&s->fuzz) : 0;

	if (c & 1)
		frame.flags = fuzz_u8(&s->fuzz) % 16;
	frame.length = (uint32_t)fuzz_number(&s->fuzz) % (c & 2 ? 4096 : 64);
	/* Answers with a higher id are late ones of brood_channel_call(). */
	frame.id = fuzz_number(&s->fuzz) >> 1;
	frame.code = (uint32_t)fuzz_number(&s->fuzz);
	if (c & 4)
		frame.timeout_ms = (uint32_t)fuzz_number(&s->fuzz);
	frame.nfds = c & 64 ? fuzz_u8(&s->fuzz) : (uint8_t)n_fds;
	brood__frame_encode(bytes, &frame);
	memset(bytes + BROOD__FRAME_SIZE, fill, frame.length);
	/*
	 * Descriptors that are missing may come with what follows: who reads
	 * ahead gets both at once, and cannot tell.
	 */
	if (!s->is_bad && is_right && !(c & 128))
		s->is_certain = !stream_is_good(s, &frame, n_fds) &&
		    !(s->is_greedy && frame.nfds > n_fds);
	if (!stream_is_good(s, &frame, n_fds) || !is_right)
		s->is_bad = true;
	if (!s->is_bad) {
		if (s->n_sent == STREAM_MAX)
			return;
		s->fill[s->n_sent] = fill;
		s->sent[s->n_sent++] = frame;
	}
	/* Some of it only, and then something else. */
	if (c & 128) {
		s->n_sent -= !s->is_bad;
		s->is_bad = true;
		stream_send(s, bytes, fuzz_u8(&s->fuzz) %
		    (BROOD__FRAME_SIZE + frame.length), n_fds, is_right);
	} else
		stream_send(s, bytes, BROOD__FRAME_SIZE + frame.length, n_fds,
		    is_right);
}

static void
stream_step(struct stream *s)
{
	const uint8_t *bytes;
	size_t len;

	switch (fuzz_u8(&s->fuzz) % 8) {
	default:
		stream_frame(s);
		break;
	case 5:
		bytes = fuzz_bytes(&s->fuzz, 255, &len);
		s->is_bad = s->is_bad || len > 0;
		stream_send(s, bytes, len, fuzz_u8(&s->fuzz) / 64, false);
		break;
	case 6:
		stream_receive(s);
		break;
	case 7:
		if (fuzz_u8(&s->fuzz) % 8 == 0)
			stream_close(s);
		break;
	}
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	stream_null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream s = { .fuzz = { data, size } };
	uint8_t c = fuzz_u8(&s.fuzz);
	struct brood_channel_options options = {
		.max_payload = STREAM_PAYLOAD,
		.max_fds = c & 1 ? STREAM_FDS : 0,
	};
	int n_fds = fuzz_n_fds(), fds[2];

	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ==
	    0);
	s.peer = fds[1];
	s.takes_fds = c & 1;
	s.is_greedy = c & 2;
	FUZZ_ASSERT(brood_channel_new(&s.channel, fds[0], &options) == 0);
	if (s.is_greedy)
		FUZZ_ASSERT(brood_channel_read_ahead(s.channel) == 0);
	if (c & 4) {
		s.is_bad = true;
		stream_step(&s);
		/* What ends the channel is found again by receiving. */
		(void)brood_channel_hello(s.channel, "fuzz", 0);
	}
	while (!fuzz_is_over(&s.fuzz))
		stream_step(&s);
	stream_close(&s);
	stream_receive(&s);
	stream_receive(&s);
	FUZZ_ASSERT(s.error != 0);
	(void)brood_channel_free(s.channel);
	FUZZ_ASSERT(fuzz_n_fds() == n_fds);
	return 0;
}
