/* SPDX-License-Identifier: ISC */
#ifndef BROOD__QUEUE_H
#define BROOD__QUEUE_H

/*
 * What a pool or a client owes its program: the requests that wait to be sent,
 * the limits of time of all requests, and the results that wait to be taken.
 *
 * Knows no worker, no pool and no client.  A request leaves the queue when the
 * caller removes it to send it, and comes back by brood__queue_restore() if its
 * worker provably did not begin it.  Wherever it is, it is completed here,
 * once.
 *
 * A closed queue completes what waits, and whatever is added or restored later,
 * at once: no worker will come for it.
 */

#include "host/pending.h"

struct brood__queue {
	struct brood__pendings prepared; /* whose payloads the program writes,
					   and may submit */
	struct brood__pendings waiting;	/* new ones, the lowest id first */
	struct brood__ids restored;	/* those that wait again: a worker had
					   them */
	unsigned n_waiting;		/* of both */
	struct brood__dues dues;	/* of requests at workers too */
	struct brood__results results;
	unsigned n_untaken;		/* results, parts included */
	unsigned n_outstanding;		/* requests whose completion was not
					   taken yet */
	struct brood__blocks *blocks;	/* memory of requests and results; NULL:
					   there was none for that */
	uint64_t last_id;
	int64_t now_ms;			/* the instant of the turn, or of the
					   call of the program, under way: its
					   owner reads the clock once, when that
					   begins */

	size_t streamed_size;		/* of parts that were not taken yet:
					   their bytes, and a fixed amount for
					   each */
	bool is_paused;			/* streamed_size has passed its limit
					   and not fallen to half of it since:
					   no more is to be read of workers */

	enum brood_fate closed_fate;	/* 0: open.  Otherwise the fate of
					   requests that were at a worker
					   before: CANCELED by a stop, CRASHED
					   if no worker is left */
	char closed_text[512];		/* why it is closed */

	uint64_t n_submitted;
	uint64_t n_restored;
	uint64_t n_by_fate[BROOD_REFUSED + 1];
};

void	brood__queue_init(struct brood__queue *queue);

/*
 * Prepare a request with room for a payload of len bytes, which the program
 * writes.  0 or -ENOMEM.
 */
int	brood__queue_prepare(struct brood__queue *queue, size_t len,
	    void **ret_data);

/* Free one that was prepared: 0, or -EINVAL if there is none with this data. */
int	brood__queue_unprepare(struct brood__queue *queue, const void *data);

/*
 * Make a request of a message, to be added: the prepared one if the payload is
 * of that, otherwise a copy.  Nothing changes on error.
 *
 *   -EINVAL	more bytes than were prepared
 *   -ENOMEM, -EMFILE
 */
int	brood__queue_make(struct brood__queue *queue,
	    const struct brood_message *msg,
	    struct brood__pending **ret_pending);

/*
 * Free requests that are prepared or wait, and untaken results.  Requests that
 * are elsewhere must have been freed before.
 */
void	brood__queue_fini(struct brood__queue *queue);

/*
 * Add a new request behind the others and give it its id.  In a closed queue it
 * is REFUSED at once.  Takes it.
 */
void	brood__queue_add(struct brood__queue *queue,
	    struct brood__pending *pending);

/* The request to be sent next, which stays in the queue; or NULL. */
struct brood__pending *
	brood__queue_next(struct brood__queue *queue);

/* A waiting request by its id, or NULL. */
struct brood__pending *
	brood__queue_find(struct brood__queue *queue, uint64_t id);

/* Take a waiting request out of the queue, to send it. */
void	brood__queue_remove(struct brood__queue *queue,
	    struct brood__pending *pending);

/* Put back one that was removed and could not be sent; nothing is counted. */
void	brood__queue_put_back(struct brood__queue *queue,
	    struct brood__pending *pending);

/*
 * Put back one that was at a worker, to run for another, at the place that its
 * id gives it.  In a closed queue it completes at once.  Takes it.
 */
void	brood__queue_restore(struct brood__queue *queue,
	    struct brood__pending *pending);

/*
 * The completion of a request: fills in what done says of the request, and a
 * text if it has none, and makes it a result.  Without memory for the reply the
 * completion is FAILED and says so.
 *
 * The request stays the caller's: free it by brood__queue_forget(), or, while a
 * worker has it, keep it as COMPLETED; its limits still hold for the worker.
 *
 * Takes fds.  Gives the result.
 */
struct brood__result *
	brood__queue_complete(struct brood__queue *queue,
	    struct brood__pending *pending, struct brood_completion *done,
	    const struct brood_message *reply, const int *fds, size_t n_fds);

/* Make a view a result with a payload of its own: 0 or -ENOMEM. */
int	brood__queue_copy_view(struct brood__queue *queue,
	    struct brood__result *view);

/* Remove a completed request from the tree and free it. */
void	brood__queue_forget(struct brood__queue *queue,
	    struct brood__pending *pending);

/*
 * Complete and free a request that no worker has and that is in no list.
 */
void	brood__queue_end(struct brood__queue *queue,
	    struct brood__pending *pending, enum brood_fate fate,
	    const char *text);

/*
 * Give a part of a reply to the program, with BROOD_STREAM: 0 or -ENOMEM.
 * Fills in what part says of the request.
 */
int	brood__queue_put_part(struct brood__queue *queue,
	    struct brood__pending *pending, struct brood_completion *part,
	    const struct brood_message *msg);

/*
 * Close the queue for text's reason and complete all that waits: REFUSED, or
 * closed_fate where a request has been at a worker.  A queue that is closed
 * keeps its first reason.
 */
void	brood__queue_close(struct brood__queue *queue,
	    enum brood_fate closed_fate, const char *text);
void	brood__queue_open(struct brood__queue *queue);

static inline bool
brood__queue_is_closed(const struct brood__queue *queue)
{
	return queue->closed_fate != 0;
}

/*
 * Put a request to its place in the tree again, after something was changed on
 * which brood__pending_next_due() depends.
 */
void	brood__queue_reschedule(struct brood__queue *queue,
	    struct brood__pending *pending);

/*
 * One request with a limit that passes not after now_ms, or NULL.  It leaves
 * the tree: each call gives another one.
 */
struct brood__pending *
	brood__queue_due(struct brood__queue *queue, int64_t now_ms);

/* When the next limit passes, or BROOD__NEVER. */
int64_t	brood__queue_next_due(struct brood__queue *queue);

/* The result of this request, parts included, or NULL if there is none yet. */
struct brood__result *
	brood__queue_find_result(struct brood__queue *queue, uint64_t id);

/* Give a result to the program.  NULL: the first.  1 with one, 0 if none. */
int	brood__queue_take(struct brood__queue *queue,
	    struct brood__result *result, struct brood_completion *ret_done);

#endif
