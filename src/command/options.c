/* SPDX-License-Identifier: ISC */

/*
 * Tables of options: parsing by getopt_long(3), errors, and --help.
 */

#include "command/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTIONS_MAX = 48,	/* in one table, -h and the end included */
	OPTION_TEXT = 64,	/* "-l, --listen SOCKET" */
	OPTION_LONG = 256,	/* added to its number in the table: what
				   getopt_long(3) gives for a long option */
	OPTION_HELP = OPTION_LONG + OPTIONS_MAX,	/* --help */
};

static const struct option_spec option_help = {
	.letter = 'h',
	.name = "help",
	.help = "show this help",
};

/* --help */

static void
option_describe(const struct option_spec *option, char text[OPTION_TEXT])
{
	char letter[] = "    ";

	if (option->letter != 0)
		(void)snprintf(letter, sizeof(letter), "-%c, ",
		    option->letter);
	(void)snprintf(text, OPTION_TEXT, "%s--%s%s%s", letter, option->name,
	    option->argument != NULL ? " " : "",
	    option->argument != NULL ? option->argument : "");
}

static void
option_print(const struct option_spec *option, int width)
{
	const char *line = option->help;
	char text[OPTION_TEXT];
	int len;

	option_describe(option, text);
	for (;;) {
		len = (int)strcspn(line, "\n");
		printf("  %-*s  %.*s\n", width, text, len, line);
		if (line[len] == '\0')
			return;
		line += len + 1;
		text[0] = '\0';
	}
}

static noreturn void
options_help(const struct command *command, const struct option_spec *options)
{
	char text[OPTION_TEXT];
	size_t width = 0;

	for (size_t i = 0; options[i].name != NULL; i++) {
		option_describe(&options[i], text);
		if (strlen(text) > width)
			width = strlen(text);
	}
	printf("usage: brood %s [OPTION...] %s\n\n%s.\n\n", command->name,
	    command->operands, command->summary);
	for (size_t i = 0; options[i].name != NULL; i++)
		option_print(&options[i], (int)width);
	option_print(&option_help, (int)width);
	if (command->help != NULL)
		printf("\n%s", command->help);
	command_close_stdout();
	exit(COMMAND_OK);
}

/* Values */

static const char *
option_set_number(const struct option_spec *option, const char *value,
    char text[OPTION_TEXT])
{
	const char *error;
	long long number;

	number = strtonum(value, option->min, option->max, &error);
	if (error != NULL) {
		(void)snprintf(text, OPTION_TEXT, "%s (%u to %u)",
		    strcmp(error, "invalid") == 0 ? "not a number" : error,
		    option->min, option->max);
		return text;
	}
	*option->number = (unsigned)number;
	return NULL;
}

static const char *
option_set_seconds(const struct option_spec *option, const char *value,
    char text[OPTION_TEXT])
{
	double seconds;
	char *end;

	errno = 0;
	seconds = strtod(value, &end);
	if (end == value || *end != '\0' || errno != 0 ||
	    !isfinite(seconds) || seconds < 0 || seconds > INT_MAX / 1000)
		return "not a number of seconds";
	if (seconds * 1000 < option->min) {
		(void)snprintf(text, OPTION_TEXT, "at least %g seconds",
		    option->min / 1000.0);
		return text;
	}
	*option->seconds_ms = (int)(seconds * 1000);
	return NULL;
}

static void
option_set(const struct command *command, const struct option_spec *option,
    const char *value)
{
	const char *error = NULL;
	char text[OPTION_TEXT];

	if (option->flag != NULL)
		*option->flag = true;
	else if (option->number != NULL)
		error = option_set_number(option, value, text);
	else if (option->seconds_ms != NULL)
		error = option_set_seconds(option, value, text);
	else if (option->text != NULL)
		*option->text = value;
	else
		error = option->set(option->set_arg, value);
	if (error != NULL)
		command_misuse(command, "--%s %s: %s", option->name, value,
		    error);
}

const char *
options_read_size(const char *value, uint64_t *ret_size)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned shift = 0;
	char *end;

	if (strcmp(value, "unlimited") == 0) {
		*ret_size = UINT64_MAX;
		return NULL;
	}
	errno = 0;
	*ret_size = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || errno != 0)
		return "not a number, or \"unlimited\"";
	unit = *end == '\0' ? NULL : strchr(units, *end);
	if (unit != NULL && end[1] == '\0')
		shift = 10 * (unsigned)(unit - units + 1);
	else if (*end != '\0')
		return "a unit other than K, M, G and T";
	if (*ret_size > UINT64_MAX >> shift)
		return "too large";
	*ret_size <<= shift;
	return NULL;
}

/* Parsing */

/*
 * The table as getopt_long(3) wants it.  The leading '+' ends the options at
 * the first operand; ':' keeps getopt_long(3) from printing errors.
 */
static void
options_convert(const struct command *command,
    const struct option_spec *options, struct option *ret_long, char *ret_short)
{
	size_t i;

	if (command->options_first)
		*ret_short++ = '+';
	*ret_short++ = ':';
	*ret_short++ = 'h';
	for (i = 0; options[i].name != NULL; i++) {
		assert(i < OPTIONS_MAX - 2);
		ret_long[i] = (struct option) {
			options[i].name,
			options[i].argument != NULL, NULL,
			OPTION_LONG + (int)i,
		};
		if (options[i].letter == 0)
			continue;
		*ret_short++ = options[i].letter;
		if (options[i].argument != NULL)
			*ret_short++ = ':';
	}
	*ret_short = '\0';
	ret_long[i] = (struct option) { "help", no_argument, NULL,
	    OPTION_HELP };
	ret_long[i + 1] = (struct option) { NULL, 0, NULL, 0 };
}

static const struct option_spec *
options_find(const struct option_spec *options, int c)
{
	if (c >= OPTION_LONG)
		return &options[c - OPTION_LONG];
	while (options->letter != c)
		options++;
	return options;
}

/* What is no option may have been meant as an argument. */
static const char *
options_hint(const struct command *command)
{
	return command->max_operands == 0 ? "" :
	    " (an argument that begins with '-' needs -- before it)";
}

/* optopt is 0 after an unknown long name, else what getopt_long(3) knew. */
static noreturn void
options_refuse(const struct command *command, int c, const char *word)
{
	if (c == ':')
		command_misuse(command, "%s: its argument is missing", word);
	if (optopt >= OPTION_LONG)
		command_misuse(command, "%s: it takes no argument", word);
	if (optopt != 0)
		command_misuse(command, "-%c: no such option%s", optopt,
		    options_hint(command));
	command_misuse(command, "%s: no such option, or the beginning of "
	    "several%s", word, options_hint(command));
}

char **
options_parse(const struct command *command,
    const struct option_spec *options, int argc, char **argv)
{
	struct option long_options[OPTIONS_MAX];
	char short_options[2 * OPTIONS_MAX + 2];
	int c;

	options_convert(command, options, long_options, short_options);
	while ((c = getopt_long(argc, argv, short_options, long_options,
	    NULL)) != -1) {
		if (c == 'h' || c == OPTION_HELP)
			options_help(command, options);
		if (c == '?' || c == ':')
			options_refuse(command, c, argv[optind - 1]);
		option_set(command, options_find(options, c), optarg);
	}
	if (argc - optind < command->min_operands)
		command_misuse(command, "an argument is missing: brood %s %s",
		    command->name, command->operands);
	if (argc - optind > command->max_operands)
		command_misuse(command, "%s: one argument too many",
		    argv[optind + command->max_operands]);
	return argv + optind;
}
