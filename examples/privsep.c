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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_SIZE	256	/* of a line or an answer, with its NUL */
#define NAME_CHARS	"abcdefghijklmnopqrstuvwxyz0123456789.-"

static int
answer(struct brood_channel *channel, const char *text)
{
	const struct brood_message msg = {
		.kind = BROOD_KIND_REPLY, .data = text, .len = strlen(text),
	};

	return brood_channel_send(channel, &msg);
}

/*
 * Copy a payload as a string.  It becomes "" if it is too long or has a NUL
 * byte in it.
 */
static void
text_copy(char *text, size_t size, const struct brood_message *msg)
{
	size_t len = msg->len;

	if (len >= size || memchr(msg->data, '\0', len) != NULL)
		len = 0;
	memcpy(text, msg->data, len);
	text[len] = '\0';
}

/*
 * A LINK message has come from the host, with the descriptor of a new channel
 * to the sibling.  It takes the place of the old channel, if there was one.
 */
static int
link_accept(struct brood_channel **link, struct brood_channel *host)
{
	int r, fd;

	*link = brood_channel_free(*link);
	fd = brood_channel_take_fd(host, 0);
	if (fd < 0)
		return fd;
	r = brood_channel_new(link, fd, NULL);
	if (r < 0)
		(void)close(fd);
	return r;
}

/* This part runs in the resolver. */

static int
resolve(struct brood_channel *parser, const struct brood_message *question,
    FILE *table)
{
	char wanted[64], name[64], address[64];

	text_copy(wanted, sizeof(wanted), question);
	rewind(table);
	while (fscanf(table, "%63s %63s", name, address) == 2)
		if (strcmp(name, wanted) == 0)
			return answer(parser, address);
	return answer(parser, "unknown");
}

/*
 * Wait for the host and the parser at once.  When the parser dies, its channel
 * ends; later the host sends a LINK message with a channel to the next parser.
 */
static int
resolver(struct brood_channel *host, void *arg)
{
	FILE *table = fdopen(*(const int *)arg, "r");
	struct brood_channel *parser = NULL;
	struct brood_message msg;
	int r = 0;

	while (table != NULL && r >= 0) {
		struct pollfd fds[2] = {
			{ .fd = brood_channel_fd(host), .events = POLLIN },
			{ .fd = parser != NULL ? brood_channel_fd(parser) : -1,
			    .events = POLLIN },
		};

		(void)poll(fds, 2, -1);
		if (parser != NULL) {
			r = brood_channel_recv(parser, 0, &msg);
			if (r == 1)
				r = resolve(parser, &msg, table);
			if (r < 0)
				parser = brood_channel_free(parser);
		}
		r = brood_channel_recv(host, 0, &msg);
		if (r == 1 && msg.kind == BROOD_KIND_GOODBYE)
			return 0;
		if (r == 1 && msg.kind == BROOD_KIND_LINK)
			r = link_accept(&parser, host);
	}
	return r == -EPIPE ? 0 : 1;
}

/* This part runs in the parser. */

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

static int
parse(struct brood_channel *host, struct brood_channel *resolver_link,
    const struct brood_message *line)
{
	struct brood_message question = { 0 }, found;
	char name[64], address[64];
	int r;

	text_copy(name, sizeof(name), line);
	if (strcmp(name, "poison") == 0)
		abort();
	if (name[0] == '\0' || name[strspn(name, NAME_CHARS)] != '\0')
		return answer(host, "not a name");
	question.data = name;
	question.len = strlen(name);
	r = brood_channel_send(resolver_link, &question);
	if (r == 0)
		r = brood_channel_recv(resolver_link, -1, &found);
	if (r < 0)
		return answer(host, "no resolver");
	text_copy(address, sizeof(address), &found);
	return answer(host, address);
}

static int
parser(struct brood_channel *host, void *arg)
{
	struct brood_channel *resolver_link = NULL;
	struct brood_message msg;
	int r;

	(void)arg;
	while ((r = brood_channel_recv(host, -1, &msg)) == 1) {
		if (msg.kind == BROOD_KIND_GOODBYE)
			return 0;
		if (msg.kind == BROOD_KIND_LINK)
			r = link_accept(&resolver_link, host);
		else if (resolver_link == NULL)
			r = answer(host, "no resolver yet");
		else
			r = parse(host, resolver_link, &msg);
		if (r < 0)
			break;
	}
	return r == -EPIPE ? 0 : 1;
}

/* The rest runs in the parent. */

/*
 * Read the events that have come.
 *
 * Returns the kind of the parser's last event, or 0 if it had none.
 */
static int
events_read(struct brood_supervisor *supervisor)
{
	struct brood_event event;
	int last = 0;

	while (brood_supervisor_next_event(supervisor, &event) == 1) {
		if (event.kind == BROOD_EVENT_ENDED)
			printf("%s ended: %s\n", event.name,
			    WIFSIGNALED(event.status) ?
			    strsignal(WTERMSIG(event.status)) : "exit");
		else if (event.kind != BROOD_EVENT_READY)
			errx(1, "%s: %s", event.name, event.text);
		if (strcmp(event.name, "parser") == 0)
			last = event.kind;
	}
	return last;
}

static void
parser_await(struct brood_supervisor *supervisor)
{
	int r;

	do {
		r = brood_supervisor_wait(supervisor, -1);
		if (r < 0)
			errx(1, "supervisor: %s", strerror(-r));
	} while (events_read(supervisor) != BROOD_EVENT_READY);
}

/* Wait for an event, or a message if channel is not NULL. */
static void
wait_for(struct brood_supervisor *supervisor, struct brood_channel *channel)
{
	struct pollfd fds[2] = {
		{ .fd = brood_supervisor_fd(supervisor), .events = POLLIN },
		{ .fd = channel != NULL ? brood_channel_fd(channel) : -1,
		    .events = POLLIN },
	};

	/*
	 * On a system where brood_supervisor_fd() gives -ENOSYS, return after
	 * 10 ms, and the caller dispatches.
	 */
	if (poll(fds, 2, fds[0].fd < 0 ? 10 : -1) < 0)
		err(1, "poll");
}

/*
 * Send a line to the parser, and print the answer, or that the line is lost.
 *
 * The line is lost when the event ENDED has come.  An error of the channel does
 * not prove that the parser has died; so wait for the event.
 */
static void
ask(struct brood_supervisor *supervisor, const char *line)
{
	struct brood_channel *channel =
	    brood_supervisor_channel(supervisor, "parser");
	const struct brood_message msg = { .data = line, .len = strlen(line) };
	struct brood_message reply;
	int event, r;

	r = brood_channel_send(channel, &msg);
	for (;;) {
		wait_for(supervisor, r < 0 ? NULL : channel);
		if (r == 0)
			r = brood_channel_recv(channel, 0, &reply);
		if (r == 1) {
			printf("%s: %.*s\n", line, (int)reply.len,
			    (const char *)reply.data);
			return;
		}
		(void)brood_supervisor_dispatch(supervisor);
		event = events_read(supervisor);
		if (event == BROOD_EVENT_ENDED)
			parser_await(supervisor);
		if (event != 0) {
			printf("%s: lost\n", line);
			return;
		}
	}
}

static struct brood_supervisor *
children_start(int *table_fd)
{
	/* A LINK message has one descriptor, so max_fds is 1. */
	const struct brood_channel_options channel = {
		.max_payload = TEXT_SIZE, .max_fds = 1,
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

	if (brood_supervisor_new(&supervisor, &options, text) < 0)
		errx(1, "cannot start: %s", text);
	parser_await(supervisor);
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
