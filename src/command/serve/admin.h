/* SPDX-License-Identifier: ISC */
#ifndef BROOD__CONTROL_H
#define BROOD__CONTROL_H

/*
 * The methods of methods.h.  control.c answers them with jansson;
 * control_none.c, where that is missing, says that there are none.
 */

#include "command/serve/connection.h"

/* Answer, now or when it is done; or refuse. */
void	control_request(struct client *client,
	    const struct brood_message *msg);

/* Tell those who follow the events, or wait for this one. */
void	control_event(struct server *server, const struct brood_event *event);

/* There will be no more events: answer whoever waits for some. */
void	control_end(struct server *server);

#endif
