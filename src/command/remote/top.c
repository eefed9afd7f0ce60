/* SPDX-License-Identifier: ISC */

/*
 * brood top: what brood status prints, on the whole terminal, again and again.
 *
 * Owns the screen.  An error is printed only after the screen was given back:
 * command_before_error does that.
 */

#include "command/options.h"
#include "command/remote/metrics.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOP_CTRL_C = 3 };	/* in raw mode it is no signal */

struct top {
	int interval_ms;
	json_t *status;
	json_t *before;		/* the status before; NULL at first */
};

static void
top_open_screen(void)
{
	(void)setlocale(LC_CTYPE, "");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		command_die(COMMAND_UNUSABLE, 0, "top: not on a terminal: "
		    "see brood status");
	if (newterm(NULL, stdout, stdin) == NULL)
		command_die(COMMAND_UNUSABLE, 0, "top: the type of the "
		    "terminal is not known: see TERM");
	(void)raw();
	(void)noecho();
	(void)curs_set(0);
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
}

static void
top_close_screen(void)
{
	(void)endwin();
}

/* The line of column titles is shown in reverse. */
static void
top_draw(const struct top *top)
{
	char *text = NULL, *line, *rest;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int row = 0;

	if (out == NULL)
		return;
	metrics_write(out, top->status, top->before);
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

/* Wait for a key until the next look is due.  False: the user has quit. */
static bool
top_wait(const struct top *top)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	int key, r;

	r = poll(&pfd, 1, top->interval_ms);
	if (r < 0 && errno != EINTR)
		return false;
	while ((key = getch()) != ERR) {
		if (key == 'q' || key == 'Q' || key == TOP_CTRL_C)
			return false;
		if (key == KEY_RESIZE)
			top_draw(top);
	}
	return r <= 0 || !(pfd.revents & (POLLHUP | POLLERR));
}

static int
top_run(const struct command *command, int argc, char **argv)
{
	struct top top = { .interval_ms = 1000 };
	const struct option_spec options[] = {
		{ 'd', "delay", "SECONDS", "time from one look to the next; "
		    "default: 1", .seconds_ms = &top.interval_ms, .min = 10 },
		{ .name = NULL },
	};
	struct remote remote;

	argv = options_parse(command, options, argc, argv);
	remote_open(&remote, argv[0], REMOTE_TIMEOUT_MS, 0, false);
	top_open_screen();
	command_before_error = top_close_screen;
	do {
		json_decref(top.before);
		top.before = top.status;
		top.status = metrics_fetch(&remote);
		top_draw(&top);
	} while (top_wait(&top));
	top_close_screen();
	json_decref(top.before);
	json_decref(top.status);
	remote_close(&remote);
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
