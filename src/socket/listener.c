/* SPDX-License-Identifier: ISC */

/*
 * Stream sockets with a name: listeners, and connections to them.
 *
 * Owns a listener's descriptor and, if the listener was made here, the claim to
 * its path (claim.c).  Knows nothing of messages: a connection is a descriptor,
 * of which brood_channel_new() makes a channel.
 *
 * A listener that is made here has O_NONBLOCK set, because another process may
 * take a connection between poll(2) and accept(2).  An inherited listener
 * belongs to other processes too, so its flags stay as they were.
 */

#include "base/await.h"
#include "base/export.h"
#include "base/fd.h"
#include "base/owner.h"
#include "base/reserved.h"
#include "socket/address.h"
#include "socket/claim.h"
#include "wire/channel.h"

#include <brood/socket.h>

#include <sys/time.h>

#include <stdlib.h>
#include <string.h>

enum {
	SOCKET_BACKLOG = 128,
	SOCKET_INHERITED = 3,	/* the first of LISTEN_FDS */
};

struct brood_listener {
	int fd;
	pid_t owner;			/* the process that made it */
	bool is_inherited;
	struct brood__claim claim;	/* to its path, unless is_inherited */
	char *name;			/* by LISTEN_FDNAMES, if is_inherited */
};

/* Listening */

static int
socket_read_options(const struct brood_listener_options *options,
    struct brood__claim_access *ret_access, int *ret_backlog)
{
	static const struct brood_listener_options defaults;

	if (options == NULL)
		options = &defaults;
	if (options->backlog < 0 || options->mode > 0777 ||
	    !BROOD__RESERVED_IS_ZERO(options))
		return -EINVAL;
	ret_access->mode = options->mode != 0 ? options->mode : 0600;
	ret_access->uid = options->uid != 0 ? options->uid : (uid_t)-1;
	ret_access->gid = options->gid != 0 ? options->gid : (gid_t)-1;
	*ret_backlog = options->backlog != 0 ? options->backlog :
	    SOCKET_BACKLOG;
	return 0;
}

/*
 * The claim sets mode and owner of the file.  Nobody can connect before that,
 * because listen(2) comes last.
 */
static int
socket_listen(struct brood_listener *listener, const char *path,
    const struct brood_listener_options *options, char *text)
{
	struct brood__claim_access access;
	int backlog, r;

	listener->fd = -1;
	listener->owner = brood__owner_self();
	r = socket_read_options(options, &access, &backlog);
	if (r < 0)
		return brood__address_explain(text, path, "", r);
	listener->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return brood__address_explain(text, path, "", -errno);
	r = brood__claim_take(&listener->claim, listener->fd, path, &access,
	    text);
	if (r < 0)
		return r;
	if (listen(listener->fd, backlog) == 0)
		return 0;
	r = brood__address_explain(text, path, "", -errno);
	brood__claim_drop(&listener->claim);
	return r;
}

BROOD_PUBLIC int
brood_listener_new(struct brood_listener **ret_listener, const char *path,
    const struct brood_listener_options *options, char *text)
{
	struct brood_listener *listener;
	int r;

	listener = calloc(1, sizeof(*listener));
	if (listener == NULL)
		return brood__address_explain(text, path, "", -ENOMEM);
	r = socket_listen(listener, path, options, text);
	if (r < 0) {
		(void)brood__fd_close(listener->fd);
		free(listener);
		return r;
	}
	*ret_listener = listener;
	return 0;
}

/* The number in an environment variable; 0 if there is none. */
static long long
socket_env_number(const char *name)
{
	const char *value = getenv(name), *error;
	long long number;

	if (value == NULL)
		return 0;
	number = strtonum(value, 0, INT_MAX, &error);
	return error == NULL ? number : 0;
}

static int
socket_check_inherited(int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un), int_len = sizeof(int);
	int type, is_listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &int_len) < 0)
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&un, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening,
	    &int_len) < 0)
		return -errno;
	if (un.sun_family != AF_UNIX || type != SOCK_STREAM || !is_listening)
		return -EPROTOTYPE;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

/* Name number i of LISTEN_FDNAMES, which are separated by ':'; or "". */
static char *
socket_inherited_name(unsigned i)
{
	const char *names = getenv("LISTEN_FDNAMES");

	if (names == NULL)
		names = "";
	for (; i > 0; i--) {
		names += strcspn(names, ":");
		if (*names == ':')
			names++;
	}
	return strndup(names, strcspn(names, ":"));
}

BROOD_PUBLIC int
brood_listener_inherit(struct brood_listener **ret_listener, unsigned i,
    const char **ret_name)
{
	struct brood_listener *listener;
	int r;

	if (socket_env_number("LISTEN_PID") != getpid() ||
	    i >= socket_env_number("LISTEN_FDS") ||
	    i > INT_MAX - SOCKET_INHERITED)
		return -ENOENT;
	r = socket_check_inherited(SOCKET_INHERITED + (int)i);
	if (r < 0)
		return r;
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL)
		return -ENOMEM;
	listener->name = socket_inherited_name(i);
	if (listener->name == NULL) {
		free(listener);
		return -ENOMEM;
	}
	listener->fd = SOCKET_INHERITED + (int)i;
	listener->owner = brood__owner_self();
	listener->is_inherited = true;
	if (ret_name != NULL)
		*ret_name = listener->name;
	*ret_listener = listener;
	return 0;
}

BROOD_PUBLIC struct brood_listener *
brood_listener_free(struct brood_listener *listener)
{
	if (listener == NULL)
		return NULL;
	if (!listener->is_inherited)
		brood__claim_drop(&listener->claim);
	(void)brood__fd_close(listener->fd);
	free(listener->name);
	free(listener);
	return NULL;
}

BROOD_PUBLIC int
brood_listener_fd(const struct brood_listener *listener)
{
	return listener->fd;
}

/* Accepting */

/*
 * -EAGAIN if the connection that poll(2) has told of is gone, or another
 * process has taken it.
 */
static int
socket_accept_once(int listener_fd)
{
	int fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == EWOULDBLOCK || errno == EINTR ||
	    errno == ECONNABORTED ? -EAGAIN : -errno;
}

BROOD_PUBLIC int
brood_listener_accept(struct brood_listener *listener, int timeout_ms,
    int *ret_fd, struct brood_credentials *ret_credentials)
{
	int64_t deadline = brood__deadline(brood__now_ms(), timeout_ms);
	int fd, r;

	if (listener->owner != brood__owner_self())
		return -ECHILD;
	do {
		r = brood__await(listener->fd, POLLIN, deadline);
		if (r <= 0)
			return r;
		fd = socket_accept_once(listener->fd);
	} while (fd == -EAGAIN);
	if (fd < 0)
		return fd;
	if (ret_credentials != NULL) {
		r = brood_socket_credentials(fd, ret_credentials);
		if (r < 0) {
			(void)brood__fd_close(fd);
			return r;
		}
	}
	*ret_fd = fd;
	return 1;
}

/* Takes fd; closes it on error. */
static int
socket_make_channel(int fd, const struct brood_channel_options *options,
    struct brood_channel **ret_channel)
{
	int r;

	r = brood_channel_new(ret_channel, fd, options);
	if (r < 0)
		(void)brood__fd_close(fd);
	return r;
}

BROOD_PUBLIC int
brood_listener_accept_channel(struct brood_listener *listener, int timeout_ms,
    const struct brood_channel_options *options,
    struct brood_channel **ret_channel,
    struct brood_credentials *ret_credentials)
{
	int fd, r;

	/* Before accept(2): or a client would be accepted and dropped. */
	r = brood__channel_check_options(options);
	if (r < 0)
		return r;
	r = brood_listener_accept(listener, timeout_ms, &fd, ret_credentials);
	if (r <= 0)
		return r;
	r = socket_make_channel(fd, options, ret_channel);
	return r < 0 ? r : 1;
}

/* Connecting */

/*
 * Set how long connect(2) waits for room in the backlog of the listener; 0
 * means for ever.  poll(2) cannot do that: a non-blocking connect(2) to a full
 * backlog fails with EAGAIN, and no event tells when to try again.
 */
static int
socket_set_patience(int fd, int ms)
{
	struct timeval tv = {
		.tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000,
	};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0 ?
	    -errno : 0;
}

/*
 * Connect without waiting.  The shortest time of SO_SNDTIMEO would still sleep,
 * so this needs O_NONBLOCK, which is cleared again.
 */
static int
socket_connect_now(int fd, const struct brood__address *address)
{
	int r;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)&address->un, address->len);
	if (r < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return fcntl(fd, F_SETFL, 0) < 0 ? -errno : 0;
}

/* If a signal interrupts connect(2), the socket is not connected: try again. */
static int
socket_connect_until(int fd, const struct brood__address *address,
    int64_t deadline)
{
	int left, r;

	do {
		left = brood__time_left(deadline, brood__now_ms());
		if (left == 0)
			return socket_connect_now(fd, address);
		r = socket_set_patience(fd, left > 0 ? left : 0);
		if (r < 0)
			return r;
		r = connect(fd, (const struct sockaddr *)&address->un,
		    address->len) < 0 ? -errno : 0;
	} while (r == -EINTR);
	if (r == 0)
		r = socket_set_patience(fd, 0);
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

BROOD_PUBLIC int
brood_socket_connect(const char *path, int timeout_ms, int *ret_fd, char *text)
{
	int64_t deadline = brood__deadline(brood__now_ms(), timeout_ms);
	struct brood__address address;
	int fd, r;

	r = brood__address_init(&address, path);
	if (r < 0)
		return brood__address_explain(text, path, "", r);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return brood__address_explain(text, path, "", -errno);
	r = socket_connect_until(fd, &address, deadline);
	if (r < 0) {
		(void)brood__fd_close(fd);
		return brood__address_explain(text, path, "", r);
	}
	*ret_fd = fd;
	return 0;
}

BROOD_PUBLIC int
brood_channel_connect(const char *path, int timeout_ms,
    const struct brood_channel_options *options,
    struct brood_channel **ret_channel, char *text)
{
	int fd, r;

	r = brood__channel_check_options(options);
	if (r < 0)
		return brood__address_explain(text, path, "", r);
	r = brood_socket_connect(path, timeout_ms, &fd, text);
	if (r < 0)
		return r;
	r = socket_make_channel(fd, options, ret_channel);
	return r < 0 ? brood__address_explain(text, path, "", r) : 0;
}
