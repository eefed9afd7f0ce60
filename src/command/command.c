/* SPDX-License-Identifier: ISC */

/*
 * Errors and exits, the same in every subcommand.
 */

#include "command/command.h"

#include <brood/message.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*command_before_error)(void);

static void
command_vwarn(int error, const char *format, va_list ap)
{
	if (command_before_error != NULL)
		command_before_error();
	fputs("brood: ", stderr);
	(void)vfprintf(stderr, format, ap);
	if (error != 0)
		fprintf(stderr, ": %s", strerror(error));
	fputc('\n', stderr);
}

void
command_warn(int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	command_vwarn(error, format, ap);
	va_end(ap);
}

noreturn void
command_die(enum command_status status, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	command_vwarn(error, format, ap);
	va_end(ap);
	exit(status);
}

bool
command_is_start_hopeless(const struct brood_event *event)
{
	static const char *const others[] = {
		"", "boot", "fork", "hello", "setup",
	};

	if (event->kind != BROOD_EVENT_NOT_STARTED || event->error == 0)
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(event->step, others[i]) == 0)
			return false;
	return true;
}

noreturn void
command_misuse(const struct command *command, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	command_vwarn(0, format, ap);
	va_end(ap);
	command_die(COMMAND_USAGE, 0, "see brood %s --help", command->name);
}

void
command_close_stdout(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		command_die(COMMAND_UNUSABLE, errno, "standard output");
}
