/* SPDX-License-Identifier: ISC */

/*
 * Events as lines.  Owns nothing.  What a worker printed is not repeated here:
 * it went to stderr when it was printed.
 */

#include "base/text.h"
#include "command/command.h"
#include "command/serve/report.h"

#include <stdio.h>
#include <string.h>

enum { REPORT_TEXT = 1024 };

/* Which worker; of the pool as a whole, its name alone. */
static void
report_subject(const struct brood_event *event, char *text, size_t size)
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

static const char *
report_verb(enum brood_event_kind kind)
{
	switch (kind) {
	case BROOD_EVENT_READY:
		return "ready";
	case BROOD_EVENT_ENDED:
		return "ended";
	case BROOD_EVENT_NOT_STARTED:
		return "not started";
	case BROOD_EVENT_GIVEN_UP:
		return "given up";
	case BROOD_EVENT_BROKEN:
		return "broken";
	case BROOD_EVENT_STOPPED:
		return "stopped";
	case BROOD_EVENT_RELOADED:
		return "reloaded";
	case BROOD_EVENT_NOT_RELOADED:
		return "not reloaded";
	}
	return "unknown";
}

static void
report_reason(const struct brood_event *event, char *text, size_t size)
{
	const char *step = event->kind == BROOD_EVENT_NOT_STARTED ?
	    event->step : "";

	text[0] = '\0';
	if (event->text[0] != '\0')
		(void)snprintf(text, size, ": %s%s%s", step,
		    step[0] != '\0' ? ": " : "", event->text);
	(void)strlcat(text, event->is_asked ? " (asked to)" : "", size);
}

void
report_event(const struct brood_event *event)
{
	char subject[128], reason[REPORT_TEXT];

	if (event->n_lost > 0)
		command_warn(0, "%lu events came too fast to be told",
		    event->n_lost);
	report_subject(event, subject, sizeof(subject));
	report_reason(event, reason, sizeof(reason));
	brood__text_clean(subject);
	brood__text_clean(reason);
	if (event->kind == BROOD_EVENT_NOT_STARTED && event->delay_ms >= 0)
		command_warn(0, "%s: %s%s; next try in %.1f s", subject,
		    report_verb(event->kind), reason,
		    event->delay_ms / 1000.0);
	else
		command_warn(0, "%s: %s%s", subject, report_verb(event->kind),
		    reason);
}
