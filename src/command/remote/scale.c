/* SPDX-License-Identifier: ISC */

/*
 * brood scale: change how many workers a brood run keeps.
 */

#include "command/methods.h"
#include "command/options.h"
#include "command/remote/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCALE_MAX = 1 << 18 };

/* "--" before a number that begins with '-' does no harm, and is usual. */
static const char *
scale_number(const struct command *command, char *const *operands)
{
	if (strcmp(operands[0], "--") == 0)
		operands++;
	if (operands[0] == NULL)
		command_misuse(command, "an argument is missing: brood %s %s",
		    command->name, command->operands);
	if (operands[1] != NULL)
		command_misuse(command, "%s: one argument too many",
		    operands[1]);
	return operands[0];
}

static void
scale_request(const struct command *command, const char *value, char *json,
    size_t size)
{
	bool is_change = value[0] == '+' || value[0] == '-';
	const char *error;
	long long number;

	number = strtonum(value, is_change ? -SCALE_MAX : 1, SCALE_MAX,
	    &error);
	if (error != NULL)
		command_misuse(command, is_change ?
		    "%s: not a change by +1 to +%d, or by -1 to -%d" :
		    "%s: not a number from 1 to %d, nor a change as +1 or -1",
		    value, SCALE_MAX, SCALE_MAX);
	(void)snprintf(json, size, "{\"%s\":%lld}",
	    is_change ? "change" : "workers", number);
}

static int
scale_run(const struct command *command, int argc, char **argv)
{
	int wait_ms = 0;
	const struct option_spec options[] = {
		REMOTE_WAIT(wait_ms),
		{ .name = NULL },
	};
	struct brood_message reply;
	struct remote remote;
	char request[64];
	json_t *answer;
	double workers;

	argv = options_parse(command, options, argc, argv);
	scale_request(command, scale_number(command, argv + 1), request,
	    sizeof(request));
	remote_open(&remote, argv[0], REMOTE_TIMEOUT_MS, wait_ms, false);
	remote_call(&remote, BROOD_METHOD_SCALE, request, -1, &reply);
	answer = fields_parse(&remote, &reply);
	if (!json_is_number(json_object_get(answer, "workers")))
		command_die(COMMAND_FAILED, 0,
		    "%s: the answer does not say how many workers", argv[0]);
	workers = fields_number(answer, "workers");
	printf("%.0f worker%s\n", workers, workers == 1 ? "" : "s");
	json_decref(answer);
	remote_close(&remote);
	return COMMAND_OK;
}

const struct command command_scale = {
	.name = "scale",
	.summary = "Change how many workers a brood run keeps",
	.operands = "SOCKET N|+N|-N",
	.min_operands = 2,
	.max_operands = 3,	/* with "--" */
	.options_first = true,
	.help =
"N is the number of workers to have; with a sign, how many more or fewer.\n"
"Workers that are too many finish the requests that they have.\n",
	.run = scale_run,
};
