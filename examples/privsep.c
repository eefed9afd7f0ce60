/* SPDX-License-Identifier: ISC */
/*
 * privsep TABLE: privilege separation, with three processes.
 *
 *	parent --- parser --- resolver
 *
 * The parent reads lines from standard input and sends them to the parser
 * without looking at them.
 *
 * The parser looks at the lines.  Whoever wrote them may want to take over this
 * process, so it has few rights: it does not have the table, and it cannot
 * write to any file.  It asks the resolver for the address of each name, over a
 * channel between these two, and sends the answer to the parent.
 *
 * The resolver has the open file TABLE, with lines of a name and an address.
 *
 * The parser has a bug: the line "poison" kills it.  Then that line is lost.
 * The supervisor starts a new parser and links it to the resolver, which has
 * run on, and the next lines are answered.
 */

#include <brood.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_SIZE	256	/* of a line or an answer, with its NUL */
#define NAME_CHARS	"abcdefghijklmnopqrstuvwxyz0123456789.-"

/* Is it short enough for size bytes with a NUL, and without one inside? */
static int
is_text(const void *data, size_t len, size_t size)
{
	return len < size && memchr(data, '\0', len) == NULL;
}

static int
answer(struct brood_request *request, const char *text)
{
	return brood_request_reply(request, 0, text, strlen(text));
}

/* This part runs in the resolver. */

static int
resolve(struct brood_request *request, void *arg)
{
	const char *wanted = brood_request_data(request);
	size_t len = brood_request_len(request);
	char name[64], address[64];
	FILE *table = arg;

	rewind(table);
	while (fscanf(table, "%63s %63s", name, address) == 2)
		if (strlen(name) == len && memcmp(name, wanted, len) == 0)
			return answer(request, address);
	return answer(request, "unknown");
}

/* When the parser dies, its channel ends, and a link to the next one comes. */
static int
resolver(struct brood_channel *host, void *arg)
{
	FILE *table = fdopen(*(const int *)arg, "r");
	struct brood_channel *parser;
	int r;

	if (table == NULL)
		return 1;
	while ((r = brood_channel_wait_link(host, "parser", -1, NULL,
	    &parser)) == 1) {
		(void)brood_worker_run(parser, resolve, table);
		brood_channel_free(parser);
	}
	return r == -EPIPE || r == -ESHUTDOWN ? 0 : 1;
}

/* This part runs in the parser. */

struct parser {
	struct brood_channel *host;
	struct brood_channel *resolver;	/* NULL: before the first question */
};

/*
 * The setup function of the parser: it runs before the parser is ready.  From
 * now on the kernel ends the parser (SIGXFSZ) if it writes to a file.  A daemon
 * that is started by root would also change its uid and root directory here.
 */
static int
parser_confine(void *arg)
{
	const struct rlimit none = { 0, 0 };

	(void)arg;
	return setrlimit(RLIMIT_FSIZE, &none) < 0 ? -errno : 0;
}

/* Handle one line of the host. */
static int
parse(struct brood_request *request, void *arg)
{
	struct parser *parser = arg;
	struct brood_message found, question = {
		.data = brood_request_data(request),
		.len = brood_request_len(request),
	};
	char name[64];
	int r = 1;

	if (!is_text(question.data, question.len, sizeof(name)))
		return answer(request, "not a name");
	memcpy(name, question.data, question.len);
	name[question.len] = '\0';
	if (strcmp(name, "poison") == 0)
		abort();
	if (name[0] == '\0' || name[strspn(name, NAME_CHARS)] != '\0')
		return answer(request, "not a name");
	if (parser->resolver == NULL)
		r = brood_channel_wait_link(parser->host, "resolver", -1,
		    NULL, &parser->resolver);
	if (r == 1)
		r = brood_channel_call(parser->resolver, &question, -1,
		    &found);
	if (r == 1)
		return brood_request_reply(request, 0, found.data, found.len);
	/* It has died: for the next line there may be another one. */
	parser->resolver = brood_channel_free(parser->resolver);
	return answer(request, "no resolver");
}

static int
parser(struct brood_channel *host, void *arg)
{
	struct parser self = { .host = host };

	(void)arg;
	return brood_worker_run(host, parse, &self) == 0 ? 0 : 1;
}

/* The rest runs in the parent. */

/* The parser has died.  Say of what, as soon as the supervisor knows. */
static void
parser_tell_end(struct brood_supervisor *supervisor)
{
	struct brood_event event;
	int r;

	for (;;) {
		while (brood_supervisor_next_event(supervisor, &event) == 1)
			if (event.kind == BROOD_EVENT_ENDED) {
				printf("%s ended: %s\n", event.name,
				    WIFSIGNALED(event.status) ?
				    strsignal(WTERMSIG(event.status)) : "exit");
				return;
			}
		r = brood_supervisor_wait(supervisor, -1);
		if (r < 0)
			errx(1, "supervisor: %s", strerror(-r));
	}
}

/* Send a line to the parser, and print the answer, or that the line is lost. */
static void
ask(struct brood_supervisor *supervisor, const char *line)
{
	const struct brood_message msg = { .data = line, .len = strlen(line) };
	struct brood_message reply;
	int r;

	r = brood_supervisor_call(supervisor, "parser", &msg, -1, &reply);
	if (r == 1)
		printf("%s: %.*s\n", line, (int)reply.len,
		    (const char *)reply.data);
	else if (r == -EPIPE) {
		parser_tell_end(supervisor);
		printf("%s: lost\n", line);
	} else
		errx(1, "parser: %s", strerror(-r));
}

static struct brood_supervisor *
children_start(int *table_fd)
{
	const struct brood_channel_options channel = {
		.max_payload = TEXT_SIZE,
	};
	/* The second is started when the first is ready. */
	const struct brood_child_spec children[] = {
		{ .name = "resolver", .fn = resolver, .arg = table_fd,
		    .options = { .channel = channel, .keep_fds = table_fd,
		    .n_keep_fds = 1 } },
		{ .name = "parser", .fn = parser, .setup = parser_confine,
		    .options = { .channel = channel } },
	};
	const struct brood_link links[] = {
		{ .a = "parser", .b = "resolver" },
	};
	const struct brood_supervisor_options options = {
		.children = children, .n_children = 2,
		.links = links, .n_links = 1,
	};
	struct brood_supervisor *supervisor;
	char text[BROOD_TEXT_SIZE];
	int r;

	if (brood_supervisor_new(&supervisor, &options, text) < 0)
		errx(1, "cannot start: %s", text);
	r = brood_supervisor_wait_ready(supervisor, -1);
	if (r < 0)
		errx(1, "the children cannot start: %s", strerror(-r));
	return supervisor;
}

int
main(int argc, char **argv)
{
	struct brood_supervisor *supervisor;
	char line[TEXT_SIZE];
	int table_fd;

	if (argc != 2)
		errx(2, "usage: privsep TABLE");
	table_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (table_fd < 0)
		err(1, "%s", argv[1]);
	supervisor = children_start(&table_fd);
	(void)close(table_fd);	/* the resolver has a copy */
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		ask(supervisor, line);
	}
	brood_supervisor_free(supervisor);
	if (fflush(stdout) == EOF || ferror(stdout))
		errx(1, "write error");
	return 0;
}
