/* SPDX-License-Identifier: ISC */

/*
 * brood top: the report of brood status on the whole terminal, drawn again and
 * again.  Owns the screen; what is on it is report.c's.
 *
 * The screen is given back before anything is said on standard error.
 */

#include "command/command.h"
#include "command/options.h"
#include "command/remote/metrics.h"
#include "command/remote/query.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TOP_INTERVAL_MS = 1000,
	TOP_ANSWER_MS = 10000,
};

struct top {
	struct brood_channel *channel;
	int interval_ms;
	json_t *status;
	json_t *before;
};

static void
top_close_screen(void)
{
	(void)endwin();
}

/* The report as text; its heads of columns stand out. */
static void
top_draw(const struct top *top)
{
	char *text = NULL, *line, *rest;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int row = 0;

	if (out == NULL)
		return;
	vitals_write(out, top->status, top->before);
	(void)fclose(out);
	(void)erase();
	rest = text;
	for (; (line = strsep(&rest, "\n")) != NULL && row < LINES; row++) {
		if (strncmp(line, "SLOT", 4) == 0)
			(void)attron(A_REVERSE);
		(void)mvaddnstr(row, 0, line, COLS);
		(void)attroff(A_REVERSE);
	}
	(void)refresh();
	free(text);
}

static void
top_ask(struct top *top)
{
	json_t *status = inquiry_answer(top->channel,
	    inquiry_ask(top->channel, BROOD_METHOD_STATUS), TOP_ANSWER_MS);

	if (status == NULL) {
		top_close_screen();
		command_die(COMMAND_TIMEOUT, 0, "the server does not answer");
	}
	json_decref(top->before);
	top->before = top->status;
	top->status = status;
}

/* Wait for a key until the next look is due.  False: the user is done. */
static bool
top_wait(const struct top *top)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	int key, r;

	r = poll(&pfd, 1, top->interval_ms);
	if (r < 0 && errno != EINTR)
		return false;
	while ((key = getch()) != ERR) {
		if (key == 'q' || key == 'Q' || key == 3)
			return false;
		if (key == KEY_RESIZE)
			top_draw(top);
	}
	return r <= 0 || !(pfd.revents & (POLLHUP | POLLERR));
}

static void
top_open_screen(void)
{
	(void)setlocale(LC_CTYPE, "");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		command_die(COMMAND_UNUSABLE, 0, "top: not on a terminal: "
		    "see brood status");
	if (newterm(NULL, stdout, stdin) == NULL)
		command_die(COMMAND_UNUSABLE, 0, "top: the terminal is of no "
		    "known kind: TERM");
	inquiry_on_end = top_close_screen;
	(void)raw();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
}

static void
top_show(struct top *top)
{
	top_open_screen();
	do {
		top_ask(top);
		top_draw(top);
	} while (top_wait(top));
	top_close_screen();
	inquiry_on_end = NULL;
	json_decref(top->before);
	json_decref(top->status);
}

static int
top_run(const struct command *command, int argc, char **argv)
{
	struct top top = { .interval_ms = TOP_INTERVAL_MS };
	const struct option_spec options[] = {
		{ 'd', "delay", "SECONDS", "time from one look to the next; "
		    "default: 1", .seconds_ms = &top.interval_ms, .min = 10 },
		{ .name = NULL },
	};

	argv = options_parse(command, options, argc, argv);
	top.channel = inquiry_open(argv[0]);
	top_show(&top);
	(void)brood_channel_free(top.channel);
	return COMMAND_OK;
}

const struct command command_top = {
	.name = "top",
	.summary = "Watch a server's workers, live",
	.operands = "SOCKET",
	.min_operands = 1,
	.max_operands = 1,
	.help = "q quits.\n",
	.run = top_run,
};
