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

void
verdict_of_reply(struct verdict *verdict, const struct brood_completion *done)
{
	verdict_start(verdict, done);
	if (done->fate == BROOD_DONE) {
		verdict->n_done = 1;
		verdict->out_len = done->reply.len;
	} else if (done->fate == BROOD_REFUSED ||
	    done->fate == BROOD_CANCELED)
		verdict->blame = BLAME_POOL;
	else if (done->ran != BROOD_NOT_RUN)
		verdict->blame = BLAME_LINE;
}

static void
verdict_say_status(struct verdict *verdict, const struct lines_report *report,
    size_t n_lines)
{
	int status = report->status;

	verdict->status = status;
	if (WIFSIGNALED(status)) {
		verdict->fate = BROOD_CRASHED;
		verdict_say(verdict, "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else
		verdict_say(verdict, "printed %u lines for %zu and exited "
		    "with status %d", report->n_printed, n_lines,
		    WEXITSTATUS(status));
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
		break;
	case FILTER_PART:
		verdict->blame = BLAME_NONE;
		break;
	case FILTER_DIED:
		verdict_say_status(verdict, report, n_lines);
		break;
	case FILTER_FEWER:
	case FILTER_MORE:
		verdict_say(verdict, "printed %u lines for %zu",
		    report->n_printed, n_lines);
		break;
	case FILTER_UNREAD:
		verdict_say(verdict, "printed %u line%s without reading its "
		    "input", report->n_printed,
		    report->n_printed == 1 ? "" : "s");
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
	verdict->n_done = report.n_done;
	verdict->out_len = done->reply.len - sizeof(report);
	verdict->start_us = report.start_us;
	verdict->runtime_us = report.runtime_us;
	verdict->is_buffering = report.is_buffering;
	verdict->had_extra = report.had_extra;
}
