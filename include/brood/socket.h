/* SPDX-License-Identifier: ISC */
#ifndef BROOD_SOCKET_H
#define BROOD_SOCKET_H

/*
 * Named UNIX sockets, for processes that are not parent and child: stream
 * listeners, connections to them, and datagram peers.  Paths are those of
 * unix(7): at most 107 bytes, not resolved beyond what bind(2) and connect(2)
 * do.
 *
 * Functions that take a path can say in words what went wrong with which path:
 * text, where it is not NULL, has room for BROOD_SOCKET_TEXT bytes and is set
 * on error.
 *
 *   -ENAMETOOLONG	the path does not fit a socket address
 *   -ENOENT, -ENOTDIR, -EACCES, ...	of bind(2) or connect(2)
 */

#include <brood/channel.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BROOD_SOCKET_TEXT	256

struct brood_listener;

struct brood_listen_options {
	bool	 has_mode;	/* else 0600 */
	mode_t	 mode;		/* of the file: who may connect needs write */
	bool	 has_owner;	/* else this process's */
	uid_t	 uid;
	bool	 has_group;
	gid_t	 gid;
	int	 backlog;	/* of listen(2); 0: 128 */
};

/* Who is at the other end; as of connect(2), SO_PEERCRED of unix(7). */
struct brood_credentials {
	uid_t	 uid;
	gid_t	 gid;
	pid_t	 pid;
};

/*
 * Bind a stream socket to path and listen.
 *
 * A socket file that nobody answers on, such as a killed server leaves, is
 * replaced; nothing else ever is.  Of two servers that start at the same moment
 * one wins: each holds a lock on "PATH.lock" as long as it lives, which the
 * kernel takes from the dead.  Mode and owner are set before the file can be
 * connected to.
 *
 *   -EADDRINUSE	a server has it, or holds the lock
 *   -EEXIST	path is there and is not a socket
 *   -EINVAL	a mode beyond 0777, or a negative backlog
 */
int	brood_listen(struct brood_listener **ret_listener, const char *path,
	    const struct brood_listen_options *options, char *text);

/*
 * Take a listener that the service manager has opened: number i from 0 of
 * LISTEN_FDS, if LISTEN_PID is this process (sd_listen_fds(3)).  ret_name,
 * which may be NULL, gets its name of LISTEN_FDNAMES, or "": it belongs to the
 * listener.  Its file stays when it is freed: it is the manager's.
 *
 * Takes the descriptor, on success only: each number once.  Its O_NONBLOCK
 * stays as it came; without it, where several processes accept from the
 * listener, one that another has been faster than waits on past its timeout.
 *
 *   -ENOENT	there are no more than i
 *   -ENOTSOCK, -EPROTOTYPE	it is no listening UNIX stream socket
 */
int	brood_listen_inherit(struct brood_listener **ret_listener, unsigned i,
	    const char **ret_name);

/*
 * Stop listening, and remove the file unless another has taken its place.
 * In a forked copy: close only.  Takes NULL; gives NULL.
 */
struct brood_listener *
	brood_listener_free(struct brood_listener *listener);

/* To poll(2) for POLLIN. */
int	brood_listener_fd(const struct brood_listener *listener);

/*
 * Accept a connection, waiting up to timeout_ms: a descriptor, or a channel.
 * ret_credentials may be NULL.
 *
 * Returns 1 with one, 0 if none came in time.  A client that left before it was
 * accepted is none.
 *
 *   -EMFILE, -ENFILE	no descriptor left: the client waits on
 */
int	brood_accept(struct brood_listener *listener, int timeout_ms,
	    int *ret_fd, struct brood_credentials *ret_credentials);
int	brood_accept_channel(struct brood_listener *listener, int timeout_ms,
	    const struct brood_channel_options *options,
	    struct brood_channel **ret_channel,
	    struct brood_credentials *ret_credentials);

/*
 * Connect to a listener, waiting up to timeout_ms for it to have room; it is
 * not waited for to be there.
 *
 *   -ECONNREFUSED	the file is there and nobody listens
 *   -ETIMEDOUT
 */
int	brood_connect(const char *path, int timeout_ms, int *ret_fd,
	    char *text);
int	brood_connect_channel(const char *path, int timeout_ms,
	    const struct brood_channel_options *options,
	    struct brood_channel **ret_channel, char *text);

/*
 * The other end's credentials, of any connected UNIX stream socket.  Where the
 * system does not tell the pid, it is 0.
 *
 *   -ENOTCONN, -ENOTSOCK, -EPROTOTYPE	fd is none
 */
int	brood_socket_credentials(int fd,
	    struct brood_credentials *ret_credentials);

/*
 * Datagram peers that know each other by name: DIR/PREFIX-NAME.
 */
struct brood_peer;

/*
 * Bind this process's own name.  What a dead peer left under it is replaced;
 * the rules are those of brood_listen(), its mode 0600.  A name is 1 to 64
 * bytes without '/'.
 *
 *   -EINVAL	no such name, a prefix with '/', or an empty dir
 */
int	brood_peer_new(struct brood_peer **ret_peer, const char *dir,
	    const char *prefix, const char *name, char *text);
struct brood_peer *
	brood_peer_free(struct brood_peer *peer);
int	brood_peer_fd(const struct brood_peer *peer);

/*
 * Send a datagram to the peer of that name; never waits.
 *
 *   -ENOENT, -ECONNREFUSED	it is not there; it is dead
 *   -EAGAIN	it is too slow: its queue is full
 *   -EMSGSIZE	longer than a datagram can be here
 */
int	brood_peer_send(struct brood_peer *peer, const char *name,
	    const void *data, size_t len);

/*
 * Receive a datagram, waiting up to timeout_ms, and who sent it: a name of up
 * to 64 bytes and NUL, "" if the sender has none of this kind: it is bound to
 * no DIR/PREFIX-NAME as this peer spells it.
 *
 * Returns 1 with one, 0 if none came in time.
 *
 *   -EMSGSIZE	it is longer than size: *ret_len says how long; it is lost, and
 *		what was received is not given
 */
int	brood_peer_recv(struct brood_peer *peer, int timeout_ms, void *buf,
	    size_t size, size_t *ret_len, char ret_name[65]);

#ifdef __cplusplus
}
#endif

#endif
