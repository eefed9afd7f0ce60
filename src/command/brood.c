/* SPDX-License-Identifier: ISC */

/*
 * brood(1): find the subcommand and run it.
 */

#include "command/command.h"

#include <brood/version.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* brood --help lists them in this order. */
static const struct command *const commands[] = {
	&command_ping,
	&command_run,
	&command_call,
	&command_map,
#ifdef HAVE_JANSSON
	&command_status,
#ifdef HAVE_NCURSES
	&command_top,
#endif
	&command_events,
	&command_scale,
#endif
	&command_reload,
	&command_stop,
	&command_conformance,
	&command_decode,
	&command_doctor,
	NULL,
};

static noreturn void
main_help(void)
{
	printf("usage: brood COMMAND [ARG...]\n"
	    "       brood COMMAND --help\n\n"
	    "Run work in other processes.\n\n");
	for (size_t i = 0; commands[i] != NULL; i++)
		printf("  %-12s %s\n", commands[i]->name,
		    commands[i]->summary);
	command_close_stdout();
	exit(COMMAND_OK);
}

static noreturn void
main_version(void)
{
	printf("brood %s\n", brood_version());
	command_close_stdout();
	exit(COMMAND_OK);
}

static int
main_run(const struct command *command, int argc, char **argv)
{
	int status = command->run(command, argc, argv);

	command_close_stdout();
	return status;
}

/*
 * The number of a standard descriptor that is closed would be given to the next
 * file or socket, and what is printed would go there.  What takes its place is
 * open in the wrong direction, so that its use is an error.
 */
static void
main_fill_stdio(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == STDIN_FILENO ?
			    O_WRONLY : O_RDONLY);
}

int
main(int argc, char **argv)
{
	main_fill_stdio();
	if (argc < 2)
		command_die(COMMAND_USAGE, 0,
		    "a command is missing: see brood --help");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		main_help();
	if (strcmp(argv[1], "--version") == 0)
		main_version();
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return main_run(commands[i], argc - 1, argv + 1);
	command_die(COMMAND_USAGE, 0,
	    "%s: no such command: see brood --help", argv[1]);
}
