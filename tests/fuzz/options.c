/* SPDX-License-Identifier: ISC */

/*
 * What brood is told by those who start it: the command line of each
 * subcommand, with the tables of options that they have, and environment
 * variables: LISTEN_FDS and its like, BROOD_FD, NOTIFY_SOCKET.
 *
 * A subcommand goes no further than its options.  A number or a time that was
 * accepted is in its range; a command line that is wrong ends with status 2; a
 * socket is inherited only if it is one.
 */

#include "command_end.h"

#include "command/options.h"
#include "command/serve/notify.h"

#include <brood.h>
#include <brood/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	OPTIONS_ARGS = 12,
	OPTIONS_TABLE = 40,
	OPTIONS_PARSED = 99,		/* status: the options were right */
	OPTIONS_LISTENER = 3,		/* the first of LISTEN_FDS */
	OPTIONS_HIGH = 900,		/* no descriptor is so high */
	OPTIONS_COPY = 300,
};

static const struct command *const options_commands[] = {
	&command_call,
	&command_conformance,
	&command_map,
	&command_ping,
	&command_reload,
	&command_run,
	&command_stop,
#ifdef HAVE_JANSSON
	&command_events,
	&command_scale,
	&command_status,
#endif
};

struct command_line {
	const struct command *command;
	int argc;
	char *argv[OPTIONS_ARGS + 1];
};

static int options_listener = -1;	/* a copy; -1: its number is taken */

int	__real_open(const char *path, int flags, ...);
int	__wrap_open(const char *path, int flags, ...);
int	__wrap_putenv(char *string);
char	**__real_options_parse(const struct command *command,
	    const struct option_spec *options, int argc, char **argv);
char	**__wrap_options_parse(const struct command *command,
	    const struct option_spec *options, int argc, char **argv);

/* No file of this system is opened by name. */
int
__wrap_open(const char *path, int flags, ...)
{
	if (command_end == NULL)
		return __real_open(path, flags, 0600);
	errno = ENOENT;
	return -1;
}

int
__wrap_putenv(char *string)
{
	FUZZ_ASSERT(strchr(string, '=') != NULL && string[0] != '=');
	free(string);
	return 0;
}

/* What was there before, or what may be given. */
static void
options_check(const struct option_spec *option, long before)
{
	if (option->number != NULL)
		FUZZ_ASSERT(*option->number == (unsigned)before ||
		    (*option->number >= option->min &&
		    *option->number <= option->max));
	if (option->seconds_ms != NULL)
		FUZZ_ASSERT(*option->seconds_ms == (int)before ||
		    (*option->seconds_ms >= (int)option->min &&
		    *option->seconds_ms >= 0));
	if (option->text != NULL && *option->text != NULL)
		FUZZ_ASSERT(strlen(*option->text) < 4096);
}

char **
__wrap_options_parse(const struct command *command,
    const struct option_spec *options, int argc, char **argv)
{
	long before[OPTIONS_TABLE] = { 0 };
	int n = 0;

	for (size_t i = 0; options[i].name != NULL; i++)
		before[i] = options[i].number != NULL ?
		    (long)*options[i].number : options[i].seconds_ms != NULL ?
		    *options[i].seconds_ms : 0;
	argv = __real_options_parse(command, options, argc, argv);
	while (argv[n] != NULL)
		n++;
	FUZZ_ASSERT(n >= command->min_operands && n <= command->max_operands);
	for (size_t i = 0; options[i].name != NULL; i++)
		options_check(&options[i], before[i]);
	command_end_with(OPTIONS_PARSED);
}

static void
options_run(void *arg)
{
	struct command_line *line = arg;

	(void)line->command->run(line->command, line->argc, line->argv);
}

/* Words are separated by newlines. */
static void
options_line(struct fuzz *fuzz, char *text)
{
	struct command_line line = { .argc = 1 };
	char *word;
	int status;

	line.command = options_commands[fuzz_u8(fuzz) %
	    (sizeof(options_commands) / sizeof(options_commands[0]))];
	line.argv[0] = (char *)(uintptr_t)line.command->name;
	while ((word = strsep(&text, "\n")) != NULL &&
	    line.argc < OPTIONS_ARGS)
		line.argv[line.argc++] = word;
#ifdef __GLIBC__
	optind = 0;			/* forget the last command line */
#else
	optind = 1;
#endif
	status = command_try(options_run, &line);
	FUZZ_ASSERT(status == OPTIONS_PARSED || status == COMMAND_OK ||
	    status == COMMAND_USAGE || status == COMMAND_UNUSABLE);
}

/* The environment */

static void
options_set(const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		FUZZ_ASSERT(setenv(name, value, 1) == 0);
	else
		FUZZ_ASSERT(unsetenv(name) == 0);
}

static void
options_listen(struct fuzz *fuzz, char *text)
{
	uint8_t c = fuzz_u8(fuzz);
	struct brood_listener *listener;
	const char *name = NULL;
	char pid[16];
	int r;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	options_set("LISTEN_PID", c & 1 ? pid : strsep(&text, "\n"));
	options_set("LISTEN_FDS", c & 2 ? "1" : strsep(&text, "\n"));
	options_set("LISTEN_FDNAMES", strsep(&text, "\n"));
	r = brood_listener_inherit(&listener, c & 4 ?
	    OPTIONS_HIGH + fuzz_u32(fuzz) : c / 64, &name);
	if (r < 0)
		return;
	FUZZ_ASSERT(options_listener >= 0 && name != NULL &&
	    strchr(name, ':') == NULL);
	FUZZ_ASSERT(brood_listener_fd(listener) == OPTIONS_LISTENER);
	(void)brood_listener_free(listener);
	FUZZ_ASSERT(dup2(options_listener, OPTIONS_LISTENER) ==
	    OPTIONS_LISTENER);
}

static void
options_inherit(struct fuzz *fuzz, char *text)
{
	struct brood_channel *channel;
	char number[16];
	int fds[2], r;
	const char *value = strsep(&text, "\n");

	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	(void)snprintf(number, sizeof(number), "%d", fds[0]);
	/* No other descriptor of this process is to be taken. */
	if (fuzz_u8(fuzz) & 1 || (value != NULL && atoll(value) >= 0 &&
	    atoll(value) <= 1000))
		value = number;
	options_set("BROOD_FD", value);
	options_set("BROOD_SLOT", strsep(&text, "\n"));
	options_set("BROOD_GENERATION", strsep(&text, "\n"));
	r = brood_channel_inherit(&channel, NULL);
	FUZZ_ASSERT((r == 0) == (value == number));
	if (r == 0) {
		FUZZ_ASSERT(getenv("BROOD_FD") == NULL);
		FUZZ_ASSERT(brood_worker_slot() >= -1);
		(void)brood_channel_free(channel);
	} else
		(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
options_notify(char *text)
{
	struct notify notify;

	options_set("NOTIFY_SOCKET", strsep(&text, "\n"));
	options_set("WATCHDOG_USEC", strsep(&text, "\n"));
	options_set("WATCHDOG_PID", strsep(&text, "\n"));
	notify_init(&notify);
	FUZZ_ASSERT(notify.watchdog_ms >= 0);
	FUZZ_ASSERT(notify.fd >= 0 || notify.watchdog_ms == 0);
	FUZZ_ASSERT(getenv("NOTIFY_SOCKET") == NULL);
	notify_fini(&notify);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	(void)argc;
	(void)argv;
	/* Help goes nowhere. */
	FUZZ_ASSERT(freopen("/dev/null", "w", stdout) != NULL);
	if (fcntl(OPTIONS_LISTENER, F_GETFD) >= 0)
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	/* Without a name Linux gives one that is no file. */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&un,
	    sizeof(un.sun_family)) < 0 || listen(fd, 1) < 0)
		return 0;
	options_listener = fcntl(fd, F_DUPFD_CLOEXEC, OPTIONS_COPY);
	FUZZ_ASSERT(dup2(fd, OPTIONS_LISTENER) == OPTIONS_LISTENER);
	if (fd != OPTIONS_LISTENER)
		(void)close(fd);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = { data, size };
	uint8_t c = fuzz_u8(&fuzz);
	uint8_t rest[8] = { 0 };
	struct fuzz choices = { rest, sizeof(rest) };
	int n_fds = fuzz_n_fds();
	char text[4096];
	size_t len;

	for (size_t i = 0; i < sizeof(rest) && !fuzz_is_over(&fuzz) && i < 3;
	    i++)
		rest[i] = fuzz_u8(&fuzz);
	len = fuzz.n_left < sizeof(text) - 1 ? fuzz.n_left : sizeof(text) - 1;
	if (len > 0)
		memcpy(text, fuzz.next, len);
	text[len] = '\0';
	switch (c % 8) {
	default:
		options_line(&choices, text);
		break;
	case 5:
		options_listen(&choices, text);
		break;
	case 6:
		options_inherit(&choices, text);
		break;
	case 7:
		options_notify(text);
		break;
	}
	FUZZ_ASSERT(fuzz_n_fds() == n_fds);
	return 0;
}
