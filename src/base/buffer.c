/* SPDX-License-Identifier: ISC */

/*
 * Bytes that come in at one end and leave at the other.
 */

#include "base/buffer.h"
#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The memory of a buffer that holds anything. */
enum { BUFFER_FIRST = 16 << 10 };

/* While the buffer is empty, what is beyond this size is given back. */
enum { BUFFER_IDLE = 64 << 10 };

int
brood__buffer_reserve(struct brood__buffer *buf, size_t n)
{
	size_t len = brood__buffer_len(buf), size = buf->size;
	uint8_t *bytes;

	if (brood__buffer_room(buf) >= n)
		return 0;
	if (len > 0 && buf->start > 0)
		memmove(buf->bytes, buf->bytes + buf->start, len);
	buf->start = 0;
	buf->end = len;
	if (size - len >= n)
		return 0;

	/*
	 * Twice as much each time; or for a long message once, with some room
	 * for what follows.
	 */
	size = size < BUFFER_FIRST ? BUFFER_FIRST : 2 * size;
	if (size - len < n)
		size = len + n + BUFFER_FIRST;
	bytes = realloc(buf->bytes, size);
	if (bytes == NULL)
		return -ENOMEM;
	buf->bytes = bytes;
	buf->size = size;
	return 0;
}

void
brood__buffer_append(struct brood__buffer *buf, const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(buf->bytes + buf->end, bytes, n);
	buf->end += n;
}

void
brood__buffer_insert(struct brood__buffer *buf, size_t at, const void *bytes,
    size_t n)
{
	uint8_t *to = buf->bytes + buf->start + at;

	memmove(to + n, to, brood__buffer_len(buf) - at);
	memcpy(to, bytes, n);
	buf->end += n;
}

void
brood__buffer_consume(struct brood__buffer *buf, size_t n)
{
	size_t used = buf->end;

	buf->start += n;
	if (buf->start < buf->end)
		return;
	buf->start = buf->end = 0;
	if (used > BUFFER_IDLE && !brood__pages_offer(buf->bytes + BUFFER_IDLE,
	    used - BUFFER_IDLE))
		brood__buffer_fini(buf);
}

void
brood__buffer_fini(struct brood__buffer *buf)
{
	free(buf->bytes);
	*buf = (struct brood__buffer) { .bytes = NULL };
}
