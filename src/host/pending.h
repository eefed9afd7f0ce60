/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PENDING_H
#define BROOD__PENDING_H

/*
 * A request as the host keeps it, from submit to its last answer, and the
 * result that the program takes.
 *
 * A request is in one place at a time: it waits in the queue, or is in the list
 * of the worker that it was sent to.  It gets its completion exactly once.
 * If a worker has it at that moment, the request stays in the worker's list, so
 * that the answer is recognized when it comes, and is dropped.
 *
 *	QUEUED <---> SENT ---> COMPLETED	canceled, say
 *		      |           |
 *		      +-----------+---> OVERDUE		a limit of time passed
 *
 * A worker runs its oldest request.  The limits run_ms and cancel_ms count from
 * the moment at which that is this one; expire_ms counts from submit.
 */

#include "base/blocks.h"
#include "base/clock.h"

#include <brood/pool.h>
#include <sys/queue.h>
#include <sys/tree.h>

struct brood__result;
struct brood__worker;

enum brood__pending_state {
	BROOD__PENDING_QUEUED,		/* no worker has it */
	BROOD__PENDING_SENT,		/* a worker has it */
	BROOD__PENDING_COMPLETED,	/* a worker has it, and its completion
					   was given: canceled, say */
	BROOD__PENDING_OVERDUE,		/* COMPLETED, and a limit passed: the
					   worker is stopped as soon as this is
					   the request that it runs */
};

struct brood__pending {
	TAILQ_ENTRY(brood__pending) next;
	RB_ENTRY(brood__pending) by_due;
	RB_ENTRY(brood__pending) by_id;	/* while is_restored */
	bool is_restored;		/* waits in the tree of those that a
					   worker had before, in no list; set
					   and cleared by queue.c */
	uint64_t id;
	void *tag;
	uint32_t flags;			/* enum brood_request_flag */
	uint32_t code;			/* the method */
	enum brood__pending_state state;
	int64_t submitted_ms;
	int64_t expire_at_ms;		/* or BROOD__NEVER */
	int32_t run_ms;			/* -1: no limit */
	int32_t cancel_ms;		/* -1: no limit */
	int64_t canceled_at_ms;		/* BROOD__NEVER: it was not */
	int64_t due_ms;			/* when the next limit passes: its place
					   in the tree; BROOD__NEVER: in none */

	/* While a worker has it. */
	struct brood__worker *worker;
	int64_t running_since_ms;	/* BROOD__NEVER: it is not the oldest */
	uint64_t end;			/* position of the end of its frame in
					   the stream to the worker */

	int32_t n_attempts;		/* workers that it was sent to */

	unsigned n_passed;		/* workers that died before they began
					   it, when it was next for them */
	unsigned n_retries;		/* runs again after MAY_HAVE_RUN, of
					   requests with BROOD_IDEMPOTENT */
	char *first_end;		/* n_retries > 0: how its first worker
					   ended; NULL: memory was short */
	unsigned n_streamed;		/* parts given to the program already */
	uint8_t *parts;			/* without BROOD_STREAM: parts of the
					   reply so far, put together */
	size_t parts_len;
	struct brood__result *spare;	/* memory for the result, if that is
					   small or no other is left then */
	int *fds;			/* copies of the program's descriptors */
	size_t n_fds;
	size_t len;
	uint8_t data[];
};

TAILQ_HEAD(brood__pendings, brood__pending);
RB_HEAD(brood__dues, brood__pending);
RB_PROTOTYPE(brood__dues, brood__pending, by_due, brood__pending_compare)
RB_HEAD(brood__ids, brood__pending);
RB_PROTOTYPE(brood__ids, brood__pending, by_id, brood__pending_compare_ids)

/*
 * Make a request with room for a payload of len bytes, and without limits.  Its
 * memory is a block, which goes back when the request is freed.  0 or -ENOMEM.
 */
int	brood__pending_new(struct brood__pending **ret_pending,
	    struct brood__blocks *blocks, size_t len);

/*
 * Copy a message that fits: the payload too, unless it is that of the request
 * already.  0, -ENOMEM or -EMFILE.
 */
int	brood__pending_set(struct brood__pending *pending,
	    const struct brood_message *msg);
struct brood__pending *
	brood__pending_free(struct brood__pending *pending);

/* Has it no completion yet? */
static inline bool
brood__pending_is_open(const struct brood__pending *pending)
{
	return pending->state == BROOD__PENDING_QUEUED ||
	    pending->state == BROOD__PENDING_SENT;
}

/*
 * What is said of it: by options, or where these say 0 by usual.  In usual 0 is
 * none, in the request that becomes -1.  now_ms is when it was submitted.
 */
void	brood__pending_set_options(struct brood__pending *pending,
	    const struct brood_request_options *options,
	    const struct brood_request_options *usual, int64_t now_ms);

/* Does one of its limits count from when it runs? */
static inline bool
brood__pending_has_run_limit(const struct brood__pending *pending)
{
	return pending->run_ms >= 0 ||
	    pending->canceled_at_ms != BROOD__NEVER;
}

/* When does the next of its limits pass, as things are?  Or BROOD__NEVER. */
int64_t	brood__pending_next_due(const struct brood__pending *pending);

/* Which of its limits has passed first?  It is open, and one has. */
enum brood_limit
	brood__pending_passed(const struct brood__pending *pending);

/* Append a part of the reply: 0 or -ENOMEM.  The caller has checked limits. */
int	brood__pending_keep_part(struct brood__pending *pending,
	    const void *data, size_t len);

/* Forget the parts, because the request will run again. */
void	brood__pending_forget_parts(struct brood__pending *pending);

/* A completion or a part, waiting to be taken. */
struct brood__result {
	STAILQ_ENTRY(brood__result) next;
	struct brood__result **viewer;	/* of a view: whose it is remembers it
					   here until it is taken; or NULL */
	struct brood_completion done;
};

STAILQ_HEAD(brood__results, brood__result);

/*
 * Make a result: one block of memory, which brood_completion_fini() gives back.
 * The payload is head followed by the payload of reply; done->text is copied.
 *
 * If it is small, it is made of *spare, which is NULL then.  Takes fds, on
 * success only.
 */
int	brood__result_new(struct brood__result **ret_result,
	    struct brood__blocks *blocks, struct brood__result **spare,
	    const struct brood_completion *done, const void *head,
	    size_t head_len, const struct brood_message *reply,
	    const int *fds, size_t n_fds);

#endif
