/* SPDX-License-Identifier: ISC */

/*
 * brood reload: have a brood run replace its workers; wait for the outcome.
 */

#include "command/command.h"
#include "command/methods.h"
#include "command/remote/remote.h"

#include <getopt.h>
#include <stdio.h>

static int
reload_run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct brood_message reply;
	struct remote remote;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h')
			command_help(command);
		command_die(COMMAND_USAGE, 0, "see brood reload --help");
	}
	if (argc - optind != 1)
		command_misuse(command, "one socket is needed");
	remote_control(&remote, argv[optind], BROOD_METHOD_RELOAD, "", &reply);
	remote_close(&remote);
	printf("reloaded\n");
	command_close_stdout();
	return COMMAND_OK;
}

const struct command command_reload = {
	.name = "reload",
	.summary = "Replace the workers of a brood run by new ones",
	.usage = "reload SOCKET",
	.help =
"One new worker is started first; only when it is ready do the old ones\n"
"finish, one at a time.  If it cannot start they stay, and this fails.\n",
	.run = reload_run,
};
