/* SPDX-License-Identifier: ISC */
#ifndef BROOD__OPTIONS_H
#define BROOD__OPTIONS_H

/*
 * The options of a subcommand, as one table: from it the command line is
 * parsed, every wrong option is reported in the same words, and --help is
 * printed.  -h, --help need not be listed.
 *
 *	const struct option_spec options[] = {
 *		{ 'c', "count", "N", "stop after N answers", .number = &count,
 *		    .min = 1, .max = INT_MAX },
 *		{ .name = "progress", .help = "show a bar", .flag = &has_bar },
 *		{ .name = NULL },
 *	};
 *
 *	operands = options_parse(command, options, argc, argv);
 */

#include "command/command.h"

#include <stdbool.h>

/*
 * One option.  Exactly one of flag, number, seconds_ms, text and set is not
 * NULL: that is the kind of the option, and where its value goes.  What the
 * pointers point to holds the default before the command line is parsed.
 */
struct option_spec {
	char letter;			/* 0: there is only the long name */
	const char *name;		/* without "--"; NULL ends the table */
	const char *argument;		/* as --help shows it; NULL: none */
	const char *help;		/* lines are separated by \n */

	bool *flag;			/* set to true; takes no argument */
	unsigned *number;		/* decimal, from min to max */
	int *seconds_ms;		/* seconds, stored as milliseconds; at
					   least min ms, at most 24 days */
	const char **text;		/* the argument itself */
	unsigned min;
	unsigned max;

	/*
	 * For all other kinds: called with set_arg and the argument.  Gives
	 * NULL, or what is wrong with the argument, such as "not a mode".
	 */
	const char *(*set)(void *set_arg, const char *value);
	void *set_arg;
};

/*
 * Parse the command line.  Stores the value of each option that is there, and
 * gives the operands: what is left of argv, ending with NULL; as many as the
 * command takes.  A wrong command line, or --help, ends the process.
 */
char	**options_parse(const struct command *command,
	    const struct option_spec *options, int argc, char **argv);

/*
 * Read a number of bytes, with K, M, G or T behind it, or "unlimited", which is
 * UINT64_MAX: for the set function of an option.  Gives NULL, or what is wrong.
 */
const char *
	options_read_size(const char *value, uint64_t *ret_size);

#endif
