/* SPDX-License-Identifier: ISC */
#ifndef BROOD__ADMIN_H
#define BROOD__ADMIN_H

/*
 * The methods of methods.h, which control the server itself.  admin.c answers
 * them with jansson; where that is missing, admin_none.c refuses them.
 */

#include "command/serve/job.h"

/* Answer, now or later; or refuse. */
void	admin_request(struct connection *connection,
	    const struct brood_message *msg);

/* Tell an event to those who follow the events, or wait for this one. */
void	admin_event(struct server *server, const struct brood_event *event);

/* No more events will come: answer those who wait for some. */
void	admin_end(struct server *server);

#endif
