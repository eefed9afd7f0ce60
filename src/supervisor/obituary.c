/* SPDX-License-Identifier: ISC */

/*
 * The report of a process's end.  Knows nothing of slots.
 */

#include "base/names.h"
#include "process/spawn.h"
#include "supervisor/obituary.h"

#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

void
brood__obituary_blame(struct brood__obituary *obituary, const char *step,
    int error, const char *text)
{
	if (obituary->step[0] != '\0')
		return;
	(void)strlcpy(obituary->step, step, sizeof(obituary->step));
	(void)strlcpy(obituary->text, text, sizeof(obituary->text));
	obituary->error = error;
}

bool
brood__obituary_is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == ENOBUFS || error == ENOSPC;
}

/*
 * Is this a step of brood's own, before the child's code runs?  What setup or
 * exec say of a shortage is the child's own affair.
 */
static bool
obituary_is_own_step(const char *step)
{
	static const char *const steps[] = {
		"cgroup", "open", "dup", "dup2", "channel",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i], step) == 0)
			return true;
	return false;
}

bool
brood__obituary_read_report(struct brood__obituary *obituary, int report_fd)
{
	struct brood__failure report;

	if (report_fd < 0 ||
	    brood__spawn_read_report(report_fd, false, &report) != 1)
		return false;
	(void)strlcpy(obituary->step, report.step, sizeof(obituary->step));
	(void)snprintf(obituary->text, sizeof(obituary->text), "%.180s: %.64s",
	    report.text, brood__error_words(report.error));
	obituary->error = report.error;
	return obituary_is_own_step(report.step) &&
	    brood__obituary_is_shortage(report.error);
}

void
brood__obituary_end(struct brood__obituary *obituary, int status,
    bool was_ready, const char *cause)
{
	const char *when = was_ready ? "" : " before it was ready";
	char text[sizeof(obituary->text)];

	if (cause != NULL)
		(void)snprintf(text, sizeof(text), "%s%s", cause, when);
	else if (WIFSIGNALED(status))
		(void)snprintf(text, sizeof(text), "killed by signal %d (%s)%s",
		    WTERMSIG(status), brood__signal_words(WTERMSIG(status)),
		    when);
	else
		(void)snprintf(text, sizeof(text), "exited with status %d%s",
		    WEXITSTATUS(status), when);
	if (obituary->text[0] == '\0')
		brood__obituary_blame(obituary, was_ready ? "" : "boot", 0,
		    text);
}

void
brood__obituary_write(const struct brood__obituary *obituary,
    struct brood__notice *notice)
{
	(void)strlcpy(notice->step, obituary->step, sizeof(notice->step));
	(void)strlcpy(notice->text, obituary->text, sizeof(notice->text));
	notice->error = obituary->error;
}
