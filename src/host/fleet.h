/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FLEET_H
#define BROOD__FLEET_H

/*
 * The workers of a pool: which are there, which are wanted, and what the
 * supervisor process is to be told about it.
 *
 * A slot is a place that the supervisor process keeps filled with one process
 * after another.  The host remembers three things of a slot: whether it is
 * wanted, what the supervisor was told, and what the supervisor has said.
 *
 * Nothing here reacts to an event.  Events record what is so (a notice, a
 * fault, a new number); brood__fleet_reconcile(), once in a turn in which
 * something changed, compares what is with what is wanted and writes commands.
 * So a reload, a resize, a worker that has served its time, a failed or dead
 * worker and a stop are one mechanism:
 *
 *	reload	every process of an older revision than `floor` is outdated
 *	resize	another number of `workers`
 *	stop	no workers
 *
 * Of the workers only so many as `workers` says get requests: they are READY.
 * Each new one is a SPARE, and becomes READY in the next reconcile in which a
 * place is free.  So nothing is to be done about a dead worker but to fill its
 * slot as ever: a spare, if there is one, takes its place, and the next process
 * of its slot is the new spare.
 *
 * A worker that is outdated leaves only when its replacement is ready: a spare
 * that is not outdated.  To have one, or to make up for it, one slot more than
 * the target is wanted then, never two, and not before the worker that was
 * replaced last has ended.
 *
 * Knows no channel and no pool: it only looks at the fields of workers.
 */

#include "host/worker.h"
#include "supervisor/messages.h"

/* What the supervisor has said of a slot. */
enum brood__slot_seen {
	BROOD__SEEN_EMPTY,		/* no process, and none will come */
	BROOD__SEEN_FILLED,		/* a process, or one will come */
	BROOD__SEEN_GIVEN_UP,		/* its processes failed too often */
};

struct brood__fleet_slot {
	bool is_wanted;
	enum brood__slot_seen seen;
	struct brood__worker *worker;	/* adopted and not ended, or NULL */
	uint32_t generation;		/* of the last worker; 0: none yet */
	unsigned long n_failures;	/* ends that nobody asked for */

	/* What the supervisor was told. */
	uint32_t told_revision;		/* by FILL; 0: to leave the slot empty,
					   or nothing yet */
	uint32_t told_generation;	/* the process that STOP was for ... */
	enum brood__stop_phase told_phase; /* ... and how hard; NONE: none */
};

/* What a call of brood__fleet_reconcile() has found out. */
enum brood__fleet_news {
	BROOD__FLEET_RELOADED = 1,	/* the last outdated process is gone */
};

struct brood__fleet {
	struct brood__fleet_slot *slots;
	unsigned n_slots;
	unsigned workers;		/* wanted, that get requests */
	unsigned spare;			/* wanted besides; none if stopping */
	unsigned max_requests;		/* of one worker; 0: any number */
	uint64_t max_rss;		/* of one worker, in bytes; 0: any */
	int retire_ms;			/* how long an unwanted worker may go on
					   with what it has; -1: for ever */

	uint32_t last_revision;		/* what new processes are */
	uint32_t floor;			/* older processes are outdated */
	uint32_t done_floor;		/* the floor of the last reload that
					   has ended; less than floor: a reload
					   is under way */

	bool is_stale;			/* something changed since the last
					   reconcile */
	int64_t due_ms;			/* when a worker's retire_ms is over */
	struct brood__command *commands; /* written by reconcile; room for two
					   for each slot */
	unsigned n_commands;
};

/* Revisions as in a new pool; 0 or -ENOMEM. */
int	brood__fleet_init(struct brood__fleet *fleet, unsigned workers,
	    unsigned spare);

/* Frees the slots; the workers are the caller's to free before. */
void	brood__fleet_fini(struct brood__fleet *fleet);

/* Make room for so many slots: 0 or -ENOMEM. */
int	brood__fleet_grow(struct brood__fleet *fleet, unsigned n_slots);

/*
 * Have the worker replaced after about max_requests more requests: a little
 * before, at a point that differs between workers that started together, so
 * that its replacement is ready in time.  Until then it may get a tenth more.
 */
void	brood__fleet_set_limits(const struct brood__fleet *fleet,
	    struct brood__worker *worker);

/* The number of slots that are wanted, besides the one of a replacement. */
static inline unsigned
brood__fleet_target(const struct brood__fleet *fleet)
{
	return fleet->workers > 0 ? fleet->workers + fleet->spare : 0;
}

/* Change the number of workers; -ENOMEM: no room for so many slots. */
int	brood__fleet_resize(struct brood__fleet *fleet, unsigned workers);

/* Begin a reload. */
void	brood__fleet_reload(struct brood__fleet *fleet);

static inline bool
brood__fleet_is_reloading(const struct brood__fleet *fleet)
{
	return fleet->floor > fleet->done_floor;
}

/* Give a reload up: what is old is not outdated any more. */
void	brood__fleet_keep_old(struct brood__fleet *fleet);

/* Record what the supervisor has said. */
void	brood__fleet_adopt(struct brood__fleet *fleet,
	    struct brood__worker *worker);
void	brood__fleet_ended(struct brood__fleet *fleet,
	    const struct brood__notice *notice, int64_t now_ms);
void	brood__fleet_given_up(struct brood__fleet *fleet,
	    const struct brood__notice *notice);
void	brood__fleet_emptied(struct brood__fleet *fleet, unsigned slot);

/*
 * The supervisor process is gone, and so are all slots.  The caller has entered
 * ENDED for their workers.
 */
void	brood__fleet_lost(struct brood__fleet *fleet);

/*
 * reconcile.c.  Compare what is with what is wanted: choose the wanted slots,
 * change workers' states, and write the commands for the supervisor.  Gives
 * enum brood__fleet_news.
 */
unsigned brood__fleet_reconcile(struct brood__fleet *fleet, int64_t now_ms);

/*
 * A process has ended before it was ready.  If it was to be the first of a
 * reload, the reload has failed: true, and the old workers are kept.
 */
bool	brood__fleet_fail_reload(struct brood__fleet *fleet,
	    const struct brood__notice *notice);

/* A command could not be sent: it is written again the next time. */
void	brood__fleet_take_back(struct brood__fleet *fleet,
	    const struct brood__command *command);

/* Is every wanted slot given up? */
bool	brood__fleet_is_broken(const struct brood__fleet *fleet);

/* Is there no process, and will there be none? */
bool	brood__fleet_is_empty(const struct brood__fleet *fleet);

#endif
