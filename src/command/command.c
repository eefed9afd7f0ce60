/* SPDX-License-Identifier: ISC */

/*
 * Errors, arguments and endings, the same in every subcommand.
 */

#include "command/command.h"

#include <brood/message.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
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

const char *
command_error_name(uint32_t code)
{
	static const char *const names[] = {
		[BROOD_ERROR_FAILED] = "failed",
		[BROOD_ERROR_NO_METHOD] = "no such method",
		[BROOD_ERROR_TOO_LARGE] = "too large",
		[BROOD_ERROR_NO_CAPACITY] = "no capacity",
		[BROOD_ERROR_EXPIRED] = "expired",
		[BROOD_ERROR_CANCELED] = "canceled",
		[BROOD_ERROR_CRASHED] = "crashed",
		[BROOD_ERROR_STOPPING] = "stopping",
		[BROOD_ERROR_VERSION] = "version",
		[BROOD_ERROR_PROTOCOL] = "protocol",
	};

	if (code < sizeof(names) / sizeof(names[0]) && names[code] != NULL)
		return names[code];
	return "unknown";
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

noreturn void
command_help(const struct command *command)
{
	printf("usage: brood %s\n\n%s.\n", command->usage, command->summary);
	if (command->help != NULL)
		printf("\n%s", command->help);
	command_close_stdout();
	exit(COMMAND_OK);
}

long long
command_number(const struct command *command, const char *option,
    const char *value, long long min, long long max)
{
	const char *error;
	long long number;

	number = strtonum(value, min, max, &error);
	if (error != NULL)
		command_misuse(command, "%s %s: %s (%lld to %lld)", option,
		    value, error, min, max);
	return number;
}

int
command_seconds_ms(const struct command *command, const char *option,
    const char *value)
{
	double seconds;
	char *end;

	errno = 0;
	seconds = strtod(value, &end);
	if (end == value || *end != '\0' || errno != 0 ||
	    !isfinite(seconds) || seconds < 0 || seconds > INT_MAX / 1000)
		command_misuse(command, "%s %s: not a number of seconds",
		    option, value);
	return (int)(seconds * 1000);
}

void
command_close_stdout(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		command_die(COMMAND_UNUSABLE, errno, "standard output");
}
