/* SPDX-License-Identifier: ISC */
#ifndef BROOD_SOCKET_H
#define BROOD_SOCKET_H

/*
 * UNIX sockets that have a name in the file system, for processes that are not
 * parent and child: listeners for stream connections, connections to them, and
 * datagram peers.
 *
 * A path is at most 107 bytes long (unix(7)).  It is used as bind(2) and
 * connect(2) use it.
 *
 * Errors of all functions that have a path:
 *
 *   -ENAMETOOLONG	the path is too long for a socket address
 *   -ENOENT, -ENOTDIR, -EACCES, ...	what bind(2) or connect(2) said
 */

#include <brood/channel.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct brood_listener;

/* How to listen. */
struct brood_listener_options {
	uint32_t mode;		/* of the socket file, at most 0777; 0: 0600.
				   To connect, a process needs write
				   permission */
	uint32_t uid;		/* the owner of the file; 0: this process's */
	uint32_t gid;		/* the group of the file; 0: this process's */
	int32_t	 backlog;	/* connections that may wait to be accepted, as
				   in listen(2); 0: 128 */
	uint64_t reserved[4];
};

/* Who is at the other end of a connection: SO_PEERCRED of unix(7). */
struct brood_credentials {
	uint32_t uid;
	uint32_t gid;
	int32_t	 pid;		/* 0 where the system does not tell it */
	uint32_t reserved_1;
	uint64_t reserved[2];
};

/*
 * Bind a stream socket to a path, and listen.
 *
 * If the path is a socket file that no process answers on, as a killed server
 * leaves one behind, it is replaced.  Nothing else is ever replaced.  If two
 * servers start at the same moment, one of them gets the path: it holds a lock
 * on the file "PATH.lock" as long as it listens.
 *
 * The mode and the owner of the socket file are set before anyone can connect.
 * options may be NULL: then every option has its default.
 *
 *   -EADDRINUSE	another process listens there, or holds the lock
 *   -EEXIST	the path exists and is not a socket
 *   -EINVAL	the mode is over 0777, or the backlog is negative
 */
int	brood_listener_new(struct brood_listener **ret_listener,
	    const char *path, const struct brood_listener_options *options,
	    char *text);

/*
 * Use a listening socket that the service manager opened and passed on to this
 * process: number i, from 0, of LISTEN_FDS (see sd_listen_fds(3)).  Its name in
 * LISTEN_FDNAMES, or "" if it has none, is stored in ret_name, which may be
 * NULL.  The name belongs to the listener.
 *
 * Takes the descriptor, but only on success.  Use each number once.
 *
 * The O_NONBLOCK flag of the socket stays as it is.  If it is not set, and
 * several processes accept from this socket, brood_listener_accept() can wait
 * longer than its timeout: it does so when another process has accepted the
 * connection first.
 *
 *   -ENOENT	there are no more than i sockets, or they are for another
 *		process
 *   -EBADF	the descriptor is not open
 *   -ENOTSOCK, -EPROTOTYPE	it is not a listening UNIX stream socket
 */
int	brood_listener_inherit(struct brood_listener **ret_listener, unsigned i,
	    const char **ret_name);

/*
 * Stop listening, remove the socket file and its lock, and free the listener.
 * The file is not removed if another server has replaced it, nor if it belongs
 * to the service manager.
 *
 * listener may be NULL.  Returns NULL.
 */
struct brood_listener *
	brood_listener_free(struct brood_listener *listener);

/*
 * Get the listening socket, to poll(2) it for POLLIN.  It belongs to the
 * listener.
 */
int	brood_listener_fd(const struct brood_listener *listener);

/*
 * Accept a connection, waiting up to timeout_ms for one.
 * brood_listener_accept_channel() makes a channel of it.  The credentials of
 * the client are stored in ret_credentials, which may be NULL.
 *
 * Gives the descriptor, or the channel.
 *
 * Returns 1 with a connection, 0 if there was none in time.
 *
 *   -EMFILE, -ENFILE	no descriptor is left.  The client goes on waiting:
 *		close something, then try again
 */
int	brood_listener_accept(struct brood_listener *listener, int timeout_ms,
	    int *ret_fd, struct brood_credentials *ret_credentials);
int	brood_listener_accept_channel(struct brood_listener *listener,
	    int timeout_ms, const struct brood_channel_options *options,
	    struct brood_channel **ret_channel,
	    struct brood_credentials *ret_credentials);

/*
 * Connect to a listener, waiting up to timeout_ms while its backlog is full.
 * Does not wait for a listener that is not there.  brood_channel_connect()
 * makes a channel of the connection.
 *
 * Gives the descriptor, or the channel.
 *
 *   -ENOENT	the path does not exist
 *   -ECONNREFUSED	the path exists, but no process listens there
 *   -ETIMEDOUT	the backlog was full until the time was over
 */
int	brood_socket_connect(const char *path, int timeout_ms, int *ret_fd,
	    char *text);
int	brood_channel_connect(const char *path, int timeout_ms,
	    const struct brood_channel_options *options,
	    struct brood_channel **ret_channel, char *text);

/*
 * Get the credentials of the other end of any connected UNIX stream socket, as
 * they were when it called connect(2).
 *
 *   -EBADF, -ENOTSOCK, -EPROTOTYPE	fd is not a UNIX stream socket
 *   -ENOTCONN	the socket is not connected
 */
int	brood_socket_credentials(int fd,
	    struct brood_credentials *ret_credentials);

/*
 * A peer: a datagram socket at the path DIR/PREFIX-NAME.  Peers with the same
 * directory and prefix know each other by name.
 */
struct brood_peer;

/*
 * Make a peer with this name.  A name is 1 to 64 bytes without '/'.  The rules
 * for a path that exists already, and the errors, are those of
 * brood_listener_new(); the mode of the socket file is 0600.
 *
 *   -EINVAL	the name is not allowed, prefix has a '/', or dir is empty
 */
int	brood_peer_new(struct brood_peer **ret_peer, const char *dir,
	    const char *prefix, const char *name, char *text);

/*
 * Close the socket, remove its file as brood_listener_free() does, and free the
 * peer.
 *
 * peer may be NULL.  Returns NULL.
 */
struct brood_peer *
	brood_peer_free(struct brood_peer *peer);

/*
 * Get the socket, to poll(2) it for POLLIN.  It belongs to the peer.
 */
int	brood_peer_fd(const struct brood_peer *peer);

/*
 * Send a datagram to the peer of that name.  Borrows data.
 *
 *   -ENOENT	there is no peer of that name
 *   -ECONNREFUSED	the peer of that name has died
 *   -EAGAIN	the queue of the peer is full: try again later
 *   -EMSGSIZE	the datagram is longer than this system permits
 *   -EINVAL	the name is not allowed
 */
int	brood_peer_send(struct brood_peer *peer, const char *name,
	    const void *data, size_t len);

/*
 * Receive a datagram, waiting up to timeout_ms for one.  It is stored in buf,
 * which has room for size bytes, and its length in ret_len.  The name of the
 * sender is stored in ret_name, with a NUL; "" if the sender is not a peer with
 * this directory and prefix, spelled in the same way.
 *
 * Returns 1 with a datagram, 0 if there was none in time.
 *
 *   -EMSGSIZE	the datagram is longer than size.  It is lost; its length is in
 *		ret_len and its sender in ret_name
 */
int	brood_peer_recv(struct brood_peer *peer, int timeout_ms, void *buf,
	    size_t size, size_t *ret_len, char ret_name[65]);

#ifdef __cplusplus
}
#endif

#endif
