/* SPDX-License-Identifier: ISC */

/*
 * Answers as completions and parts; see answer.h.
 *
 * Owns nothing.  Must not know whether a worker or a server has answered.
 */

#include "host/answer.h"

#include "base/names.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Take over the descriptors of the message that the channel gave last. */
static size_t
answer_take_fds(struct brood_channel *channel, const struct brood_message *msg,
    int *fds)
{
	size_t n_fds = 0;

	for (size_t i = 0; i < msg->n_fds; i++) {
		int fd = brood_channel_take_fd(channel, i);

		if (fd >= 0)
			fds[n_fds++] = fd;
	}
	return n_fds;
}

void
brood__answer_done(struct brood__queue *queue, struct brood__pending *pending,
    struct brood_channel *channel, const struct brood_message *msg, pid_t pid)
{
	struct brood_completion done = {
		.fate = BROOD_DONE,
		.ran = BROOD_RAN,
		.pid = pid,
	};
	int fds[BROOD_MAX_FDS];
	size_t n_fds = answer_take_fds(channel, msg, fds);

	brood__queue_complete(queue, pending, &done, msg, fds, n_fds);
}

char *
brood__answer_text(const struct brood_message *msg)
{
	char *text = malloc(msg->len + 1);

	if (text == NULL)
		return NULL;
	/* Copied first: in a ring it may change while it is cleaned. */
	if (msg->len > 0)
		memcpy(text, msg->data, msg->len);
	(void)brood__text_copy(text, msg->len + 1, text,
	    brood__text_chomp(text, msg->len));
	return text;
}

void
brood__answer_failed(struct brood__queue *queue,
    struct brood__pending *pending, const struct brood_message *msg,
    enum brood_fate fate, enum brood_ran ran, pid_t pid)
{
	struct brood_message reply = { .kind = msg->kind, .code = msg->code };
	char *text = brood__answer_text(msg);
	struct brood_completion done = {
		.fate = fate,
		.ran = ran,
		.pid = pid,
		.text = text,
	};

	brood__queue_complete(queue, pending, &done, &reply, NULL, 0);
	free(text);
}

int
brood__answer_part(struct brood__queue *queue, struct brood__pending *pending,
    const struct brood_message *msg, pid_t pid)
{
	bool is_progress = msg->kind == BROOD_KIND_PROGRESS;
	struct brood_completion part = {
		.fate = is_progress ? BROOD_PROGRESS : BROOD_PART,
		.ran = BROOD_RAN,
		.pid = pid,
	};

	if (pending->flags & BROOD_STREAM)
		return brood__queue_put_part(queue, pending, &part, msg);
	if (is_progress)
		return 0;
	return brood__pending_keep_part(pending, msg->data, msg->len);
}

const char *
brood__answer_describe(int error)
{
	switch (error) {
	case -EPIPE:
		return "it shut its channel down";
	case -EMSGSIZE:
		return "a payload over the limit";
	case -EBADMSG:
		return "descriptors that were not asked for, or missing ones";
	case -EPROTO:
		return "not a frame";
	default:
		return brood__error_words(-error);
	}
}
