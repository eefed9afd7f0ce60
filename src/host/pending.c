/* SPDX-License-Identifier: ISC */

/*
 * Requests and results as memory.
 *
 * Owns the copies of payloads and descriptors.  Must not know what is done with
 * a request: that is decided in queue.c, worker.c and exchange.c.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/fd.h"
#include "host/pending.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
brood__pending_compare(const struct brood__pending *a,
    const struct brood__pending *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE(brood__dues, brood__pending, by_due, brood__pending_compare)

static int
brood__pending_compare_ids(const struct brood__pending *a,
    const struct brood__pending *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

RB_GENERATE(brood__ids, brood__pending, by_id, brood__pending_compare_ids)

static int
pending_copy_fds(struct brood__pending *pending,
    const struct brood_message *msg)
{
	int r;

	if (msg->n_fds == 0)
		return 0;
	pending->fds = reallocarray(NULL, msg->n_fds, sizeof(*pending->fds));
	if (pending->fds == NULL)
		return -ENOMEM;
	r = brood__fd_dup_all(pending->fds, msg->fds, msg->n_fds);
	if (r == 0) {
		pending->n_fds = msg->n_fds;
		return 0;
	}
	free(pending->fds);
	pending->fds = NULL;
	return r;
}

int
brood__pending_new(struct brood__pending **ret_pending,
    struct brood__blocks *blocks, size_t len)
{
	struct brood__pending *pending;

	if (len > SIZE_MAX - sizeof(*pending))
		return -ENOMEM;
	pending = brood__blocks_take(blocks, sizeof(*pending) + len);
	if (pending == NULL)
		return -ENOMEM;
	memset(pending, 0, sizeof(*pending));
	pending->spare = brood__blocks_take(blocks, BROOD__BLOCK_SMALL);
	if (pending->spare == NULL) {
		brood__blocks_put(pending);
		return -ENOMEM;
	}
	pending->expire_at_ms = BROOD__NEVER;
	pending->run_ms = -1;
	pending->cancel_ms = -1;
	pending->canceled_at_ms = BROOD__NEVER;
	pending->due_ms = BROOD__NEVER;
	pending->running_since_ms = BROOD__NEVER;
	pending->len = len;
	*ret_pending = pending;
	return 0;
}

int
brood__pending_set(struct brood__pending *pending,
    const struct brood_message *msg)
{
	int r = pending_copy_fds(pending, msg);

	if (r < 0)
		return r;
	pending->code = msg->code;
	pending->len = msg->len;
	if (msg->len > 0 && msg->data != pending->data)
		memcpy(pending->data, msg->data, msg->len);
	return 0;
}

struct brood__pending *
brood__pending_free(struct brood__pending *pending)
{
	brood__fd_close_all(pending->fds, pending->n_fds);
	free(pending->fds);
	brood__blocks_put(pending->spare);
	free(pending->parts);
	free(pending->first_end);
	brood__blocks_put(pending);
	return NULL;
}

/* Limits of time */

/* The first of the two that is not 0; if both are, no limit. */
static int32_t
pending_limit_of(int32_t asked_ms, int32_t usual_ms)
{
	return asked_ms != 0 ? asked_ms : usual_ms != 0 ? usual_ms : -1;
}

void
brood__pending_set_options(struct brood__pending *pending,
    const struct brood_request_options *options,
    const struct brood_request_options *usual, int64_t now_ms)
{
	pending->tag = options->tag;
	pending->flags = options->flags;
	pending->submitted_ms = now_ms;
	pending->expire_at_ms = brood__deadline(now_ms,
	    pending_limit_of(options->expire_ms, usual->expire_ms));
	pending->run_ms = pending_limit_of(options->run_ms, usual->run_ms);
	pending->cancel_ms = pending_limit_of(options->cancel_ms,
	    usual->cancel_ms);
}

/* The instant at which a limit that begins at an instant is over. */
static int64_t
pending_limit(int64_t from_ms, int32_t limit_ms)
{
	return from_ms == BROOD__NEVER ? BROOD__NEVER :
	    brood__deadline(from_ms, limit_ms);
}

static int64_t
pending_run_until(const struct brood__pending *pending)
{
	return pending_limit(pending->running_since_ms, pending->run_ms);
}

/* A worker that runs it may go on for so long after a CANCEL. */
static int64_t
pending_cancel_until(const struct brood__pending *pending)
{
	return pending_limit(brood__later(pending->canceled_at_ms,
	    pending->running_since_ms), pending->cancel_ms);
}

int64_t
brood__pending_next_due(const struct brood__pending *pending)
{
	if (pending->state == BROOD__PENDING_OVERDUE)
		return BROOD__NEVER;
	return brood__earlier(pending->expire_at_ms,
	    brood__earlier(pending_run_until(pending),
	    pending_cancel_until(pending)));
}

enum brood_limit
brood__pending_passed(const struct brood__pending *pending)
{
	return pending_run_until(pending) < pending->expire_at_ms ?
	    BROOD_LIMIT_RUN : BROOD_LIMIT_EXPIRE;
}

/* Parts */

int
brood__pending_keep_part(struct brood__pending *pending, const void *data,
    size_t len)
{
	uint8_t *parts;

	if (len == 0)
		return 0;
	parts = realloc(pending->parts, pending->parts_len + len);
	if (parts == NULL)
		return -ENOMEM;
	memcpy(parts + pending->parts_len, data, len);
	pending->parts = parts;
	pending->parts_len += len;
	return 0;
}

void
brood__pending_forget_parts(struct brood__pending *pending)
{
	free(pending->parts);
	pending->parts = NULL;
	pending->parts_len = 0;
}

/* Results */

static void
result_set_reply(struct brood__result *result, uint8_t *at, const void *head,
    size_t head_len, const struct brood_message *reply)
{
	result->done.reply = (struct brood_message) {
		.data = at,
		.len = head_len + reply->len,
		.kind = reply->kind,
		.code = reply->code,
	};
	if (head_len > 0)
		memcpy(at, head, head_len);
	if (reply->len > 0)
		memcpy(at + head_len, reply->data, reply->len);
}

static_assert(sizeof(struct brood__result) <= BROOD__BLOCK_SMALL,
    "a small block has room for a result");

/* The order in the block: struct, descriptors, payload, text. */
int
brood__result_new(struct brood__result **ret_result,
    struct brood__blocks *blocks, struct brood__result **spare,
    const struct brood_completion *done, const void *head, size_t head_len,
    const struct brood_message *reply, const int *fds, size_t n_fds)
{
	size_t len = head_len + reply->len;
	size_t text_size = strlen(done->text) + 1;
	size_t size = sizeof(struct brood__result) + n_fds * sizeof(*fds) +
	    len + text_size;
	struct brood__result *result;
	uint8_t *at;

	if (spare != NULL && *spare != NULL && size <= BROOD__BLOCK_SMALL) {
		result = *spare;
		*spare = NULL;
	} else
		result = brood__blocks_take(blocks, size);
	if (result == NULL)
		return -ENOMEM;
	result->viewer = NULL;
	result->done = *done;
	result->done.memory = result;
	at = (uint8_t *)(result + 1);
	result_set_reply(result, at + n_fds * sizeof(*fds), head, head_len,
	    reply);
	if (n_fds > 0) {
		result->done.reply.fds = memcpy(at, fds, n_fds * sizeof(*fds));
		result->done.reply.n_fds = n_fds;
	}
	result->done.text = memcpy(at + n_fds * sizeof(*fds) + len, done->text,
	    text_size);
	*ret_result = result;
	return 0;
}

/*
 * The descriptors of a completion, which programs see as const: they lie behind
 * the struct in the same block of memory.
 */
static int *
completion_fds(struct brood_completion *done)
{
	struct brood__result *result = done->memory;

	return (int *)(result + 1);
}

BROOD_PUBLIC int
brood_completion_take_fd(struct brood_completion *done, size_t i)
{
	int *fds, fd;

	if (done->memory == NULL || i >= done->reply.n_fds)
		return -EBADF;
	fds = completion_fds(done);
	fd = fds[i];
	fds[i] = -1;
	return fd < 0 ? -EBADF : fd;
}

BROOD_PUBLIC void
brood_completion_fini(struct brood_completion *done)
{
	if (done->memory != NULL) {
		brood__fd_close_all(completion_fds(done), done->reply.n_fds);
		brood__blocks_give(done->memory);
	}
	memset(done, 0, sizeof(*done));
	done->text = "";
}

BROOD_PUBLIC const char *
brood_fate_name(uint32_t fate)
{
	switch ((enum brood_fate)fate) {
	case BROOD_DONE:
		return "done";
	case BROOD_FAILED:
		return "failed";
	case BROOD_CRASHED:
		return "crashed";
	case BROOD_EXPIRED:
		return "expired";
	case BROOD_CANCELED:
		return "canceled";
	case BROOD_REFUSED:
		return "refused";
	case BROOD_PART:
		return "part";
	case BROOD_PROGRESS:
		return "progress";
	}
	return "unknown";
}

BROOD_PUBLIC const char *
brood_limit_name(uint32_t limit)
{
	switch ((enum brood_limit)limit) {
	case BROOD_LIMIT_EXPIRE:
		return "expire";
	case BROOD_LIMIT_RUN:
		return "run";
	}
	return "unknown";
}
