/* SPDX-License-Identifier: ISC */

/*
 * Who is at the other end of a stream socket.
 *
 * On Linux SO_PEERCRED gives pid, uid and gid.  Elsewhere getpeereid(3) gives
 * uid and gid, and the pid is 0.
 */

#include "base/export.h"

#include <brood/socket.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <unistd.h>

/*
 * Refuse sockets that have no peer.  SO_PEERCRED would not: of a listener it
 * gives this process's own ids, and of an unconnected socket -1.
 */
static int
credentials_check_socket(int fd)
{
	struct sockaddr_un un;
	socklen_t len = sizeof(un), type_len = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0)
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&un, &len) < 0)
		return -errno;
	if (type != SOCK_STREAM || un.sun_family != AF_UNIX)
		return -EPROTOTYPE;
	len = sizeof(un);
	return getpeername(fd, (struct sockaddr *)&un, &len) < 0 ? -errno : 0;
}

#ifdef HAVE_SO_PEERCRED

static int
credentials_get(int fd, struct brood_credentials *ret_credentials)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	ret_credentials->uid = cred.uid;
	ret_credentials->gid = cred.gid;
	ret_credentials->pid = cred.pid;
	return 0;
}

#else

static int
credentials_get(int fd, struct brood_credentials *ret_credentials)
{
	uid_t uid;
	gid_t gid;

	if (getpeereid(fd, &uid, &gid) < 0)
		return -errno;
	ret_credentials->uid = uid;
	ret_credentials->gid = gid;
	ret_credentials->pid = 0;
	return 0;
}

#endif

BROOD_PUBLIC int
brood_socket_credentials(int fd, struct brood_credentials *ret_credentials)
{
	int r;

	r = credentials_check_socket(fd);
	return r < 0 ? r : credentials_get(fd, ret_credentials);
}
