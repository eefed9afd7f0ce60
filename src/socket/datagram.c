/* SPDX-License-Identifier: ISC */

/*
 * Datagram peers that know each other by name.
 *
 * Owns one bound datagram socket and the claim to its path.  The kernel tells
 * for each message the path to which the sender's socket is bound.  The name of
 * a peer is the part of its path that follows "DIR/PREFIX-".  A sender whose
 * path does not begin with that has no name here.
 */

#include "base/await.h"
#include "base/export.h"
#include "base/fd.h"
#include "base/owner.h"
#include "socket/address.h"
#include "socket/claim.h"

#include <brood/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATAGRAM_NAME = 64 };

struct brood_peer {
	int fd;
	struct brood__claim claim;
	char *prefix;		/* "DIR/PREFIX-" */
};

static bool
datagram_is_name(const char *name, size_t len)
{
	return len > 0 && len <= DATAGRAM_NAME &&
	    memchr(name, '/', len) == NULL;
}

static int
datagram_prefix(char **ret_prefix, const char *dir, const char *prefix)
{
	size_t len = strlen(dir);

	if (len == 0 || strchr(prefix, '/') != NULL)
		return -EINVAL;
	/*
	 * Without slashes at the end, so that the paths of peers that wrote the
	 * directory in different ways are equal.
	 */
	while (len > 0 && dir[len - 1] == '/')
		len--;
	return asprintf(ret_prefix, "%.*s/%s-", (int)len, dir, prefix) < 0 ?
	    -ENOMEM : 0;
}

static int
datagram_bind(struct brood_peer *peer, const char *name, char *text)
{
	const struct brood__claim_access access = {
		.mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	char *path;
	int r;

	if (asprintf(&path, "%s%s", peer->prefix, name) < 0)
		return brood__address_explain(text, name, "", -ENOMEM);
	r = brood__claim_take(&peer->claim, peer->fd, path, &access, text);
	free(path);
	return r;
}

BROOD_PUBLIC int
brood_peer_new(struct brood_peer **ret_peer, const char *dir,
    const char *prefix, const char *name, char *text)
{
	struct brood_peer peer;
	int r;

	if (!datagram_is_name(name, strlen(name)))
		return brood__address_explain(text, name, "", -EINVAL);
	r = datagram_prefix(&peer.prefix, dir, prefix);
	if (r < 0)
		return brood__address_explain(text, dir, "", r);
	peer.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r = peer.fd < 0 ? brood__address_explain(text, name, "", -errno) :
	    datagram_bind(&peer, name, text);
	if (r < 0)
		goto fail;
	*ret_peer = malloc(sizeof(**ret_peer));
	if (*ret_peer != NULL) {
		**ret_peer = peer;
		return 0;
	}
	brood__claim_drop(&peer.claim);
	r = brood__address_explain(text, name, "", -ENOMEM);
fail:
	(void)brood__fd_close(peer.fd);
	free(peer.prefix);
	return r;
}

BROOD_PUBLIC struct brood_peer *
brood_peer_free(struct brood_peer *peer)
{
	if (peer == NULL)
		return NULL;
	brood__claim_drop(&peer->claim);
	(void)brood__fd_close(peer->fd);
	free(peer->prefix);
	free(peer);
	return NULL;
}

BROOD_PUBLIC int
brood_peer_fd(const struct brood_peer *peer)
{
	return peer->fd;
}

static int
datagram_address(const struct brood_peer *peer, const char *name,
    struct brood__address *ret_address)
{
	char path[sizeof(ret_address->un.sun_path)];
	int n;

	if (!datagram_is_name(name, strlen(name)))
		return -EINVAL;
	n = snprintf(path, sizeof(path), "%s%s", peer->prefix, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return brood__address_init(ret_address, path);
}

BROOD_PUBLIC int
brood_peer_send(struct brood_peer *peer, const char *name, const void *data,
    size_t len)
{
	struct brood__address address;
	ssize_t n;
	int r;

	if (peer->claim.owner != brood__owner_self())
		return -ECHILD;
	r = datagram_address(peer, name, &address);
	if (r < 0)
		return r;
	do {
		n = sendto(peer->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		    (const struct sockaddr *)&address.un, address.len);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	/* Other systems say ENOBUFS when the receiver's queue is full. */
	return errno == ENOBUFS ? -EAGAIN : -errno;
}

/*
 * The name of a sender, or "".  A path that fills sun_path has no NUL at its
 * end, though its length counts one.  An abstract address begins with NUL, so
 * that its path is "" here.
 */
static void
datagram_sender(const struct brood_peer *peer,
    const struct brood__address *sender, char ret_name[DATAGRAM_NAME + 1])
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	const char *path = sender->un.sun_path;
	size_t len = 0, prefix_len = strlen(peer->prefix);

	if (sender->len > head)
		len = strnlen(path, sizeof(sender->un.sun_path));
	ret_name[0] = '\0';
	if (len <= prefix_len || memcmp(path, peer->prefix, prefix_len) != 0)
		return;
	path += prefix_len;
	len -= prefix_len;
	if (!datagram_is_name(path, len))
		return;
	memcpy(ret_name, path, len);
	ret_name[len] = '\0';
}

/*
 * Gives the length that the message was sent with, even if there was less room
 * (MSG_TRUNC).
 */
static ssize_t
datagram_recv_once(int fd, void *buf, size_t size,
    struct brood__address *ret_sender)
{
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = {
		.msg_name = &ret_sender->un,
		.msg_namelen = sizeof(ret_sender->un),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t n;

	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_TRUNC);
	ret_sender->len = msg.msg_namelen;
	if (n < 0)
		return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN :
		    -errno;
	return n;
}

BROOD_PUBLIC int
brood_peer_recv(struct brood_peer *peer, int timeout_ms, void *buf,
    size_t size, size_t *ret_len, char ret_name[DATAGRAM_NAME + 1])
{
	int64_t deadline = brood__deadline(brood__now_ms(), timeout_ms);
	struct brood__address sender = { 0 };
	ssize_t n;
	int r;

	if (peer->claim.owner != brood__owner_self())
		return -ECHILD;
	do {
		r = brood__await(peer->fd, POLLIN, deadline);
		if (r <= 0)
			return r;
		n = datagram_recv_once(peer->fd, buf, size, &sender);
	} while (n == -EAGAIN);
	if (n < 0)
		return (int)n;
	*ret_len = (size_t)n;
	datagram_sender(peer, &sender, ret_name);
	if ((size_t)n <= size)
		return 1;
	memset(buf, 0, size);
	return -EMSGSIZE;
}
