/* SPDX-License-Identifier: ISC */

/*
 * Paths as addresses of UNIX sockets.  Makes no system call.
 */

#include "socket/address.h"

#include <brood/socket.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

int
brood__address_init(struct brood__address *ret_address, const char *path)
{
	struct sockaddr_un *un = &ret_address->un;
	size_t len = strlen(path);

	if (len == 0)
		return -ENOENT;
	if (len >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len);
	ret_address->len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 0;
}

/* Some errors mean more here than strerror(3) says. */
static const char *
address_why(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another process has it";
	case -EEXIST:
		return "exists and is not a socket";
	case -ENAMETOOLONG:
		return "too long for a socket's path";
	default:
		return strerror(-error);
	}
}

int
brood__address_explain(char *text, const char *path, const char *part,
    int error)
{
	/* A long path is cut, so that the reason behind it has room. */
	const int room = BROOD_TEXT_SIZE / 2;
	size_t len = strlen(path);

	if (text != NULL)
		(void)snprintf(text, BROOD_TEXT_SIZE, "%.*s%s%s: %s",
		    room, path, len > (size_t)room ? "..." : "", part,
		    address_why(error));
	return error;
}
