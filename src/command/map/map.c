/* SPDX-License-Identifier: ISC */

/*
 * brood map: puts each line of standard input through a program.  Here are the
 * options, the main loop and standard output.
 *
 * Writing to standard output may block, and it should: then no input is read,
 * so memory stays bounded when the reader of the output is slow.
 */

#include "base/cpus.h"
#include "command/confine_options.h"
#include "command/map/mapper.h"
#include "command/options.h"

#include <sys/param.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MAP_MAX_WORKERS = 10000,
	MAP_NO_FD_MS = 20,	/* see map_poll() */
	MAP_SLACK = 1 << 20,	/* bytes that a reply of lines.c may be longer
				   than the longest line */
};

struct map_options {
	const char *joblog;
	const char *failed;
	unsigned workers;
	bool is_unordered;
	bool has_progress;
	struct confine_options confine;	/* of the program */
	struct brood_confine worker_confine;	/* of the worker that runs it */
};

/* Gives the program and its arguments. */
static char **
map_parse(struct mapper *mapper, struct map_options *options,
    const struct command *command, int argc, char **argv)
{
	const struct option_spec specs[] = {
		{ 'n', "workers", "N", "how many workers; default: one for "
		    "each processor", .number = &options->workers,
		    .min = 1, .max = MAP_MAX_WORKERS },
		{ .name = "lines",
		    .help = "PROGRAM is a filter that prints a line for each "
		    "that\nit reads, such as sed; without this option it "
		    "speaks\nthe protocol", .flag = &mapper->has_lines },
		{ .name = "unordered",
		    .help = "print replies as they come",
		    .flag = &options->is_unordered },
		{ .name = "retries", .argument = "N",
		    .help = "try a line that fails up to N times more; "
		    "default: 0", .number = &mapper->retries, .max = 1000000 },
		{ .name = "halt", .argument = "N[%]",
		    .help = "try no more lines when N have failed, or, with "
		    "%, when\n20 have failed that are N % of all; 0: never; "
		    "default:\n10% with --lines, else 0",
		    .set = halt_parse, .set_arg = &mapper->outcome.halt },
		{ .name = "timeout", .argument = "SECONDS",
		    .help = "the longest that one line may take; default: no "
		    "limit", .seconds_ms = &mapper->timeout_ms, .min = 1 },
		{ .name = "progress",
		    .help = "show progress even if standard error is no "
		    "terminal", .flag = &options->has_progress },
		{ .name = "joblog", .argument = "FILE",
		    .help = "write a table to FILE: Seq, Start, Runtime (of "
		    "the\nrequest that the line was in), BytesIn, BytesOut,"
		    "\nFate, Status", .text = &options->joblog },
		{ .name = "failed", .argument = "FILE",
		    .help = "write the lines that failed to FILE",
		    .text = &options->failed },
		CONFINE_OPTIONS(&options->confine),
		{ .name = NULL },
	};

	argv = options_parse(command, specs, argc, argv);
	mapper->outcome.program = argv[0];
	if (mapper->has_lines && !mapper->outcome.halt.is_given)
		mapper->outcome.halt = (struct halt) { .is_percent = true,
		    .limit = HALT_DEFAULT_PERCENT };
	if (mapper->has_lines &&
	    (options->confine.confine.level > BROOD_CONFINE_FILES ||
	    options->confine.confine.learn != 0))
		command_misuse(command, "--confine: a program that reads lines "
		    "reaches level 1, as it does not confine itself");
	window_init(&mapper->window, options->is_unordered);
	return argv;
}

/* Output */

/* If the reader of the output has left, as head(1) does, print no message. */
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
	struct chunk *chunk;

	while ((chunk = window_printable(&mapper->window)) != NULL) {
		/* A worker that speaks the protocol replies without newline. */
		bool has_newline = mapper->has_lines || chunk->out == NULL;

		if ((chunk->out_len > 0 &&
		    fwrite(chunk->out, 1, chunk->out_len, stdout) !=
		    chunk->out_len) ||
		    (!has_newline && putchar('\n') == EOF))
			map_lose_output(mapper, errno);
		window_remove(&mapper->window, chunk);
	}
	if (fflush(stdout) == EOF)
		map_lose_output(mapper, errno);
	joblog_flush(&mapper->log);
}

/* The loop */

static noreturn void
map_die_of(struct mapper *mapper, const struct brood_event *event)
{
	mapper_die(mapper, 0, mapper->has_lines ? "%s: %s" :
	    "%s: %s.  It must be a worker, brood-protocol(7); for a program "
	    "that reads lines, say --lines", mapper->outcome.program,
	    event->text);
}

/*
 * The first start has failed.  If the next attempts of the pool would fail in
 * the same way, end at once: the program cannot be run, or it has done what it
 * does and is no worker.
 */
static void
map_not_started(struct mapper *mapper, const struct brood_event *event)
{
	if (command_is_start_hopeless(event))
		mapper_die(mapper, 0, "%s", event->text);
	if (event->error != 0 && strcmp(event->step, "setup") == 0)
		mapper_die(mapper, event->error, "%s", mapper->outcome.program);
	if (!mapper->has_lines && event->pid > 0 && WIFEXITED(event->status) &&
	    WEXITSTATUS(event->status) == 0)
		map_die_of(mapper, event);
}

static void
map_event(struct mapper *mapper, const struct brood_event *event,
    bool *is_started)
{
	if (event->kind == BROOD_EVENT_READY)
		*is_started = true;
	if (event->kind == BROOD_EVENT_NOT_STARTED && !*is_started)
		map_not_started(mapper, event);
	if (event->kind == BROOD_EVENT_BROKEN)
		map_die_of(mapper, event);
}

/*
 * Wait for standard input, for the workers, for the reader of standard output
 * to leave (POLLERR), or until progress is to be drawn.  Where brood_pool_fd()
 * has no descriptor (-ENOSYS), wait for the pool a short time, again and again.
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
		/* Print first: that makes room for more input. */
		map_print(mapper);
		mapper_feed(mapper);
		progress_draw(&mapper->progress, &mapper->count);
	}
}

/* The beginning and the end */

/* A program that starts threads gets its share of the processors. */
static void
map_share(struct map_options *options)
{
	unsigned cpus = brood__cpus();
	unsigned workers = options->workers > 0 ? options->workers : cpus;

	options->confine.confine.threads = MAX(cpus / workers, 1);
}

static void
map_start(struct mapper *mapper, struct map_options *options,
    struct lines_options *lines)
{
	struct brood_pool_options pool = {
		.name = "map",
		.workers = options->workers,
	};
	struct brood_confine *confine = &options->confine.confine;
	char text[BROOD_TEXT_SIZE];

	confine_complete(&options->confine);
	if (mapper->has_lines) {
		/* The filter is in the control group of its worker. */
		options->worker_confine.cgroup = confine->cgroup;
		confine->cgroup = NULL;
		pool.confine = &options->worker_confine;
		pool.handler = lines_handle;
		pool.setup = lines_setup;
		pool.arg = lines;
		pool.max_payload = BROOD_MAX_PAYLOAD + MAP_SLACK;
	} else {
		pool.argv = lines->argv;
		map_share(options);
		pool.confine = confine;
	}
	/* If the reader of the output leaves, write(2) gives EPIPE. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* First of all, because workers are copies of this process. */
	if (brood_pool_new(&mapper->pool, &pool, text) < 0)
		command_die(COMMAND_UNUSABLE, 0, "%s", text);
	progress_start(&mapper->progress, options->has_progress,
	    STDIN_FILENO);
}

static int
map_finish(struct mapper *mapper)
{
	mapper->pool = brood_pool_free(mapper->pool);
	/* Of what was tried before a stop, print all that is done. */
	window_give_up(&mapper->window);
	map_print(mapper);
	progress_clear(&mapper->progress);
	mapper_tell(mapper);
	progress_end(&mapper->progress, &mapper->count);
	joblog_close(&mapper->log);
	input_fini(&mapper->input);
	window_fini(&mapper->window);
	command_close_stdout();
	return (int)outcome_status(&mapper->outcome, mapper->count.n_failed);
}

static int
map_main(const struct command *command, int argc, char **argv)
{
	struct mapper mapper = {
		.timeout_ms = -1,
		.input = { .fd = STDIN_FILENO, .max_line = BROOD_MAX_PAYLOAD },
	};
	struct map_options options = { 0 };
	struct lines_options lines = { .max_line = BROOD_MAX_PAYLOAD };

	argv = map_parse(&mapper, &options, command, argc, argv);
	lines.argv = (const char *const *)argv;
	lines.timeout_ms = mapper.timeout_ms;
	lines.confine = &options.confine.confine;
	pace_start(&mapper.pace);
	joblog_open(&mapper.log, options.joblog, options.failed);
	map_start(&mapper, &options, &lines);
	map_run(&mapper);
	return map_finish(&mapper);
}

const struct command command_map = {
	.name = "map",
	.summary = "Put each line of standard input through a program",
	.operands = "-- PROGRAM [ARG...]",
	.min_operands = 1,
	.max_operands = INT_MAX,
	.options_first = true,
	.help =
	    "Each line becomes a request to a worker that runs PROGRAM, and\n"
	    "each reply is printed as a line, in the order of the input.\n\n"
	    "Exit status: 0, or 1 if a line failed, 2 if called wrongly, 3 if\n"
	    "PROGRAM, a file or standard output cannot be used (no message if\n"
	    "the reader of the output has left), 4 if a reply had a status.\n",
	.run = map_main,
};
