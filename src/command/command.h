/* SPDX-License-Identifier: ISC */
#ifndef BROOD__COMMAND_H
#define BROOD__COMMAND_H

/*
 * What the subcommands of brood(1) share: how they are described, how they
 * print errors, and how they end.  They use the library as any program does,
 * by <brood.h>.
 *
 * An error is one line on standard error, "brood: what: why".  The exit status
 * is an enum command_status.  Colours, bars and progress are printed only on a
 * terminal (isatty(3)).
 */

#include <brood/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum command_status {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,	/* a request, or a part of the input, failed */
	COMMAND_USAGE = 2,	/* the command line is wrong */
	COMMAND_UNUSABLE = 3,	/* a program, a socket or a file could not be
				   used */
	COMMAND_STATUS = 4,	/* a reply had a status other than 0 */
	COMMAND_TIMEOUT = 124,	/* time ran out */
	COMMAND_CRASHED = 125,	/* a worker crashed */
};

struct command {
	const char *name;
	const char *summary;	/* the line in brood --help */
	const char *operands;	/* what follows the options: "SOCKET [DATA]" */
	int min_operands;
	int max_operands;	/* INT_MAX: any number */
	bool options_first;	/* the first operand ends the options: what
				   follows it may begin with '-' */
	const char *help;	/* --help prints it after the options */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_call;
extern const struct command command_conformance;
extern const struct command command_decode;
extern const struct command command_doctor;
extern const struct command command_events;
extern const struct command command_map;
extern const struct command command_ping;
extern const struct command command_reload;
extern const struct command command_run;
extern const struct command command_scale;
extern const struct command command_status;
extern const struct command command_stop;
extern const struct command command_top;

/*
 * Called, unless NULL, before an error is printed: brood top gives the screen
 * back.
 */
extern void (*command_before_error)(void);

/*
 * Print "brood: ", the formatted text and, unless error is 0, ": " and what
 * strerror(3) says of it.  command_die() then exits.
 */
noreturn void
	command_die(enum command_status status, int error, const char *format,
	    ...) __attribute__((__format__(__printf__, 3, 4)));
void	command_warn(int error, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/*
 * The command line is wrong: print the message and how to get help, and exit.
 */
noreturn void
	command_misuse(const struct command *command, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/*
 * A worker could not start.  Will the next attempts fail in the same way?  So
 * it is if the program cannot be executed, or not be confined as it was asked
 * for; not if it was executed and then said no HELLO.
 */
bool	command_is_start_hopeless(const struct brood_event *event);

/*
 * Flush standard output.  If any of it could not be written, for a full disk
 * for example, print an error and exit.
 */
void	command_close_stdout(void);

#endif
