/* SPDX-License-Identifier: ISC */

/*
 * brood scale: how many workers a brood run keeps.
 */

#include "command/command.h"
#include "command/methods.h"
#include "command/options.h"
#include "command/remote/remote.h"

#include <jansson.h>
#include <stdio.h>

enum { SCALE_MAX = 1 << 18 };

static void
scale_request(const struct command *command, const char *value, char *json,
    size_t size)
{
	if (value[0] == '+' || value[0] == '-')
		(void)snprintf(json, size, "{\"change\":%lld}",
		    command_number(command, "N", value, -SCALE_MAX,
		    SCALE_MAX));
	else
		(void)snprintf(json, size, "{\"workers\":%lld}",
		    command_number(command, "N", value, 1, SCALE_MAX));
}

static void
scale_print(const struct remote *remote, const struct brood_message *reply)
{
	json_t *object = json_loadb(reply->data, reply->len, 0, NULL);
	json_t *workers = json_object_get(object, "workers");

	if (!json_is_integer(workers))
		command_die(COMMAND_UNUSABLE, 0,
		    "%s: the answer is not understood", remote->path);
	printf("%" JSON_INTEGER_FORMAT " worker%s\n",
	    json_integer_value(workers),
	    json_integer_value(workers) == 1 ? "" : "s");
	json_decref(object);
}

static int
scale_run(const struct command *command, int argc, char **argv)
{
	const struct option_spec none[] = { { .name = NULL } };
	struct brood_message reply;
	struct remote remote;
	char json[64];

	argv = options_parse(command, none, argc, argv);
	scale_request(command, argv[1], json, sizeof(json));
	remote_control(&remote, argv[0], BROOD_METHOD_SCALE, json,
	    &reply);
	scale_print(&remote, &reply);
	remote_close(&remote);
	command_close_stdout();
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
