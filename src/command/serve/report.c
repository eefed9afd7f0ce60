/* SPDX-License-Identifier: ISC */

/*
 * Events as lines.  What a worker printed is not repeated here: it went to
 * standard error when it was printed.
 */

#include "base/text.h"
#include "command/command.h"
#include "command/serve/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool
report_is_of_pool(enum brood_event_kind kind)
{
	return kind == BROOD_EVENT_BROKEN || kind == BROOD_EVENT_STOPPED ||
	    kind == BROOD_EVENT_RELOADED || kind == BROOD_EVENT_NOT_RELOADED;
}

/* "worker 0[PID]: not started: exec: No such file; next try in 1.0 s" */
static void
report_write(FILE *out, const struct brood_event *event)
{
	bool is_failed = event->kind == BROOD_EVENT_NOT_STARTED;

	fputs(event->name, out);
	if (!report_is_of_pool(event->kind))
		fprintf(out, " %u", event->slot);
	if (!report_is_of_pool(event->kind) && event->pid > 0)
		fprintf(out, "[%d]", (int)event->pid);
	fputs(": ", out);
	fputs(brood_event_kind_name(event->kind), out);
	if (is_failed && event->step[0] != '\0' && event->text[0] != '\0')
		fprintf(out, ": %s", event->step);
	if (event->text[0] != '\0')
		fprintf(out, ": %s", event->text);
	if (event->level > 0)
		fprintf(out, ": confined to level %u", event->level);
	if (event->is_asked)
		fputs(" (asked to)", out);
	if (is_failed && event->delay_ms >= 0)
		fprintf(out, "; next try in %.1f s", event->delay_ms / 1000.0);
}

void
report_event(const struct brood_event *event)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (event->n_lost > 0)
		command_warn(0, "%lu events came too fast to be told",
		    event->n_lost);
	if (out == NULL) {
		command_warn(errno, "%s", brood_event_kind_name(event->kind));
		return;
	}
	report_write(out, event);
	(void)fclose(out);
	brood__text_clean(text);
	command_warn(0, "%s", text);
	free(text);
}
