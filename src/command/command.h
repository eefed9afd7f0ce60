/* SPDX-License-Identifier: ISC */
#ifndef BROOD__COMMAND_H
#define BROOD__COMMAND_H

/*
 * What the subcommands of brood(1) share: the table that they are found by, how
 * errors are said, how a command ends.  The command uses the library as anyone
 * would: through <brood.h>.
 *
 * An error is one line on stderr, "brood: what: why", and an exit status:
 *
 *	0	done
 *	1	a request, or some input, failed
 *	2	the command was called wrongly
 *	3	a program, a socket or a file could not be used
 *	124	time ran out
 *	125	a worker crashed
 *
 * Colours, bars and progress are for terminals (isatty(3)) alone.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum command_status {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,
	COMMAND_USAGE = 2,
	COMMAND_UNUSABLE = 3,
	COMMAND_TIMEOUT = 124,
	COMMAND_CRASHED = 125,
};

struct command {
	const char *name;
	const char *summary;	/* a line of brood --help */
	const char *operands;	/* what follows the options: "SOCKET [DATA]" */
	int min_operands;
	int max_operands;	/* INT_MAX: any number */
	bool options_first;	/* the first operand ends the options: what
				   follows it may begin with '-' */
	const char *help;	/* --help prints it after the options */
	const char *usage;	/* instead of operands: not from a table yet */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_call;
extern const struct command command_conformance;
extern const struct command command_decode;
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

/* "brood: what: why", why being strerror(3) of error, or text; then exit. */
noreturn void
	command_die(enum command_status status, int error, const char *format,
	    ...) __attribute__((__format__(__printf__, 3, 4)));
void	command_warn(int error, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/* What the protocol calls the code of an ERROR frame. */
const char *
	command_error_name(uint32_t code);

/* Called wrongly: the message, then where to find help; exits 2. */
noreturn void
	command_misuse(const struct command *command, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/* --help: usage and options on stdout; exits 0. */
noreturn void
	command_help(const struct command *command);

/*
 * Arguments, checked; a wrong one is named and ends the command with 2.  A
 * number is decimal and within min and max.  Seconds may have a fraction, and
 * become milliseconds; they are 0 to 24 days.
 */
long long
	command_number(const struct command *command, const char *option,
	    const char *value, long long min, long long max);
int	command_seconds_ms(const struct command *command, const char *option,
	    const char *value);

/*
 * Make sure that what was printed has arrived: a full disk or a closed pipe is
 * an error, named, and ends the command with 3.
 */
void	command_close_stdout(void);

#endif
