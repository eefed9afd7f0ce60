/* SPDX-License-Identifier: ISC */

/*
 * brood run: keep a program running as a pool of workers, and serve it on a
 * socket.
 *
 * Owns the order of the start: the listener first, since nothing needs to be
 * undone when it fails; then the pool, while this process is small; then the
 * server between them.  Knows no connection.
 *
 * A change of the server's state is told to the log and to the service manager
 * at one place, run_tell_state(): a signal or a client may have asked for it.
 */

#include "base/self_pipe.h"
#include "command/confine_options.h"
#include "command/serve/loop.h"
#include "command/serve/notify.h"
#include "command/serve/report.h"

#include "base/clock.h"
#include "base/cpus.h"

#include <sys/param.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	RUN_MIN_QUEUE = 64,
	RUN_FRAME_MS = 10000,
	RUN_MAX_IN_FLIGHT = 64,		/* what a pool accepts */
};

struct run {
	const char *path;		/* NULL: not named, or inherited */
	struct brood_listener_options listen;
	struct brood_pool_options pool_options;
	struct server_options options;
	struct confine_options confine;
	const char *quarantine_path;	/* NULL: none */
	struct quarantine quarantine;
	struct brood_listener *listener;
	struct brood_pool *pool;
	struct server *server;
	struct notify notify;
	int signals_fd;
	int64_t watchdog_ms;		/* when to send WATCHDOG=1 next */
	enum server_state told;		/* the state that was told last */
	enum command_status status;
};

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
	    mode == 0 || mode > 0777)
		return "not a mode (1 to 777, octal)";
	run->listen.mode = (uint32_t)mode;
	return NULL;
}

static const char *
run_set_max_rss(void *arg, const char *value)
{
	struct run *run = arg;

	return options_read_size(value, &run->pool_options.max_rss);
}

/* The workers inherit the environment of this process. */
static const char *
run_set_env(void *arg, const char *value)
{
	char *copy;

	(void)arg;
	if (value[0] == '=' || strchr(value, '=') == NULL)
		return "not NAME=VALUE";
	copy = strdup(value);
	/* The copy becomes a part of the environment. */
	if (copy == NULL || putenv(copy) != 0)
		command_die(COMMAND_UNUSABLE, errno, "--env %s", value);
	return NULL;
}

static void
run_parse(struct run *run, const struct command *command, int argc,
    char **argv)
{
	struct brood_pool_options *pool = &run->pool_options;
	bool has_fds = false, has_last_words = false;
	const struct option_spec options[] = {
		{ 'n', "workers", "N", "how many workers; default: one for "
		    "each processor",
		    .number = &pool->workers, .min = 1, .max = 1 << 18 },
		{ .name = "spare", .argument = "N",
		    .help = "how many workers more are kept ready, to take the "
		    "places\nof those that end; default: none",
		    .number = &pool->spare, .max = 1 << 18 },
		{ 'l', "listen", "SOCKET", "serve on this file; default: the "
		    "first socket\nof LISTEN_FDS, else ./brood.sock",
		    .text = &run->path },
		{ 'm', "mode", "MODE", "permissions of the socket, in octal; "
		    "default: 600;\nwho may connect needs permission to write",
		    .set = run_set_mode, .set_arg = run },
		{ .name = "timeout", .argument = "SECONDS",
		    .help = "the longest that one request may take, its wait "
		    "for\na worker included; default: no limit",
		    .seconds_ms = &pool->expire_ms, .min = 1 },
		{ .name = "run-timeout", .argument = "SECONDS",
		    .help = "the longest that a worker may run one request; "
		    "then it\nis stopped and replaced; default: no limit",
		    .seconds_ms = &pool->run_ms, .min = 1 },
		{ .name = "cancel-timeout", .argument = "SECONDS",
		    .help = "stop a worker that goes on for so long with a "
		    "request\nwhose client has gone; default: never",
		    .seconds_ms = &pool->cancel_ms, .min = 1 },
		{ .name = "max-requests", .argument = "N",
		    .help = "replace a worker after about N requests; "
		    "default: never",
		    .number = &pool->max_requests, .min = 1, .max = INT_MAX },
		{ .name = "max-rss", .argument = "SIZE",
		    .help = "replace a worker that has more memory than this, "
		    "as in\n200M; default: never",
		    .set = run_set_max_rss, .set_arg = run },
		{ .name = "last-words",
		    .help = "have a worker that crashes, or runs too long, "
		    "print\nwhere it was",
		    .flag = &has_last_words },
		{ .name = "idempotent",
		    .help = "requests may run twice: one whose worker crashes "
		    "is tried\nonce more",
		    .flag = &run->options.is_idempotent },
		{ .name = "quarantine", .argument = "DIRECTORY",
		    .help = "keep requests that workers crash of there, the "
		    "last 100;\nbrood call @FILE tries one again",
		    .text = &run->quarantine_path },
		{ .name = "queue", .argument = "N",
		    .help = "how many requests may wait for a worker; default: "
		    "twice\nwhat workers have at a time, at least 64",
		    .number = &pool->queue, .min = 1, .max = 1 << 20 },
		{ .name = "in-flight", .argument = "N",
		    .help = "how many requests one worker has at a time; more "
		    "is\nfaster if all are short, but a long one holds up "
		    "those\nbehind it; default: 1",
		    .number = &pool->in_flight, .min = 1,
		    .max = RUN_MAX_IN_FLIGHT },
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
		    .flag = &has_fds },
		{ .name = "fds-from-others",
		    .help = "take descriptors also from clients of other "
		    "users: only\nfor users that are trusted",
		    .flag = &run->options.fds_from_others },
		{ .name = "frame-timeout", .argument = "SECONDS",
		    .help = "drop a client whose frame has not come whole "
		    "after\nthis time; default: 10",
		    .seconds_ms = &run->options.frame_ms, .min = 1 },
		{ .name = "idle-timeout", .argument = "SECONDS",
		    .help = "drop a client that has no request open for so "
		    "long;\ndefault: never",
		    .seconds_ms = &run->options.idle_ms, .min = 1 },
		CONFINE_OPTIONS(&run->confine),
		{ .name = NULL },
	};

	argv = options_parse(command, options, argc, argv);
	pool->fds_from_worker = has_fds;
	pool->last_words = has_last_words;
	pool->argv = (const char *const *)argv;
}

/* The start */

static void
run_listen(struct run *run)
{
	char text[BROOD_TEXT_SIZE];
	int r = -ENOENT;

	if (run->path == NULL)
		r = brood_listener_inherit(&run->listener, 0, NULL);
	if (r < 0 && r != -ENOENT)
		command_die(COMMAND_UNUSABLE, -r, "LISTEN_FDS");
	if (r == -ENOENT) {
		if (run->path == NULL)
			run->path = "./brood.sock";
		r = brood_listener_new(&run->listener, run->path, &run->listen,
		    text);
		if (r < 0)
			command_die(COMMAND_UNUSABLE, 0, "%s", text);
	}
	/* The workers must not take the variables for their own. */
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	(void)unsetenv("LISTEN_PID");
}

/* Frees first: the file of the socket is removed, no worker is left. */
static noreturn void
run_die(struct run *run, int error, const char *what)
{
	run->pool = brood_pool_free(run->pool);
	run->listener = brood_listener_free(run->listener);
	command_die(COMMAND_UNUSABLE, error, "%s", what);
}

/*
 * The queue has room for the share of one client, so that none is refused as
 * long as it is alone: server_set_limits().
 */
static void
run_start_pool(struct run *run)
{
	struct brood_pool_options *options = &run->pool_options;
	char text[BROOD_TEXT_SIZE];

	if (options->workers == 0)
		options->workers = brood__cpus();
	if (options->in_flight == 0)
		options->in_flight = 1;
	run->confine.confine.threads = MAX(brood__cpus() / options->workers,
	    1);
	confine_complete(&run->confine);
	options->confine = &run->confine.confine;
	if (options->queue == 0)
		options->queue = MAX(2 * options->workers * options->in_flight,
		    RUN_MIN_QUEUE);
	if (brood_pool_new(&run->pool, options, text) < 0)
		run_die(run, 0, text);
}

static void
run_start(struct run *run)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU, 0,
	};
	int r;

	notify_init(&run->notify);
	run_listen(run);
	if (run->quarantine_path != NULL) {
		r = quarantine_open(&run->quarantine, run->quarantine_path);
		if (r < 0)
			run_die(run, -r, run->quarantine_path);
		run->options.quarantine = &run->quarantine;
	}
	/* If nobody reads the log any more, the server goes on. */
	(void)signal(SIGPIPE, SIG_IGN);
	run->signals_fd = brood__self_pipe_open(signals);
	if (run->signals_fd < 0)
		run_die(run, -run->signals_fd, "signals");
	run_start_pool(run);
	r = server_new(&run->server, run->pool, &run->pool_options,
	    &run->options, run->listener, run->path != NULL ? run->path : "",
	    run->signals_fd);
	if (r < 0)
		run_die(run, -r, "clients");
	run->watchdog_ms = run->notify.watchdog_ms > 0 ? 0 : BROOD__NEVER;
}

/* Signals */

static void
run_resize(struct run *run, int change)
{
	struct brood_pool_stats stats;
	unsigned workers;
	int r;

	brood_pool_stats(run->pool, &stats);
	workers = stats.workers + (unsigned)change;
	if (workers == 0) {
		command_warn(0, "one worker is the least");
		return;
	}
	r = server_resize(run->server, workers);
	if (r < 0)
		command_warn(-r, "%u workers", workers);
	else
		command_warn(0, "%u worker%s from now on", workers,
		    workers == 1 ? "" : "s");
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

/* False: end at once. */
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
	default:			/* SIGINT, SIGTERM */
		if (run->server->state >= SERVER_STOPPING)
			return false;
		server_stop(run->server, SERVER_STOP_MS);
		break;
	}
	return true;
}

/* False: as run_signal(). */
static bool
run_signals(struct run *run)
{
	int sig;

	while ((sig = brood__self_pipe_next(run->signals_fd)) != 0)
		if (!run_signal(run, sig))
			return false;
	return true;
}

/* What the log and the service manager are told */

static void
run_tell_state(struct run *run)
{
	if (run->told == run->server->state)
		return;
	run->told = run->server->state;
	switch (run->told) {
	case SERVER_STARTING:
		break;
	case SERVER_SERVING:
		notify_send(&run->notify, "READY=1");
		break;
	case SERVER_RELOADING:
		command_warn(0, "reloading");
		notify_reloading(&run->notify);
		break;
	case SERVER_STOPPING:
		command_warn(0, "stopping");
		notify_send(&run->notify, "STOPPING=1\nSTATUS=stopping");
		break;
	case SERVER_STOPPED:
		break;
	}
}

/*
 * Not once a worker has started: then the program may be about to be replaced
 * by a newer one.  Every worker fails so; it is told once.
 */
static bool
run_is_hopeless(const struct run *run, const struct brood_event *event)
{
	return command_is_start_hopeless(event) &&
	    (run->server->state == SERVER_STARTING ||
	    run->status == COMMAND_UNUSABLE);
}

static void
run_event(struct run *run, const struct brood_event *event)
{
	struct brood_pool_stats stats;

	if (run_is_hopeless(run, event)) {
		if (run->status != COMMAND_UNUSABLE) {
			command_warn(0, "%s", event->text);
			run->status = COMMAND_UNUSABLE;
			server_stop(run->server, 0);
		}
		return;
	}
	report_event(event);
	loop_event(run->server, event);
	if (event->kind == BROOD_EVENT_BROKEN &&
	    run->server->state < SERVER_STOPPING) {
		run->status = COMMAND_UNUSABLE;
		server_stop(run->server, 0);
	}
	run_tell_state(run);
	if (run->told >= SERVER_STOPPING)
		return;
	brood_pool_stats(run->pool, &stats);
	notify_send(&run->notify, "STATUS=%u of %u workers are ready",
	    stats.ready, stats.workers);
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

static void
run_loop(struct run *run)
{
	struct brood_event event;
	int r;

	while (!loop_is_over(run->server)) {
		run_watchdog(run);
		r = loop_turn(run->server, brood__time_left(run->watchdog_ms,
		    brood__now_ms()));
		if (r < 0)
			command_warn(-r, "clients");
		/* After an error nobody knows whether there is one. */
		if (r != 0 && !run_signals(run)) {
			run->status = COMMAND_FAILED;
			return;
		}
		run_tell_state(run);
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
		.pool_options.cancel_ms = -1,
		.options.frame_ms = RUN_FRAME_MS,
	};

	run_parse(&run, command, argc, argv);
	run_start(&run);
	run_loop(&run);
	run.server = loop_free(run.server);
	run.pool = brood_pool_free(run.pool);
	quarantine_close(&run.quarantine);
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
