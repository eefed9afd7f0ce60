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
#include "command/serve/notify.h"
#include "command/serve/report.h"
#include "command/serve/server.h"

#include <errno.h>
#include <getopt.h>
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

enum {
	RUN_CHDIR = 256,
	RUN_ENV,
	RUN_FDS,
	RUN_MAX_REQUESTS,
	RUN_NAME,
	RUN_QUEUE,
	RUN_TIMEOUT,
};

static const struct option run_options[] = {
	{ "chdir", required_argument, NULL, RUN_CHDIR },
	{ "env", required_argument, NULL, RUN_ENV },
	{ "fds-from-worker", no_argument, NULL, RUN_FDS },
	{ "help", no_argument, NULL, 'h' },
	{ "listen", required_argument, NULL, 'l' },
	{ "max-requests", required_argument, NULL, RUN_MAX_REQUESTS },
	{ "mode", required_argument, NULL, 'm' },
	{ "name", required_argument, NULL, RUN_NAME },
	{ "queue", required_argument, NULL, RUN_QUEUE },
	{ "timeout", required_argument, NULL, RUN_TIMEOUT },
	{ "workers", required_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static void
run_set_mode(struct run *run, const struct command *command, const char *value)
{
	unsigned long mode;
	char *end;

	errno = 0;
	mode = strtoul(value, &end, 8);
	if (value[0] < '0' || value[0] > '7' || *end != '\0' || errno != 0 ||
	    mode > 0777)
		command_misuse(command, "-m %s: not a mode (0 to 777, octal)",
		    value);
	run->listen.has_mode = true;
	run->listen.mode = (mode_t)mode;
}

/* The workers get what this process has: it has no use for more. */
static void
run_set_env(const struct command *command, const char *value)
{
	const char *equals = strchr(value, '=');
	char *name;

	if (equals == NULL || equals == value)
		command_misuse(command, "--env %s: not NAME=VALUE", value);
	name = strndup(value, (size_t)(equals - value));
	if (name == NULL || setenv(name, equals + 1, 1) < 0)
		command_die(COMMAND_UNUSABLE, errno, "--env %s", value);
	free(name);
}

static void
run_set(struct run *run, const struct command *command, int option,
    const char *value)
{
	struct brood_pool_options *pool = &run->pool_options;

	switch (option) {
	case 'h':
		command_help(command);
	case 'l':
		run->path = value;
		break;
	case 'm':
		run_set_mode(run, command, value);
		break;
	case 'n':
		pool->workers = (unsigned)command_number(command, "-n", value,
		    1, 1 << 18);
		break;
	case RUN_CHDIR:
		pool->chdir = value;
		break;
	case RUN_ENV:
		run_set_env(command, value);
		break;
	case RUN_FDS:
		pool->fds_from_worker = true;
		break;
	case RUN_MAX_REQUESTS:
		pool->max_requests = (unsigned)command_number(command,
		    "--max-requests", value, 1, INT_MAX);
		break;
	case RUN_NAME:
		pool->name = value;
		break;
	case RUN_QUEUE:
		pool->queue = (unsigned)command_number(command, "--queue",
		    value, 1, 1 << 20);
		break;
	case RUN_TIMEOUT:
		run->timeout_ms = command_seconds_ms(command, "--timeout",
		    value);
		break;
	default:
		command_die(COMMAND_USAGE, 0, "see brood %s --help",
		    command->name);
	}
}

static void
run_parse(struct run *run, const struct command *command, int argc,
    char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "+hl:m:n:", run_options,
	    NULL)) != -1)
		run_set(run, command, option, optarg);
	if (optind == argc)
		command_misuse(command, "a program is missing");
	run->pool_options.argv = (const char *const *)argv + optind;
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
	.usage = "run [OPTION...] -- PROGRAM [ARG...]",
	.help =
"  -n, --workers N     so many workers; as many as there are processors\n"
"  -l, --listen SOCKET serve on this file; ./brood.sock, or the first socket\n"
"                      of LISTEN_FDS\n"
"  -m, --mode MODE     who may connect, in octal; 600\n"
"  --timeout S         for a request at most, in seconds; none\n"
"  --max-requests N    then a worker is replaced; never\n"
"  --queue N           requests that wait; twice the workers, at least 64\n"
"  --env NAME=VALUE    in the workers' environment; may be repeated\n"
"  --chdir DIR         where the workers run\n"
"  --name NAME         in messages; worker\n"
"  --fds-from-worker   pass descriptors of replies on: only from workers\n"
"                      that are trusted\n"
"\n"
"Signals: TERM and INT finish what was accepted and end, a second one ends at\n"
"once; HUP replaces the workers by new ones; TTIN and TTOU make them one more\n"
"and one fewer.\n",
	.run = run_run,
};
