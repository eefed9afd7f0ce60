/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PEEK_H
#define BROOD__PEEK_H

/*
 * Look at bytes that wait in a stream socket behind others, and leave all of
 * them there.
 *
 * peek_offset.c uses SO_PEEK_OFF, Linux 3.4.  peek_copy.c needs only MSG_PEEK,
 * and sees less: see there.
 */

#include <stddef.h>
#include <sys/types.h>

/*
 * Copy len bytes from offset on.  Does not wait.  Gives how many of these bytes
 * could be seen, or a negative errno.
 */
ssize_t	brood__peek(int socket, size_t offset, void *bytes, size_t len);

#endif
