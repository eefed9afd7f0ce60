/* SPDX-License-Identifier: ISC */

/*
 * brood events: print what happens to a server's workers, until the server
 * closes the connection.  One line per event; below it, indented, what the
 * worker printed last on standard error.
 */

#include "command/methods.h"
#include "command/options.h"
#include "command/remote/fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
events_print_time(const json_t *event)
{
	double seconds = fields_number(event, "time");
	time_t at = fabs(seconds) < 1e11 ? (time_t)seconds : 0;
	struct tm tm;
	char text[32];

	if (localtime_r(&at, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)strlcpy(text, "-", sizeof(text));
	fputs(text, stdout);
}

static void
events_print_stderr(const json_t *event)
{
	const char *tail =
	    json_string_value(json_object_get(event, "stderr"));
	char *text;
	size_t len;

	for (; tail != NULL && *tail != '\0'; tail += len) {
		len = strcspn(tail, "\n");
		text = remote_text(tail, len);
		printf("    %s\n", text);
		free(text);
		len += tail[len] == '\n';
	}
}

static void
events_print(const json_t *event)
{
	char *kind = fields_text(event, "event");
	char *name = fields_text(event, "name");
	char *text = fields_text(event, "text");

	events_print_time(event);
	printf(" %s %s", kind, name);
	if (json_object_get(event, "slot") != NULL)
		printf(" slot %.0f generation %.0f",
		    fields_number(event, "slot"),
		    fields_number(event, "generation"));
	if (fields_number(event, "pid") != 0)
		printf(" pid %.0f", fields_number(event, "pid"));
	printf("%s%s%s\n", *text != '\0' ? ": " : "", text,
	    json_is_true(json_object_get(event, "asked")) ? " (asked to)" : "");
	events_print_stderr(event);
	free(kind);
	free(name);
	free(text);
}

/* remote_answer() ends the command when the server is gone. */
static noreturn void
events_follow(struct remote *remote, bool is_json)
{
	struct brood_message msg = { .code = BROOD_METHOD_EVENTS };
	json_t *event;

	remote_request(remote, &msg, -1);
	for (;;) {
		remote_answer(remote, &msg);
		/* Events are parts of a reply; the last part holds none. */
		if (!msg.more)
			continue;
		event = fields_parse(remote, &msg);
		if (is_json)
			fields_print(event, JSON_COMPACT);
		else
			events_print(event);
		json_decref(event);
		/* A program that reads from a pipe waits for this line. */
		command_close_stdout();
	}
}

static int
events_run(const struct command *command, int argc, char **argv)
{
	bool is_json = false;
	int wait_ms = 0;
	const struct option_spec options[] = {
		{ 'j', "json", NULL, "print one JSON object per line",
		    .flag = &is_json },
		REMOTE_WAIT(wait_ms),
		{ .name = NULL },
	};
	struct remote remote;

	argv = options_parse(command, options, argc, argv);
	remote_open(&remote, argv[0], REMOTE_TIMEOUT_MS, wait_ms, false);
	events_follow(&remote, is_json);
}

const struct command command_events = {
	.name = "events",
	.summary = "Follow the starts and deaths of a server's workers",
	.operands = "SOCKET",
	.min_operands = 1,
	.max_operands = 1,
	.help = "Ends with status 3 when the server is gone.\n",
	.run = events_run,
};
