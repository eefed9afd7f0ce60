/* SPDX-License-Identifier: ISC */

/*
 * Makes requests of lines, and decides what to do with each answer: how many
 * lines are a request, and what is sent again.  This file knows nothing of how
 * a filter is run, nor of the order in which lines are printed.
 *
 * A request takes the lines that are there when a worker is free, so that one
 * line typed at a terminal is answered at once.  How many lines it takes at
 * most depends on how long earlier requests took.  The first have one line
 * each, which spreads the lines of a slow program over all workers.
 *
 * When a line of a request fails, the lines that are not done are sent again in
 * two halves, and so on, until the line that is to blame is alone.
 */

#include "command/command.h"
#include "command/map/mapper.h"
#include "command/map/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How much a request should be; more of it if each one starts the filter. */
enum {
	MAPPER_REQUEST_US = 50000,
	MAPPER_BUFFERING_US = 1000000,
	MAPPER_REQUEST_BYTES = 1 << 16,		/* at most */
	MAPPER_BUFFERING_BYTES = 1 << 18,	/* at most */
	MAPPER_REQUEST_LINES = 1 << 17,		/* at most */
};

/* After this many deaths of workers that had it, a line is to blame. */
enum { MAPPER_MAX_DEATHS = 100 };

noreturn void
mapper_die(struct mapper *mapper, int error, const char *format, ...)
{
	char text[512];
	va_list ap;

	progress_clear(&mapper->progress);
	if (format != NULL) {
		va_start(ap, format);
		(void)vsnprintf(text, sizeof(text), format, ap);
		va_end(ap);
		command_warn(error, "%s", text);
	}
	(void)joblog_close(&mapper->log);
	mapper->pool = brood_pool_free(mapper->pool);
	exit(COMMAND_UNUSABLE);
}

/* Sending */

/*
 * How many requests should the pool have?  One that waits there for each worker
 * is ready when a worker has answered.  But the time limit of a request counts
 * its wait in the pool: with a limit, none should wait.
 */
static unsigned
mapper_n_wanted(const struct mapper *mapper, bool is_plenty)
{
	struct brood_pool_stats stats;

	brood_pool_stats(mapper->pool, &stats);
	if (!mapper->has_lines && mapper->timeout_ms >= 0)
		return stats.ready;
	return is_plenty ? 2 * stats.ready : stats.ready;
}

static void
mapper_fail(struct mapper *mapper, uint64_t number, const char *why)
{
	progress_clear(&mapper->progress);
	command_warn(0, "line %" PRIu64 ": %s", number, why);
	mapper->count.n_failed++;
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
}

/* Make a chunk of lines that are there.  False: none can be made now. */
static bool
mapper_cut(struct mapper *mapper)
{
	bool is_plenty = !mapper->has_lines ||
	    input_len(&mapper->input) >= mapper->chunk_bytes;
	enum input_found found;
	const char *data;
	size_t len, n_lines;

	if (!window_has_room(&mapper->window) ||
	    mapper->n_sent >= mapper_n_wanted(mapper, is_plenty))
		return false;
	found = input_peek(&mapper->input, mapper->chunk_lines,
	    mapper->chunk_bytes, &data, &len, &n_lines);
	if (found == INPUT_NONE)
		return false;
	if (found == INPUT_TOO_LONG) {
		mapper_fail_long(mapper);
		return true;
	}
	if (window_add(&mapper->window, mapper->n_read + 1, data, len,
	    n_lines) < 0)
		mapper_die(mapper, ENOMEM, "standard input");
	input_consume(&mapper->input, len);
	mapper->n_read += n_lines;
	return true;
}

/* Send a chunk as a request.  False: no worker is free. */
static bool
mapper_send(struct mapper *mapper, struct chunk *chunk)
{
	/* lines.c wants the number of lines as method. */
	struct brood_message msg = {
		.data = chunk->data,
		.len = chunk->len,
		.code = mapper->has_lines ? (uint32_t)chunk->n_lines : 0,
	};
	struct brood_request_options options = {
		.expire_ms = mapper->has_lines ? -1 : mapper->timeout_ms,
		.tag = chunk,
	};
	int r;

	if (mapper->n_sent >= mapper_n_wanted(mapper, true))
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

void
mapper_feed(struct mapper *mapper)
{
	struct chunk *chunk;
	bool is_fed;

	do {
		chunk = window_waiting(&mapper->window);
		is_fed = chunk != NULL ? mapper_send(mapper, chunk) :
		    mapper_cut(mapper);
	} while (is_fed);
}

/* Answers */

/* Let the next chunks be larger or smaller, by how long this one took. */
static void
mapper_learn(struct mapper *mapper, const struct chunk *chunk,
    const struct verdict *verdict)
{
	int64_t want_us = verdict->is_buffering ? MAPPER_BUFFERING_US :
	    MAPPER_REQUEST_US;
	size_t n = chunk->n_lines;

	mapper->chunk_bytes = verdict->is_buffering ? MAPPER_BUFFERING_BYTES :
	    MAPPER_REQUEST_BYTES;
	if (verdict->runtime_us > 2 * want_us) {
		n = (size_t)((int64_t)n * want_us / verdict->runtime_us);
		if (n < mapper->chunk_lines)
			mapper->chunk_lines = n > 0 ? n : 1;
	} else if (verdict->runtime_us < want_us / 4 &&
	    4 * n > mapper->chunk_lines && 4 * n <= MAPPER_REQUEST_LINES)
		mapper->chunk_lines = 4 * n;
}

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
	mapper_log(mapper, chunk, verdict, done->reply.data);
	mapper->count.n_lines += chunk->n_lines;
	mapper->count.n_bytes += chunk->len;
	window_done(&mapper->window, chunk,
	    verdict->n_done > 0 ? done : NULL, verdict->out_len);
}

/* No line of the chunk is done.  May it be sent again as it is? */
static bool
mapper_may_retry(const struct mapper *mapper, struct chunk *chunk,
    const struct verdict *verdict)
{
	if (verdict->blame == BLAME_NONE)
		return true;
	if (verdict->blame == BLAME_WORKER)
		return ++chunk->n_deaths < MAPPER_MAX_DEATHS;
	return chunk->n_failures++ < mapper->retries;
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
}

/*
 * The first n_done lines of the chunk are done, perhaps none; not all.
 *
 * 1 None is done, and the chunk has one line or no line is to blame: send it
 *   again as it is.  If that was tried often enough, give up a single line, and
 *   go on with 3 for more lines.
 * 2 Some are done, and no line is to blame: send the rest again as one chunk.
 * 3 Some line is to blame: send the rest again in two halves.
 */
static void
mapper_retry(struct mapper *mapper, struct chunk *chunk,
    struct verdict *verdict, struct brood_completion *done)
{
	size_t n_done = verdict->n_done, n_rest = chunk->n_lines - n_done;
	bool is_blamed = verdict->blame == BLAME_LINE;
	int r = 0;

	if (n_done == 0 && (!is_blamed || n_rest == 1)) {
		if (mapper_may_retry(mapper, chunk, verdict)) {
			window_again(&mapper->window, chunk);
			return;
		}
		if (n_rest == 1) {
			mapper_give_up(mapper, chunk, verdict, done);
			return;
		}
	}
	/* The second half first, because the first is to be sent first. */
	if (n_rest > 1 && (is_blamed || n_done == 0))
		r = window_split(&mapper->window, chunk, n_done + n_rest / 2);
	if (r == 0)
		r = window_split(&mapper->window, chunk, n_done);
	if (r < 0)
		mapper_die(mapper, -r, "standard input");
	verdict->fate = BROOD_DONE;
	verdict->status = 0;
	mapper_finish(mapper, chunk, verdict, done);
}

/*
 * The filter has printed lines after it had answered a request, which was taken
 * to be done.  Say so, once: some lines of the output may be wrong.
 */
static void
mapper_warn_extra(struct mapper *mapper, const struct chunk *chunk)
{
	if (mapper->had_extra)
		return;
	mapper->had_extra = true;
	progress_clear(&mapper->progress);
	command_warn(0, "%s: printed more lines than it was given, "
	    "before line %" PRIu64, mapper->program, chunk->first);
}

/* Fill in a verdict from a completion. */
static void
mapper_judge(struct mapper *mapper, struct chunk *chunk,
    struct verdict *verdict, const struct brood_completion *done)
{
	if (mapper->has_lines)
		verdict_of_lines(verdict, done, chunk->n_lines);
	else
		verdict_of_reply(verdict, done);
	if (verdict->n_done > chunk->n_lines)
		mapper_die(mapper, EPROTO, "%s", mapper->program);
	if (verdict->start_us == 0) {
		verdict->start_us = chunk->start_us;
		verdict->runtime_us = lines_epoch_us() - chunk->start_us;
	}
	if (verdict->had_extra)
		mapper_warn_extra(mapper, chunk);
}

static void
mapper_answer(struct mapper *mapper, struct brood_completion *done)
{
	struct chunk *chunk = done->tag;
	struct verdict verdict;

	mapper->n_sent--;
	mapper_judge(mapper, chunk, &verdict, done);
	if (verdict.blame == BLAME_POOL)
		mapper_die(mapper, 0, "%s: %s", mapper->program, verdict.text);
	if (verdict.n_done < chunk->n_lines) {
		mapper_retry(mapper, chunk, &verdict, done);
		return;
	}
	if (mapper->has_lines)
		mapper_learn(mapper, chunk, &verdict);
	mapper_finish(mapper, chunk, &verdict, done);
}

void
mapper_take(struct mapper *mapper)
{
	struct brood_completion done;
	int r;

	while ((r = brood_pool_take(mapper->pool, &done)) == 1) {
		mapper_answer(mapper, &done);
		brood_completion_fini(&done);
	}
	if (r < 0)
		mapper_die(mapper, -r, "workers");
}

bool
mapper_is_finished(const struct mapper *mapper)
{
	return mapper->input.is_ended && input_len(&mapper->input) == 0 &&
	    mapper->window.n_chunks == 0;
}
