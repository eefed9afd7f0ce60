/* SPDX-License-Identifier: ISC */

/*
 * Which requests `brood map` makes, and when.  There is no pool: a test says how
 * many workers are ready, sees what is submitted, and answers.
 */

#include "command/map/filter.h"
#include "command/map/mapper.h"
#include "host/pending.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

BROOD_SUITE(mapper);

enum { MAX_SENT = 64 };

static struct sent {
	void		*tag;
	size_t		 len;
	uint32_t	 code;
} sent[MAX_SENT];
static unsigned n_sent, n_ready, n_stats;

/* What brood_pool_take() gives next. */
static struct brood_completion answer;
static bool has_answer;

void	__wrap_brood_pool_stats(const struct brood_pool *,
	    struct brood_pool_stats *);
int	__wrap_brood_pool_submit(struct brood_pool *,
	    const struct brood_message *, const struct brood_request_options *,
	    uint64_t *);
int	__wrap_brood_pool_take(struct brood_pool *, struct brood_completion *);

void
__wrap_brood_pool_stats(const struct brood_pool *pool,
    struct brood_pool_stats *stats)
{
	(void)pool;
	n_stats++;
	*stats = (struct brood_pool_stats) { .ready = n_ready };
}

int
__wrap_brood_pool_submit(struct brood_pool *pool,
    const struct brood_message *msg,
    const struct brood_request_options *options, uint64_t *ret_id)
{
	(void)pool;
	(void)ret_id;
	cr_assert_lt(n_sent, MAX_SENT);
	sent[n_sent++] = (struct sent) { .tag = options->tag, .len = msg->len,
	    .code = msg->code };
	return 0;
}

int
__wrap_brood_pool_take(struct brood_pool *pool, struct brood_completion *done)
{
	(void)pool;
	if (!has_answer)
		return 0;
	has_answer = false;
	*done = answer;
	return 1;
}

static void
begin(struct mapper *mapper, bool has_lines)
{
	*mapper = (struct mapper) {
		.outcome = { .program = "filter" },
		.has_lines = has_lines,
		.timeout_ms = -1,
		.input = { .fd = -1, .max_line = BROOD_MAX_PAYLOAD },
	};
	window_init(&mapper->window, false);
	pace_start(&mapper->pace);
	n_sent = n_stats = 0;
	n_ready = 1;
}

static void
end(struct mapper *mapper)
{
	window_fini(&mapper->window);
	input_fini(&mapper->input);
}

/* Let n lines of len bytes, their newlines included, come in. */
static void
give(struct mapper *mapper, size_t n, size_t len)
{
	struct brood__buffer *buf = &mapper->input.buf;

	cr_assert_eq(brood__buffer_reserve(buf, n * len), 0);
	for (; n > 0; n--) {
		memset(buf->bytes + buf->end, 'x', len - 1);
		buf->bytes[buf->end + len - 1] = '\n';
		buf->end += len;
	}
}

/* Answer a request with what a worker of lines.c reports. */
static void
reply(struct mapper *mapper, const struct sent *request,
    const struct lines_report *report)
{
	size_t n = report->result == FILTER_DONE ? report->n_given : 0;
	size_t len = n + sizeof(*report);
	struct brood__result *result;
	char *data = malloc(len);

	cr_assert_not_null(data);
	memset(data, '\n', n);
	memcpy(data + n, report, sizeof(*report));
	cr_assert_eq(brood__result_new(&result, NULL, NULL,
	    &(struct brood_completion) {
		.tag = request->tag,
		.fate = BROOD_DONE,
		.ran = BROOD_RAN,
		.text = "",
	    }, NULL, 0, &(struct brood_message) { .data = data, .len = len },
	    NULL, 0), 0);
	free(data);
	answer = result->done;
	has_answer = true;
	mapper_take(mapper);
}

/* Answer a request of n_lines: they are done. */
static void
reply_done(struct mapper *mapper, const struct sent *request, size_t n_lines)
{
	reply(mapper, request, &(struct lines_report) {
	    .result = FILTER_DONE,
	    .n_given = (uint32_t)n_lines,
	    .n_printed = (uint32_t)n_lines,
	    .is_buffering = true,
	    .start_us = 1,
	    .runtime_us = 1000 });
}

/* End a request without an answer. */
static void
lose(struct mapper *mapper, const struct sent *request, enum brood_fate fate,
    enum brood_ran ran)
{
	answer = (struct brood_completion) {
		.tag = request->tag,
		.fate = fate,
		.ran = ran,
		.text = "lost",
	};
	has_answer = true;
	mapper_take(mapper);
}

/* Have all but the first line done: then the trial may come. */
static void
begin_buffering(struct mapper *mapper)
{
	begin(mapper, true);
	mapper->pace.n_lines = mapper->pace.n_bytes = 1 << 16;
	give(mapper, 100, 10);
	mapper_feed(mapper);
	cr_assert_eq(n_sent, 1);
	cr_assert_eq(sent[0].code, 100);
	reply_done(mapper, &sent[0], 100);
	n_sent = 0;
}

/* The pool looks at each of its workers for that. */
Test(mapper, asks_once_for_the_number_of_workers)
{
	struct mapper mapper;

	begin(&mapper, false);
	n_ready = 10;
	give(&mapper, 100, 2);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 20);
	cr_expect_eq(n_stats, 1);
	end(&mapper);
}

/* The limit of a request does not count its wait. */
Test(mapper, keeps_requests_ready_under_a_time_limit)
{
	struct mapper mapper;

	begin(&mapper, false);
	mapper.timeout_ms = 1000;
	give(&mapper, 10, 2);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 2);
	end(&mapper);
}

Test(mapper, does_nothing_after_a_stop)
{
	struct mapper mapper;

	begin(&mapper, false);
	mapper.outcome.halt = (struct halt) { .is_given = true, .limit = 1 };
	give(&mapper, 10, 2);
	mapper_feed(&mapper);
	lose(&mapper, &sent[0], BROOD_CRASHED, BROOD_RAN);
	cr_expect(mapper_is_finished(&mapper));
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 2);
	cr_expect_eq(mapper.n_read, 2);
	end(&mapper);
}

/* However short the lines are. */
Test(mapper, makes_a_trial_longer_than_any_buffer)
{
	struct mapper mapper;

	begin_buffering(&mapper);
	give(&mapper, 100000, 2);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 1);
	cr_expect_gt(sent[0].len, LINES_KEPT);
	cr_expect_eq(sent[0].code, LINES_TRIAL | sent[0].len / 2);
	end(&mapper);
}

Test(mapper, makes_a_trial_of_long_lines)
{
	struct mapper mapper;

	begin_buffering(&mapper);
	give(&mapper, 3, 100000);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 1);
	cr_expect_eq(sent[0].len, 300000);
	cr_expect_eq(sent[0].code, LINES_TRIAL | 3);
	end(&mapper);
}

Test(mapper, makes_one_trial_alone)
{
	struct mapper mapper;

	begin_buffering(&mapper);
	give(&mapper, 60000, 10);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 1);
	cr_expect(sent[0].code & LINES_TRIAL);
	/* The filter printed at once, and was given no further lines. */
	reply_done(&mapper, &sent[0], 500);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 3);
	cr_expect_eq(sent[1].code, (sent[0].code & ~LINES_TRIAL) - 500);
	cr_expect_not(sent[2].code & LINES_TRIAL);
	end(&mapper);
}

Test(mapper, makes_the_trial_again_if_it_did_not_run)
{
	struct mapper mapper;

	begin_buffering(&mapper);
	give(&mapper, 30000, 10);
	mapper_feed(&mapper);
	lose(&mapper, &sent[0], BROOD_CRASHED, BROOD_NOT_RUN);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 2);
	cr_expect(sent[1].code & LINES_TRIAL);
	cr_expect_eq(sent[1].code, sent[0].code);
	end(&mapper);
}

Test(mapper, makes_no_second_trial_if_that_fails)
{
	struct mapper mapper;

	begin_buffering(&mapper);
	give(&mapper, 30000, 10);
	mapper_feed(&mapper);
	cr_expect(sent[0].code & LINES_TRIAL);
	reply(&mapper, &sent[0], &(struct lines_report) {
	    .result = FILTER_TIMEOUT });
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 3);
	cr_expect_eq(sent[1].code, 1);
	cr_expect_eq(sent[2].code, 1);
	end(&mapper);
}

Test(mapper, keeps_the_trial_for_input_that_is_there)
{
	struct mapper mapper;

	begin_buffering(&mapper);
	give(&mapper, 1, PACE_TRIAL_BYTES + 10);
	/* The line has not come whole. */
	mapper.input.buf.end--;
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 0);
	mapper.input.buf.end++;
	give(&mapper, 20000, 10);
	mapper_feed(&mapper);
	cr_expect_eq(n_sent, 1);
	cr_expect(sent[0].code & LINES_TRIAL);
	end(&mapper);
}
