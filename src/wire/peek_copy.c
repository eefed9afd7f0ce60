/* SPDX-License-Identifier: ISC */

/*
 * Peeking without an offset: copy all that is in front as well.
 *
 * So this looks no further than PEEK_MAX bytes.  That is enough for a worker
 * that looks for a CANCEL: the host sends at most 64 KiB of requests ahead.  On
 * systems where recv(2) ends at the first bytes with descriptors, nothing
 * behind these is seen.
 */

#include "wire/peek.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PEEK_MAX = 128 << 10 };

ssize_t
brood__peek(int socket, size_t offset, void *bytes, size_t len)
{
	uint8_t *copy;
	ssize_t n;

	if (offset > PEEK_MAX - len)
		return 0;
	copy = malloc(offset + len);
	if (copy == NULL)
		return -ENOMEM;
	do {
		n = recv(socket, copy, offset + len, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	n = n > (ssize_t)offset ? n - (ssize_t)offset : 0;
	memcpy(bytes, copy + offset, (size_t)n);
	free(copy);
	return n;
}
