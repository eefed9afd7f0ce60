/* SPDX-License-Identifier: ISC */

/*
 * brood stop: have a brood run finish its requests and end.
 *
 * The server closes its connections when its last worker has ended: --wait
 * waits for that.
 */

#include "command/methods.h"
#include "command/options.h"
#include "command/remote/remote.h"

#include <stdio.h>

static int
stop_run(const struct command *command, int argc, char **argv)
{
	int drain_ms = -1;		/* the server's default */
	bool is_waiting = false;
	const struct option_spec options[] = {
		{ 'd', "drain", "SECONDS", "the time that accepted requests "
		    "have to finish; what is\nleft then is given up; "
		    "default: 30", .seconds_ms = &drain_ms },
		{ 'w', "wait", NULL, "wait until the server has ended",
		    .flag = &is_waiting },
		{ .name = NULL },
	};
	struct brood_message reply;
	struct remote remote;
	char json[64] = "";

	argv = options_parse(command, options, argc, argv);
	if (drain_ms >= 0)
		(void)snprintf(json, sizeof(json), "{\"drain\":%d.%03d}",
		    drain_ms / 1000, drain_ms % 1000);
	remote_open(&remote, argv[0], REMOTE_TIMEOUT_MS, 0, false);
	remote_call(&remote, BROOD_METHOD_STOP, json, -1, &reply);
	if (is_waiting)
		remote_await_end(&remote);
	remote_close(&remote);
	printf(is_waiting ? "stopped\n" : "stopping\n");
	return COMMAND_OK;
}

const struct command command_stop = {
	.name = "stop",
	.summary = "Have a brood run finish and end",
	.operands = "SOCKET",
	.min_operands = 1,
	.max_operands = 1,
	.run = stop_run,
};
