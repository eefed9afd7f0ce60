/* SPDX-License-Identifier: ISC */

/*
 * See outcome.h.  What has failed is counted by mapper.c and halt.c; here is
 * what follows from that, and what the user is told.
 */

#include "command/map/outcome.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* What is told to somebody whose filter is none. */
#define OUTCOME_FILTER "A filter for --lines prints one line for each line " \
	"that it reads, in order, and depends on no other line; --halt 0 " \
	"goes on all the same"

/* Try no further line.  The first reason counts. */
static void __attribute__((__format__(__printf__, 3, 4)))
outcome_stop(struct outcome *outcome, enum command_status status,
    const char *format, ...)
{
	va_list ap;

	if (outcome->stopped != 0)
		return;
	outcome->stopped = status;
	va_start(ap, format);
	(void)vsnprintf(outcome->why, sizeof(outcome->why), format, ap);
	va_end(ap);
}

void
outcome_check(struct outcome *outcome, const struct progress_count *count)
{
	if (!halt_is_due(&outcome->halt, count->n_failed, count->n_lines))
		return;
	if (!outcome->halt.is_given)
		/* There is a limit without --halt only for a filter. */
		outcome_stop(outcome, COMMAND_FAILED, "%s: stopped, because so "
		    "many lines failed.  " OUTCOME_FILTER, outcome->program);
	else
		outcome_stop(outcome, COMMAND_FAILED, "%s: stopped, as --halt "
		    "asks", outcome->program);
}

void
outcome_meet_keeping(struct outcome *outcome, const struct verdict *verdict)
{
	if (verdict->was_keeping && outcome->halt.limit > 0)
		outcome_stop(outcome, COMMAND_UNUSABLE, "%s: printed nothing "
		    "until its input ended, and then %zu bytes at once, so it "
		    "may have moved lines.  " OUTCOME_FILTER, outcome->program,
		    verdict->out_len);
}

void
outcome_meet_extra(struct outcome *outcome, uint64_t line)
{
	if (outcome->had_extra)
		return;
	outcome->had_extra = true;
	if (outcome->halt.limit > 0)
		outcome_stop(outcome, COMMAND_UNUSABLE, "%s: printed more "
		    "lines than it was given, before line %" PRIu64 ", so the "
		    "output may be wrong.  " OUTCOME_FILTER, outcome->program,
		    line);
	else
		command_warn(0, "%s: printed more lines than it was given, "
		    "before line %" PRIu64, outcome->program, line);
}

void
outcome_accuse(struct outcome *outcome, const struct suspect *suspect)
{
	if (halt_suspect(&outcome->halt, suspect->blame == BLAME_COUNT))
		outcome_stop(outcome, COMMAND_UNUSABLE, "%s: %s, but one line "
		    "for each of them alone.  " OUTCOME_FILTER,
		    outcome->program, suspect->text);
}

enum command_status
outcome_status(const struct outcome *outcome, uint64_t n_failed)
{
	if (outcome->stopped != 0)
		return outcome->stopped;
	if (n_failed > 0 || outcome->had_extra)
		return COMMAND_FAILED;
	return outcome->n_statuses > 0 ? COMMAND_STATUS : COMMAND_OK;
}
