/* SPDX-License-Identifier: ISC */

/*
 * Peeking at an offset: SO_PEEK_OFF, socket(7).
 *
 * recv(2) with MSG_PEEK then begins at that offset, and the kernel moves the
 * offset by what it gave.  A receive without MSG_PEEK is not affected.  The
 * option stays set: nobody else peeks at the socket of a channel.
 *
 * Such a call ends where descriptors are attached, even when it has room left,
 * so it is repeated; without a control buffer it leaves them where they are.
 */

#include "wire/peek.h"

#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <stdint.h>

ssize_t
brood__peek(int socket, size_t offset, void *bytes, size_t len)
{
	size_t at = 0;
	int start;
	ssize_t n;

	if (offset > INT_MAX - len)
		return -EINVAL;
	start = (int)offset;
	if (setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, &start,
	    sizeof(start)) < 0)
		return -errno;
	while (at < len) {
		n = recv(socket, (uint8_t *)bytes + at, len - at,
		    MSG_PEEK | MSG_DONTWAIT);
		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	return (ssize_t)at;
}
