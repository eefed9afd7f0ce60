/* SPDX-License-Identifier: ISC */

/*
 * The worker of `brood map --lines`.  filter.c runs the filter; this file owns
 * what was learned about it.  It answers every request and blames no line:
 * mapper.c finds the line that is to blame, by asking for fewer.
 *
 * A filter either prints each line as soon as it has read it, and is kept; or
 * it keeps its output until its input ends, and is started again for every
 * request.  stdio calls these line buffered and fully buffered.  A filter is
 * taken for fully buffered when it was silent twice: for a moment, because most
 * such filters are found out quickly by that; then for twice as long as the
 * first time took from its start to its end, so that a filter that only starts
 * slowly is not mistaken for one.
 *
 *	UNKNOWN -- answered in time --> LINE
 *	LINE -- silent for long --> UNKNOWN, silent once
 *	UNKNOWN -- silent once, and again --> FULL
 *	any -- prints more than it was asked for --> FULL: only the end of its
 *	    output shows how many lines belong to a request
 *
 * What stdio keeps is a block; a program such as sort(1) keeps everything.  To
 * tell them apart, the host asks for one trial with much input, LINES_TRIAL.
 */

#include "base/clock.h"
#include "command/map/filter.h"
#include "command/map/guard.h"
#include "command/map/lines.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINES_MOMENT_MS = 50,
	LINES_LINE_MS = 1000,		/* at least, if known to be LINE */
	LINES_TRIAL_MS = 2000,		/* after all input, without output */
	LINES_LINGER_MS = 1000,		/* until the filter lingered once ... */
	LINES_LINGER_AGAIN_MS = 20,	/* ... and from then on */
};

enum lines_buffering { BUFFERING_UNKNOWN, BUFFERING_LINE, BUFFERING_FULL };

/* The worker's one filter. */
static struct lines_state {
	struct filter	 filter;
	enum lines_buffering buffering;
	int64_t		 silent_ms;	/* UNKNOWN: how long the filter took
					   when it was silent; 0: it was not */
	int64_t		 longest_ms;	/* LINE: the longest that a request
					   took */
	bool		 is_used;	/* this filter process has had lines */
	bool		 has_lingered;	/* a filter did not end when it should */
} lines;

int64_t
lines_epoch_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Learning */

/*
 * How long may the filter be silent?  Less than a line may take: else a filter
 * that keeps its output would be taken for one that hangs.
 */
static int
lines_silence(const struct lines_state *state, int timeout_ms)
{
	int64_t ms = LINES_LINE_MS;

	switch (state->buffering) {
	case BUFFERING_FULL:
		return 0;
	case BUFFERING_UNKNOWN:
		ms = LINES_MOMENT_MS + 2 * state->silent_ms;
		break;
	case BUFFERING_LINE:
		if (ms < 10 * state->longest_ms)
			ms = 10 * state->longest_ms;
		break;
	}
	if (timeout_ms >= 0 && ms > timeout_ms / 2)
		ms = timeout_ms / 2;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* How long may a trial have no output?  Less than a line may take, as above. */
static int
lines_keep(int timeout_ms)
{
	return timeout_ms >= 0 && timeout_ms / 2 < LINES_TRIAL_MS ?
	    timeout_ms / 2 + 1 : LINES_TRIAL_MS;
}

static void
lines_learn_silence(struct lines_state *state, int64_t begin_ms)
{
	int64_t now_ms = brood__now_ms();

	if (state->buffering == BUFFERING_UNKNOWN && state->silent_ms > 0) {
		state->buffering = BUFFERING_FULL;
		return;
	}
	/* The filter's start counts, unless it was long before the request. */
	if (begin_ms - state->filter.start_ms < 1000)
		begin_ms = state->filter.start_ms;
	state->buffering = BUFFERING_UNKNOWN;
	state->silent_ms = now_ms > begin_ms ? now_ms - begin_ms : 1;
}

static void
lines_learn(struct lines_state *state, enum filter_result result,
    int64_t begin_ms)
{
	int64_t spent_ms = brood__now_ms() - begin_ms;

	state->has_lingered |= state->filter.was_lingering;
	if (state->buffering == BUFFERING_FULL)
		return;
	if (result == FILTER_MORE) {
		state->buffering = BUFFERING_FULL;
		return;
	}
	if (state->filter.silence == SILENCE_LONG) {
		lines_learn_silence(state, begin_ms);
		return;
	}
	if (result != FILTER_DONE || state->filter.child == NULL)
		return;
	if (state->buffering != BUFFERING_LINE)
		state->longest_ms = 0;
	state->buffering = BUFFERING_LINE;
	state->silent_ms = 0;
	if (spent_ms > state->longest_ms)
		state->longest_ms = spent_ms;
}

/* The filter */

/*
 * A filter that cannot be started ends the worker.  The pool starts another,
 * and that one's lines_setup() says why it cannot.
 */
static void
lines_start(const struct lines_options *options)
{
	lines.is_used = false;
	if (filter_start(&lines.filter, options->argv, options->confine) < 0)
		_exit(EXIT_FAILURE);
}

/* The filter has printed what it was not asked for: have a new one. */
static void
lines_restart(const struct lines_options *options)
{
	filter_stop(&lines.filter);
	lines.buffering = BUFFERING_FULL;
	lines_start(options);
}

/*
 * Have a filter that is ready.  True: the last one had printed too much.  One
 * that prints before it was given any line is left to filter_run(), which finds
 * FILTER_UNREAD.
 */
static bool
lines_refresh(const struct lines_options *options)
{
	enum filter_state state = filter_check(&lines.filter);

	if (state == FILTER_EXTRA && !lines.is_used)
		return false;
	if (state == FILTER_EXTRA)
		lines_restart(options);
	else if (state == FILTER_GONE) {
		filter_stop(&lines.filter);
		lines_start(options);
	}
	return state == FILTER_EXTRA;
}

int
lines_setup(void *arg)
{
	const struct lines_options *options = arg;
	int r;

	/* A filter that reads no more is an error of write(2). */
	(void)signal(SIGPIPE, SIG_IGN);
	r = guard_start();
	if (r < 0)
		return r;
	return filter_start(&lines.filter, options->argv, options->confine);
}

/* Requests */

/*
 * A filter may end well after an earlier request without this process having
 * seen it; or print more for that, later than this process had looked.  In both
 * cases it has read none of these lines: a new one is to read them.
 */
static enum filter_result
lines_run(const struct lines_options *options, struct filter_task *task,
    struct lines_report *report)
{
	struct filter *filter = &lines.filter;
	enum filter_result result = filter_run(filter, task);

	if (result == FILTER_UNREAD && lines.is_used) {
		report->had_extra = true;
		lines_restart(options);
		task->silence_ms = 0;
		result = filter_run(filter, task);
	} else if (result == FILTER_FEWER && lines.is_used &&
	    filter->silence == SILENCE_NONE &&
	    brood__buffer_len(&filter->out) == 0 &&
	    filter->n_unread >= filter->n_written) {
		lines_start(options);
		result = filter_run(filter, task);
	}
	lines.is_used = true;
	if (result == FILTER_DONE && filter_check(filter) == FILTER_EXTRA)
		result = FILTER_MORE;
	if (result != FILTER_DONE)
		filter_stop(filter);
	return result;
}

/* Only after FILTER_DONE is it known which line belongs to which. */
static int
lines_reply(struct brood_request *request, struct lines_report *report)
{
	struct filter *filter = &lines.filter;
	int r;

	report->n_given = (uint32_t)filter->n_given;
	report->n_printed = (uint32_t)filter->n_lines;
	report->status = filter->status;
	report->was_keeping = filter->silence == SILENCE_TRIAL &&
	    filter->lines_len > LINES_KEPT;
	if (report->result != FILTER_DONE)
		filter_forget(filter);
	r = filter_append(filter, report, sizeof(*report));
	if (r < 0)
		return r;
	r = brood_request_reply(request, 0,
	    filter->out.bytes + filter->out.start,
	    brood__buffer_len(&filter->out));
	filter_forget(filter);
	return r;
}

int
lines_handle(struct brood_request *request, void *arg)
{
	const struct lines_options *options = arg;
	struct filter_task task = {
		.data = brood_request_data(request),
		.len = brood_request_len(request),
		.n_lines = brood_request_code(request) & ~LINES_TRIAL,
		.max_out = options->max_line + 1,
		.timeout_ms = options->timeout_ms,
		.linger_ms = lines.has_lingered ? LINES_LINGER_AGAIN_MS :
		    LINES_LINGER_MS,
	};
	struct lines_report report = { .start_us = lines_epoch_us() };
	int64_t begin_ms = brood__now_ms();
	enum filter_result result;
	int r;

	report.had_extra = lines_refresh(options);
	if (brood_request_code(request) & LINES_TRIAL)
		task.keep_ms = lines_keep(options->timeout_ms);
	else
		task.silence_ms = lines_silence(&lines, options->timeout_ms);
	result = lines_run(options, &task, &report);
	lines_learn(&lines, result, begin_ms);
	report.result = result;
	report.is_buffering = lines.buffering == BUFFERING_FULL ||
	    task.keep_ms > 0;
	report.runtime_us = lines_epoch_us() - report.start_us;
	r = lines_reply(request, &report);
	/* Start a new filter while the host is busy with the reply. */
	if (lines.filter.child == NULL)
		(void)lines_refresh(options);
	return r;
}

int
lines_report_read(struct lines_report *ret_report,
    const struct brood_message *reply)
{
	const char *data = reply->data;

	if (reply->len < sizeof(*ret_report))
		return -EPROTO;
	memcpy(ret_report, data + reply->len - sizeof(*ret_report),
	    sizeof(*ret_report));
	return 0;
}
