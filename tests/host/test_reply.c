/* SPDX-License-Identifier: ISC */

/*
 * What a message of a worker means for its request.
 */

#include "host/reply.h"
#include "support/support.h"

BROOD_SUITE(reply);

enum { SENT = 1000, MAX = 100 };

/* Judge a message about a request that was sent and may be answered. */
static enum brood__reply_class
judge(enum brood_kind kind, uint64_t id, const char **ret_why)
{
	struct brood__pending pending = {
		.id = 7,
		.state = BROOD__PENDING_SENT,
		.end = SENT,
	};
	struct brood_message msg = { .kind = kind, .id = id };

	return brood__reply_classify(id == 7 ? &pending : NULL, &msg, SENT, MAX,
	    ret_why);
}

Test(reply, last_reply_is_the_end_and_others_are_parts)
{
	struct brood__pending pending = {
		.state = BROOD__PENDING_SENT, .end = SENT,
	};
	struct brood_message msg = { .kind = BROOD_KIND_REPLY };
	const char *why;

	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_DONE);
	cr_assert(brood__reply_is_last(&msg));
	msg.more = true;
	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_PART);
	cr_assert_not(brood__reply_is_last(&msg));
	msg = (struct brood_message) { .kind = BROOD_KIND_PROGRESS };
	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_PART);
	cr_assert_not(brood__reply_is_last(&msg));
}

Test(reply, error_of_a_request_is_a_failure_in_the_workers_words)
{
	const char *why;

	cr_assert_eq(judge(BROOD_KIND_ERROR, 7, &why), BROOD__REPLY_FAILED);
	cr_assert_null(why);
}

Test(reply, answer_to_what_was_not_asked_is_a_violation)
{
	static const enum brood_kind kinds[] = {
		BROOD_KIND_REPLY, BROOD_KIND_PROGRESS, BROOD_KIND_ERROR,
	};
	const char *why;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		cr_assert_eq(judge(kinds[i], 8, &why),
		    BROOD__REPLY_VIOLATION);
		cr_assert_str_eq(why, "it answered what it was not asked");
	}
}

Test(reply, answer_before_the_whole_request_was_sent_is_a_violation)
{
	struct brood__pending pending = {
		.state = BROOD__PENDING_SENT, .end = SENT + 1,
	};
	struct brood_message msg = { .kind = BROOD_KIND_REPLY };
	const char *why;

	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_VIOLATION);
	cr_assert_str_eq(why, "it answered before it was asked");
}

Test(reply, every_kind_that_only_a_host_sends_is_a_violation)
{
	static const enum brood_kind kinds[] = {
		BROOD_KIND_HELLO, BROOD_KIND_REQUEST, BROOD_KIND_CANCEL,
		BROOD_KIND_GOODBYE, BROOD_KIND_PING, BROOD_KIND_PONG,
		BROOD_KIND_LINK,
	};
	const char *why;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		cr_assert_eq(judge(kinds[i], 7, &why),
		    BROOD__REPLY_VIOLATION);
		cr_assert_not_null(why);
	}
}

Test(reply, error_without_an_id_is_a_violation_in_the_workers_words)
{
	struct brood_message msg = {
		.kind = BROOD_KIND_ERROR, .data = "no", .len = 2,
	};
	const char *why;

	cr_assert_eq(brood__reply_classify(NULL, &msg, SENT, MAX, &why),
	    BROOD__REPLY_VIOLATION);
	cr_assert_null(why);
	msg.len = 0;
	cr_assert_eq(brood__reply_classify(NULL, &msg, SENT, MAX, &why),
	    BROOD__REPLY_VIOLATION);
	cr_assert_not_null(why);
}

Test(reply, parts_over_the_limit_together_are_a_failure)
{
	struct brood__pending pending = {
		.state = BROOD__PENDING_SENT, .end = SENT, .parts_len = 60,
	};
	struct brood_message msg = {
		.kind = BROOD_KIND_REPLY, .more = true, .len = 40,
	};
	const char *why;

	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_PART);
	msg.len = 41;
	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_FAILED);
	cr_assert_not_null(why);
	msg.more = false;
	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_FAILED);
}

Test(reply, parts_that_are_streamed_or_dropped_have_no_limit_together)
{
	struct brood__pending pending = {
		.state = BROOD__PENDING_SENT, .end = SENT, .parts_len = 60,
		.flags = BROOD_STREAM,
	};
	struct brood_message msg = {
		.kind = BROOD_KIND_REPLY, .more = true, .len = 90,
	};
	const char *why;

	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_PART);
	pending.flags = 0;
	pending.state = BROOD__PENDING_COMPLETED;
	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_PART);
	msg.more = false;
	cr_assert_eq(brood__reply_classify(&pending, &msg, SENT, MAX, &why),
	    BROOD__REPLY_DONE);
}
