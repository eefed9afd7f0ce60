/* SPDX-License-Identifier: ISC */

/*
 * Frames and descriptors over one stream socket.
 *
 * Owns the socket, one buffer each way, the descriptors of the message received
 * last and copies of those waiting to be sent.  Knows nothing of processes.
 *
 * Incoming.  A receive never asks for more than the rest of the current header
 * or payload.  So descriptors arrive with the first byte of a frame or not at
 * all, which binds them to it; poll(2) tells of every frame that has not been
 * taken; and what a worker has not begun stays in the socket, where the host
 * can count it.  A "greedy" channel, which the pool uses and which accepts no
 * descriptors, takes whatever one recv(2) brings.
 */

#include "base/await.h"
#include "base/clock.h"
#include "base/export.h"
#include "base/fd.h"
#include "wire/channel.h"
#include "wire/fdpass.h"
#include "wire/frame.h"
#include "wire/outbox.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNEL_MAX_QUEUED = 1 << 20 };

struct brood_channel {
	int fd;
	pid_t owner;
	bool is_greedy;
	bool is_lossy;
	bool is_drained;		/* the last receive left room */
	uint64_t n_received;
	size_t max_queued;
	uint32_t max_payload;
	uint32_t max_send;
	unsigned max_fds;

	struct brood__buffer in;
	size_t n_given;			/* bytes of the message given last */
	struct brood__frame frame;
	bool has_frame;			/* frame is decoded from in */
	bool is_lost;			/* its descriptors did not all arrive */
	int *fds;
	size_t n_fds;
	int recv_error;

	struct brood__outbox out;
	int send_error;
};

/* Making and freeing */

static int
channel_check_socket(int fd)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr), type_len = sizeof(int);
	int type;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	if (addr.sun_family != AF_UNIX)
		return -EPROTOTYPE;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0)
		return -errno;
	return type == SOCK_STREAM ? 0 : -EPROTOTYPE;
}

static int
channel_set_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return -errno;
	if (flags & FD_CLOEXEC)
		return 0;
	return fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0 ? -errno : 0;
}

static int
channel_check_options(const struct brood_channel_options *options)
{
	if (options->max_fds > BROOD_MAX_FDS)
		return -EINVAL;
	if (options->max_payload > UINT32_MAX - BROOD__FRAME_SIZE)
		return -EINVAL;
	if (options->max_queued > SIZE_MAX / 2)
		return -EINVAL;
	return 0;
}

BROOD_PUBLIC int
brood_channel_new(struct brood_channel **ret_channel, int fd,
    const struct brood_channel_options *options)
{
	static const struct brood_channel_options defaults;
	struct brood_channel *ch;
	int r;

	if (options == NULL)
		options = &defaults;
	r = channel_check_options(options);
	if (r < 0)
		return r;
	r = channel_check_socket(fd);
	if (r < 0)
		return r;
	r = channel_set_cloexec(fd);
	if (r < 0)
		return r;

	ch = calloc(1, sizeof(*ch));
	if (ch == NULL)
		return -ENOMEM;
	ch->fds = options->max_fds == 0 ? NULL :
	    reallocarray(NULL, BROOD_MAX_FDS, sizeof(*ch->fds));
	if (options->max_fds > 0 && ch->fds == NULL) {
		free(ch);
		return -ENOMEM;
	}
	brood__outbox_init(&ch->out);
	ch->fd = fd;
	ch->owner = getpid();
	ch->max_fds = options->max_fds;
	ch->max_payload = options->max_payload != 0 ?
	    (uint32_t)options->max_payload : BROOD_MAX_PAYLOAD;
	ch->max_send = ch->max_payload;
	ch->max_queued = options->max_queued != 0 ?
	    options->max_queued : CHANNEL_MAX_QUEUED;
	*ret_channel = ch;
	return 0;
}

BROOD_PUBLIC int
brood_channel_inherit(struct brood_channel **ret_channel,
    const struct brood_channel_options *options)
{
	const char *value = getenv("BROOD_FD"), *error;
	int fd, r;

	if (value == NULL)
		return -ENOENT;
	fd = (int)strtonum(value, 0, INT_MAX, &error);
	if (error != NULL)
		return -EBADF;
	r = brood_channel_new(ret_channel, fd, options);
	if (r == 0)
		(void)unsetenv("BROOD_FD");
	return r;
}

int
brood__channel_release(struct brood_channel *ch)
{
	int fd = ch->fd;

	brood__fd_close_all(ch->fds, ch->n_fds);
	free(ch->fds);
	brood__buffer_fini(&ch->in);
	brood__outbox_fini(&ch->out);
	free(ch);
	return fd;
}

BROOD_PUBLIC struct brood_channel *
brood_channel_free(struct brood_channel *ch)
{
	if (ch != NULL)
		(void)brood__fd_close(brood__channel_release(ch));
	return NULL;
}

BROOD_PUBLIC int
brood_channel_fd(const struct brood_channel *ch)
{
	return ch->fd;
}

BROOD_PUBLIC short
brood_channel_events(const struct brood_channel *ch)
{
	return brood__outbox_len(&ch->out) > 0 ? POLLIN | POLLOUT : POLLIN;
}

void
brood__channel_set_greedy(struct brood_channel *ch)
{
	assert(ch->max_fds == 0);
	ch->is_greedy = true;
}

void
brood__channel_set_lossy(struct brood_channel *ch)
{
	ch->is_lossy = true;
}

uint32_t
brood__channel_max_payload(const struct brood_channel *ch)
{
	return ch->max_payload;
}

void
brood__channel_set_peer_max(struct brood_channel *ch, uint32_t max_payload)
{
	ch->max_send = max_payload < ch->max_payload ?
	    max_payload : ch->max_payload;
}

/* Wait for the socket; 0 when the time is over. */
static int
channel_poll(const struct brood_channel *ch, short events, int64_t deadline)
{
	return brood__await(ch->fd, events, deadline);
}

static int64_t
channel_deadline(int timeout_ms)
{
	return timeout_ms > 0 ? brood__deadline(brood__now_ms(), timeout_ms) :
	    timeout_ms < 0 ? BROOD__NEVER : 0;
}

/* Sending */

static int
channel_check_msg(const struct brood_channel *ch,
    const struct brood_message *msg)
{
	bool is_request = msg->kind == 0 || msg->kind == BROOD_KIND_REQUEST;

	if ((unsigned)msg->kind > BROOD_KIND_LINK ||
	    (msg->more && msg->kind != BROOD_KIND_REPLY) ||
	    (msg->timeout_ms != 0 && !is_request) ||
	    msg->n_fds > BROOD_MAX_FDS ||
	    (msg->len > 0 && msg->data == NULL) ||
	    (msg->n_fds > 0 && msg->fds == NULL))
		return -EINVAL;
	return msg->len > ch->max_send ? -EMSGSIZE : 0;
}

int
brood__channel_queue_own(struct brood_channel *ch,
    const struct brood_message *msg)
{
	int r;

	r = channel_check_msg(ch, msg);
	if (r < 0)
		return r;
	if (ch->send_error < 0)
		return ch->send_error;
	return brood__outbox_append(&ch->out, msg);
}

int
brood__channel_queue(struct brood_channel *ch, const struct brood_message *msg)
{
	size_t pending = brood__outbox_len(&ch->out);
	int r;

	r = channel_check_msg(ch, msg);
	if (r < 0)
		return r;
	if (ch->send_error == 0 && pending > 0 &&
	    pending + BROOD__FRAME_SIZE + msg->len > ch->max_queued)
		return -EAGAIN;
	return brood__channel_queue_own(ch, msg);
}

int
brood__channel_reserve(struct brood_channel *ch, size_t n, size_t len)
{
	return brood__outbox_reserve(&ch->out, n * BROOD__FRAME_SIZE + len);
}

int
brood__channel_try(struct brood_channel *ch, const struct brood_message *msg)
{
	int r;

	r = channel_check_msg(ch, msg);
	if (r < 0)
		return r;
	if (ch->send_error < 0)
		return ch->send_error;
	if (brood__outbox_len(&ch->out) > 0)
		return -EAGAIN;
	r = brood__outbox_try(&ch->out, msg, ch->fd);
	if (r == -ECONNRESET || r == -EPIPE)
		return ch->send_error = -EPIPE;
	return r;
}

int
brood__channel_flush(struct brood_channel *ch, int timeout_ms)
{
	int64_t deadline = channel_deadline(timeout_ms);
	ssize_t n;
	int r;

	if (ch->send_error < 0)
		return ch->send_error;
	while (brood__outbox_len(&ch->out) > 0) {
		n = brood__outbox_send(&ch->out, ch->fd,
		    timeout_ms < 0 ? 0 : MSG_DONTWAIT);
		if (n >= 0)
			continue;
		if (n == -ECONNRESET || n == -EPIPE)
			return ch->send_error = -EPIPE;
		if (n != -EAGAIN || timeout_ms == 0)
			return (int)n;
		r = channel_poll(ch, POLLOUT, deadline);
		if (r <= 0)
			return r < 0 ? r : -EAGAIN;
	}
	return 0;
}

int
brood__channel_send(struct brood_channel *ch, const struct brood_message *msg)
{
	int r;

	r = brood__channel_queue(ch, msg);
	if (r == -EAGAIN) {
		r = brood__channel_flush(ch, -1);
		if (r < 0)
			return r;
		r = brood__channel_queue(ch, msg);
	}
	return r < 0 ? r : brood__channel_flush(ch, -1);
}

/* May this process use it, and is it of use still? */
int
brood__channel_check(const struct brood_channel *ch)
{
	return ch->owner != getpid() ? -ECHILD : ch->recv_error;
}

BROOD_PUBLIC int
brood_channel_queue(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = brood__channel_check(ch);

	return r < 0 ? r : brood__channel_queue(ch, msg);
}

BROOD_PUBLIC int
brood_channel_flush(struct brood_channel *ch, int timeout_ms)
{
	int r = brood__channel_check(ch);

	return r < 0 ? r : brood__channel_flush(ch, timeout_ms);
}

BROOD_PUBLIC int
brood_channel_send(struct brood_channel *ch, const struct brood_message *msg)
{
	int r = brood__channel_check(ch);

	return r < 0 ? r : brood__channel_send(ch, msg);
}

uint64_t
brood__channel_queued(const struct brood_channel *ch)
{
	return ch->out.n_sent + brood__outbox_len(&ch->out);
}

uint64_t
brood__channel_sent(const struct brood_channel *ch)
{
	return ch->out.n_sent;
}

/* Receiving */

/* Tell the peer why, if that needs no waiting: this side has finished. */
void
brood__channel_complain(struct brood_channel *ch, enum brood_error code,
    const char *text)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_ERROR,
		.code = code,
		.data = text,
		.len = strlen(text),
	};

	if (brood__channel_queue(ch, &msg) == 0)
		(void)brood__channel_flush(ch, 0);
}

static int
channel_fail(struct brood_channel *ch, int error)
{
	ch->recv_error = error;
	brood__fd_close_all(ch->fds, ch->n_fds);
	ch->n_fds = 0;
	if (error == -EMSGSIZE)
		brood__channel_complain(ch, BROOD_ERROR_TOO_LARGE,
		    "the payload announced is over the limit");
	else if (error == -EBADMSG)
		brood__channel_complain(ch, BROOD_ERROR_PROTOCOL,
		    "a frame came without the descriptors it announced");
	else if (error == -EPROTO)
		brood__channel_complain(ch, BROOD_ERROR_PROTOCOL,
		    "not a frame of this protocol");
	return error;
}

/* Forget the message that was given last. */
static void
channel_end_msg(struct brood_channel *ch)
{
	if (ch->n_given == 0)
		return;
	brood__fd_close_all(ch->fds, ch->n_fds);
	ch->n_fds = 0;
	ch->has_frame = false;
	ch->is_lost = false;
	brood__buffer_consume(&ch->in, ch->n_given);
	ch->n_given = 0;
}

/* How many bytes the buffer holds when the current step is complete. */
static size_t
channel_want(const struct brood_channel *ch)
{
	return BROOD__FRAME_SIZE + (ch->has_frame ? ch->frame.length : 0);
}

/* Descriptors have come with bytes that had `before` of their frame ahead. */
static int
channel_check_fds(struct brood_channel *ch, size_t before, size_t n_fds,
    bool is_lost)
{
	if (n_fds == 0 && !is_lost)
		return 0;
	if (before > 0)
		return channel_fail(ch, -EBADMSG);
	ch->n_fds = n_fds;
	ch->is_lost = is_lost;
	return 0;
}

/*
 * Receive into the buffer behind what is there.  ch->fds may hold those of the
 * current frame: further ones go elsewhere, to be refused.
 */
static int
channel_recv_some(struct brood_channel *ch, int flags)
{
	size_t before = brood__buffer_len(&ch->in), n_fds = 0, room;
	int late[BROOD_MAX_FDS], *fds = before > 0 ? late : ch->fds;
	bool is_lost = false;
	ssize_t n;
	int r;

	r = brood__buffer_reserve(&ch->in, channel_want(ch) - before);
	if (r < 0)
		return r;
	room = ch->is_greedy ? brood__buffer_room(&ch->in) :
	    channel_want(ch) - before;
	n = brood__fdpass_recv(ch->fd, ch->in.bytes + ch->in.end, room, fds,
	    ch->max_fds, &n_fds, &is_lost, flags);
	if (n == 0 || n == -ECONNRESET)
		return channel_fail(ch, -EPIPE);
	if (n < 0)
		return (int)n;
	ch->is_drained = (size_t)n < room;
	ch->n_received += (uint64_t)n;
	ch->in.end += (size_t)n;
	if (before > 0 && n_fds > 0)
		brood__fd_close_all(late, n_fds);
	r = channel_check_fds(ch, before, before > 0 ? 0 : n_fds,
	    is_lost || (before > 0 && n_fds > 0));
	return r < 0 ? r : 1;
}

int
brood__channel_fill(struct brood_channel *ch)
{
	int r;

	if (ch->recv_error < 0)
		return ch->recv_error;
	channel_end_msg(ch);
	r = channel_recv_some(ch, MSG_DONTWAIT);
	return r == -EAGAIN ? 0 : r;
}

uint64_t
brood__channel_received(const struct brood_channel *ch)
{
	return ch->n_received;
}

bool
brood__channel_is_drained(const struct brood_channel *ch)
{
	return ch->is_drained;
}

/* Do the descriptors that came fit the header? */
static int
channel_judge_fds(struct brood_channel *ch)
{
	if (ch->is_lost && ch->is_lossy) {
		brood__fd_close_all(ch->fds, ch->n_fds);
		ch->n_fds = 0;
		return 0;
	}
	if (ch->is_lost || ch->n_fds != ch->frame.nfds)
		return channel_fail(ch, -EBADMSG);
	return 0;
}

static int
channel_decode(struct brood_channel *ch)
{
	int r;

	if (ch->has_frame)
		return 0;
	r = brood__frame_decode(ch->in.bytes + ch->in.start, ch->max_payload,
	    &ch->frame);
	if (r < 0)
		return channel_fail(ch, r);
	ch->has_frame = true;
	return channel_judge_fds(ch);
}

static void
channel_give(struct brood_channel *ch, struct brood_message *ret_msg)
{
	ch->n_given = channel_want(ch);
	*ret_msg = (struct brood_message) {
		.data = ch->in.bytes + ch->in.start + BROOD__FRAME_SIZE,
		.len = ch->frame.length,
		.fds = ch->fds,
		.n_fds = ch->n_fds,
		.id = ch->frame.id,
		.kind = (enum brood_kind)ch->frame.kind,
		.code = ch->frame.code,
		.timeout_ms = ch->frame.timeout_ms,
		.more = ch->frame.flags & BROOD__FLAG_MORE,
	};
}

int
brood__channel_next(struct brood_channel *ch, struct brood_message *ret_msg)
{
	int r;

	if (ch->recv_error < 0)
		return ch->recv_error;
	channel_end_msg(ch);
	if (brood__buffer_len(&ch->in) < BROOD__FRAME_SIZE)
		return 0;
	r = channel_decode(ch);
	if (r < 0)
		return r;
	if (brood__buffer_len(&ch->in) < channel_want(ch))
		return 0;
	channel_give(ch, ret_msg);
	return 1;
}

int
brood__channel_recv(struct brood_channel *ch, int timeout_ms,
    struct brood_message *ret_msg)
{
	int64_t deadline = channel_deadline(timeout_ms);
	int r;

	for (;;) {
		r = brood__channel_next(ch, ret_msg);
		if (r != 0)
			return r;
		r = channel_recv_some(ch, timeout_ms < 0 ? 0 : MSG_DONTWAIT);
		if (r == -EAGAIN && timeout_ms == 0)
			return 0;
		if (r == -EAGAIN)
			r = channel_poll(ch, POLLIN, deadline);
		if (r <= 0)
			return r;
	}
}

BROOD_PUBLIC int
brood_channel_recv(struct brood_channel *ch, int timeout_ms,
    struct brood_message *ret_msg)
{
	int r = brood__channel_check(ch);

	return r < 0 ? r : brood__channel_recv(ch, timeout_ms, ret_msg);
}

BROOD_PUBLIC int
brood_channel_take_fd(struct brood_channel *ch, size_t i)
{
	int fd;

	if (ch->owner != getpid())
		return -ECHILD;
	if (i >= ch->n_fds || ch->fds[i] < 0)
		return -EBADF;
	fd = ch->fds[i];
	ch->fds[i] = -1;
	return fd;
}

/*
 * MSG_PEEK without a control buffer does not touch descriptors (with one it
 * would install second copies).
 */
int
brood__channel_accept(struct brood_channel *ch, enum brood_kind kind,
    uint64_t id)
{
	uint8_t bytes[BROOD__FRAME_SIZE];
	struct brood__frame frame;
	ssize_t n;

	assert(!ch->is_greedy);
	do {
		n = recv(ch->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(bytes) ||
	    brood__frame_decode(bytes, ch->max_payload, &frame) < 0)
		return 0;
	if (frame.kind != kind || frame.id != id || frame.length > 0)
		return 0;
	do {
		n = recv(ch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	ch->n_received += n > 0 ? (uint64_t)n : 0;
	return n == (ssize_t)sizeof(bytes);
}
