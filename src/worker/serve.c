/* SPDX-License-Identifier: ISC */

/*
 * What a worker does with requests.
 *
 * There is one request at a time, on the stack of the loop.  Its payload and
 * descriptors belong to the channel, until the next receive.  Nothing is read
 * ahead: a request stays in the socket until it is run, so that the host can
 * tell which requests a dead worker has not begun.
 */

#include "base/clock.h"
#include "base/export.h"
#include "base/names.h"
#include "base/reserved.h"
#include "process/confine.h"
#include "process/last_words.h"
#include "wire/channel.h"
#include "wire/receive.h"

#include <brood/worker.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct brood_request {
	struct brood_channel *channel;
	struct brood_message msg;
	int64_t deadline_ms;
	bool is_answered;	/* by its last reply, or an error */
	bool is_canceled;	/* a CANCEL of it has been seen */
	uint64_t seen;		/* how far in the stream was looked for one */
};

/* Questions */

BROOD_PUBLIC const void *
brood_request_data(const struct brood_request *req)
{
	return req->msg.data;
}

BROOD_PUBLIC size_t
brood_request_len(const struct brood_request *req)
{
	return req->msg.len;
}

BROOD_PUBLIC uint32_t
brood_request_code(const struct brood_request *req)
{
	return req->msg.code;
}

BROOD_PUBLIC size_t
brood_request_n_fds(const struct brood_request *req)
{
	return req->msg.n_fds;
}

BROOD_PUBLIC int
brood_request_fd(const struct brood_request *req, size_t i)
{
	if (i >= req->msg.n_fds || req->msg.fds[i] < 0)
		return -EBADF;
	return req->msg.fds[i];
}

BROOD_PUBLIC int
brood_request_take_fd(struct brood_request *req, size_t i)
{
	int r = brood__channel_check(req->channel);

	return r == -ECHILD ? r :
	    brood__receive_take_held_fd(req->channel, i);
}

BROOD_PUBLIC int
brood_request_time_left(const struct brood_request *req)
{
	return brood__time_left(req->deadline_ms, brood__now_ms());
}

BROOD_PUBLIC bool
brood_request_is_canceled(struct brood_request *req)
{
	if (!req->is_canceled && brood__channel_check(req->channel) == 0)
		req->is_canceled = brood__receive_is_canceled(req->channel,
		    req->msg.id, &req->seen);
	return req->is_canceled;
}

/* Answers */

static int
request_send(struct brood_request *req, struct brood_message *msg)
{
	int r;

	r = brood__channel_check(req->channel);
	if (r < 0)
		return r;
	if (req->is_answered)
		return -EALREADY;
	msg->id = req->msg.id;
	r = brood__channel_insist(req->channel, msg);
	if (r == 0 && msg->kind != BROOD_KIND_PROGRESS && !msg->more)
		req->is_answered = true;
	return r;
}

BROOD_PUBLIC int
brood_reply_alloc(struct brood_request *req, size_t len, void **ret_data)
{
	int r = brood__channel_check(req->channel);

	return r < 0 ? r : brood__channel_alloc(req->channel, len, ret_data);
}

BROOD_PUBLIC int
brood_request_reply_with_fds(struct brood_request *req, uint32_t status,
    const void *data, size_t len, const int *fds, size_t n_fds)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_REPLY,
		.code = status,
		.data = data,
		.len = len,
		.fds = fds,
		.n_fds = n_fds,
	};

	return request_send(req, &msg);
}

BROOD_PUBLIC int
brood_request_reply(struct brood_request *req, uint32_t status,
    const void *data, size_t len)
{
	return brood_request_reply_with_fds(req, status, data, len, NULL, 0);
}

BROOD_PUBLIC int
brood_request_reply_more(struct brood_request *req, const void *data,
    size_t len)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_REPLY,
		.more = true,
		.data = data,
		.len = len,
	};

	return request_send(req, &msg);
}

BROOD_PUBLIC int
brood_request_progress(struct brood_request *req, const void *data, size_t len)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_PROGRESS,
		.data = data,
		.len = len,
	};

	return request_send(req, &msg);
}

static enum brood_error
request_error(int error)
{
	switch (error) {
	case ENOSYS:
	case EOPNOTSUPP:
		return BROOD_ERROR_NO_METHOD;
	case EMSGSIZE:
		return BROOD_ERROR_TOO_LARGE;
	case ETIMEDOUT:
		return BROOD_ERROR_EXPIRED;
	case ECANCELED:
		return BROOD_ERROR_CANCELED;
	default:
		return BROOD_ERROR_FAILED;
	}
}

BROOD_PUBLIC int
brood_request_fail(struct brood_request *req, int error, const char *text)
{
	bool has_text = text != NULL && text[0] != '\0';
	struct brood_message msg = {
		.kind = BROOD_KIND_ERROR,
		.code = request_error(error),
	};
	char *said;
	int r;

	r = asprintf(&said, "%s%s%s", has_text ? text : "",
	    has_text && error != 0 ? ": " : "",
	    error != 0 ? brood__error_words(error) : "");
	if (r < 0)
		return -ENOMEM;
	msg.data = said;
	msg.len = (size_t)r;
	r = request_send(req, &msg);
	free(said);
	return r;
}

/* The loop */

static int
worker_handle(struct brood_channel *channel, const struct brood_message *msg,
    brood_handler_fn handler, void *arg)
{
	struct brood_request req = {
		.channel = channel,
		.msg = *msg,
		.deadline_ms = msg->expire_ms == 0 ? BROOD__NEVER :
		    brood__now_ms() + msg->expire_ms,
	};
	int r;

	/* The request is valid until the handler returns. */
	brood__receive_hold(channel);
	r = handler(&req, arg);
	brood__receive_unhold(channel);
	brood__channel_free_memory(channel);
	if (req.is_answered)
		return 0;
	if (r < 0)
		return brood_request_fail(&req, -r, NULL);
	return brood_request_fail(&req, 0,
	    "the handler returned without a reply");
}

static int
worker_pong(struct brood_channel *channel, struct brood_message *msg)
{
	msg->kind = BROOD_KIND_PONG;
	msg->n_fds = 0;
	return brood__channel_insist(channel, msg);
}

/*
 * Do what one message asks for.  1: go on; 0: the host has said GOODBYE; or a
 * negative errno.
 */
static int
worker_step(struct brood_channel *channel, struct brood_message *msg,
    brood_handler_fn handler, void *arg)
{
	int r;

	switch (msg->kind) {
	case BROOD_KIND_REQUEST:
		r = worker_handle(channel, msg, handler, arg);
		return r < 0 ? r : 1;
	case BROOD_KIND_PING:
		r = worker_pong(channel, msg);
		return r < 0 ? r : 1;
	case BROOD_KIND_CANCEL:		/* its request has been answered */
		return 1;
	case BROOD_KIND_LINK:		/* for brood_channel_wait_link() */
		r = brood__receive_keep(channel, msg);
		return r < 0 && r != -ENOBUFS ? r : 1;
	case BROOD_KIND_GOODBYE:
		return 0;
	case BROOD_KIND_HELLO:
	case BROOD_KIND_REPLY:
	case BROOD_KIND_ERROR:
	case BROOD_KIND_PROGRESS:
	case BROOD_KIND_PONG:
		break;
	}
	brood__channel_complain(channel, BROOD_ERROR_PROTOCOL,
	    "a worker takes no frame of this kind");
	return -EPROTO;
}

BROOD_PUBLIC int
brood_worker_run(struct brood_channel *channel, brood_handler_fn handler,
    void *arg)
{
	struct brood_message msg;
	int r;

	if (handler == NULL || brood__channel_is_greedy(channel))
		return -EINVAL;
	r = brood__channel_check(channel);
	if (r < 0)
		return r == -EPIPE ? 0 : r;
	do {
		r = brood__receive_work(channel, -1, &msg);
		if (r > 0)
			r = worker_step(channel, &msg, handler, arg);
	} while (r > 0);
	return r == -EPIPE ? 0 : r;
}

/* To what the pool asks for; if that cannot be, tell it instead of HELLO. */
static int
worker_confine(struct brood_channel *channel)
{
	struct brood__failure report;
	struct brood__confined confined;
	char *text;
	int r;

	r = brood__confine_from_env(&confined, &report);
	if (r == 0) {
		brood__channel_set_level(channel, confined.reached);
		return 0;
	}
	if (asprintf(&text, "%s: %s: %s", report.step, report.text,
	    brood__error_words(report.error)) >= 0) {
		brood__channel_complain(channel, BROOD_ERROR_FAILED, text);
		free(text);
	}
	return r;
}

BROOD_PUBLIC int
brood_worker_main(brood_handler_fn handler, void *arg,
    const struct brood_worker_options *options)
{
	static const struct brood_worker_options defaults;
	struct brood_channel_options channel_options = {
		.max_fds = BROOD_MAX_FDS,
	};
	struct brood_channel *channel;
	int r;

	if (options == NULL)
		options = &defaults;
	if (handler == NULL || !BROOD__RESERVED_IS_ZERO(options))
		return -EINVAL;
	channel_options.max_payload = options->max_payload;
	r = brood_channel_inherit(&channel, &channel_options);
	if (r < 0)
		return r;
	brood__last_words_from_env();
	r = worker_confine(channel);
	if (r < 0) {
		(void)brood_channel_free(channel);
		return r;
	}
	brood__channel_accept_rings(channel);
	r = brood_channel_hello(channel, options->name != NULL ?
	    options->name : getprogname(), -1);
	if (r == 0)
		r = brood_worker_run(channel, handler, arg);
	(void)brood_channel_free(channel);
	return r;
}
