/* SPDX-License-Identifier: ISC */

/*
 * brood reload: replace the workers of a brood run, and wait for the outcome.
 */

#include "command/methods.h"
#include "command/options.h"
#include "command/remote/remote.h"

#include <stdio.h>

static int
reload_run(const struct command *command, int argc, char **argv)
{
	int wait_ms = 0;
	const struct option_spec options[] = {
		REMOTE_WAIT(wait_ms),
		{ .name = NULL },
	};
	struct brood_message reply;
	struct remote remote;

	argv = options_parse(command, options, argc, argv);
	remote_open(&remote, argv[0], REMOTE_TIMEOUT_MS, wait_ms, false);
	remote_call(&remote, BROOD_METHOD_RELOAD, "", -1, &reply);
	remote_close(&remote);
	printf("reloaded\n");
	return COMMAND_OK;
}

const struct command command_reload = {
	.name = "reload",
	.summary = "Replace the workers of a brood run by new ones",
	.operands = "SOCKET",
	.min_operands = 1,
	.max_operands = 1,
	.help =
"One new worker is started first; only when it is ready do the old ones\n"
"finish, one at a time.  If it cannot start they stay, and this fails.\n",
	.run = reload_run,
};
