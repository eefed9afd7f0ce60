/* SPDX-License-Identifier: ISC */

/*
 * Requests and results: memory, and nothing of what is done with them.
 */

#include "base/export.h"
#include "base/fd.h"
#include "host/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
brood__request_compare(const struct brood__request *a,
    const struct brood__request *b)
{
	if (a->deadline_ms != b->deadline_ms)
		return a->deadline_ms < b->deadline_ms ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE(brood__deadlines, brood__request, by_deadline,
    brood__request_compare)

int
brood__request_new(struct brood__request **ret_request,
    const struct brood_message *msg)
{
	struct brood__request *req;
	int r = 0;

	req = malloc(sizeof(*req) + msg->len);
	if (req == NULL)
		return -ENOMEM;
	memset(req, 0, sizeof(*req));
	req->bare = calloc(1, sizeof(*req->bare));
	if (req->bare == NULL)
		r = -ENOMEM;
	if (r == 0 && msg->n_fds > 0) {
		req->fds = reallocarray(NULL, msg->n_fds, sizeof(*req->fds));
		r = req->fds == NULL ? -ENOMEM :
		    brood__fd_dup_all(req->fds, msg->fds, msg->n_fds);
	}
	if (r < 0) {
		free(req->fds);
		free(req->bare);
		free(req);
		return r;
	}
	req->n_fds = msg->n_fds;
	req->code = msg->code;
	req->len = msg->len;
	if (msg->len > 0)
		memcpy(req->data, msg->data, msg->len);
	*ret_request = req;
	return 0;
}

struct brood__request *
brood__request_free(struct brood__request *req)
{
	brood__fd_close_all(req->fds, req->n_fds);
	free(req->fds);
	free(req->bare);
	free(req->parts);
	free(req);
	return NULL;
}

int
brood__request_keep_part(struct brood__request *req, const void *data,
    size_t len, size_t max)
{
	uint8_t *parts;

	if (len > max - req->parts_len)
		return -EMSGSIZE;
	if (len == 0)
		return 0;
	parts = realloc(req->parts, req->parts_len + len);
	if (parts == NULL)
		return -EMSGSIZE;
	memcpy(parts + req->parts_len, data, len);
	req->parts = parts;
	req->parts_len += len;
	return 0;
}

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

/* The block: the result, the descriptors, the reply, the text. */
int
brood__result_new(struct brood__result **ret_result,
    const struct brood_completion *done, const void *head, size_t head_len,
    const struct brood_message *reply, const int *fds, size_t n_fds)
{
	size_t len = head_len + reply->len;
	size_t text_size = strlen(done->text) + 1;
	struct brood__result *result;
	uint8_t *at;

	result = malloc(sizeof(*result) + n_fds * sizeof(*fds) + len +
	    text_size);
	if (result == NULL)
		return -ENOMEM;
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

/* The array is in the completion's own memory, const only for the program. */
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
		free(done->memory);
	}
	memset(done, 0, sizeof(*done));
	done->text = "";
}
