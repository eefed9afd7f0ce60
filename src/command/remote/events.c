/* SPDX-License-Identifier: ISC */

/*
 * brood events: what happens to a server's workers, as it happens, until the
 * server goes.  A line per event; what a worker said last on standard error is
 * shown below it.
 */

#include "command/command.h"
#include "command/options.h"
#include "command/remote/query.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
events_print_time(const json_t *event)
{
	double seconds = inquiry_number(event, "time");
	time_t at = fabs(seconds) < 1e11 ? (time_t)seconds : 0;
	struct tm tm;
	char text[32];

	if (localtime_r(&at, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)strlcpy(text, "-", sizeof(text));
	fputs(text, stdout);
}

/* Newlines are kept here as lines; all else was made printable. */
static void
events_print_tail(const json_t *event)
{
	const char *tail =
	    json_string_value(json_object_get(event, "stderr"));
	json_t *line;
	char *text;
	size_t len;

	for (; tail != NULL && *tail != '\0'; tail += len) {
		len = strcspn(tail, "\n");
		line = json_pack("{s:s%}", "line", tail, len);
		text = inquiry_text(line, "line");
		printf("    %s\n", text);
		free(text);
		json_decref(line);
		len += tail[len] == '\n';
	}
}

static void
events_print(const json_t *event)
{
	char *kind = inquiry_text(event, "event");
	char *name = inquiry_text(event, "name");
	char *text = inquiry_text(event, "text");

	events_print_time(event);
	printf(" %s %s slot %.0f generation %.0f", kind, name,
	    inquiry_number(event, "slot"),
	    inquiry_number(event, "generation"));
	if (inquiry_number(event, "pid") != 0)
		printf(" pid %.0f", inquiry_number(event, "pid"));
	printf("%s%s\n", *text != '\0' ? ": " : "", text);
	events_print_tail(event);
	free(kind);
	free(name);
	free(text);
}

static noreturn void
events_follow(struct brood_channel *channel, bool is_json)
{
	uint64_t id = inquiry_ask(channel, BROOD_METHOD_EVENTS);
	json_t *event;

	for (;;) {
		event = inquiry_answer(channel, id, -1);
		if (is_json)
			inquiry_print(event, JSON_COMPACT);
		else
			events_print(event);
		json_decref(event);
		/* Whoever reads a pipe waits for this line. */
		if (fflush(stdout) != 0)
			command_close_stdout();
	}
}

static int
events_run(const struct command *command, int argc, char **argv)
{
	bool is_json = false;
	const struct option_spec options[] = {
		{ 'j', "json", NULL, "print one JSON object per line",
		    .flag = &is_json },
		{ .name = NULL },
	};

	argv = options_parse(command, options, argc, argv);
	events_follow(inquiry_open(argv[0]), is_json);
}

const struct command command_events = {
	.name = "events",
	.summary = "Follow the starts and deaths of a server's workers",
	.operands = "SOCKET",
	.min_operands = 1,
	.max_operands = 1,
	.help =
	    "Ends with status 3 when the server is gone.\n",
	.run = events_run,
};
