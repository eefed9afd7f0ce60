/* SPDX-License-Identifier: ISC */

/*
 * Makes requests of lines, and decides what to do with each answer: how many
 * lines are a request, and what is sent again.  This file knows nothing of how
 * a filter is run, nor of the order in which lines are printed.
 *
 * A request takes the lines that are there when a worker is free, so that one
 * line typed at a terminal is answered at once.  How many it takes at most is
 * the business of pace.c.
 *
 * When a request of several lines fails, nothing of its output is used, and each
 * of its lines is run again alone.  If all of them are done then, no line is to
 * blame: the filter takes note of earlier lines, or needs the end of its input.
 */

#include "command/command.h"
#include "command/map/mapper.h"
#include "command/map/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

/* After this many deaths of workers that had it, a line is to blame. */
enum { MAPPER_MAX_DEATHS = 100 };

noreturn void
mapper_die(struct mapper *mapper, int error, const char *format, ...)
{
	char text[512];
	va_list ap;

	progress_clear(&mapper->progress);
	if (format != NULL) {
		reasons_end(&mapper->reasons);
		va_start(ap, format);
		(void)vsnprintf(text, sizeof(text), format, ap);
		va_end(ap);
		command_warn(error, "%s", text);
	}
	mapper->pool = brood_pool_free(mapper->pool);
	/* Last: a file that could not be written ends the command. */
	joblog_close(&mapper->log);
	exit(COMMAND_UNUSABLE);
}

/* Sending */

static void
mapper_tell_line(struct mapper *mapper, uint64_t number, const char *text)
{
	if (!reasons_add(&mapper->reasons, number, text))
		return;
	progress_clear(&mapper->progress);
	command_warn(0, "line %" PRIu64 ": %s", number, text);
}

static void
mapper_fail(struct mapper *mapper, uint64_t number, const char *why)
{
	mapper_tell_line(mapper, number, why);
	mapper->count.n_failed++;
}

/* The worker has answered, so this is no failure. */
static void
mapper_note_status(struct mapper *mapper, uint64_t number, uint32_t status)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "the reply has status %" PRIu32,
	    status);
	mapper_tell_line(mapper, number, text);
	mapper->outcome.n_statuses++;
}

/* The input has dropped a line that is longer than a request may be. */
static void
mapper_fail_long(struct mapper *mapper)
{
	struct joblog_line line = {
		.number = ++mapper->n_read,
		.start_us = lines_epoch_us(),
		.n_in = mapper->input.max_line,
		.fate = BROOD_REFUSED,
	};
	char why[64];

	(void)snprintf(why, sizeof(why), "longer than %zu bytes",
	    mapper->input.max_line);
	mapper_fail(mapper, line.number, why);
	joblog_write(&mapper->log, &line);
	mapper->count.n_lines++;
	outcome_check(&mapper->outcome, &mapper->count);
}

/* Lines of the input that can be the next chunk. */
struct mapper_lines {
	const char	*data;
	size_t		 len;
	size_t		 n_lines;
	bool		 is_trial;
};

static enum input_found
mapper_peek(struct mapper *mapper, size_t max_lines, size_t max_len,
    struct mapper_lines *ret_lines)
{
	*ret_lines = (struct mapper_lines) { .n_lines = 0 };
	return input_peek(&mapper->input, max_lines, max_len, &ret_lines->data,
	    &ret_lines->len, &ret_lines->n_lines);
}

/* Look for the lines of the trial.  INPUT_NONE: there is to be none now. */
static enum input_found
mapper_peek_trial(struct mapper *mapper, struct mapper_lines *ret_lines)
{
	size_t all = input_len(&mapper->input);
	enum input_found found;

	if (!pace_wants_trial(&mapper->pace) || all < PACE_TRIAL_BYTES)
		return INPUT_NONE;
	found = mapper_peek(mapper, SIZE_MAX, PACE_TRIAL_BYTES, ret_lines);
	/* Lines are long, if the next one is too much. */
	if (found == INPUT_LINES && ret_lines->len <= LINES_KEPT)
		found = mapper_peek(mapper, SIZE_MAX,
		    MIN(all, mapper->input.max_line), ret_lines);
	if (found == INPUT_LINES && ret_lines->len <= LINES_KEPT)
		return INPUT_NONE;
	ret_lines->is_trial = true;
	return found;
}

/* Find the lines of the next chunk; for a trial if that is to be had. */
static enum input_found
mapper_find(struct mapper *mapper, struct mapper_lines *ret_lines)
{
	enum input_found found = mapper_peek_trial(mapper, ret_lines);

	if (found != INPUT_NONE)
		return found;
	return mapper_peek(mapper, mapper->pace.n_lines, mapper->pace.n_bytes,
	    ret_lines);
}

/*
 * Make a chunk of lines that are there.  False: none can be made now.
 *
 * The trial goes alone, because a filter that moves lines is to be found out
 * before many are printed.
 */
static bool
mapper_cut(struct mapper *mapper, unsigned n_ready)
{
	bool is_plenty = !mapper->has_lines ||
	    input_len(&mapper->input) >= mapper->pace.n_bytes;
	struct mapper_lines lines;
	enum input_found found;

	if (mapper->pace.trial == TRIAL_UNDER_WAY ||
	    !window_has_room(&mapper->window) ||
	    mapper->n_sent >= (is_plenty ? 2 * n_ready : n_ready))
		return false;
	found = mapper_find(mapper, &lines);
	if (found == INPUT_TOO_LONG) {
		mapper_fail_long(mapper);
		return true;
	}
	if (found == INPUT_NONE || (lines.is_trial && mapper->n_sent > 0))
		return false;
	if (window_add(&mapper->window, mapper->n_read + 1, lines.data,
	    lines.len, lines.n_lines) < 0)
		mapper_die(mapper, ENOMEM, "standard input");
	if (lines.is_trial)
		pace_begin_trial(&mapper->pace);
	input_consume(&mapper->input, lines.len);
	mapper->n_read += lines.n_lines;
	return true;
}

/*
 * What lines.c wants as method.  A trial goes alone: while one is under way, it
 * is the only chunk that has no answer.
 */
static uint32_t
mapper_method(const struct mapper *mapper, const struct chunk *chunk)
{
	if (!mapper->has_lines)
		return 0;
	return (uint32_t)chunk->n_lines |
	    (mapper->pace.trial == TRIAL_UNDER_WAY ? LINES_TRIAL : 0);
}

/* Send a chunk as a request.  False: no worker is free. */
static bool
mapper_send(struct mapper *mapper, struct chunk *chunk, unsigned n_ready)
{
	struct brood_message msg = {
		.data = chunk->data,
		.len = chunk->len,
		.code = mapper_method(mapper, chunk),
	};
	struct brood_request_options options = {
		.run_ms = mapper->has_lines ? -1 : mapper->timeout_ms,
		.tag = chunk,
	};
	int r;

	if (mapper->n_sent >= 2 * n_ready)
		return false;
	/* A worker that speaks the protocol gets the line without newline. */
	if (!mapper->has_lines)
		msg.len--;
	r = brood_pool_submit(mapper->pool, &msg, &options, NULL);
	if (r == -EAGAIN)
		return false;
	if (r < 0)
		mapper_die(mapper, -r, "workers");
	chunk->start_us = lines_epoch_us();
	window_sent(&mapper->window, chunk);
	mapper->n_sent++;
	return true;
}

/*
 * A request that waits in the pool for each worker is ready when a worker has
 * answered.
 */
void
mapper_feed(struct mapper *mapper)
{
	struct brood_pool_stats stats;
	struct chunk *chunk;
	bool is_fed = true;

	brood_pool_stats(mapper->pool, &stats);
	while (is_fed && mapper->outcome.stopped == 0) {
		chunk = window_waiting(&mapper->window);
		is_fed = chunk != NULL ?
		    mapper_send(mapper, chunk, stats.ready) :
		    mapper_cut(mapper, stats.ready);
	}
}

/* Answers */

/* Write a row for each line of a chunk that is finished. */
static void
mapper_log(struct mapper *mapper, const struct chunk *chunk,
    const struct verdict *verdict, const char *out)
{
	struct joblog_line line = {
		.start_us = verdict->start_us,
		.runtime_us = verdict->runtime_us,
		.fate = verdict->fate,
		.status = verdict->status,
		.code = verdict->code,
	};
	const char *in = chunk->data;
	size_t out_len = verdict->out_len;

	if (mapper->log.table.stream == NULL)
		return;
	for (size_t i = 0; i < chunk->n_lines; i++) {
		size_t left = chunk->len - (size_t)(in - chunk->data);
		size_t n = window_lines_len(in, left, 1);

		line.number = chunk->first + i;
		line.n_in = n - 1;
		in += n;
		n = out_len;
		if (mapper->has_lines) {
			n = window_lines_len(out, out_len, 1);
			line.n_out = n > 0 ? n - 1 : 0;
		} else
			line.n_out = n;
		out += n;
		out_len -= n;
		joblog_write(&mapper->log, &line);
	}
}

/* The lines of the chunk are done; or it has one line, which has failed. */
static void
mapper_finish(struct mapper *mapper, struct chunk *chunk,
    const struct verdict *verdict, struct brood_completion *done)
{
	struct suspect *suspect = chunk->suspect;

	mapper_log(mapper, chunk, verdict, done->reply.data);
	mapper->count.n_lines += chunk->n_lines;
	mapper->count.n_bytes += chunk->len;
	if (suspect != NULL && --suspect->n_left == 0 &&
	    (suspect->blame == BLAME_END || suspect->blame == BLAME_COUNT))
		outcome_accuse(&mapper->outcome, suspect);
	window_done(&mapper->window, chunk, verdict->n_done > 0 ? done : NULL,
	    verdict->out_len);
}

/* May a chunk that failed be sent again as it is? */
static bool
mapper_may_retry(const struct mapper *mapper, struct chunk *chunk,
    const struct verdict *verdict)
{
	if (verdict->blame == BLAME_NONE)
		return true;
	if (verdict->blame == BLAME_WORKER)
		return ++chunk->n_deaths < MAPPER_MAX_DEATHS;
	return chunk->n_lines == 1 && chunk->n_failures++ < mapper->retries;
}

/* The chunk is one line, which has failed. */
static void
mapper_give_up(struct mapper *mapper, struct chunk *chunk,
    struct verdict *verdict, struct brood_completion *done)
{
	verdict->out_len = 0;
	if (verdict->fate == BROOD_DONE)
		verdict->fate = BROOD_FAILED;
	mapper_fail(mapper, chunk->first, verdict->text);
	joblog_fail(&mapper->log, chunk->data, chunk->len);
	mapper_finish(mapper, chunk, verdict, done);
	outcome_check(&mapper->outcome, &mapper->count);
}

/* Run each line of the chunk again, alone. */
static void
mapper_scatter(struct mapper *mapper, struct chunk *chunk,
    const struct verdict *verdict)
{
	struct suspect *suspect;

	pace_failed(&mapper->pace, chunk->n_lines);
	suspect = window_scatter(&mapper->window, chunk);
	if (suspect == NULL)
		mapper_die(mapper, ENOMEM, "standard input");
	suspect->n_left = suspect->n_chunks;
	suspect->blame = verdict->blame;
	(void)snprintf(suspect->text, sizeof(suspect->text), "%s",
	    verdict->text);
}

static void
mapper_retry(struct mapper *mapper, struct chunk *chunk,
    struct verdict *verdict, struct brood_completion *done)
{
	if (chunk->suspect != NULL && verdict->blame != BLAME_NONE)
		chunk->suspect->blame = BLAME_LINE;
	if (mapper_may_retry(mapper, chunk, verdict)) {
		window_again(&mapper->window, chunk);
		return;
	}
	pace_end_trial(&mapper->pace);
	if (chunk->n_lines == 1)
		mapper_give_up(mapper, chunk, verdict, done);
	else
		mapper_scatter(mapper, chunk, verdict);
}

/* Fill in a verdict from a completion. */
static void
mapper_judge(struct mapper *mapper, const struct chunk *chunk,
    struct verdict *verdict, const struct brood_completion *done)
{
	if (mapper->has_lines)
		verdict_of_lines(verdict, done, chunk->n_lines);
	else
		verdict_of_reply(verdict, done);
	if (verdict->n_done > chunk->n_lines)
		mapper_die(mapper, EPROTO, "%s", mapper->outcome.program);
	if (verdict->start_us == 0) {
		verdict->start_us = chunk->start_us;
		verdict->runtime_us = lines_epoch_us() - chunk->start_us;
	}
}

/* Lines of the chunk are answered: all, or after a trial the first ones. */
static void
mapper_accept(struct mapper *mapper, struct chunk *chunk,
    const struct verdict *verdict, struct brood_completion *done)
{
	if (verdict->n_done < chunk->n_lines &&
	    window_split(&mapper->window, chunk, verdict->n_done) < 0)
		mapper_die(mapper, ENOMEM, "standard input");
	pace_end_trial(&mapper->pace);
	if (mapper->has_lines)
		pace_done(&mapper->pace, &(struct pace_request) {
		    .n_lines = chunk->n_lines,
		    .n_bytes = chunk->len,
		    .runtime_us = verdict->runtime_us,
		    .is_buffering = verdict->is_buffering });
	if (verdict->code != 0)
		mapper_note_status(mapper, chunk->first, verdict->code);
	mapper_finish(mapper, chunk, verdict, done);
}

static void
mapper_answer(struct mapper *mapper, struct brood_completion *done)
{
	struct chunk *chunk = done->tag;
	struct verdict verdict;

	mapper->n_sent--;
	mapper_judge(mapper, chunk, &verdict, done);
	if (verdict.blame == BLAME_POOL)
		mapper_die(mapper, 0, "%s: %s", mapper->outcome.program,
		    verdict.text);
	if (chunk->n_lines > 1)
		mapper->outcome.halt.n_requests++;
	if (verdict.had_extra) {
		progress_clear(&mapper->progress);
		outcome_meet_extra(&mapper->outcome, chunk->first);
	}
	outcome_meet_keeping(&mapper->outcome, &verdict);
	if (mapper->outcome.stopped != 0)
		return;
	if (verdict.n_done > 0)
		mapper_accept(mapper, chunk, &verdict, done);
	else
		mapper_retry(mapper, chunk, &verdict, done);
}

void
mapper_take(struct mapper *mapper)
{
	struct brood_completion done;
	int r;

	r = 0;
	while (mapper->outcome.stopped == 0 &&
	    (r = brood_pool_take(mapper->pool, &done)) == 1) {
		mapper_answer(mapper, &done);
		brood_completion_fini(&done);
	}
	if (r < 0)
		mapper_die(mapper, -r, "workers");
}

bool
mapper_is_finished(const struct mapper *mapper)
{
	return mapper->outcome.stopped != 0 || (mapper->input.is_ended &&
	    input_len(&mapper->input) == 0 && mapper->window.n_chunks == 0);
}

void
mapper_tell(struct mapper *mapper)
{
	const struct progress_count *count = &mapper->count;

	reasons_end(&mapper->reasons);
	if (count->n_failed > 0)
		command_warn(0, "%" PRIu64 " of %" PRIu64 " line%s failed",
		    count->n_failed, count->n_lines,
		    count->n_lines == 1 ? "" : "s");
	if (mapper->outcome.stopped != 0)
		command_warn(0, "%s", mapper->outcome.why);
}
