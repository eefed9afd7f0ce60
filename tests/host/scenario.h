/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_SCENARIO_H
#define BROOD_TESTS_SCENARIO_H

/*
 * A fleet without processes, for its tests: workers are structs, and what the
 * supervisor would say is said by calls.
 */

#include "base/clock.h"
#include "host/fleet.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WORKERS = 16 };

/* A fleet, and the workers that its slots may have. */
struct scenario {
	struct brood__fleet fleet;
	struct brood__worker workers[MAX_WORKERS];
	uint32_t generations[MAX_WORKERS];
	char said[512];			/* the commands of the last reconcile */
	unsigned news;
};

static inline void
begin_with_spares(struct scenario *s, unsigned workers, unsigned spare)
{
	memset(s, 0, sizeof(*s));
	cr_assert_eq(brood__fleet_init(&s->fleet, workers, spare), 0);
	s->fleet.is_stale = true;
}

static inline void
begin(struct scenario *s, unsigned workers)
{
	begin_with_spares(s, workers, 0);
}

static inline void
end(struct scenario *s)
{
	brood__fleet_fini(&s->fleet);
}

static inline void
write_command(const struct brood__command *command, char *at, size_t size)
{
	static const char *const phases[] = {
		[BROOD__STOP_NONE] = "none",
		[BROOD__STOP_GOODBYE] = "bye",
		[BROOD__STOP_TERM] = "term",
		[BROOD__STOP_WORDS] = "words",
		[BROOD__STOP_KILL] = "kill",
	};

	if (command->kind == BROOD__COMMAND_FILL)
		(void)snprintf(at, size, "fill %u r%u; ", command->slot,
		    command->revision);
	else
		(void)snprintf(at, size, "stop %u.%u %s%s; ", command->slot,
		    command->generation, phases[command->phase],
		    command->is_refill ? " refill" : "");
}

/* Reconcile, and write down the commands: "fill SLOT rREV", "stop SLOT.GEN". */
static inline const char *
reconcile(struct scenario *s, int64_t now_ms)
{
	size_t len = 0;

	s->said[0] = '\0';
	s->news = brood__fleet_reconcile(&s->fleet, now_ms);
	for (unsigned i = 0; i < s->fleet.n_commands; i++) {
		write_command(&s->fleet.commands[i], s->said + len,
		    sizeof(s->said) - len);
		len = strlen(s->said);
	}
	if (len >= 2)
		s->said[len - 2] = '\0';
	return s->said;
}

/* The supervisor says that a process is ready in this slot. */
static inline struct brood__worker *
ready(struct scenario *s, unsigned slot)
{
	struct brood__worker *worker = &s->workers[slot];

	memset(worker, 0, sizeof(*worker));
	TAILQ_INIT(&worker->requests);
	worker->slot = slot;
	worker->generation = ++s->generations[slot];
	worker->revision = s->fleet.slots[slot].told_revision;
	brood__fleet_adopt(&s->fleet, worker);
	return worker;
}

/* The same for all slots that are told to be filled. */
static inline void
all_ready(struct scenario *s)
{
	for (unsigned i = 0; i < s->fleet.n_slots; i++)
		if (s->fleet.slots[i].told_revision != 0 &&
		    s->fleet.slots[i].worker == NULL &&
		    s->fleet.slots[i].seen == BROOD__SEEN_FILLED)
			(void)ready(s, i);
}

static inline void
ended(struct scenario *s, unsigned slot, int delay_ms)
{
	struct brood__notice notice = {
		.kind = BROOD__NOTICE_ENDED,
		.slot = slot,
		.generation = s->generations[slot],
		.delay_ms = delay_ms,
	};

	brood__fleet_ended(&s->fleet, &notice, 0);
}

static inline void
given_up(struct scenario *s, unsigned slot, uint32_t revision)
{
	struct brood__notice notice = {
		.kind = BROOD__NOTICE_GIVEN_UP,
		.slot = slot,
		.revision = revision,
	};

	brood__fleet_given_up(&s->fleet, &notice);
}

static inline unsigned
n_wanted(const struct scenario *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->fleet.n_slots; i++)
		n += s->fleet.slots[i].is_wanted;
	return n;
}

static inline void
settled(struct scenario *s)
{
	cr_assert_str_eq(reconcile(s, 0), "");
}

/* A pool of n workers that are ready, and spares. */
static inline void
begin_all_ready(struct scenario *s, unsigned n, unsigned spare)
{
	begin_with_spares(s, n, spare);
	(void)reconcile(s, 0);
	all_ready(s);
	settled(s);
}

static inline void
begin_ready(struct scenario *s, unsigned n)
{
	begin_all_ready(s, n, 0);
}

#endif
