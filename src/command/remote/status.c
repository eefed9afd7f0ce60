/* SPDX-License-Identifier: ISC */

/*
 * brood status: print once what a server is doing.
 */

#include "command/methods.h"
#include "command/options.h"
#include "command/remote/metrics.h"

static int
status_run(const struct command *command, int argc, char **argv)
{
	bool is_json = false, is_prometheus = false;
	int wait_ms = 0;
	const struct option_spec options[] = {
		{ 'j', "json", NULL, "print one JSON object",
		    .flag = &is_json },
		{ 'p', "prometheus", NULL, "print the text format of "
		    "Prometheus", .flag = &is_prometheus },
		REMOTE_WAIT(wait_ms),
		{ .name = NULL },
	};
	struct remote remote;
	json_t *status;

	argv = options_parse(command, options, argc, argv);
	if (is_json && is_prometheus)
		command_misuse(command, "--json or --prometheus, not both");
	remote_open(&remote, argv[0], REMOTE_TIMEOUT_MS, wait_ms, false);
	status = metrics_fetch(&remote);
	if (is_json)
		fields_print(status, JSON_INDENT(2));
	else if (is_prometheus)
		metrics_write_prometheus(stdout, status);
	else
		metrics_write(stdout, status, NULL);
	json_decref(status);
	remote_close(&remote);
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
