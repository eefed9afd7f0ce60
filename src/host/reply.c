/* SPDX-License-Identifier: ISC */

/*
 * Classifying what workers send; see reply.h.
 */

#include "host/reply.h"

static enum brood__reply_class
reply_violation(const char *why, const char **ret_why)
{
	*ret_why = why;
	return BROOD__REPLY_VIOLATION;
}

/*
 * Do the parts that are kept fit together with this one?  With BROOD_STREAM
 * they are passed on one by one, and nothing is kept of a request that has its
 * completion already.
 */
static bool
reply_fits(const struct brood__pending *pending,
    const struct brood_message *msg, size_t max_payload)
{
	if (pending->state != BROOD__PENDING_SENT ||
	    (pending->flags & BROOD_STREAM) ||
	    msg->kind == BROOD_KIND_PROGRESS)
		return true;
	return pending->parts_len <= max_payload &&
	    msg->len <= max_payload - pending->parts_len;
}

/*
 * An answer: REPLY, PROGRESS, or ERROR with an id.
 *
 * The second case is not only a matter of honesty: a worker that answers
 * requests before it reads them would let what is queued for it grow.
 */
static enum brood__reply_class
reply_classify_answer(const struct brood__pending *pending,
    const struct brood_message *msg, uint64_t sent, size_t max_payload,
    const char **ret_why)
{
	if (pending == NULL)
		return reply_violation("it answered what it was not asked",
		    ret_why);
	if (pending->end > sent)
		return reply_violation("it answered before it was asked",
		    ret_why);
	if (msg->kind == BROOD_KIND_ERROR)
		return BROOD__REPLY_FAILED;
	if (!reply_fits(pending, msg, max_payload)) {
		*ret_why =
		    "the parts of the reply are over the limit together";
		return BROOD__REPLY_FAILED;
	}
	return brood__reply_is_last(msg) ? BROOD__REPLY_DONE :
	    BROOD__REPLY_PART;
}

/* An ERROR with id 0 says why the worker ends the channel: brood-protocol(7). */
static enum brood__reply_class
reply_classify_complaint(const struct brood_message *msg, const char **ret_why)
{
	return reply_violation(msg->len > 0 ? NULL :
	    "it sent an error for no request", ret_why);
}

enum brood__reply_class
brood__reply_classify(const struct brood__pending *pending,
    const struct brood_message *msg, uint64_t sent, size_t max_payload,
    const char **ret_why)
{
	*ret_why = NULL;
	switch (msg->kind) {
	case BROOD_KIND_ERROR:
		if (msg->id == 0)
			return reply_classify_complaint(msg, ret_why);
		/* FALLTHROUGH */
	case BROOD_KIND_REPLY:
	case BROOD_KIND_PROGRESS:
		return reply_classify_answer(pending, msg, sent, max_payload,
		    ret_why);
	case BROOD_KIND_HELLO:
	case BROOD_KIND_REQUEST:
	case BROOD_KIND_CANCEL:
	case BROOD_KIND_GOODBYE:
	case BROOD_KIND_PING:
	case BROOD_KIND_PONG:
	case BROOD_KIND_LINK:
		break;
	}
	return reply_violation("it sent what only a host sends, or an answer "
	    "to no PING", ret_why);
}
