/* SPDX-License-Identifier: ISC */
#ifndef BROOD__BUFFER_H
#define BROOD__BUFFER_H

/*
 * Bytes that come in at one end and leave at the other.  A zeroed buffer is an
 * empty one.  When it is empty again, the memory that a long message needed is
 * left to the kernel, which takes it if it needs it; where that cannot be done,
 * it is freed.
 */

#include <stddef.h>
#include <stdint.h>

struct brood__buffer {
	uint8_t *bytes;
	size_t size;		/* of the memory at bytes */
	size_t start;		/* offset of the first byte that is there */
	size_t end;		/* offset behind the last one */
};

static inline size_t
brood__buffer_len(const struct brood__buffer *buf)
{
	return buf->end - buf->start;
}

/* How many bytes fit behind what is there. */
static inline size_t
brood__buffer_room(const struct brood__buffer *buf)
{
	return buf->size - buf->end;
}

/* Make room for n bytes behind what is there: 0 or -ENOMEM. */
int	brood__buffer_reserve(struct brood__buffer *buf, size_t n);

/* Put n bytes where room was made. */
void	brood__buffer_append(struct brood__buffer *buf, const void *bytes,
	    size_t n);

/*
 * Put n bytes where room was made, in front of what is there from offset at on.
 */
void	brood__buffer_insert(struct brood__buffer *buf, size_t at,
	    const void *bytes, size_t n);

/* Forget the first n bytes. */
void	brood__buffer_consume(struct brood__buffer *buf, size_t n);

void	brood__buffer_fini(struct brood__buffer *buf);

#endif
