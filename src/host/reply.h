/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REPLY_H
#define BROOD__REPLY_H

/*
 * What a message from a worker means for the request that it answers.  Pure: it
 * decides, and changes nothing.
 *
 * Nothing that a worker sends is believed: an answer to what it was not asked,
 * an answer to a request that it cannot have read yet, or a frame that only a
 * host may send is a VIOLATION.
 */

#include "host/pending.h"

enum brood__reply_class {
	BROOD__REPLY_PART,		/* a part of the reply, or progress */
	BROOD__REPLY_DONE,		/* the reply, or its last part */
	BROOD__REPLY_FAILED,		/* the request has failed; further
					   answers to it may follow if
					   brood__reply_is_last() says so */
	BROOD__REPLY_VIOLATION,		/* the worker is not to be trusted */
};

/*
 * Classify msg, which came from a worker.
 *
 * pending is the request with msg's id at that worker, NULL if there is none;
 * sent is how many bytes the kernel has taken of the stream to the worker;
 * max_payload limits the parts of a reply that are put together.
 *
 * *ret_why: a text of this side for FAILED and VIOLATION; NULL if the text is
 * the payload of msg.
 */
enum brood__reply_class
	brood__reply_classify(const struct brood__pending *pending,
	    const struct brood_message *msg, uint64_t sent, size_t max_payload,
	    const char **ret_why);

/* Is that the last message of the worker about the request? */
static inline bool
brood__reply_is_last(const struct brood_message *msg)
{
	return msg->kind != BROOD_KIND_PROGRESS && !msg->more;
}

#endif
