/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ADDRESS_H
#define BROOD__ADDRESS_H

/*
 * Paths as addresses of UNIX sockets, and texts about errors with a path.
 */

#include <sys/socket.h>
#include <sys/un.h>

/* An address, as bind(2), connect(2) and sendto(2) take it. */
struct brood__address {
	struct sockaddr_un un;
	socklen_t len;
};

/*
 * Make an address of a path.
 *
 *   -ENAMETOOLONG	path does not fit
 *   -ENOENT	path is empty, which would mean "any address" to the kernel
 */
int	brood__address_init(struct brood__address *ret_address,
	    const char *path);

/*
 * Write path, part and a description of error into text, which has room for
 * BROOD_TEXT_SIZE bytes, or is NULL.  Gives error.
 */
int	brood__address_explain(char *text, const char *path, const char *part,
	    int error);

#endif
