/* SPDX-License-Identifier: ISC */

/*
 * Events on their way to the program.
 *
 * Owns the copies of their strings, the event read last included: its strings
 * are the program's to look at until it asks for the next.
 */

#include "base/export.h"
#include "base/text.h"
#include "host/event.h"

#include <stdlib.h>
#include <string.h>

struct brood__event {
	STAILQ_ENTRY(brood__event) next;
	struct brood_event event;
	char strings[];
};

void
brood__events_init(struct brood__events *events)
{
	memset(events, 0, sizeof(*events));
	STAILQ_INIT(&events->queue);
}

static struct brood__event *
events_pop(struct brood__events *events)
{
	struct brood__event *event = STAILQ_FIRST(&events->queue);

	if (event == NULL)
		return NULL;
	STAILQ_REMOVE_HEAD(&events->queue, next);
	events->n_events--;
	return event;
}

void
brood__events_fini(struct brood__events *events)
{
	struct brood__event *event;

	while ((event = events_pop(events)) != NULL)
		free(event);
	free(events->current);
	events->current = NULL;
}

/* Copy a string behind those that are there, and point to the copy. */
static char *
event_copy(const char **string, char *at)
{
	size_t size = *string == NULL ? 1 : strlen(*string) + 1;

	memcpy(at, *string == NULL ? "" : *string, size);
	*string = at;
	return at + size;
}

static size_t
event_size(const char *string)
{
	return string == NULL ? 1 : strlen(string) + 1;
}

void
brood__events_push(struct brood__events *events,
    const struct brood_event *event)
{
	struct brood__event *copy;
	char *at;

	copy = malloc(sizeof(*copy) + event_size(event->name) +
	    event_size(event->step) + event_size(event->text) +
	    event_size(event->stderr_tail));
	if (copy == NULL) {
		events->n_lost++;
		return;
	}
	copy->event = *event;
	at = event_copy(&copy->event.name, copy->strings);
	at = event_copy(&copy->event.step, at);
	at = event_copy(&copy->event.text, at);
	(void)event_copy(&copy->event.stderr_tail, at);

	if (events->n_events == BROOD_MAX_EVENTS) {
		free(events_pop(events));
		events->n_lost++;
	}
	STAILQ_INSERT_TAIL(&events->queue, copy, next);
	events->n_events++;
	events->is_new = true;
}

void
brood__events_tell(struct brood__events *events, const char *name,
    enum brood_event_kind kind, const char *text)
{
	brood__events_push(events, &(struct brood_event) {
	    .kind = kind, .name = name, .delay_ms = -1, .text = text });
}

void
brood__events_push_notice(struct brood__events *events, const char *name,
    const struct brood__notice *notice)
{
	char tail[sizeof(notice->tail)];
	struct brood_event event = {
		.name = name,
		.slot = notice->slot,
		.generation = notice->generation,
		.pid = notice->pid,
		.status = notice->status,
		.is_asked = notice->is_asked,
		.delay_ms = notice->delay_ms,
		.step = notice->step,
		.error = notice->error,
		.level = notice->level,
		.text = notice->text,
		.stderr_tail = tail,
	};

	/* A child may print any bytes, NUL included; a string ends at one. */
	(void)brood__text_copy_lines(tail, sizeof(tail), notice->tail,
	    notice->tail_len);
	switch (notice->kind) {
	case BROOD__NOTICE_READY:
		event.kind = BROOD_EVENT_READY;
		break;
	case BROOD__NOTICE_ENDED:
		event.kind = BROOD_EVENT_ENDED;
		break;
	case BROOD__NOTICE_NOT_STARTED:
		event.kind = BROOD_EVENT_NOT_STARTED;
		break;
	case BROOD__NOTICE_GIVEN_UP:
		event.kind = BROOD_EVENT_GIVEN_UP;
		break;
	case BROOD__NOTICE_STOPPING:
	case BROOD__NOTICE_EMPTIED:
		return;
	}
	brood__events_push(events, &event);
}

bool
brood__events_have_news(struct brood__events *events)
{
	bool is_new = events->is_new;

	events->is_new = false;
	return is_new;
}

int
brood__events_next(struct brood__events *events, struct brood_event *ret_event)
{
	struct brood__event *event = events_pop(events);

	free(events->current);
	events->current = event;
	events->is_new = events->n_events > 0;
	if (event == NULL)
		return 0;
	*ret_event = event->event;
	ret_event->n_lost = events->n_lost;
	events->n_lost = 0;
	return 1;
}

BROOD_PUBLIC const char *
brood_event_kind_name(uint32_t kind)
{
	switch ((enum brood_event_kind)kind) {
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
