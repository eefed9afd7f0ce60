/* SPDX-License-Identifier: ISC */

/*
 * A claim to a path.
 *
 * Owns the socket file and the lock "PATH.lock" from bind to drop.  Knows
 * nothing of listening or of messages.
 *
 * Why there is a lock.  A process can find out whether a socket file is stale,
 * that is, left by a dead process.  But before it has removed the file, another
 * process may have bound a socket there: of two that start together, both would
 * win, and the first would then have no file.  So a process first locks the
 * lock file by flock(2), and keeps the lock for as long as it has the path.
 * When it dies, the kernel releases the lock.  The locks of fcntl(2) would not
 * do: two threads of one process would both get them, and closing any
 * descriptor of the file releases them.  The lock file is removed together with
 * the claim, so a lock counts only if the locked file is still the one in the
 * directory.
 *
 * How a stale file is recognized.  A datagram socket is connected to the path,
 * whatever the type of the socket there.  If a stream socket is bound there,
 * the answer is EPROTOTYPE, even before it listens, and its owner does not
 * notice.  If no process has the socket any more, the answer is ECONNREFUSED.
 */

#include "base/fd.h"
#include "base/owner.h"
#include "socket/address.h"
#include "socket/claim.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>

enum { CLAIM_LOCK_TRIES = 100 };

enum claim_place { CLAIM_FREE, CLAIM_STALE };

/*
 * Is the socket at address stale?  Gives an enum claim_place; or an error, if a
 * living process has the socket or that cannot be found out.
 */
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

/* Gives an enum claim_place, or an error if the path cannot be used. */
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

/*
 * Lock the lock file.  Gives its descriptor; -EAGAIN if its owner has removed
 * the file meanwhile; or another error.
 */
static int
claim_lock_once(const char *lock_path)
{
	struct stat st;
	int fd, r;

	/* In a public directory another user may have put a FIFO or a link. */
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
	/* With some umasks the file could not be opened by the next server. */
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

/* Remember which file was made here: drop may remove that one, and no other. */
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
 * On Linux bind(2) gives the file the mode of the socket, less the umask.
 * Elsewhere a socket has no mode to be set (EINVAL).
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

/* The umask may have cleared bits of the mode: set them. */
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

/*
 * On error *ret_part is what to write behind the path, so that the user sees
 * whether the socket itself was at fault, its lock, its owner or its mode.
 */
static int
claim_make(struct brood__claim *claim, int fd,
    const struct brood__address *address,
    const struct brood__claim_access *access, const char **ret_part)
{
	int r;

	/* Asked before locking, so that no lock file is made for nothing. */
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
	struct brood__claim claim = {
		.lock_fd = -1,
		.owner = brood__owner_self(),
	};
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
	if (claim->owner == brood__owner_self())
		claim_remove(claim);
	claim->lock_fd = brood__fd_close(claim->lock_fd);
	free(claim->path);
	free(claim->lock_path);
	claim->path = claim->lock_path = NULL;
}
