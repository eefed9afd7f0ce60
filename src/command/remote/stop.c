/* SPDX-License-Identifier: ISC */

/*
 * brood stop: have a brood run finish and end.
 *
 * The server closes the connections when its last worker has ended: that is
 * what --wait waits for.
 */

#include "command/command.h"
#include "command/methods.h"
#include "command/remote/remote.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

struct stop {
	bool is_waiting;
	int drain_ms;			/* -1: as the server likes */
	const char *path;
};

static void
stop_parse(struct stop *stop, const struct command *command, int argc,
    char **argv)
{
	static const struct option options[] = {
		{ "drain", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "wait", no_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "d:hw", options, NULL)) != -1)
		switch (option) {
		case 'd':
			stop->drain_ms = command_seconds_ms(command,
			    "--drain", optarg);
			break;
		case 'h':
			command_help(command);
		case 'w':
			stop->is_waiting = true;
			break;
		default:
			command_die(COMMAND_USAGE, 0, "see brood stop --help");
		}
	if (argc - optind != 1)
		command_misuse(command, "one socket is needed");
	stop->path = argv[optind];
}

static void
stop_wait(const struct remote *remote)
{
	struct brood_message msg;
	int r;

	do {
		r = brood_channel_recv(remote->channel, -1, &msg);
	} while (r == 1);
	if (r != -EPIPE)
		command_die(COMMAND_UNUSABLE, -r, "%s", remote->path);
}

static int
stop_run(const struct command *command, int argc, char **argv)
{
	struct stop stop = { .drain_ms = -1 };
	struct brood_message reply;
	struct remote remote;
	char json[64] = "";

	stop_parse(&stop, command, argc, argv);
	if (stop.drain_ms >= 0)
		(void)snprintf(json, sizeof(json), "{\"drain\":%d.%03d}",
		    stop.drain_ms / 1000, stop.drain_ms % 1000);
	remote_control(&remote, stop.path, BROOD_METHOD_STOP, json, &reply);
	if (stop.is_waiting)
		stop_wait(&remote);
	remote_close(&remote);
	printf(stop.is_waiting ? "stopped\n" : "stopping\n");
	command_close_stdout();
	return COMMAND_OK;
}

const struct command command_stop = {
	.name = "stop",
	.summary = "Have a brood run finish and end",
	.usage = "stop [-d SECONDS] [-w] SOCKET",
	.help =
"  -d, --drain S  finish what was accepted within so many seconds; 30\n"
"  -w, --wait     until it has ended\n",
	.run = stop_run,
};
