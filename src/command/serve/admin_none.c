/* SPDX-License-Identifier: ISC */

/*
 * admin.h where jansson is missing.
 */

#include "command/serve/admin.h"

void
admin_request(struct connection *connection, const struct brood_message *msg)
{
	connection_refuse(connection, msg->id, BROOD_ERROR_NO_METHOD,
	    "no such method: brood was built without jansson");
}

void
admin_event(struct server *server, const struct brood_event *event)
{
	(void)server;
	(void)event;
}

void
admin_end(struct server *server)
{
	(void)server;
}
