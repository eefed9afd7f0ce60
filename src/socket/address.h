/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ADDRESS_H
#define BROOD__ADDRESS_H

/*
 * Paths as addresses of UNIX sockets, and what is said when one is no good.
 */

#include <sys/socket.h>
#include <sys/un.h>

/* What bind(2), connect(2) and sendto(2) take. */
struct brood__address {
	struct sockaddr_un un;
	socklen_t len;
};

/*
 * -ENAMETOOLONG if path does not fit; -ENOENT if it is empty, which to the
 * kernel would mean "any address".
 */
int	brood__address_init(struct brood__address *ret_address,
	    const char *path);

/*
 * Say in text, of BROOD_SOCKET_TEXT bytes or NULL, what error is and of which
 * path; part, which may be "", follows the path.  Gives error.
 */
int	brood__address_explain(char *text, const char *path, const char *part,
	    int error);

#endif
