/* SPDX-License-Identifier: ISC */

/*
 * brood run: a pool of a program, served on a socket.
 *
 * Owns the order of things: the listener first, whose failure costs nothing,
 * then the pool, while this process is small, then the server between them.
 * Knows no client.
 *
 * The service manager and the log are told of changes in one place, the end of
 * a turn: whoever asked for them, a signal or a client.
 */

#include "base/clock.h"
#include "base/self_pipe.h"
#include "command/command.h"
#include "command/options.h"
#include "command/serve/notify.h"
#include "command/serve/report.h"
#include "command/serve/server.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RUN_MIN_QUEUE = 64 };

struct run {
	const char *path;		/* NULL: inherited, or RUN_SOCKET */
	struct brood_listen_options listen;
	struct brood_pool_options pool_options;
	struct brood_listener *listener;
	struct brood_pool *pool;
	struct server *server;
	struct notify notify;
	int timeout_ms;
	int signals_fd;
	int64_t watchdog_ms;		/* the next time; or never */
	bool is_ready;			/* the manager was told ... */
	bool is_stopping;
	bool is_reloading;
	enum command_status status;
};

static const char run_socket[] = "./brood.sock";

/* Options */

static const char *
run_set_mode(void *arg, const char *value)
{
	struct run *run = arg;
	unsigned long mode;
	char *end;

	errno = 0;
	mode = strtoul(value, &end, 8);
	if (value[0] < '0' || value[0] > '7' || *end != '\0' || errno != 0 ||
	    mode > 0777)
		return "not a mode (0 to 777, octal)";
	run->listen.has_mode = true;
	run->listen.mode = (mode_t)mode;
	return NULL;
}

/* The workers inherit the environment of this process. */
static const char *
run_set_env(void *arg, const char *value)
{
	const char *equals = strchr(value, '=');
	char *name;

	(void)arg;
	if (equals == NULL || equals == value)
		return "not NAME=VALUE";
	name = strndup(value, (size_t)(equals - value));
	if (name == NULL || setenv(name, equals + 1, 1) < 0)
		command_die(COMMAND_UNUSABLE, errno, "--env %s", value);
	free(name);
	return NULL;
}

static void
run_parse(struct run *run, const struct command *command, int argc,
    char **argv)
{
	struct brood_pool_options *pool = &run->pool_options;
	const struct option_spec options[] = {
		{ 'n', "workers", "N", "how many workers; default: one for "
		    "each processor",
		    .number = &pool->workers, .min = 1, .max = 1 << 18 },
		{ 'l', "listen", "SOCKET", "serve on this file; default: the "
		    "first socket\nof LISTEN_FDS, else ./brood.sock",
		    .text = &run->path },
		{ 'm', "mode", "MODE", "permissions of the socket, in octal; "
		    "default: 600;\nwho may connect needs permission to write",
		    .set = run_set_mode, .set_arg = run },
		{ .name = "timeout", .argument = "SECONDS",
		    .help = "the longest that one request may take, its wait "
		    "for\na worker included; default: no limit",
		    .seconds_ms = &run->timeout_ms },
		{ .name = "max-requests", .argument = "N",
		    .help = "replace a worker after about N requests; "
		    "default: never",
		    .number = &pool->max_requests, .min = 1, .max = INT_MAX },
		{ .name = "queue", .argument = "N",
		    .help = "how many requests may wait for a worker; default: "
		    "twice\nthe workers, at least 64",
		    .number = &pool->queue, .min = 1, .max = 1 << 20 },
		{ .name = "env", .argument = "NAME=VALUE",
		    .help = "set this in the workers' environment; may be "
		    "repeated", .set = run_set_env },
		{ .name = "chdir", .argument = "DIRECTORY",
		    .help = "the working directory of the workers",
		    .text = &pool->chdir },
		{ .name = "name", .argument = "NAME",
		    .help = "what messages call the workers; default: worker",
		    .text = &pool->name },
		{ .name = "fds-from-worker",
		    .help = "pass on descriptors that come with replies: only "
		    "for\nworkers that are trusted",
		    .flag = &pool->fds_from_worker },
		{ .name = NULL },
	};

	argv = options_parse(command, options, argc, argv);
	pool->argv = (const char *const *)argv;
}

/* Beginning */

static void
run_listen(struct run *run)
{
	char text[BROOD_SOCKET_TEXT];
	int r = -ENOENT;

	if (run->path == NULL)
		r = brood_listen_inherit(&run->listener, 0, NULL);
	if (r < 0 && r != -ENOENT)
		command_die(COMMAND_UNUSABLE, -r, "LISTEN_FDS");
	if (r == -ENOENT) {
		if (run->path == NULL)
			run->path = run_socket;
		r = brood_listen(&run->listener, run->path, &run->listen, text);
		if (r < 0)
			command_die(COMMAND_UNUSABLE, 0, "%s", text);
	}
	/* They are not for the workers. */
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	(void)unsetenv("LISTEN_PID");
}

static noreturn void
run_die(struct run *run, int error, const char *what)
{
	run->pool = brood_pool_free(run->pool);
	run->listener = brood_listener_free(run->listener);
	command_die(COMMAND_UNUSABLE, error, "%s", what);
}

static void
run_start_pool(struct run *run)
{
	struct brood_pool_stats stats;
	int r;

	r = brood_pool_new(&run->pool, &run->pool_options);
	if (r < 0)
		run_die(run, -r, run->pool_options.argv[0]);
	brood_pool_stats(run->pool, &stats);
	if (run->pool_options.queue == 0)
		run->pool_options.queue = 2 * stats.workers > RUN_MIN_QUEUE ?
		    2 * stats.workers : RUN_MIN_QUEUE;
}

static void
run_start(struct run *run)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU, 0,
	};
	struct server_options options = { .timeout_ms = run->timeout_ms };
	int r;

	notify_init(&run->notify);
	run_listen(run);
	/* A log that nobody reads any more is no reason to end. */
	(void)signal(SIGPIPE, SIG_IGN);
	run->signals_fd = brood__self_pipe_open(signals);
	if (run->signals_fd < 0)
		run_die(run, -run->signals_fd, "signals");
	run_start_pool(run);
	options.pool = run->pool;
	options.listener = run->listener;
	options.name = run->pool_options.name;
	options.path = run->path != NULL ? run->path : "";
	options.argv = run->pool_options.argv;
	options.queue = run->pool_options.queue;
	options.fds_from_worker = run->pool_options.fds_from_worker;
	r = server_new(&run->server, &options);
	if (r < 0)
		run_die(run, -r, "clients");
}

/* Signals */

static void
run_resize(struct run *run, int change)
{
	struct brood_pool_stats stats;
	int r;

	brood_pool_stats(run->pool, &stats);
	if (change < 0 && stats.workers == 1) {
		command_warn(0, "one worker is the least");
		return;
	}
	r = server_resize(run->server,
	    change < 0 ? stats.workers - 1 : stats.workers + 1);
	if (r < 0)
		command_warn(-r, "%u workers", stats.workers);
	else
		command_warn(0, "%u workers from now on",
		    change < 0 ? stats.workers - 1 : stats.workers + 1);
}

static void
run_reload(struct run *run)
{
	int r = server_reload(run->server);

	if (r == -EALREADY)
		command_warn(0, "a reload is under way");
	else if (r < 0)
		command_warn(-r, "reload");
}

/* False when it is to end at once. */
static bool
run_signal(struct run *run, int sig)
{
	switch (sig) {
	case SIGHUP:
		run_reload(run);
		break;
	case SIGTTIN:
		run_resize(run, 1);
		break;
	case SIGTTOU:
		run_resize(run, -1);
		break;
	case SIGINT:
	case SIGTERM:
		if (run->server->is_stopping)
			return false;
		server_stop(run->server, -1);
		break;
	default:
		break;
	}
	return true;
}

/* What is told */

static void
run_notify_status(const struct run *run)
{
	struct brood_pool_stats stats;

	brood_pool_stats(run->pool, &stats);
	notify_send(&run->notify, "STATUS=%u of %u workers are ready",
	    stats.ready, stats.workers);
}

static void
run_notice_changes(struct run *run)
{
	if (run->server->is_stopping && !run->is_stopping) {
		run->is_stopping = true;
		command_warn(0, "stopping");
		notify_send(&run->notify, "STOPPING=1\nSTATUS=stopping");
	}
	if (run->server->is_reloading && !run->is_reloading) {
		run->is_reloading = true;
		command_warn(0, "reloading");
		notify_reloading(&run->notify);
	}
}

static void
run_event(struct run *run, const struct brood_event *event)
{
	report_event(event);
	server_event(run->server, event);
	if (run->is_stopping)
		return;
	if (event->kind == BROOD_EVENT_BROKEN) {
		run->status = COMMAND_UNUSABLE;
		server_stop(run->server, 0);
		run_notice_changes(run);
		return;
	}
	if (run->is_reloading && !run->server->is_reloading) {
		run->is_reloading = false;
		notify_send(&run->notify, "READY=1");
	}
	if (event->kind == BROOD_EVENT_READY && !run->is_ready) {
		run->is_ready = true;
		notify_send(&run->notify, "READY=1");
	}
	run_notify_status(run);
}

static void
run_watchdog(struct run *run)
{
	int64_t now_ms = brood__now_ms();

	if (now_ms < run->watchdog_ms)
		return;
	notify_send(&run->notify, "WATCHDOG=1");
	run->watchdog_ms = now_ms + run->notify.watchdog_ms;
}

/* The loop */

static void
run_loop(struct run *run)
{
	struct brood_event event;
	int r, sig;

	run->watchdog_ms = run->notify.watchdog_ms > 0 ? 0 : BROOD__NEVER;
	while (!server_is_over(run->server)) {
		run_watchdog(run);
		r = server_turn(run->server, run->signals_fd,
		    brood__time_left(run->watchdog_ms, brood__now_ms()));
		if (r < 0)
			command_warn(-r, "clients");
		while ((sig = brood__self_pipe_next(run->signals_fd)) != 0)
			if (!run_signal(run, sig)) {
				run->status = COMMAND_FAILED;
				return;
			}
		run_notice_changes(run);
		while (brood_pool_next_event(run->pool, &event) == 1)
			run_event(run, &event);
	}
}

static int
run_run(const struct command *command, int argc, char **argv)
{
	struct run run = {
		.pool_options.name = "worker",
		.pool_options.prefix_stderr = true,
		.timeout_ms = -1,
	};

	run_parse(&run, command, argc, argv);
	run_start(&run);
	run_loop(&run);
	run.server = server_free(run.server);
	run.pool = brood_pool_free(run.pool);
	notify_fini(&run.notify);
	return run.status;
}

const struct command command_run = {
	.name = "run",
	.summary = "Keep workers running and serve them on a socket",
	.operands = "-- PROGRAM [ARG...]",
	.min_operands = 1,
	.max_operands = INT_MAX,
	.options_first = true,
	.help =
"Signals: TERM and INT finish what was accepted and end, a second one ends at\n"
"once; HUP replaces the workers by new ones; TTIN and TTOU make them one more\n"
"and one fewer.\n",
	.run = run_run,
};
