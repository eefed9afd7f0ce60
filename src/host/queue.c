/* SPDX-License-Identifier: ISC */

/*
 * The queue of a pool; see queue.h.
 *
 * Invariants: waiting is sorted by id, and has no request that a worker had
 * before; a request with a limit of time that can pass is in the tree dues,
 * from the moment it is added until it is forgotten or due; n_outstanding
 * counts each accepted request until its completion is taken, and so bounds
 * waiting, workers' lists and results together.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "host/queue.h"

#include <errno.h>
#include <string.h>

enum {
	QUEUE_STREAMED_MAX = 1 << 20,	/* streamed_size, where reading stops */
	QUEUE_PART_COST = 256,		/* of one part besides its payload */
};

static const char queue_no_memory[] = "no memory for the reply";

void
brood__queue_init(struct brood__queue *queue)
{
	memset(queue, 0, sizeof(*queue));
	TAILQ_INIT(&queue->prepared);
	TAILQ_INIT(&queue->waiting);
	RB_INIT(&queue->restored);
	RB_INIT(&queue->dues);
	STAILQ_INIT(&queue->results);
	queue->blocks = brood__blocks_new();
}

void
brood__queue_fini(struct brood__queue *queue)
{
	struct brood_completion done;
	struct brood__pending *pending;

	while ((pending = TAILQ_FIRST(&queue->prepared)) != NULL)
		(void)brood__queue_unprepare(queue, pending->data);
	while ((pending = brood__queue_next(queue)) != NULL) {
		brood__queue_remove(queue, pending);
		brood__queue_forget(queue, pending);
	}
	while (brood__queue_take(queue, NULL, &done) == 1)
		brood_completion_fini(&done);
	brood__blocks_close(queue->blocks);
}

/* Making requests */

int
brood__queue_prepare(struct brood__queue *queue, size_t len, void **ret_data)
{
	struct brood__pending *pending;
	int r;

	r = brood__pending_new(&pending, queue->blocks, len);
	if (r < 0)
		return r;
	TAILQ_INSERT_HEAD(&queue->prepared, pending, next);
	*ret_data = pending->data;
	return 0;
}

static struct brood__pending *
queue_find_prepared(struct brood__queue *queue, const void *data)
{
	struct brood__pending *pending;

	TAILQ_FOREACH(pending, &queue->prepared, next)
		if (pending->data == data)
			return pending;
	return NULL;
}

int
brood__queue_unprepare(struct brood__queue *queue, const void *data)
{
	struct brood__pending *pending = queue_find_prepared(queue, data);

	if (pending == NULL)
		return -EINVAL;
	TAILQ_REMOVE(&queue->prepared, pending, next);
	(void)brood__pending_free(pending);
	return 0;
}

static int
queue_use_prepared(struct brood__queue *queue, struct brood__pending *pending,
    const struct brood_message *msg)
{
	int r = msg->len > pending->len ? -EINVAL :
	    brood__pending_set(pending, msg);

	if (r == 0)
		TAILQ_REMOVE(&queue->prepared, pending, next);
	return r;
}

int
brood__queue_make(struct brood__queue *queue, const struct brood_message *msg,
    struct brood__pending **ret_pending)
{
	int r;

	*ret_pending = queue_find_prepared(queue, msg->data);
	if (*ret_pending != NULL)
		return queue_use_prepared(queue, *ret_pending, msg);
	r = brood__pending_new(ret_pending, queue->blocks, msg->len);
	if (r < 0)
		return r;
	r = brood__pending_set(*ret_pending, msg);
	if (r < 0)
		(void)brood__pending_free(*ret_pending);
	return r;
}

/* Results */

static bool
queue_is_part(const struct brood_completion *done)
{
	return done->fate == BROOD_PART || done->fate == BROOD_PROGRESS;
}

static void
queue_put(struct brood__queue *queue, struct brood__result *result)
{
	STAILQ_INSERT_TAIL(&queue->results, result, next);
	queue->n_untaken++;
}

/*
 * There is no memory for the reply.  Its request brought the memory for a
 * result that says so, so that a completion is never lost.
 */
static struct brood__result *
queue_put_spare(struct brood__queue *queue, struct brood__pending *pending,
    struct brood_completion *done, const int *fds, size_t n_fds)
{
	struct brood__result *result = pending->spare;

	pending->spare = NULL;
	for (size_t i = 0; i < n_fds; i++)
		(void)brood__fd_close(fds[i]);
	done->fate = BROOD_FAILED;
	done->text = queue_no_memory;
	result->viewer = NULL;
	result->done = *done;
	result->done.memory = result;
	queue_put(queue, result);
	return result;
}

static int32_t
queue_span(int64_t from_ms, int64_t to_ms)
{
	int64_t span_ms = to_ms - from_ms;

	return span_ms > INT32_MAX ? INT32_MAX : (int32_t)span_ms;
}

/* What a completion says of the request, whatever became of it. */
static void
queue_describe(const struct brood__queue *queue,
    const struct brood__pending *pending, struct brood_completion *done)
{
	int64_t now_ms = queue->now_ms;
	int64_t run_ms = brood__earlier(pending->running_since_ms, now_ms);

	done->id = pending->id;
	done->tag = pending->tag;
	done->attempts = pending->n_attempts;
	done->waited_ms = queue_span(pending->submitted_ms, run_ms);
	done->ran_ms = queue_span(run_ms, now_ms);
	if (done->text == NULL)
		done->text = "";
}

struct brood__result *
brood__queue_complete(struct brood__queue *queue,
    struct brood__pending *pending, struct brood_completion *done,
    const struct brood_message *reply, const int *fds, size_t n_fds)
{
	static const struct brood_message nothing;
	struct brood__result *result;
	bool is_done = done->fate == BROOD_DONE;

	queue_describe(queue, pending, done);
	if (brood__result_new(&result, queue->blocks, &pending->spare,
	    done, pending->parts,
	    is_done ? pending->parts_len : 0, reply != NULL ? reply : &nothing,
	    fds, n_fds) == 0)
		queue_put(queue, result);
	else
		result = queue_put_spare(queue, pending, done, fds, n_fds);
	queue->n_by_fate[done->fate]++;
	return result;
}

int
brood__queue_copy_view(struct brood__queue *queue, struct brood__result *view)
{
	struct brood__result *copy;
	int r;

	r = brood__result_new(&copy, queue->blocks, NULL, &view->done, NULL, 0,
	    &view->done.reply, NULL, 0);
	if (r < 0)
		return r;
	STAILQ_INSERT_AFTER(&queue->results, view, copy, next);
	STAILQ_REMOVE(&queue->results, view, brood__result, next);
	*view->viewer = NULL;
	brood__blocks_put(view);
	return 0;
}

int
brood__queue_put_part(struct brood__queue *queue,
    struct brood__pending *pending, struct brood_completion *part,
    const struct brood_message *msg)
{
	struct brood__result *result;
	int r;

	queue_describe(queue, pending, part);
	r = brood__result_new(&result, queue->blocks, NULL, part, NULL, 0, msg,
	    NULL, 0);
	if (r < 0)
		return r;
	queue_put(queue, result);
	pending->n_streamed++;
	queue->streamed_size += msg->len + QUEUE_PART_COST;
	if (queue->streamed_size >= QUEUE_STREAMED_MAX)
		queue->is_paused = true;
	return 0;
}

struct brood__result *
brood__queue_find_result(struct brood__queue *queue, uint64_t id)
{
	struct brood__result *result;

	STAILQ_FOREACH(result, &queue->results, next)
		if (result->done.id == id)
			return result;
	return NULL;
}

int
brood__queue_take(struct brood__queue *queue, struct brood__result *result,
    struct brood_completion *ret_done)
{
	if (result == NULL)
		result = STAILQ_FIRST(&queue->results);
	if (result == NULL)
		return 0;
	STAILQ_REMOVE(&queue->results, result, brood__result, next);
	queue->n_untaken--;
	if (result->viewer != NULL)
		*result->viewer = NULL;
	*ret_done = result->done;
	if (queue_is_part(ret_done)) {
		queue->streamed_size -= ret_done->reply.len + QUEUE_PART_COST;
		if (queue->streamed_size <= QUEUE_STREAMED_MAX / 2)
			queue->is_paused = false;
	} else
		queue->n_outstanding--;
	return 1;
}

/* Requests */

static void
queue_set_due(struct brood__queue *queue, struct brood__pending *pending,
    int64_t due_ms)
{
	if (pending->due_ms == due_ms)
		return;
	if (pending->due_ms != BROOD__NEVER)
		RB_REMOVE(brood__dues, &queue->dues, pending);
	pending->due_ms = due_ms;
	if (due_ms != BROOD__NEVER)
		(void)RB_INSERT(brood__dues, &queue->dues, pending);
}

void
brood__queue_reschedule(struct brood__queue *queue,
    struct brood__pending *pending)
{
	queue_set_due(queue, pending, brood__pending_next_due(pending));
}

void
brood__queue_forget(struct brood__queue *queue, struct brood__pending *pending)
{
	queue_set_due(queue, pending, BROOD__NEVER);
	(void)brood__pending_free(pending);
}

/* A request that runs for the second time may have run the first time. */
void
brood__queue_end(struct brood__queue *queue, struct brood__pending *pending,
    enum brood_fate fate, const char *text)
{
	struct brood_completion done = {
		.fate = fate,
		.limit = fate == BROOD_EXPIRED ?
		    brood__pending_passed(pending) : 0,
		.ran = pending->n_retries > 0 ? BROOD_MAY_HAVE_RUN :
		    BROOD_NOT_RUN,
		.text = text,
	};

	brood__queue_complete(queue, pending, &done, NULL, NULL, 0);
	brood__queue_forget(queue, pending);
}

/* In a closed queue: REFUSED says that a request never ran at all. */
static void
queue_refuse(struct brood__queue *queue, struct brood__pending *pending)
{
	brood__queue_end(queue, pending, pending->n_retries > 0 ?
	    queue->closed_fate : BROOD_REFUSED, queue->closed_text);
}

/*
 * Not into the list, where its place would have to be looked for: when many
 * workers end at once, as many requests as they had are put back.
 */
static void
queue_insert(struct brood__queue *queue, struct brood__pending *pending)
{
	pending->state = BROOD__PENDING_QUEUED;
	pending->running_since_ms = BROOD__NEVER;
	brood__queue_reschedule(queue, pending);
	pending->is_restored = true;
	(void)RB_INSERT(brood__ids, &queue->restored, pending);
	queue->n_waiting++;
}

void
brood__queue_add(struct brood__queue *queue, struct brood__pending *pending)
{
	pending->id = ++queue->last_id;
	queue->n_submitted++;
	queue->n_outstanding++;
	brood__queue_reschedule(queue, pending);
	if (brood__queue_is_closed(queue)) {
		queue_refuse(queue, pending);
		return;
	}
	pending->state = BROOD__PENDING_QUEUED;
	TAILQ_INSERT_TAIL(&queue->waiting, pending, next);
	queue->n_waiting++;
}

struct brood__pending *
brood__queue_next(struct brood__queue *queue)
{
	struct brood__pending *restored = RB_MIN(brood__ids, &queue->restored);
	struct brood__pending *waiting = TAILQ_FIRST(&queue->waiting);

	return restored == NULL || (waiting != NULL &&
	    waiting->id < restored->id) ? waiting : restored;
}

struct brood__pending *
brood__queue_find(struct brood__queue *queue, uint64_t id)
{
	struct brood__pending key = { .id = id }, *pending;

	TAILQ_FOREACH(pending, &queue->waiting, next)
		if (pending->id == id)
			return pending;
	return RB_FIND(brood__ids, &queue->restored, &key);
}

void
brood__queue_remove(struct brood__queue *queue, struct brood__pending *pending)
{
	if (pending->is_restored)
		(void)RB_REMOVE(brood__ids, &queue->restored, pending);
	else
		TAILQ_REMOVE(&queue->waiting, pending, next);
	pending->is_restored = false;
	queue->n_waiting--;
}

void
brood__queue_put_back(struct brood__queue *queue,
    struct brood__pending *pending)
{
	queue_insert(queue, pending);
}

void
brood__queue_restore(struct brood__queue *queue,
    struct brood__pending *pending)
{
	/* The request runs nowhere now, so its run_ms has not begun. */
	pending->running_since_ms = BROOD__NEVER;
	if (brood__queue_is_closed(queue)) {
		queue_refuse(queue, pending);
		return;
	}
	brood__pending_forget_parts(pending);
	queue_insert(queue, pending);
	queue->n_restored++;
}

void
brood__queue_close(struct brood__queue *queue, enum brood_fate closed_fate,
    const char *text)
{
	struct brood__pending *pending;

	if (brood__queue_is_closed(queue))
		return;
	queue->closed_fate = closed_fate;
	(void)strlcpy(queue->closed_text, text, sizeof(queue->closed_text));
	while ((pending = brood__queue_next(queue)) != NULL) {
		brood__queue_remove(queue, pending);
		queue_refuse(queue, pending);
	}
}

void
brood__queue_open(struct brood__queue *queue)
{
	queue->closed_fate = 0;
}

struct brood__pending *
brood__queue_due(struct brood__queue *queue, int64_t now_ms)
{
	struct brood__pending *pending = RB_MIN(brood__dues, &queue->dues);

	if (pending == NULL || pending->due_ms > now_ms)
		return NULL;
	queue_set_due(queue, pending, BROOD__NEVER);
	return pending;
}

int64_t
brood__queue_next_due(struct brood__queue *queue)
{
	const struct brood__pending *pending =
	    RB_MIN(brood__dues, &queue->dues);

	return pending != NULL ? pending->due_ms : BROOD__NEVER;
}
