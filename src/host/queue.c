/* SPDX-License-Identifier: ISC */

/*
 * What a pool owes its program: the requests that wait for a worker, and the
 * results that wait to be taken.
 *
 * A request is completed in one place, brood__queue_complete(), which puts a
 * result where the program takes it.  After that it is freed, or, if a worker
 * still has it, kept in the worker's list as abandoned: its deadline still
 * holds for that worker.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "host/pool.h"

#include <stdlib.h>

static void
queue_put(struct brood_pool *pool, struct brood__result *result)
{
	STAILQ_INSERT_TAIL(&pool->results, result, next);
	pool->n_untaken++;
}

int
brood__queue_put_part(struct brood_pool *pool,
    const struct brood_completion *part, const struct brood_message *msg)
{
	struct brood__result *result;
	int r;

	r = brood__result_new(&result, part, NULL, 0, msg, NULL, 0);
	if (r == 0)
		queue_put(pool, result);
	return r;
}

/* Without memory for the reply the result shrinks to the fact. */
static void
queue_put_bare(struct brood_pool *pool, struct brood__request *req,
    struct brood_completion *done, const int *fds, size_t n_fds)
{
	struct brood__result *result = req->bare;

	req->bare = NULL;
	for (size_t i = 0; i < n_fds; i++)
		(void)brood__fd_close(fds[i]);
	done->fate = BROOD_FAILED;
	done->text = "no memory for the reply";
	result->done = *done;
	result->done.memory = result;
	queue_put(pool, result);
}

void
brood__queue_complete(struct brood_pool *pool, struct brood__request *req,
    struct brood_completion *done, const struct brood_message *reply,
    const int *fds, size_t n_fds)
{
	static const struct brood_message nothing;
	struct brood__result *result;
	bool is_done = done->fate == BROOD_DONE;

	done->id = req->id;
	done->tag = req->tag;
	if (done->text == NULL)
		done->text = "";
	if (brood__result_new(&result, done, req->parts,
	    is_done ? req->parts_len : 0, reply != NULL ? reply : &nothing,
	    fds, n_fds) == 0)
		queue_put(pool, result);
	else
		queue_put_bare(pool, req, done, fds, n_fds);
	pool->n_by_fate[done->fate]++;
}

void
brood__queue_forget_deadline(struct brood_pool *pool,
    struct brood__request *req)
{
	if (req->deadline_ms != BROOD__NEVER)
		RB_REMOVE(brood__deadlines, &pool->deadlines, req);
	req->deadline_ms = BROOD__NEVER;
}

void
brood__queue_forget(struct brood_pool *pool, struct brood__request *req)
{
	brood__queue_forget_deadline(pool, req);
	(void)brood__request_free(req);
}

/*
 * Of one that no worker has: complete and free.  One that is there to run for
 * the second time may have run the first time.
 */
void
brood__queue_end(struct brood_pool *pool, struct brood__request *req,
    enum brood_fate fate, const char *text)
{
	struct brood_completion done = {
		.fate = fate,
		.ran = req->is_retried ? BROOD_MAY_HAVE_RUN : BROOD_NOT_RUN,
		.text = text,
	};

	brood__queue_complete(pool, req, &done, NULL, NULL, 0);
	brood__queue_forget(pool, req);
}

/* The queue */

void
brood__queue_remove(struct brood_pool *pool, struct brood__request *req)
{
	TAILQ_REMOVE(&pool->queue, req, next);
	pool->n_queued--;
}

/*
 * No worker will come for it.  One that has been at a worker is not refused: a
 * stop cancels it, and if the pool is broken, its worker's death was its end.
 */
static void
queue_refuse(struct brood_pool *pool, struct brood__request *req,
    const char *text)
{
	enum brood_fate fate = BROOD_REFUSED;

	if (req->is_retried)
		fate = pool->broken != NULL ? BROOD_CRASHED : BROOD_CANCELED;
	brood__queue_end(pool, req, fate, text);
}

static const char *
queue_refusal(const struct brood_pool *pool)
{
	if (pool->broken != NULL)
		return pool->broken;
	return pool->is_drained ? "the pool is stopping" : NULL;
}

void
brood__queue_add(struct brood_pool *pool, struct brood__request *req)
{
	const char *refusal = queue_refusal(pool);

	if (req->deadline_ms != BROOD__NEVER)
		(void)RB_INSERT(brood__deadlines, &pool->deadlines, req);
	if (refusal != NULL) {
		queue_refuse(pool, req, refusal);
		return;
	}
	TAILQ_INSERT_TAIL(&pool->queue, req, next);
	pool->n_queued++;
}

/* It was at a worker, and goes before those that were never sent. */
void
brood__queue_restore(struct brood_pool *pool, struct brood__request *req)
{
	const char *refusal = queue_refusal(pool);

	if (refusal != NULL) {
		queue_refuse(pool, req, refusal);
		return;
	}
	free(req->parts);
	req->parts = NULL;
	req->parts_len = 0;
	TAILQ_INSERT_HEAD(&pool->queue, req, next);
	pool->n_queued++;
	pool->n_resubmitted++;
}

void
brood__queue_refuse(struct brood_pool *pool, const char *text)
{
	struct brood__request *req;

	while ((req = TAILQ_FIRST(&pool->queue)) != NULL) {
		brood__queue_remove(pool, req);
		queue_refuse(pool, req, text);
	}
}
