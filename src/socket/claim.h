/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CLAIM_H
#define BROOD__CLAIM_H

/*
 * A claim to a path: a socket bound there by this process and no other.
 */

#include <stdbool.h>
#include <sys/types.h>

struct brood__claim {
	char *path;		/* absolute: the process may change directory */
	char *lock_path;
	int lock_fd;
	pid_t owner;
	dev_t dev;		/* of the socket file, once is_bound */
	ino_t ino;
	bool is_bound;
};

/* Who may use the file; -1 leaves an id as it is. */
struct brood__claim_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/*
 * Bind socket fd, which stays the caller's, to path.  What a dead process left
 * there is replaced.  At no moment does the file allow more than mode.
 *
 *   -EADDRINUSE	a living process has it
 *   -EEXIST	it is there and is not a socket
 */
int	brood__claim_take(struct brood__claim *ret_claim, int fd,
	    const char *path, const struct brood__claim_access *access,
	    char *text);

/*
 * Remove the file unless another has taken its place, and let the next have the
 * path.  Before the socket is closed: while it is open, no other file can have
 * its inode number.  In a forked copy: forget the claim only.
 */
void	brood__claim_drop(struct brood__claim *claim);

#endif
