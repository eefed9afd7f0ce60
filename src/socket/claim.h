/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CLAIM_H
#define BROOD__CLAIM_H

/*
 * A claim to a path: the right to have a socket bound there, of which no two
 * processes have the same at a time.
 */

#include <stdbool.h>
#include <sys/types.h>

struct brood__claim {
	char *path;		/* absolute: the process may change directory */
	char *lock_path;
	int lock_fd;		/* of the file at lock_path, locked; or -1 */
	pid_t owner;		/* the process that made the claim */
	dev_t dev;		/* of the socket file, if is_bound */
	ino_t ino;
	bool is_bound;		/* the socket file has been made */
};

/* Who may use the socket file; -1 leaves an id as it is. */
struct brood__claim_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/*
 * Bind socket fd, which the caller keeps, to path.  A socket file that a dead
 * process has left there is replaced.  The file never allows more than
 * access->mode, not even for a moment.
 *
 *   -EADDRINUSE	a living process has the path
 *   -EEXIST	there is a file at the path which is not a socket
 */
int	brood__claim_take(struct brood__claim *ret_claim, int fd,
	    const char *path, const struct brood__claim_access *access,
	    char *text);

/*
 * Give the claim up: remove the socket file, unless another file has taken its
 * place, and unlock the path.  Call this before the socket is closed: while it
 * is open, no other file can have its inode number.  In a forked copy of the
 * owner only memory and the descriptor of the lock are released.
 */
void	brood__claim_drop(struct brood__claim *claim);

#endif
