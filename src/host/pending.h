/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REQUEST_H
#define BROOD__REQUEST_H

/*
 * One request of a pool from submit to its completion, and the completion as it
 * waits to be taken.
 *
 * A request is in one list at a time: the pool's queue, or that of the worker
 * it was sent to.  It gets its completion once; if a worker still has it then,
 * it stays behind in the worker's list, abandoned, so that the answer is known
 * when it comes, and dropped.
 */

#include <brood/pool.h>
#include <sys/queue.h>
#include <sys/tree.h>

struct brood__peer;
struct brood__result;

struct brood__request {
	TAILQ_ENTRY(brood__request) next;
	RB_ENTRY(brood__request) by_deadline;
	uint64_t id;
	void *tag;
	unsigned flags;			/* enum brood_submit_flag */
	uint32_t code;
	int64_t deadline_ms;		/* BROOD__NEVER: none, in no tree */
	struct brood__peer *peer;	/* that has it; NULL: the queue */
	int64_t sent_ms;		/* since when */
	uint64_t end;			/* where it ends in what was sent */
	unsigned n_passed;		/* workers that died, it being next */
	bool is_retried;
	bool is_abandoned;
	bool is_expired;		/* its deadline passed at the worker */
	bool has_parts;			/* of the reply, given as they came */
	struct brood__result *bare;	/* its completion, should there be no
					   memory when it comes */
	uint8_t *parts;			/* of the reply, without BROOD_STREAM */
	size_t parts_len;
	int *fds;
	size_t n_fds;
	size_t len;
	uint8_t data[];
};

TAILQ_HEAD(brood__requests, brood__request);
RB_HEAD(brood__deadlines, brood__request);
RB_PROTOTYPE(brood__deadlines, brood__request, by_deadline,
    brood__request_compare)

/* Copies msg, descriptors included. */
int	brood__request_new(struct brood__request **ret_request,
	    const struct brood_message *msg);
struct brood__request *
	brood__request_free(struct brood__request *request);

/*
 * Keep a part of the reply.  -EMSGSIZE: more than max together, or no memory.
 */
int	brood__request_keep_part(struct brood__request *request,
	    const void *data, size_t len, size_t max);

/* What waits to be taken: a completion or a part. */
struct brood__result {
	STAILQ_ENTRY(brood__result) next;
	struct brood_completion done;
};

STAILQ_HEAD(brood__results, brood__result);

/*
 * Make a result of one block of memory, which brood_completion_fini() frees:
 * the reply is two pieces put together, text is copied.  fds are taken, on
 * success.
 */
int	brood__result_new(struct brood__result **ret_result,
	    const struct brood_completion *done, const void *head,
	    size_t head_len, const struct brood_message *reply,
	    const int *fds, size_t n_fds);

#endif
