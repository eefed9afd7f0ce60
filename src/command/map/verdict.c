/* SPDX-License-Identifier: ISC */

/*
 * From a completion to text and blame.  Nothing here has a state or an effect.
 *
 * A worker of lines.c only passes lines on to its filter, so no line is to
 * blame for its death.  A worker that speaks the protocol works on the line
 * itself, so the line is to blame.
 */

#include "base/text.h"
#include "command/map/filter.h"
#include "command/map/lines.h"
#include "command/map/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void __attribute__((__format__(__printf__, 2, 3)))
verdict_say(struct verdict *verdict, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(verdict->text, sizeof(verdict->text), format, ap);
	va_end(ap);
	brood__text_clean(verdict->text);
}

static void
verdict_start(struct verdict *verdict, const struct brood_completion *done)
{
	*verdict = (struct verdict) {
		.blame = BLAME_NONE,
		.fate = done->fate,
		.status = done->fate == BROOD_CRASHED ? done->status : 0,
	};
	verdict_say(verdict, "%s", done->text);
}

/*
 * The output has a line for each line, so an answer has no newline in it, but
 * for one at its end, as a program that prints its answers has it.
 */
static void
verdict_of_answer(struct verdict *verdict, const struct brood_message *reply)
{
	const char *data = reply->data;
	size_t len = brood__text_chomp(data, reply->len);

	if (len > 0 && memchr(data, '\n', len) != NULL) {
		verdict->fate = BROOD_FAILED;
		verdict->blame = BLAME_LINE;
		verdict_say(verdict, "its answer has more than one line");
		return;
	}
	verdict->n_done = 1;
	verdict->out_len = len;
	verdict->code = reply->code;
}

void
verdict_of_reply(struct verdict *verdict, const struct brood_completion *done)
{
	verdict_start(verdict, done);
	if (done->fate == BROOD_DONE)
		verdict_of_answer(verdict, &done->reply);
	else if (done->fate == BROOD_REFUSED ||
	    done->fate == BROOD_CANCELED)
		verdict->blame = BLAME_POOL;
	else if (done->ran != BROOD_NOT_RUN)
		verdict->blame = BLAME_LINE;
}

/* How much was printed, in words. */
static void
verdict_count(char *text, size_t size, const struct lines_report *report,
    size_t n_lines)
{
	if (n_lines == 1)
		(void)snprintf(text, size, "printed no line");
	else
		(void)snprintf(text, size, "printed %u line%s for %zu",
		    report->n_printed, report->n_printed == 1 ? "" : "s",
		    n_lines);
}

static void
verdict_say_status(struct verdict *verdict, const struct lines_report *report,
    size_t n_lines)
{
	int status = report->status;
	char count[64];

	verdict->status = status;
	verdict_count(count, sizeof(count), report, n_lines);
	if (WIFSIGNALED(status)) {
		verdict->fate = BROOD_CRASHED;
		verdict_say(verdict, "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else if (report->n_printed == n_lines)
		verdict_say(verdict, "exited with status %d",
		    WEXITSTATUS(status));
	else
		verdict_say(verdict, "%s and exited with status %d", count,
		    WEXITSTATUS(status));
}

static void
verdict_say_count(struct verdict *verdict, const struct lines_report *report,
    size_t n_lines)
{
	char count[64];

	/* Of too many lines, nobody knows how many would have come. */
	if (report->result == FILTER_MORE && n_lines == 1) {
		verdict_say(verdict, "printed more than one line");
		return;
	}
	if (report->result == FILTER_MORE) {
		verdict_say(verdict, "printed more than %zu lines for %zu",
		    n_lines, n_lines);
		return;
	}
	verdict_count(count, sizeof(count), report, n_lines);
	verdict_say(verdict, "%s%s", count,
	    report->result == FILTER_CLOSED ? " and closed its output" : "");
}

static void
verdict_of_report(struct verdict *verdict, const struct lines_report *report,
    size_t n_lines)
{
	verdict->fate = BROOD_FAILED;
	verdict->blame = BLAME_LINE;
	switch ((enum filter_result)report->result) {
	case FILTER_DONE:
		verdict->fate = BROOD_DONE;
		verdict->n_done = report->n_given;
		break;
	case FILTER_PART:
		verdict->blame = BLAME_SIZE;
		break;
	case FILTER_DIED:
		verdict->blame = BLAME_END;
		verdict_say_status(verdict, report, n_lines);
		break;
	case FILTER_FEWER:
	case FILTER_CLOSED:
	case FILTER_MORE:
		verdict->blame = BLAME_COUNT;
		verdict_say_count(verdict, report, n_lines);
		break;
	case FILTER_UNREAD:
		verdict_say(verdict, "printed without reading its input");
		break;
	case FILTER_TIMEOUT:
		verdict->fate = BROOD_EXPIRED;
		verdict_say(verdict, "no line came in time");
		break;
	case FILTER_TOO_LONG:
		verdict_say(verdict, "its output is too long for a line");
		break;
	}
}

void
verdict_of_lines(struct verdict *verdict, const struct brood_completion *done,
    size_t n_lines)
{
	struct lines_report report;

	verdict_start(verdict, done);
	if (done->fate == BROOD_REFUSED || done->fate == BROOD_CANCELED) {
		verdict->blame = BLAME_POOL;
		return;
	}
	if (done->fate != BROOD_DONE ||
	    lines_report_read(&report, &done->reply) < 0) {
		verdict->blame = done->ran == BROOD_NOT_RUN ? BLAME_NONE :
		    BLAME_WORKER;
		return;
	}
	verdict_of_report(verdict, &report, n_lines);
	verdict->out_len = done->reply.len - sizeof(report);
	verdict->start_us = report.start_us;
	verdict->runtime_us = report.runtime_us;
	verdict->is_buffering = report.is_buffering;
	verdict->had_extra = report.had_extra;
	verdict->was_keeping = report.was_keeping;
}
