/* SPDX-License-Identifier: ISC */

/*
 * Frames that wait to be sent.
 *
 * Owns their bytes, but for the payload that is lent, and copies of their
 * descriptors.  The descriptors of a frame leave with its first byte, all of
 * them, and are closed then.
 */

#include "base/fd.h"
#include "wire/fdpass.h"
#include "wire/frame.h"
#include "wire/outbox.h"

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { OUTBOX_PIECES = 3 };		/* of one sendmsg(2) */

struct brood__mark {
	STAILQ_ENTRY(brood__mark) next;
	uint64_t at;			/* position of the frame's first byte */
	size_t n_fds;
	int fds[];
};

void
brood__outbox_init(struct brood__outbox *outbox)
{
	*outbox = (struct brood__outbox) { .n_sent = 0 };
	STAILQ_INIT(&outbox->marks);
}

static void
outbox_drop_mark(struct brood__outbox *outbox)
{
	struct brood__mark *mark = STAILQ_FIRST(&outbox->marks);

	STAILQ_REMOVE_HEAD(&outbox->marks, next);
	brood__fd_close_all(mark->fds, mark->n_fds);
	free(mark);
}

void
brood__outbox_fini(struct brood__outbox *outbox)
{
	brood__outbox_drop(outbox);
	brood__buffer_fini(&outbox->buffer);
}

void
brood__outbox_drop(struct brood__outbox *outbox)
{
	while (!STAILQ_EMPTY(&outbox->marks))
		outbox_drop_mark(outbox);
	outbox->lent_len = 0;
	brood__buffer_consume(&outbox->buffer,
	    brood__buffer_len(&outbox->buffer));
}

/* Where in the buffer are the bytes from this position on, that are there? */
static size_t
outbox_offset(const struct brood__outbox *outbox, uint64_t position)
{
	size_t offset = (size_t)(position - outbox->n_sent);

	return outbox->lent_len > 0 && position > outbox->lent_at ?
	    offset - outbox->lent_len : offset;
}

static int
outbox_add_mark(struct brood__outbox *outbox, const struct brood_message *msg)
{
	struct brood__mark *mark;
	int r;

	mark = malloc(sizeof(*mark) + msg->n_fds * sizeof(mark->fds[0]));
	if (mark == NULL)
		return -ENOMEM;
	r = brood__fd_dup_all(mark->fds, msg->fds, msg->n_fds);
	if (r < 0) {
		free(mark);
		return r;
	}
	mark->at = outbox->n_sent + brood__outbox_len(outbox);
	mark->n_fds = msg->n_fds;
	STAILQ_INSERT_TAIL(&outbox->marks, mark, next);
	return 0;
}

void
brood__outbox_encode(uint8_t header[BROOD__FRAME_SIZE],
    const struct brood_message *msg)
{
	struct brood__frame frame = {
		.length = (uint32_t)msg->len,
		.kind = msg->kind == 0 ? BROOD_KIND_REQUEST :
		    (uint8_t)msg->kind,
		.flags = (uint8_t)(msg->more |
		    msg->ran << BROOD__FLAG_RAN_SHIFT),
		.nfds = (uint8_t)msg->n_fds,
		.id = msg->id,
		.code = msg->code,
		.timeout_ms = msg->expire_ms,
	};

	brood__frame_encode(header, &frame);
}

int
brood__outbox_reserve(struct brood__outbox *outbox, size_t n)
{
	return brood__buffer_reserve(&outbox->buffer, n);
}

/* The header, with room for so much of the payload behind it. */
static int
outbox_append_header(struct brood__outbox *outbox,
    const struct brood_message *msg, size_t len)
{
	uint8_t header[BROOD__FRAME_SIZE];
	int r;

	r = brood__buffer_reserve(&outbox->buffer, sizeof(header) + len);
	if (r == 0 && msg->n_fds > 0)
		r = outbox_add_mark(outbox, msg);
	if (r < 0)
		return r;
	brood__outbox_encode(header, msg);
	brood__buffer_append(&outbox->buffer, header, sizeof(header));
	return 0;
}

int
brood__outbox_append(struct brood__outbox *outbox,
    const struct brood_message *msg)
{
	int r = outbox_append_header(outbox, msg, msg->len);

	if (r == 0)
		brood__buffer_append(&outbox->buffer, msg->data, msg->len);
	return r;
}

int
brood__outbox_append_lent(struct brood__outbox *outbox,
    const struct brood_message *msg)
{
	int r;

	if (outbox->lent_len > 0)
		return brood__outbox_append(outbox, msg);
	r = outbox_append_header(outbox, msg, 0);
	if (r < 0)
		return r;
	outbox->lent_at = outbox->n_sent + brood__outbox_len(outbox);
	outbox->lent = msg->data;
	outbox->lent_len = msg->len;
	return 0;
}

int
brood__outbox_keep(struct brood__outbox *outbox)
{
	int r;

	if (outbox->lent_len == 0)
		return 0;
	r = brood__buffer_reserve(&outbox->buffer, outbox->lent_len);
	if (r < 0)
		return r;
	brood__buffer_insert(&outbox->buffer,
	    (size_t)(outbox->lent_at - outbox->n_sent), outbox->lent,
	    outbox->lent_len);
	outbox->lent_len = 0;
	return 0;
}

void
brood__outbox_consume(struct brood__outbox *outbox, size_t n)
{
	size_t n_before = (size_t)(outbox->lent_at - outbox->n_sent), n_lent;

	outbox->n_sent += n;
	if (outbox->lent_len > 0 && n > n_before) {
		n_lent = n - n_before < outbox->lent_len ? n - n_before :
		    outbox->lent_len;
		outbox->lent += n_lent;
		outbox->lent_at += n_lent;
		outbox->lent_len -= n_lent;
		n -= n_lent;
	}
	brood__buffer_consume(&outbox->buffer, n);
}

/*
 * The kernel has taken n bytes.  If these are not all, find the end of the
 * frame in which they end, while its header is still here.
 */
static void
outbox_sent(struct brood__outbox *outbox, size_t n)
{
	const uint8_t *bytes = outbox->buffer.bytes + outbox->buffer.start;
	uint64_t end = outbox->n_sent + n, at = outbox->begun_end;
	struct brood__frame frame;

	if (at < outbox->n_sent)
		at = outbox->n_sent;
	if (n < brood__outbox_len(outbox))
		while (at < end && brood__frame_decode(bytes +
		    outbox_offset(outbox, at), UINT32_MAX, &frame) == 0)
			at += BROOD__FRAME_SIZE + frame.length;
	outbox->begun_end = at;
	brood__outbox_consume(outbox, n);
}

int
brood__outbox_try(struct brood__outbox *outbox,
    const struct brood_message *msg, int socket)
{
	struct brood__buffer *buffer = &outbox->buffer;
	uint8_t header[BROOD__FRAME_SIZE];
	struct iovec iov;
	ssize_t n;
	int r;

	assert(brood__outbox_len(outbox) == 0);
	r = brood__buffer_reserve(buffer, sizeof(header) + msg->len);
	if (r < 0)
		return r;
	brood__outbox_encode(header, msg);
	brood__buffer_append(buffer, header, sizeof(header));
	brood__buffer_append(buffer, msg->data, msg->len);
	iov.iov_base = buffer->bytes + buffer->start;
	iov.iov_len = brood__buffer_len(buffer);
	n = brood__fdpass_send(socket, &iov, 1, msg->fds, msg->n_fds,
	    MSG_DONTWAIT);
	if (n < 0) {
		brood__buffer_consume(buffer, brood__buffer_len(buffer));
		return (int)n;
	}
	outbox_sent(outbox, (size_t)n);
	return 0;
}

int
brood__outbox_insert(struct brood__outbox *outbox,
    const struct brood_message *msg, uint64_t after, uint64_t *ret_at)
{
	const size_t size = BROOD__FRAME_SIZE + msg->len;
	uint8_t header[BROOD__FRAME_SIZE];
	uint64_t at = outbox->n_sent;
	struct brood__mark *mark;
	size_t offset;
	int r;

	assert(msg->n_fds == 0);
	if (at < outbox->begun_end)
		at = outbox->begun_end;
	if (at < after)
		at = after;
	offset = outbox_offset(outbox, at);
	assert(offset <= brood__buffer_len(&outbox->buffer));
	r = brood__buffer_reserve(&outbox->buffer, size);
	if (r < 0)
		return r;
	STAILQ_FOREACH(mark, &outbox->marks, next)
		if (mark->at >= at)
			mark->at += size;
	if (outbox->lent_at > at)
		outbox->lent_at += size;
	brood__outbox_encode(header, msg);
	brood__buffer_insert(&outbox->buffer, offset, header, sizeof(header));
	if (msg->len > 0)
		brood__buffer_insert(&outbox->buffer,
		    offset + sizeof(header), msg->data, msg->len);
	*ret_at = at;
	return 0;
}

/*
 * Where are the bytes up to position `to'?  In front of what is lent, that
 * itself, and behind it.  Gives the number of pieces.
 */
static size_t
outbox_pieces(const struct brood__outbox *outbox, uint64_t to,
    struct iovec iov[OUTBOX_PIECES])
{
	uint8_t *bytes = outbox->buffer.bytes + outbox->buffer.start;
	size_t left = (size_t)(to - outbox->n_sent), n = 0;
	size_t n_before = outbox->lent_len > 0 ?
	    (size_t)(outbox->lent_at - outbox->n_sent) : left;
	const struct iovec all[OUTBOX_PIECES] = {
		{ bytes, n_before },
		/* sendmsg(2) only reads it */
		{ (void *)(uintptr_t)outbox->lent, outbox->lent_len },
		{ bytes + n_before, left },
	};

	for (size_t i = 0; i < OUTBOX_PIECES && left > 0; i++) {
		if (all[i].iov_len == 0)
			continue;
		iov[n] = all[i];
		if (iov[n].iov_len > left)
			iov[n].iov_len = left;
		left -= iov[n++].iov_len;
	}
	return n;
}

/*
 * Send the bytes up to the next mark, or to `to'.  If the stream stands at a
 * mark, send its descriptors, and the bytes up to the mark behind it.
 */
ssize_t
brood__outbox_send(struct brood__outbox *outbox, int socket, int flags,
    uint64_t to)
{
	struct brood__mark *mark = STAILQ_FIRST(&outbox->marks), *next = mark;
	uint64_t end = outbox->n_sent + brood__outbox_len(outbox);
	struct iovec iov[OUTBOX_PIECES];
	bool is_at_mark = mark != NULL && mark->at == outbox->n_sent;
	ssize_t n;

	if (is_at_mark)
		next = STAILQ_NEXT(mark, next);
	if (next != NULL && next->at < to)
		to = next->at;
	if (to > end)
		to = end;
	n = brood__fdpass_send(socket, iov, outbox_pieces(outbox, to, iov),
	    is_at_mark ? mark->fds : NULL, is_at_mark ? mark->n_fds : 0,
	    flags);
	if (n < 0)
		return n;
	if (is_at_mark)
		outbox_drop_mark(outbox);
	outbox_sent(outbox, (size_t)n);
	return n;
}
