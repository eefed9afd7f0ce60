/* SPDX-License-Identifier: ISC */

/*
 * brood status: one look at a server.
 */

#include "command/command.h"
#include "command/remote/metrics.h"
#include "command/remote/query.h"

#include <getopt.h>
#include <stdio.h>

enum { STATUS_MS = 10000 };

static void
status_print(const json_t *status, int format)
{
	if (format == 'j')
		inquiry_print(status, JSON_INDENT(2));
	else if (format == 'p')
		vitals_write_prometheus(stdout, status);
	else
		vitals_write(stdout, status, NULL);
}

static int
status_run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "prometheus", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct brood_channel *channel;
	json_t *status;
	int c, format = 0;

	while ((c = getopt_long(argc, argv, "hjp", options, NULL)) != -1) {
		if (c == 'h')
			command_help(command);
		if (c == '?')
			command_misuse(command, "wrong option");
		if (format != 0 && format != c)
			command_misuse(command, "--json or --prometheus, not "
			    "both");
		format = c;
	}
	if (argc - optind != 1)
		command_misuse(command, "one socket is to be named");
	channel = inquiry_open(argv[optind]);
	status = inquiry_answer(channel, inquiry_ask(channel,
	    BROOD_METHOD_STATUS), STATUS_MS);
	if (status == NULL)
		command_die(COMMAND_TIMEOUT, 0, "%s: no answer", argv[optind]);
	status_print(status, format);
	json_decref(status);
	(void)brood_channel_free(channel);
	command_close_stdout();
	return COMMAND_OK;
}

const struct command command_status = {
	.name = "status",
	.summary = "Show what a server and its workers are doing",
	.usage = "status [--json | --prometheus] SOCKET",
	.help =
	    "  -j, --json        as JSON, as the server sent it\n"
	    "  -p, --prometheus  in the text format of Prometheus\n"
	    "  -h, --help        show this\n",
	.run = status_run,
};
