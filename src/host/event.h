/* SPDX-License-Identifier: ISC */
#ifndef BROOD__EVENT_H
#define BROOD__EVENT_H

/*
 * Events that wait to be read, at most BROOD_MAX_EVENTS: a full queue drops its
 * oldest.
 */

#include "supervisor/messages.h"

#include <brood/event.h>
#include <sys/queue.h>

struct brood__event;

struct brood__events {
	STAILQ_HEAD(, brood__event) queue;
	unsigned n_events;
	unsigned long n_lost;
	struct brood__event *current;	/* its strings are with the program */
	bool is_new;			/* there is one of which the program was
					   not told */
};

void	brood__events_init(struct brood__events *events);
void	brood__events_fini(struct brood__events *events);

/* Strings are copied; NULL becomes "".  Without memory the event is lost. */
void	brood__events_push(struct brood__events *events,
	    const struct brood_event *event);

/* An event that is about the whole and no one process.  name may be NULL. */
void	brood__events_tell(struct brood__events *events, const char *name,
	    enum brood_event_kind kind, const char *text);

/* The event that a notice stands for, if it does. */
void	brood__events_push_notice(struct brood__events *events,
	    const char *name, const struct brood__notice *notice);

/*
 * Is there an event to read of which the program was not told by this function?
 * When the program has read one it is told of the others again: so one that
 * reads a single event at a time misses none, and one that reads none is told
 * of each once.
 */
bool	brood__events_have_news(struct brood__events *events);

int	brood__events_next(struct brood__events *events,
	    struct brood_event *ret_event);

#endif
