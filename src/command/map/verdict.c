/* SPDX-License-Identifier: ISC */

/*
 * From completions to words and blame.  Pure: it owns nothing, and decides
 * nothing but who is to blame.
 *
 * A worker of lines.c does nothing with a line but pass it on, so that its
 * death is no line's fault; one that speaks the protocol dies of what it does.
 */

#include "command/map/lines.h"
#include "command/map/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Text of other processes must not command a terminal. */
static void
verdict_clean(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		/* U+0080 to U+009F, the other control characters. */
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

static void __attribute__((__format__(__printf__, 2, 3)))
verdict_say(struct verdict *verdict, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(verdict->text, sizeof(verdict->text), format, ap);
	va_end(ap);
	verdict_clean(verdict->text);
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
	switch ((enum lines_cause)report->cause) {
	case LINES_DONE:
		verdict->fate = BROOD_DONE;
		break;
	case LINES_PART:
		verdict->blame = BLAME_NONE;
		break;
	case LINES_ENDED:
		verdict_say_status(verdict, report, n_lines);
		break;
	case LINES_FEWER:
	case LINES_MORE:
		verdict_say(verdict, "printed %u lines for %zu",
		    report->n_printed, n_lines);
		break;
	case LINES_TIMEOUT:
		verdict->fate = BROOD_EXPIRED;
		verdict_say(verdict, "no line came in time");
		break;
	case LINES_TOO_LONG:
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
	verdict->is_restarting = report.is_restarting;
	verdict->was_talking = report.was_talking;
}
