/* SPDX-License-Identifier: ISC */

/*
 * Messages and descriptors over one stream socket: making a channel, and what
 * it receives.  channel_send.c is the other half, and channel_rings.c what goes
 * through shared memory in place of the socket.
 *
 * Owns the socket, an inbox and an outbox, and what has gone wrong with either
 * direction for good.  Knows nothing of processes.
 */

#include "base/await.h"
#include "base/clock.h"
#include "base/export.h"
#include "base/fd.h"
#include "base/owner.h"
#include "base/passrights.h"
#include "base/reserved.h"
#include "wire/channel_struct.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNEL_MAX_QUEUED = 1 << 20 };

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

/*
 * A byte that a peer sends with MSG_OOB becomes a byte of the stream like any
 * other.  Without this option the kernel would throw the byte away and yet
 * count it in FIONREAD, and this side would wait for ever for a frame that
 * lacks the byte.  Where UNIX sockets have no out-of-band data, the option may
 * be refused, and is not needed.
 */
static void
channel_set_oob_inline(int fd)
{
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
}

int
brood__channel_check_options(const struct brood_channel_options *options)
{
	if (options == NULL)
		return 0;
	if (options->max_fds > BROOD_MAX_FDS)
		return -EINVAL;
	if (options->max_payload > UINT32_MAX - BROOD__FRAME_SIZE)
		return -EINVAL;
	if (options->max_queued > SIZE_MAX / 2)
		return -EINVAL;
	if (options->reserved_1 != 0 || !BROOD__RESERVED_IS_ZERO(options))
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
	r = brood__channel_check_options(options);
	if (r < 0)
		return r;
	r = channel_check_socket(fd);
	if (r < 0)
		return r;
	r = brood__fd_set_cloexec(fd);
	if (r < 0)
		return r;

	ch = calloc(1, sizeof(*ch));
	if (ch == NULL)
		return -ENOMEM;
	ch->fd = fd;
	ch->owner = brood__owner_self();
	ch->max_payload = options->max_payload != 0 ?
	    (uint32_t)options->max_payload : BROOD_MAX_PAYLOAD;
	brood__outbox_init(&ch->out);
	brood__rings_init(&ch->rings);
	brood__kepts_init(&ch->waiting.kept);
	r = brood__inbox_init(&ch->in, ch->max_payload, options->max_fds);
	if (r < 0) {
		free(ch);
		return r;
	}
	channel_set_oob_inline(fd);
	brood__passrights_set(fd, options->max_fds > 0);
	ch->peer_takes_fds = true;
	ch->max_send = ch->max_payload;
	ch->max_queued = options->max_queued != 0 ?
	    options->max_queued : CHANNEL_MAX_QUEUED;
	*ret_channel = ch;
	return 0;
}

int
brood__channel_release(struct brood_channel *ch)
{
	int fd = ch->fd;

	brood__inbox_fini(&ch->in);
	brood__outbox_fini(&ch->out);
	brood__rings_fini(&ch->rings, ch->owner == brood__owner_self());
	brood__kepts_fini(&ch->waiting.kept);
	brood__buffer_fini(&ch->memory);
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
	return brood__outbox_len(&ch->out) > 0 &&
	    !brood__channel_lacks_room(ch) ? POLLIN | POLLOUT : POLLIN;
}

void
brood__channel_set_greedy(struct brood_channel *ch)
{
	ch->in.mode = BROOD__INBOX_GREEDY;
}

bool
brood__channel_is_greedy(const struct brood_channel *ch)
{
	return ch->in.mode == BROOD__INBOX_GREEDY;
}

void
brood__channel_set_lossy(struct brood_channel *ch)
{
	ch->in.mode = BROOD__INBOX_LOSSY;
}

uint32_t
brood__channel_max_payload(const struct brood_channel *ch)
{
	return ch->max_payload;
}

uint32_t
brood__channel_max_send(const struct brood_channel *ch)
{
	return ch->max_send;
}

void
brood__channel_set_peer_max(struct brood_channel *ch, uint32_t max_payload)
{
	ch->max_send = max_payload < ch->max_payload ?
	    max_payload : ch->max_payload;
}

void
brood__channel_set_peer_features(struct brood_channel *ch, uint32_t features)
{
	ch->peer_takes_fds = (features & BROOD__FEATURE_NO_FDS) == 0;
}

void
brood__channel_set_level(struct brood_channel *ch, unsigned level)
{
	ch->level = level;
}

unsigned
brood__channel_level(const struct brood_channel *ch)
{
	return ch->level;
}

bool
brood__channel_takes_fds(const struct brood_channel *ch)
{
	return ch->in.max_fds > 0;
}

bool
brood__channel_peer_takes_fds(const struct brood_channel *ch)
{
	return ch->peer_takes_fds;
}

/* Receiving */

int
brood__channel_check(const struct brood_channel *ch)
{
	return ch->owner != brood__owner_self() ? -ECHILD : ch->recv_error;
}

bool
brood__channel_is_ended(const struct brood_channel *ch)
{
	return ch->recv_error == -EPIPE || ch->send_error == -EPIPE;
}

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

/* Nothing can be received any more. */
static int
channel_fail(struct brood_channel *ch, int error)
{
	ch->recv_error = error;
	brood__inbox_close_fds(&ch->in);
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

/* What the inbox or the ring gave.  A want of memory may pass. */
static int
channel_judge(struct brood_channel *ch, int r)
{
	return r < 0 && r != -ENOMEM ? channel_fail(ch, r) : r;
}

int
brood__channel_recv_some(struct brood_channel *ch, int flags)
{
	int r = brood__inbox_recv(&ch->in, ch->fd, flags);

	/* Whatever came, it has woken this side. */
	if (r > 0) {
		if (ch->rings.is_asleep)
			brood__ring_stay_awake(ch->rings.ring);
		ch->rings.is_asleep = ch->rings.is_at_mark = false;
	}
	return r == -EPIPE || r == -EBADMSG ? channel_fail(ch, r) : r;
}

int
brood__channel_drop_wakes(struct brood_channel *ch)
{
	struct brood_message msg;
	int r;

	do {
		r = brood__inbox_next(&ch->in, &msg);
	} while (r == 1 && msg.kind == BROOD__KIND_WAKE);
	if (r == 1)
		brood__inbox_unget(&ch->in);
	return channel_judge(ch, r);
}

int
brood__channel_fill(struct brood_channel *ch)
{
	int r;

	if (ch->recv_error < 0)
		return ch->recv_error;
	if (ch->rings.is_reading) {
		/* What came before may be a frame whose mark comes later. */
		r = brood__channel_drop_wakes(ch);
		if (r != 0)
			return r;
	}
	r = brood__channel_recv_some(ch, MSG_DONTWAIT);
	return r == -EAGAIN ? 0 : r;
}

BROOD_PUBLIC int
brood_channel_read_ahead(struct brood_channel *ch)
{
	if (brood__channel_check(ch) == -ECHILD)
		return -ECHILD;
	brood__channel_set_greedy(ch);
	return 0;
}

BROOD_PUBLIC void
brood_channel_held(const struct brood_channel *ch,
    struct brood_channel_held *ret_held)
{
	*ret_held = (struct brood_channel_held) {
		.unsent = brood__outbox_len(&ch->out),
	};
	ret_held->unread = brood__inbox_unread(&ch->in, &ret_held->unread_fds);
	ret_held->position = ch->in.n_received - ret_held->unread;
}

uint64_t
brood__channel_received(const struct brood_channel *ch)
{
	return ch->in.n_received;
}

bool
brood__channel_is_drained(const struct brood_channel *ch)
{
	return ch->in.spare > 0;
}

/*
 * The end of the socket is not that of the ring: the peer may have put a frame
 * there, and then shut the socket down, since the ring was looked at last.
 */
int
brood__channel_next(struct brood_channel *ch, struct brood_message *ret_msg)
{
	int r;

	if (ch->recv_error < 0 &&
	    (ch->recv_error != -EPIPE || !ch->rings.is_reading))
		return ch->recv_error;
	r = channel_judge(ch, brood__channel_next_frame(ch, ret_msg));
	return r == 0 ? ch->recv_error : r;
}

/*
 * Before this side sleeps: look for a frame in the ring, and ask to be woken by
 * one.
 */
static bool
channel_has_come(struct brood_channel *ch)
{
	return ch->rings.is_reading && !ch->rings.is_at_mark &&
	    (brood__rings_spin(&ch->rings) || !brood__channel_fall_asleep(ch));
}

/*
 * As brood__await().  If the system was short of something for a WAKE that is
 * owed, gives 1 in a while, too, for another attempt.
 */
static int
channel_await_input(const struct brood_channel *ch, int64_t deadline,
    bool is_owing)
{
	int64_t soon = is_owing ? brood__deadline(brood__now_ms(),
	    BROOD__CHANNEL_NAP_MS) : BROOD__NEVER;
	int r;

	r = brood__await(ch->fd, POLLIN, brood__earlier(deadline, soon));
	return r == 0 && soon < deadline ? 1 : r;
}

int
brood__channel_recv(struct brood_channel *ch, int timeout_ms,
    struct brood_message *ret_msg)
{
	int64_t deadline = brood__channel_deadline(timeout_ms);
	bool is_owing;
	int r;

	for (;;) {
		r = brood__channel_next(ch, ret_msg);
		if (r != 0)
			return r;
		if (timeout_ms != 0 && channel_has_come(ch))
			continue;
		r = brood__channel_publish(ch);
		is_owing = r < 0 && r != -EPIPE;
		r = brood__channel_recv_some(ch,
		    timeout_ms < 0 && !is_owing ? 0 : MSG_DONTWAIT);
		if (r == -EAGAIN && timeout_ms == 0)
			return 0;
		if (r == -EAGAIN)
			r = channel_await_input(ch, deadline, is_owing);
		if (r <= 0)
			return r;
	}
}

struct brood__waiting *
brood__channel_waiting(struct brood_channel *ch)
{
	return &ch->waiting;
}

const struct brood__waiting *
brood__channel_waiting_const(const struct brood_channel *ch)
{
	return &ch->waiting;
}

struct brood__inbox *
brood__channel_inbox(struct brood_channel *ch)
{
	return &ch->in;
}

void
brood__channel_hold(struct brood_channel *ch)
{
	if (ch->rings.is_reading)
		brood__ring_hold(ch->rings.ring);
	brood__inbox_hold(&ch->in);
}

void
brood__channel_unhold(struct brood_channel *ch)
{
	if (ch->rings.is_reading)
		brood__ring_unhold(ch->rings.ring);
	brood__inbox_unhold(&ch->in);
}

void
brood__channel_unget(struct brood_channel *ch)
{
	if (ch->in.state == BROOD__INBOX_GIVEN)
		brood__inbox_unget(&ch->in);
	if (ch->rings.is_reading) {
		brood__ring_untake(ch->rings.ring);
		ch->rings.position -= ch->rings.taken;
	}
}

size_t
brood__channel_max_queued(const struct brood_channel *ch)
{
	return ch->max_queued;
}

int
brood__channel_look_ahead(const struct brood_channel *ch,
    enum brood_kind kind, uint64_t id, uint64_t *position)
{
	if (ch->rings.ring != NULL && brood__ring_look_ahead(ch->rings.ring,
	    (uint8_t)kind, id))
		return 1;
	return ch->rings.is_reading ? 0 :
	    brood__inbox_look_ahead(&ch->in, ch->fd, kind, id, position);
}
