/* SPDX-License-Identifier: ISC */

/*
 * Events as lines.  What a worker printed is not repeated here: it went to
 * standard error when it was printed.
 */

#include "base/text.h"
#include "command/command.h"
#include "command/serve/report.h"

#include <stdio.h>
#include <string.h>

enum { REPORT_TEXT = 1024 };

const char *
report_event_name(enum brood_event_kind kind)
{
	switch (kind) {
	case BROOD_EVENT_READY:
		return "ready";
	case BROOD_EVENT_ENDED:
		return "ended";
	case BROOD_EVENT_NOT_STARTED:
		return "not_started";
	case BROOD_EVENT_GIVEN_UP:
		return "given_up";
	case BROOD_EVENT_BROKEN:
		return "broken";
	case BROOD_EVENT_STOPPED:
		return "stopped";
	case BROOD_EVENT_RELOADED:
		return "reloaded";
	case BROOD_EVENT_NOT_RELOADED:
		return "not_reloaded";
	}
	return "unknown";
}

/* "worker 0[PID]"; the name alone if it happened to the pool as a whole. */
static void
report_who(const struct brood_event *event, char *text, size_t size)
{
	if (event->kind == BROOD_EVENT_BROKEN ||
	    event->kind == BROOD_EVENT_STOPPED ||
	    event->kind == BROOD_EVENT_RELOADED ||
	    event->kind == BROOD_EVENT_NOT_RELOADED)
		(void)snprintf(text, size, "%s", event->name);
	else if (event->pid > 0)
		(void)snprintf(text, size, "%s %u[%d]", event->name,
		    event->slot, (int)event->pid);
	else
		(void)snprintf(text, size, "%s %u", event->name, event->slot);
}

/* "not started: exec: No such file; next try in 1.0 s" */
static void
report_what(const struct brood_event *event, char *text, size_t size)
{
	bool is_failed = event->kind == BROOD_EVENT_NOT_STARTED;
	size_t len;

	(void)snprintf(text, size, "%s", report_event_name(event->kind));
	for (char *p = text; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	len = strlen(text);
	if (event->text[0] != '\0')
		(void)snprintf(text + len, size - len, ": %s%s%s",
		    is_failed ? event->step : "",
		    is_failed && event->step[0] != '\0' ? ": " : "",
		    event->text);
	if (event->is_asked)
		(void)strlcat(text, " (asked to)", size);
	len = strlen(text);
	if (is_failed && event->delay_ms >= 0)
		(void)snprintf(text + len, size - len, "; next try in %.1f s",
		    event->delay_ms / 1000.0);
}

void
report_event(const struct brood_event *event)
{
	char who[128], what[REPORT_TEXT];

	if (event->n_lost > 0)
		command_warn(0, "%lu events came too fast to be told",
		    event->n_lost);
	report_who(event, who, sizeof(who));
	report_what(event, what, sizeof(what));
	brood__text_clean(who);
	brood__text_clean(what);
	command_warn(0, "%s: %s", who, what);
}
