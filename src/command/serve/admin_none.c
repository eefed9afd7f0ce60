/* SPDX-License-Identifier: ISC */

/*
 * control.h without jansson.
 */

#include "command/serve/admin.h"

void
control_request(struct client *client, const struct brood_message *msg)
{
	client_refuse(client, msg->id, BROOD_ERROR_NO_METHOD,
	    "no such method: brood was built without jansson");
}

void
control_event(struct server *server, const struct brood_event *event)
{
	(void)server;
	(void)event;
}

void
control_end(struct server *server)
{
	(void)server;
}
