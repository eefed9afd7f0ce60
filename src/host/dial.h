/* SPDX-License-Identifier: ISC */
#ifndef BROOD__DIAL_H
#define BROOD__DIAL_H

/*
 * The connection of a client, from nothing until both sides have sent HELLO.
 */

#include <brood/channel.h>

struct brood__dial_options {
	const char *name;	/* of this side; NULL: none */
	struct brood_channel_options channel;
	int wait_ms;		/* for a server that does not listen yet; -1: no
				   limit */
	int connect_ms;		/* from its listening to its HELLO; -1: no
				   limit */
};

/*
 * Connect to a server.  The errors are those of brood_client_new(); text has
 * room for BROOD_TEXT_SIZE bytes, or is NULL.
 */
int	brood__dial(struct brood_channel **ret_channel, const char *path,
	    const struct brood__dial_options *options, char *text);

#endif
