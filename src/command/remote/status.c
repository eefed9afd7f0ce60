/* SPDX-License-Identifier: ISC */

/*
 * brood status: one look at a server.
 */

#include "command/command.h"
#include "command/options.h"
#include "command/remote/metrics.h"
#include "command/remote/query.h"

#include <stdio.h>

enum { STATUS_MS = 10000 };

static void
status_print(const json_t *status, bool is_json, bool is_prometheus)
{
	if (is_json)
		inquiry_print(status, JSON_INDENT(2));
	else if (is_prometheus)
		vitals_write_prometheus(stdout, status);
	else
		vitals_write(stdout, status, NULL);
}

static int
status_run(const struct command *command, int argc, char **argv)
{
	bool is_json = false, is_prometheus = false;
	const struct option_spec options[] = {
		{ 'j', "json", NULL, "print one JSON object",
		    .flag = &is_json },
		{ 'p', "prometheus", NULL, "print the text format of "
		    "Prometheus", .flag = &is_prometheus },
		{ .name = NULL },
	};
	struct brood_channel *channel;
	json_t *status;

	argv = options_parse(command, options, argc, argv);
	if (is_json && is_prometheus)
		command_misuse(command, "--json or --prometheus, not both");
	channel = inquiry_open(argv[0]);
	status = inquiry_answer(channel, inquiry_ask(channel,
	    BROOD_METHOD_STATUS), STATUS_MS);
	if (status == NULL)
		command_die(COMMAND_TIMEOUT, 0, "%s: no answer", argv[0]);
	status_print(status, is_json, is_prometheus);
	json_decref(status);
	(void)brood_channel_free(channel);
	command_close_stdout();
	return COMMAND_OK;
}

const struct command command_status = {
	.name = "status",
	.summary = "Show what a server and its workers are doing",
	.operands = "SOCKET",
	.min_operands = 1,
	.max_operands = 1,
	.run = status_run,
};
