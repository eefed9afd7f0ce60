/* SPDX-License-Identifier: ISC */

/*
 * brood map: each line of standard input through a program.
 *
 * Owns the options, the one loop and standard output.  Writing there may wait:
 * a reader that is slow slows everything down, which is what bounds memory.
 */

#include "command/command.h"
#include "command/map/mapper.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAP_MAX_WORKERS = 10000,
	MAP_NO_FD_MS = 20,	/* see map_poll() */
	MAP_SLACK = 1 << 20,	/* what lines.c may reply beyond a line */
};

struct map_options {
	const char *joblog;
	const char *failed;
	unsigned workers;
	bool is_unordered;
	bool has_progress;
};

static const struct option map_longopts[] = {
	{ "failed", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "joblog", required_argument, NULL, 'j' },
	{ "lines", no_argument, NULL, 'l' },
	{ "progress", no_argument, NULL, 'p' },
	{ "retries", required_argument, NULL, 'r' },
	{ "timeout", required_argument, NULL, 't' },
	{ "unordered", no_argument, NULL, 'u' },
	{ "workers", required_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static void
map_option(struct mapper *mapper, struct map_options *options,
    const struct command *command, int opt)
{
	switch (opt) {
	case 'f':
		options->failed = optarg;
		break;
	case 'j':
		options->joblog = optarg;
		break;
	case 'l':
		mapper->has_lines = true;
		break;
	case 'n':
		options->workers = (unsigned)command_number(command, "-n",
		    optarg, 1, MAP_MAX_WORKERS);
		break;
	case 'p':
		options->has_progress = true;
		break;
	case 'r':
		mapper->retries = (unsigned)command_number(command,
		    "--retries", optarg, 0, 1000000);
		break;
	case 't':
		mapper->timeout_ms = command_seconds_ms(command, "--timeout",
		    optarg);
		if (mapper->timeout_ms == 0)
			command_misuse(command, "--timeout %s: too short",
			    optarg);
		break;
	case 'u':
		options->is_unordered = true;
		break;
	case 'h':
		command_help(command);
	default:
		command_misuse(command, "an option is wrong");
	}
}

static void
map_parse(struct mapper *mapper, struct map_options *options,
    const struct command *command, int argc, char **argv)
{
	int opt;

	opterr = 0;
	/* "+": what follows PROGRAM is its own. */
	while ((opt = getopt_long(argc, argv, "+:n:", map_longopts,
	    NULL)) != -1) {
		if (opt == '?')
			command_misuse(command, "%s: no such option",
			    argv[optind - 1]);
		if (opt == ':')
			command_misuse(command, "%s: its argument is missing",
			    argv[optind - 1]);
		map_option(mapper, options, command, opt);
	}
	if (optind >= argc)
		command_misuse(command, "PROGRAM is missing");
	mapper->program = argv[optind];
	window_init(&mapper->window, options->is_unordered);
}

/* Output */

/* A reader that has left is no error to talk about: it has what it wanted. */
static noreturn void
map_lose_output(struct mapper *mapper, int error)
{
	if (error == EPIPE)
		mapper_die(mapper, 0, NULL);
	mapper_die(mapper, error, "standard output");
}

static void
map_print(struct mapper *mapper)
{
	struct piece *piece;

	while ((piece = window_printable(&mapper->window)) != NULL) {
		bool is_empty = piece->out == NULL;

		if ((piece->out_len > 0 &&
		    fwrite(piece->out, 1, piece->out_len, stdout) !=
		    piece->out_len) ||
		    (!mapper->has_lines && !is_empty &&
		    putchar('\n') == EOF))
			map_lose_output(mapper, errno);
		window_remove(&mapper->window, piece);
	}
	if (fflush(stdout) == EOF)
		map_lose_output(mapper, errno);
	joblog_flush(&mapper->log);
}

/* The loop */

/*
 * A program that cannot be run at all is told at once: later attempts would
 * fail in the same way.
 */
static void
map_event(struct mapper *mapper, const struct brood_event *event,
    bool *is_started)
{
	bool is_exec = strcmp(event->step, "exec") == 0 ||
	    strcmp(event->step, "setup") == 0;

	if (event->kind == BROOD_EVENT_READY)
		*is_started = true;
	if (event->kind == BROOD_EVENT_NOT_STARTED && is_exec &&
	    event->error != 0 && !*is_started)
		mapper_die(mapper, event->error, "%s", mapper->program);
	if (event->kind == BROOD_EVENT_BROKEN)
		mapper_die(mapper, 0, "%s: %s", mapper->program, event->text);
}

/*
 * Wait for standard input, the workers, or a reader of standard output that
 * leaves.  Where a pool has no descriptor, wait for it a little at a time.
 */
static void
map_poll(struct mapper *mapper)
{
	struct pollfd fds[3] = {
		{ .fd = brood_pool_fd(mapper->pool), .events = POLLIN },
		{ .fd = input_wants(&mapper->input) ? STDIN_FILENO : -1,
		  .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};
	int timeout_ms = progress_wait_ms(&mapper->progress);
	int r;

	if (fds[0].fd < 0) {
		timeout_ms = mapper->n_sent > 0 ? 0 : MAP_NO_FD_MS;
		if (mapper->n_sent > 0)
			(void)brood_pool_wait(mapper->pool, MAP_NO_FD_MS);
	}
	r = poll(fds, 3, timeout_ms);
	if (r < 0 && errno != EINTR)
		mapper_die(mapper, errno, "poll");
	if (r <= 0)
		return;
	if (fds[2].revents & POLLERR)
		map_lose_output(mapper, EPIPE);
	if (fds[1].revents != 0) {
		r = input_read(&mapper->input);
		if (r < 0)
			mapper_die(mapper, -r, "standard input");
	}
}

static void
map_run(struct mapper *mapper)
{
	struct brood_event event;
	bool is_started = false;
	int r;

	while (!mapper_is_finished(mapper)) {
		map_poll(mapper);
		r = brood_pool_dispatch(mapper->pool);
		if (r < 0)
			mapper_die(mapper, -r, "workers");
		while (brood_pool_next_event(mapper->pool, &event) == 1)
			map_event(mapper, &event, &is_started);
		mapper_take(mapper);
		/* In this order: printing makes room. */
		map_print(mapper);
		mapper_feed(mapper);
		progress_draw(&mapper->progress, &mapper->count);
	}
}

/* The beginning and the end */

static void
map_start(struct mapper *mapper, const struct map_options *options,
    struct lines_options *lines)
{
	struct brood_pool_options pool = {
		.name = "map",
		.workers = options->workers,
	};
	int r;

	if (mapper->has_lines) {
		pool.handler = lines_handle;
		pool.setup = lines_setup;
		pool.arg = lines;
		pool.max_payload = BROOD_MAX_PAYLOAD + MAP_SLACK;
	} else
		pool.argv = lines->argv;
	/* A reader that leaves is an error of write(2). */
	(void)signal(SIGPIPE, SIG_IGN);
	/* The workers first: they are copies of what this process is now. */
	r = brood_pool_new(&mapper->pool, &pool);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, -r, "workers");
	r = input_init(&mapper->input, STDIN_FILENO, BROOD_MAX_PAYLOAD);
	if (r < 0)
		mapper_die(mapper, -r, "standard input");
	progress_start(&mapper->progress, options->has_progress,
	    STDIN_FILENO);
}

static int
map_finish(struct mapper *mapper)
{
	int r;

	mapper->pool = brood_pool_free(mapper->pool);
	progress_clear(&mapper->progress);
	progress_end(&mapper->progress, &mapper->count);
	r = joblog_close(&mapper->log);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, -r, "--joblog or --failed");
	input_fini(&mapper->input);
	window_fini(&mapper->window);
	command_close_stdout();
	return mapper->count.n_failed > 0 || mapper->is_suspect ?
	    COMMAND_FAILED : COMMAND_OK;
}

static int
map_main(const struct command *command, int argc, char **argv)
{
	struct mapper mapper = {
		.timeout_ms = -1,
		.chunk_lines = 1,
		.chunk_bytes = 1,
	};
	struct map_options options = { 0 };
	struct lines_options lines = { .max_line = BROOD_MAX_PAYLOAD };

	map_parse(&mapper, &options, command, argc, argv);
	lines.argv = (const char *const *)&argv[optind];
	lines.timeout_ms = mapper.timeout_ms;
	joblog_open(&mapper.log, options.joblog, options.failed);
	map_start(&mapper, &options, &lines);
	map_run(&mapper);
	return map_finish(&mapper);
}

const struct command command_map = {
	.name = "map",
	.summary = "Put each line of standard input through a program",
	.usage = "map [-n WORKERS] [--lines] [--unordered] [--retries N]\n"
	    "           [--timeout S] [--progress] [--joblog FILE]\n"
	    "           [--failed FILE] -- PROGRAM [ARG...]",
	.help =
	    "Each line is a request to a worker that runs PROGRAM, each reply\n"
	    "a line, in the order of the input.\n\n"
	    "  -n, --workers WORKERS  this many; as there are processors\n"
	    "  --lines         PROGRAM is a filter that prints a line for\n"
	    "                  each that it reads, such as sed; else it\n"
	    "                  speaks the protocol\n"
	    "  --unordered     print replies as they come\n"
	    "  --retries N     try a line that fails N times more\n"
	    "  --timeout S     a line fails after S seconds\n"
	    "  --progress      show progress though this is no terminal\n"
	    "  --joblog FILE   a table: Seq, Start, Runtime (of the request\n"
	    "                  that the line was in), BytesIn, BytesOut,\n"
	    "                  Fate, Status\n"
	    "  --failed FILE   the lines that failed\n\n"
	    "Exit status: 0, or 1 if a line failed, 2 if called wrongly,\n"
	    "3 if PROGRAM, a file or standard output cannot be used (the last\n"
	    "silently if its reader has left).\n",
	.run = map_main,
};
