/* SPDX-License-Identifier: ISC */

/*
 * Requests out of lines, and what to do with each answer.
 *
 * Owns the decisions: how many lines are a request, and what is sent again.  It
 * must not know how a filter is run, nor in which order lines are printed.
 *
 * A request takes the lines that are there when a worker is free, so that one
 * line typed at a terminal is answered at once.  How many it takes at most
 * follows from how long requests take: they begin with one line, which keeps a
 * slow program's lines spread over all workers.
 *
 * When lines of a request fail, those that are not done are sent again in two
 * halves, until the one that is to blame is alone.
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

enum {
	MAPPER_PROMPT_US = 50000,	/* a request should take ... */
	MAPPER_RESTART_US = 1000000,	/* ... if each starts the filter */
	MAPPER_BYTES = 1 << 16,		/* of a request, at most ... */
	MAPPER_RESTART_BYTES = 1 << 18,	/* ... if each starts the filter */
	MAPPER_LINES = 1 << 17,
	MAPPER_DEATHS = 100,		/* of workers, until a line is blamed */
};

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

static int64_t
mapper_epoch_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Sending */

/*
 * Requests that wait in the pool hide the time it takes to answer one.  But
 * their deadline runs there too: with one they are sent to free workers only.
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

/* A line that is longer than a request may be. */
static void
mapper_pass_over(struct mapper *mapper)
{
	struct joblog_line line = {
		.number = ++mapper->n_read,
		.start_us = mapper_epoch_us(),
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

/* Make a request of lines that are there.  False: none can be made now. */
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
	found = input_take(&mapper->input, mapper->chunk_lines,
	    mapper->chunk_bytes, &data, &len, &n_lines);
	if (found == INPUT_NONE)
		return false;
	if (found == INPUT_TOO_LONG) {
		mapper_pass_over(mapper);
		return true;
	}
	if (window_add(&mapper->window, mapper->n_read + 1, data, len,
	    n_lines) < 0)
		mapper_die(mapper, ENOMEM, "standard input");
	mapper->n_read += n_lines;
	return true;
}

/* False: no worker is free. */
static bool
mapper_send(struct mapper *mapper, struct piece *piece)
{
	struct brood_message msg = { .data = piece->data, .len = piece->len };
	int r;

	if (mapper->n_sent >= mapper_n_wanted(mapper, true))
		return false;
	if (!mapper->has_lines)
		msg.len--;
	r = brood_pool_submit(mapper->pool, &msg, 0,
	    mapper->has_lines ? -1 : mapper->timeout_ms, piece, NULL);
	if (r == -EAGAIN)
		return false;
	if (r < 0)
		mapper_die(mapper, -r, "workers");
	piece->start_us = mapper_epoch_us();
	window_sent(&mapper->window, piece);
	mapper->n_sent++;
	return true;
}

void
mapper_feed(struct mapper *mapper)
{
	struct piece *piece;
	bool is_fed;

	do {
		piece = window_waiting(&mapper->window);
		is_fed = piece != NULL ? mapper_send(mapper, piece) :
		    mapper_cut(mapper);
	} while (is_fed);
}

/* Answers */

/* The next request may be larger, or has to be smaller. */
static void
mapper_learn(struct mapper *mapper, const struct piece *piece,
    const struct verdict *verdict)
{
	int64_t want_us = verdict->is_restarting ? MAPPER_RESTART_US :
	    MAPPER_PROMPT_US;
	size_t n = piece->n_lines;

	mapper->chunk_bytes = verdict->is_restarting ? MAPPER_RESTART_BYTES :
	    MAPPER_BYTES;
	if (verdict->runtime_us > 2 * want_us) {
		n = (size_t)((int64_t)n * want_us / verdict->runtime_us);
		if (n < mapper->chunk_lines)
			mapper->chunk_lines = n > 0 ? n : 1;
	} else if (verdict->runtime_us < want_us / 4 &&
	    4 * n > mapper->chunk_lines && 4 * n <= MAPPER_LINES)
		mapper->chunk_lines = 4 * n;
}

/* A row for each line that is done. */
static void
mapper_log(struct mapper *mapper, const struct piece *piece,
    const struct verdict *verdict, const char *out)
{
	struct joblog_line line = {
		.start_us = verdict->start_us,
		.runtime_us = verdict->runtime_us,
		.fate = verdict->fate,
		.status = verdict->status,
	};
	const char *in = piece->data;
	size_t out_len = verdict->out_len;

	if (mapper->log.table == NULL)
		return;
	for (size_t i = 0; i < piece->n_lines; i++) {
		size_t left = piece->len - (size_t)(in - piece->data);
		size_t n = lines_len(in, left, 1);

		line.number = piece->first + i;
		line.n_in = n - 1;
		in += n;
		n = out_len;
		if (mapper->has_lines) {
			n = lines_len(out, out_len, 1);
			line.n_out = n > 0 ? n - 1 : 0;
		} else
			line.n_out = n;
		out += n;
		out_len -= n;
		joblog_write(&mapper->log, &line);
	}
}

/* All lines of the piece are done, or the one that it has has failed. */
static void
mapper_finish(struct mapper *mapper, struct piece *piece,
    const struct verdict *verdict, struct brood_completion *done)
{
	mapper_log(mapper, piece, verdict, done->reply.data);
	mapper->count.n_lines += piece->n_lines;
	mapper->count.n_bytes += piece->len;
	window_done(&mapper->window, piece,
	    verdict->n_done > 0 ? done : NULL, verdict->out_len);
}

/* Is a line that is alone and to blame to be tried once more? */
static bool
mapper_is_worth_it(const struct mapper *mapper, struct piece *piece,
    const struct verdict *verdict)
{
	if (verdict->blame == BLAME_NONE)
		return true;
	if (verdict->blame == BLAME_WORKER)
		return ++piece->n_deaths < MAPPER_DEATHS;
	return piece->n_failures++ < mapper->retries;
}

static void
mapper_give_up(struct mapper *mapper, struct piece *piece,
    struct verdict *verdict, struct brood_completion *done)
{
	verdict->out_len = 0;
	if (verdict->fate == BROOD_DONE)
		verdict->fate = BROOD_FAILED;
	mapper_fail(mapper, piece->first, verdict->text);
	joblog_fail(&mapper->log, piece->data, piece->len);
	mapper_finish(mapper, piece, verdict, done);
}

/* Some lines of the piece are done, perhaps none; not all. */
static void
mapper_retry(struct mapper *mapper, struct piece *piece,
    struct verdict *verdict, struct brood_completion *done)
{
	bool is_whole = verdict->blame != BLAME_LINE;

	if (verdict->n_done == 0 && (is_whole || piece->n_lines == 1)) {
		if (mapper_is_worth_it(mapper, piece, verdict)) {
			window_again(&mapper->window, piece);
			return;
		}
		if (piece->n_lines == 1) {
			mapper_give_up(mapper, piece, verdict, done);
			return;
		}
	}
	if (window_split(&mapper->window, piece, verdict->n_done,
	    is_whole && verdict->n_done > 0) < 0)
		mapper_die(mapper, ENOMEM, "standard input");
	verdict->fate = BROOD_DONE;
	verdict->status = 0;
	mapper_finish(mapper, piece, verdict, done);
}

/* Lines were printed that no line can be blamed for any more. */
static void
mapper_suspect(struct mapper *mapper, const struct piece *piece)
{
	if (mapper->is_suspect)
		return;
	mapper->is_suspect = true;
	progress_clear(&mapper->progress);
	command_warn(0, "%s: printed more lines than it was given, "
	    "before line %" PRIu64, mapper->program, piece->first);
}

static void
mapper_judge(struct mapper *mapper, struct piece *piece,
    struct verdict *verdict, const struct brood_completion *done)
{
	if (mapper->has_lines)
		verdict_of_lines(verdict, done, piece->n_lines);
	else
		verdict_of_reply(verdict, done);
	if (verdict->n_done > piece->n_lines)
		mapper_die(mapper, EPROTO, "%s", mapper->program);
	if (verdict->start_us == 0) {
		verdict->start_us = piece->start_us;
		verdict->runtime_us = mapper_epoch_us() - piece->start_us;
	}
	if (verdict->was_talking)
		mapper_suspect(mapper, piece);
}

static void
mapper_answer(struct mapper *mapper, struct brood_completion *done)
{
	struct piece *piece = done->tag;
	struct verdict verdict;

	mapper->n_sent--;
	mapper_judge(mapper, piece, &verdict, done);
	if (verdict.blame == BLAME_POOL)
		mapper_die(mapper, 0, "%s: %s", mapper->program, verdict.text);
	if (verdict.n_done < piece->n_lines) {
		mapper_retry(mapper, piece, &verdict, done);
		return;
	}
	if (mapper->has_lines)
		mapper_learn(mapper, piece, &verdict);
	mapper_finish(mapper, piece, &verdict, done);
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
	    mapper->window.n_pieces == 0;
}
