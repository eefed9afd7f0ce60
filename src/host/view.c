/* SPDX-License-Identifier: ISC */

/*
 * Replies that the program reads in place; see view.h.
 *
 * Owns nothing.  A worker is in the list `viewed' as long as its ring keeps a
 * frame for a view; worker->view is the result, until that is taken.
 */

#include "host/view.h"

#include "wire/channel.h"

enum {
	VIEW_MIN = 4 << 10,	/* a shorter reply is copied sooner */
	VIEW_RETRY_MS = 10,
};

bool
brood__view_answer(struct brood_pool *pool, struct brood__worker *worker,
    struct brood__pending *pending, const struct brood_message *msg)
{
	struct brood_message reply = { .kind = msg->kind, .code = msg->code };
	struct brood_completion done = {
		.fate = BROOD_DONE,
		.ran = BROOD_RAN,
		.pid = worker->pid,
	};
	struct brood__result *result;

	if (!(pending->flags & BROOD_VIEW) || pending->parts_len > 0 ||
	    msg->len < VIEW_MIN || !brood__channel_keep_frame(worker->channel))
		return false;
	TAILQ_INSERT_TAIL(&pool->lists.viewed, worker, in_viewed);
	worker->is_viewed = true;
	result = brood__queue_complete(&pool->queue, pending, &done, &reply,
	    NULL, 0);
	if (result->done.fate != BROOD_DONE)
		return true;
	result->done.reply.data = msg->data;
	result->done.reply.len = msg->len;
	result->viewer = &worker->view;
	worker->view = result;
	return true;
}

void
brood__views_end(struct brood_pool *pool)
{
	struct brood__worker *worker, *next;

	TAILQ_FOREACH_SAFE(worker, &pool->lists.viewed, in_viewed, next) {
		if (worker->view != NULL &&
		    brood__queue_copy_view(&pool->queue, worker->view) < 0) {
			brood__pool_turn_in(pool, VIEW_RETRY_MS);
			continue;
		}
		brood__channel_release_frame(worker->channel);
		TAILQ_REMOVE(&pool->lists.viewed, worker, in_viewed);
		worker->is_viewed = false;
	}
}

void
brood__views_forget(struct brood_pool *pool)
{
	struct brood__worker *worker;

	TAILQ_FOREACH(worker, &pool->lists.viewed, in_viewed)
		if (worker->view != NULL)
			worker->view->viewer = NULL;
}
