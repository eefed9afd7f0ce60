/* SPDX-License-Identifier: ISC */

/*
 * The worker of `brood map --lines`.
 *
 * Owns what it has learned about its filter; filter.c runs it.  It answers
 * every request and judges no line: which one is to blame is found by the
 * asker, by asking for fewer.
 *
 * A filter either prints each line when it has it, and is kept, or holds back
 * until its input ends, and has to be started for every request.  It is taken
 * for the second kind when it was silent twice: for a moment (the usual case is
 * found quickly), and then for twice as long as the first time took from start
 * to end, so that one that merely starts slowly is not mistaken.
 *
 *	UNKNOWN -- answered --> PROMPT	-- silent for long --> UNKNOWN
 *	UNKNOWN -- silent once --> UNKNOWN, and again --> HOLDING
 *	any	-- prints what was not asked for --> HOLDING: only the end of
 *	   its output shows how many lines belong to a request
 */

#include "command/map/filter.h"
#include "command/map/lines.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LINES_MOMENT_MS = 50,
	LINES_PROMPT_MS = 1000,		/* at least, for a filter known to be */
};

enum lines_habit { LINES_UNKNOWN, LINES_PROMPT, LINES_HOLDING };

/* The worker's one filter. */
static struct lines_state {
	struct filter	 filter;
	enum lines_habit habit;
	int64_t		 silent_ms;	/* UNKNOWN: what the first time took */
	int64_t		 longest_ms;	/* PROMPT: that a request took */
	bool		 is_used;	/* this filter has answered before */
} lines;

size_t
lines_count(const char *data, size_t len)
{
	const char *p = data, *end = data + len;
	size_t n = 0;

	while (p < end &&
	    (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		n++;
		p++;
	}
	return n;
}

size_t
lines_len(const char *data, size_t len, size_t n_lines)
{
	const char *p = data, *end = data + len;

	while (n_lines-- > 0 && p < end) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL)
			return len;
		p++;
	}
	return (size_t)(p - data);
}

/* Learning */

/*
 * Less than the time that a line may take: or else a filter that holds back
 * would be taken for one that hangs.
 */
static int
lines_patience(const struct lines_state *state, int timeout_ms)
{
	int64_t ms = LINES_PROMPT_MS;

	switch (state->habit) {
	case LINES_HOLDING:
		return 0;
	case LINES_UNKNOWN:
		ms = LINES_MOMENT_MS + 2 * state->silent_ms;
		break;
	case LINES_PROMPT:
		if (ms < 10 * state->longest_ms)
			ms = 10 * state->longest_ms;
		break;
	}
	if (timeout_ms >= 0 && ms > timeout_ms / 2)
		ms = timeout_ms / 2;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static void
lines_learn_silence(struct lines_state *state, int64_t begin_ms)
{
	int64_t now_ms = filter_now_ms();

	if (state->habit == LINES_UNKNOWN && state->silent_ms > 0) {
		state->habit = LINES_HOLDING;
		return;
	}
	/* Its start counts, unless it had been ready for long. */
	if (begin_ms - state->filter.start_ms < 1000)
		begin_ms = state->filter.start_ms;
	state->habit = LINES_UNKNOWN;
	state->silent_ms = now_ms > begin_ms ? now_ms - begin_ms : 1;
}

static void
lines_learn(struct lines_state *state, enum filter_end end, int64_t begin_ms)
{
	int64_t spent_ms = filter_now_ms() - begin_ms;

	if (state->habit == LINES_HOLDING)
		return;
	if (end == FILTER_TOO_MANY) {
		state->habit = LINES_HOLDING;
		return;
	}
	if (state->filter.is_hurried) {
		lines_learn_silence(state, begin_ms);
		return;
	}
	if (end != FILTER_DONE || state->filter.pid == 0)
		return;
	if (state->habit != LINES_PROMPT)
		state->longest_ms = 0;
	state->habit = LINES_PROMPT;
	state->silent_ms = 0;
	if (spent_ms > state->longest_ms)
		state->longest_ms = spent_ms;
}

/* The filter */

/* A filter that cannot be started is the pool's to judge: setup says why. */
static void
lines_start(const struct lines_options *options)
{
	lines.is_used = false;
	if (filter_start(&lines.filter, options->argv) < 0)
		_exit(EXIT_FAILURE);
}

/* Before a request.  True: it had printed what it was not asked for. */
static bool
lines_refresh(const struct lines_options *options)
{
	enum filter_state state = filter_check(&lines.filter);

	if (state == FILTER_IDLE)
		return false;
	filter_stop(&lines.filter);
	if (state == FILTER_TALKING)
		lines.habit = LINES_HOLDING;
	lines_start(options);
	return state == FILTER_TALKING;
}

int
lines_setup(void *arg)
{
	const struct lines_options *options = arg;
	sigset_t chld;

	(void)signal(SIGPIPE, SIG_IGN);
	/* Blocked, so that sigtimedwait(2) has it. */
	(void)sigemptyset(&chld);
	(void)sigaddset(&chld, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &chld, NULL);
	return filter_start(&lines.filter, options->argv);
}

/* Requests */

static int64_t
lines_epoch_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Lines that came before the end are those of the first lines of the request,
 * where the filter died or was stopped.  If it ended well with too few it has
 * left some out, and none can be told from another.
 */
static void
lines_judge(struct lines_report *report, enum filter_end end)
{
	const struct filter *filter = &lines.filter;

	report->n_printed = report->n_done = (uint32_t)filter->n_lines;
	switch (end) {
	case FILTER_DONE:
		report->cause = LINES_DONE;
		return;
	case FILTER_ENDED:
		report->cause = LINES_ENDED;
		report->status = filter->status;
		if (filter->status != 0)
			return;
		report->cause = LINES_FEWER;
		break;
	case FILTER_TIMEOUT:
		report->cause = LINES_TIMEOUT;
		return;
	case FILTER_FULL:
		report->cause = filter->n_lines > 0 ? LINES_PART :
		    LINES_TOO_LONG;
		return;
	case FILTER_TOO_MANY:
		report->cause = LINES_MORE;
		break;
	}
	report->n_done = 0;
}

static int
lines_reply(struct brood_request *request, const struct lines_report *report)
{
	struct filter *filter = &lines.filter;
	int r;

	if (report->n_done == 0)
		filter->lines_len = 0;
	r = filter_append(filter, report, sizeof(*report));
	if (r < 0)
		return r;
	return brood_reply(request, 0, filter->out, filter->len);
}

/* Bytes of a long line are not kept for the short ones that follow. */
static void
lines_trim(const struct lines_options *options)
{
	if (lines.filter.size <= options->max_line / 4)
		return;
	free(lines.filter.out);
	lines.filter.out = NULL;
	lines.filter.size = lines.filter.len = 0;
}

/*
 * A filter may end well after an earlier request, as head(1) does, and not have
 * been seen to: then these lines met none, and are for the next one.
 */
static enum filter_end
lines_run(const struct lines_options *options, const struct filter_task *task)
{
	enum filter_end end = filter_run(&lines.filter, task);

	if (end == FILTER_ENDED && lines.is_used && lines.filter.len == 0 &&
	    lines.filter.status == 0 && !lines.filter.is_hurried) {
		lines_start(options);
		end = filter_run(&lines.filter, task);
	}
	lines.is_used = true;
	return end;
}

int
lines_handle(struct brood_request *request, void *arg)
{
	const struct lines_options *options = arg;
	struct filter_task task = {
		.data = brood_request_data(request),
		.len = brood_request_len(request),
		.max_out = options->max_line + 1,
		.timeout_ms = options->timeout_ms,
	};
	struct lines_report report = { .start_us = lines_epoch_us() };
	int64_t begin_ms = filter_now_ms();
	enum filter_end end;
	int r;

	task.n_lines = lines_count(task.data, task.len);
	report.was_talking = lines_refresh(options);
	task.patience_ms = lines_patience(&lines, options->timeout_ms);
	end = lines_run(options, &task);
	if (end != FILTER_DONE)
		filter_stop(&lines.filter);
	lines_learn(&lines, end, begin_ms);
	lines_judge(&report, end);
	report.is_restarting = lines.habit == LINES_HOLDING;
	report.runtime_us = lines_epoch_us() - report.start_us;
	r = lines_reply(request, &report);
	/* While the asker is busy with the answer. */
	if (lines.filter.pid == 0)
		(void)lines_refresh(options);
	lines_trim(options);
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
