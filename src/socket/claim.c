/* SPDX-License-Identifier: ISC */

/*
 * A claim to a path.
 *
 * Owns the socket file and the lock "PATH.lock" from bind to drop.  Knows
 * nothing of listening or of messages.
 *
 * The lock.  Whether a socket file is stale can be asked, but between the
 * answer and the unlink another process may bind: two that start together would
 * both win, the first without a name.  So whoever asks holds flock(2) on the
 * lock file, for as long as it has the path; the kernel takes the lock from the
 * dead.  (fcntl(2)'s locks would let two threads of one process both win, and
 * go when any descriptor of the file is closed.)  The lock file goes with the
 * claim, so a lock counts only if the file it is on is still the one in the
 * directory.
 *
 * The question.  A datagram socket is connected to the path, whatever type is
 * there: a stream answers EPROTOTYPE, from the moment it is bound, and the
 * server sees no client that comes and goes.  A socket that no process has any
 * more answers ECONNREFUSED.
 */

#include "base/fd.h"
#include "socket/address.h"
#include "socket/claim.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>

enum { CLAIM_LOCK_TRIES = 100 };

enum claim_place { CLAIM_FREE, CLAIM_STALE };

/* Is the socket at address one that nobody has any more? */
static int
claim_probe(const struct brood__address *address)
{
	int fd, r;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)&address->un, address->len);
	r = r < 0 ? -errno : 0;
	(void)brood__fd_close(fd);
	switch (r) {
	case -ECONNREFUSED:
		return CLAIM_STALE;
	case -ENOENT:
		return CLAIM_FREE;
	case 0:
	case -EPROTOTYPE:	/* a stream */
	case -EPERM:		/* a datagram socket connected to another */
		return -EADDRINUSE;
	default:
		return r;
	}
}

/* Gives an enum claim_place, or an error that says why it cannot be had. */
static int
claim_examine(const char *path, const struct brood__address *address)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? CLAIM_FREE : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return claim_probe(address);
}

static bool
claim_is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is the file that is locked still the one that others will find? */
static bool
claim_lock_is_current(int fd, const char *lock_path)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && lstat(lock_path, &there) == 0 &&
	    claim_is_same_file(&mine, &there);
}

/* Gives the descriptor of a locked file, or an error. */
static int
claim_lock_once(const char *lock_path)
{
	struct stat st;
	int fd, r;

	/* Another's FIFO or link in a public directory must do no harm. */
	fd = open(lock_path,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EEXIST;
	if (r == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	if (r == 0 && !claim_lock_is_current(fd, lock_path))
		r = -EAGAIN;
	if (r < 0) {
		(void)brood__fd_close(fd);
		return r;
	}
	/* A umask without 0600 would lock the next server out. */
	(void)fchmod(fd, 0600);
	return fd;
}

static int
claim_lock(struct brood__claim *claim)
{
	int r = -EAGAIN;

	for (int i = 0; i < CLAIM_LOCK_TRIES && r == -EAGAIN; i++)
		r = claim_lock_once(claim->lock_path);
	if (r < 0)
		return r == -EAGAIN ? -EADDRINUSE : r;
	claim->lock_fd = r;
	return 0;
}

/* What was bound is what drop may remove, whatever fails from here on. */
static int
claim_remember(struct brood__claim *claim)
{
	struct stat st;

	if (lstat(claim->path, &st) < 0)
		return -errno;
	claim->dev = st.st_dev;
	claim->ino = st.st_ino;
	claim->is_bound = true;
	return 0;
}

static int
claim_bind(struct brood__claim *claim, int fd,
    const struct brood__address *address)
{
	int r;

	r = claim_examine(claim->path, address);
	if (r < 0)
		return r;
	if (r == CLAIM_STALE && unlink(claim->path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address->un, address->len) < 0)
		return -errno;
	return claim_remember(claim);
}

/*
 * The mode of the socket itself, before it is bound, is what Linux gives the
 * file, less the umask; elsewhere it cannot be set (EINVAL).
 */
static int
claim_limit_mode(int fd, mode_t mode)
{
	return fchmod(fd, mode) < 0 && errno != EINVAL ? -errno : 0;
}

static int
claim_set_owner(const struct brood__claim *claim,
    const struct brood__claim_access *access)
{
	if (access->uid == (uid_t)-1 && access->gid == (gid_t)-1)
		return 0;
	return lchown(claim->path, access->uid, access->gid) < 0 ? -errno : 0;
}

/* The umask may have taken bits that are wanted. */
static int
claim_set_mode(const struct brood__claim *claim, mode_t mode)
{
	struct stat st;

	if (lstat(claim->path, &st) < 0)
		return -errno;
	if ((st.st_mode & 07777) == mode)
		return 0;
	return fchmodat(AT_FDCWD, claim->path, mode, AT_SYMLINK_NOFOLLOW) < 0 ?
	    -errno : 0;
}

static int
claim_name(struct brood__claim *claim, const char *path)
{
	char *cwd = NULL;
	int n;

	if (path[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL)
			return -errno;
	}
	n = asprintf(&claim->path, "%s%s%s", cwd != NULL ? cwd : "",
	    cwd != NULL ? "/" : "", path);
	free(cwd);
	if (n < 0) {
		claim->path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&claim->lock_path, "%s.lock", claim->path) < 0) {
		claim->lock_path = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Each step names in ret_part what of the path it failed on. */
static int
claim_make(struct brood__claim *claim, int fd,
    const struct brood__address *address,
    const struct brood__claim_access *access, const char **ret_part)
{
	int r;

	/* Before the lock: what cannot be had gets no lock file beside it. */
	*ret_part = "";
	r = claim_examine(claim->path, address);
	if (r < 0)
		return r;
	r = claim_lock(claim);
	if (r < 0) {
		*ret_part = r == -EADDRINUSE ? "" :
		    r == -ENOENT ? ": its directory" : ".lock";
		return r;
	}
	r = claim_limit_mode(fd, access->mode);
	if (r == 0)
		r = claim_bind(claim, fd, address);
	if (r < 0)
		return r;
	*ret_part = ": its owner";
	r = claim_set_owner(claim, access);
	if (r < 0)
		return r;
	*ret_part = ": its mode";
	return claim_set_mode(claim, access->mode);
}

int
brood__claim_take(struct brood__claim *ret_claim, int fd, const char *path,
    const struct brood__claim_access *access, char *text)
{
	struct brood__claim claim = { .lock_fd = -1, .owner = getpid() };
	struct brood__address address;
	const char *part = "";
	int r;

	r = brood__address_init(&address, path);
	if (r == 0)
		r = claim_name(&claim, path);
	if (r == 0)
		r = claim_make(&claim, fd, &address, access, &part);
	if (r < 0) {
		brood__claim_drop(&claim);
		return brood__address_explain(text, path, part, r);
	}
	*ret_claim = claim;
	return 0;
}

static void
claim_remove(const struct brood__claim *claim)
{
	struct stat st;

	if (claim->is_bound && lstat(claim->path, &st) == 0 &&
	    st.st_dev == claim->dev && st.st_ino == claim->ino)
		(void)unlink(claim->path);
	if (claim->lock_fd >= 0 &&
	    claim_lock_is_current(claim->lock_fd, claim->lock_path))
		(void)unlink(claim->lock_path);
}

void
brood__claim_drop(struct brood__claim *claim)
{
	if (claim->owner == getpid())
		claim_remove(claim);
	claim->lock_fd = brood__fd_close(claim->lock_fd);
	free(claim->path);
	free(claim->lock_path);
	claim->path = claim->lock_path = NULL;
}
