/* SPDX-License-Identifier: ISC */

/* See command_end.h. */

#include "command_end.h"

#include <stdarg.h>

jmp_buf *command_end;
static int end_status;

noreturn void __real_exit(int status);
noreturn void __wrap_exit(int status);
noreturn void __wrap_command_die(enum command_status status, int error,
	    const char *format, ...);
noreturn void __wrap_command_misuse(const struct command *command,
	    const char *format, ...);
void	__wrap_command_warn(int error, const char *format, ...);

noreturn void
command_end_with(int status)
{
	FUZZ_ASSERT(command_end != NULL);
	end_status = status;
	longjmp(*command_end, 1);
}

int
command_try(void (*fn)(void *arg), void *arg)
{
	jmp_buf here;

	end_status = -1;
	command_end = &here;
	if (setjmp(here) == 0)
		fn(arg);
	command_end = NULL;
	return end_status;
}

noreturn void
__wrap_exit(int status)
{
	if (command_end == NULL)
		__real_exit(status);
	command_end_with(status);
}

/* What is printed is formatted, to see that it can be. */
static void
command_format(const char *format, va_list ap)
{
	static char text[8192];

	FUZZ_ASSERT(vsnprintf(text, sizeof(text), format, ap) >= 0);
}

noreturn void
__wrap_command_die(enum command_status status, int error, const char *format,
    ...)
{
	va_list ap;

	(void)error;
	va_start(ap, format);
	command_format(format, ap);
	va_end(ap);
	command_end_with(status);
}

noreturn void
__wrap_command_misuse(const struct command *command, const char *format, ...)
{
	va_list ap;

	(void)command;
	va_start(ap, format);
	command_format(format, ap);
	va_end(ap);
	command_end_with(COMMAND_USAGE);
}

void
__wrap_command_warn(int error, const char *format, ...)
{
	va_list ap;

	(void)error;
	va_start(ap, format);
	command_format(format, ap);
	va_end(ap);
}
