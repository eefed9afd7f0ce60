/* SPDX-License-Identifier: ISC */

/*
 * brood scale: change how many workers a brood run keeps.
 */

#include "command/methods.h"
#include "command/options.h"
#include "command/remote/fields.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCALE_MAX = 1 << 18 };

static void
scale_request(const struct command *command, const char *value, char *json,
    size_t size)
{
	bool is_change = value[0] == '+' || value[0] == '-';
	int min = is_change ? -SCALE_MAX : 1;
	const char *error;
	long long number;

	number = strtonum(value, min, SCALE_MAX, &error);
	if (error != NULL)
		command_misuse(command, "N %s: %s (%d to %d)", value, error,
		    min, SCALE_MAX);
	(void)snprintf(json, size, "{\"%s\":%lld}",
	    is_change ? "change" : "workers", number);
}

static int
scale_run(const struct command *command, int argc, char **argv)
{
	const struct option_spec none[] = { { .name = NULL } };
	struct brood_message reply;
	struct remote remote;
	char request[64];
	json_t *answer;
	double workers;

	argv = options_parse(command, none, argc, argv);
	scale_request(command, argv[1], request, sizeof(request));
	remote_open(&remote, argv[0], REMOTE_TIMEOUT_MS);
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
	.max_operands = 2,
	.options_first = true,
	.help =
"N is the number of workers to have; with a sign, how many more or fewer.\n"
"Workers that are too many finish the requests that they have.\n",
	.run = scale_run,
};
