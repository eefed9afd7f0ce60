/* SPDX-License-Identifier: ISC */

/*
 * brood call: one request to a brood run.
 *
 * Owns what is sent: the payload and the descriptors.  The reply goes to stdout
 * byte for byte, its parts as they come; progress is for people, a line of
 * stderr each.
 */

#include "base/clock.h"
#include "command/command.h"
#include "command/options.h"
#include "command/remote/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a server is given to say itself that the time is over. */
enum { CALL_GRACE_MS = 1000 };

struct call {
	const char *path;
	const char *operand;		/* DATA, @FILE, - or NULL */
	char *data;			/* read, or NULL */
	int fds[BROOD_MAX_FDS];
	int timeout_ms;			/* -1: none */
	struct brood_message request;
};

static const char *
call_add_fd(void *arg, const char *path)
{
	struct call *call = arg;
	int fd;

	if (call->request.n_fds == BROOD_MAX_FDS)
		return "too many descriptors (at most 253)";
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		command_die(COMMAND_UNUSABLE, errno, "%s", path);
	call->fds[call->request.n_fds++] = fd;
	return NULL;
}

/* Read all of a file, one byte more at most than can be sent. */
static void
call_read(struct call *call, FILE *file, const char *name)
{
	size_t size = 0, len = 0, n;

	do {
		if (len == size) {
			size = size == 0 ? 1 << 16 : 2 * size;
			call->data = realloc(call->data, size);
			if (call->data == NULL)
				command_die(COMMAND_UNUSABLE, ENOMEM, "%s",
				    name);
		}
		n = fread(call->data + len, 1, size - len, file);
		len += n;
	} while (n > 0 && len <= BROOD_MAX_PAYLOAD);
	if (ferror(file))
		command_die(COMMAND_UNUSABLE, errno, "%s", name);
	if (len > BROOD_MAX_PAYLOAD)
		command_die(COMMAND_FAILED, 0, "%s: more than %u bytes", name,
		    BROOD_MAX_PAYLOAD);
	call->request.data = call->data;
	call->request.len = len;
}

static void
call_fill(struct call *call)
{
	FILE *file;

	if (call->operand == NULL)
		return;
	if (strcmp(call->operand, "-") == 0)
		call_read(call, stdin, "standard input");
	else if (call->operand[0] != '@') {
		call->request.data = call->operand;
		call->request.len = strlen(call->operand);
	} else {
		file = fopen(call->operand + 1, "re");
		if (file == NULL)
			command_die(COMMAND_UNUSABLE, errno, "%s",
			    call->operand + 1);
		call_read(call, file, call->operand + 1);
		(void)fclose(file);
	}
}

static void
call_progress(const struct brood_message *msg)
{
	char *text = remote_text(msg);

	fprintf(stderr, "%s\n", text);
	free(text);
}

/* A part is worth something now: whoever reads need not wait for the rest. */
static void
call_print(const struct brood_message *msg)
{
	if (fwrite(msg->data, 1, msg->len, stdout) != msg->len)
		command_die(COMMAND_UNUSABLE, errno, "standard output");
	command_close_stdout();
}

static void
call_follow(const struct call *call, const struct remote *remote)
{
	int64_t end_ms = call->timeout_ms < 0 ? BROOD__NEVER :
	    brood__now_ms() + call->timeout_ms + CALL_GRACE_MS;
	struct brood_message msg;
	bool is_over = false;

	while (!is_over) {
		remote_recv(remote, brood__time_left(end_ms, brood__now_ms()), &msg);
		if (msg.kind == BROOD_KIND_ERROR)
			remote_refused(remote, &msg);
		if (msg.kind == BROOD_KIND_PROGRESS)
			call_progress(&msg);
		if (msg.kind == BROOD_KIND_REPLY) {
			call_print(&msg);
			is_over = !msg.more;
		}
	}
}

static int
call_run(const struct command *command, int argc, char **argv)
{
	struct call call = { .timeout_ms = -1 };
	const struct option_spec options[] = {
		{ 'c', "method", "NUMBER", "the method to call; default: 0",
		    .number = &call.request.code, .max = UINT32_MAX },
		{ 't', "timeout", "SECONDS", "give up after this time; "
		    "default: never", .seconds_ms = &call.timeout_ms },
		{ .name = "fd", .argument = "FILE", .help = "open FILE for "
		    "reading and send its descriptor;\nmay be repeated",
		    .set = call_add_fd, .set_arg = &call },
		{ .name = NULL },
	};
	struct remote remote;

	call.request.fds = call.fds;
	argv = options_parse(command, options, argc, argv);
	call.path = argv[0];
	call.operand = argv[1];
	call_fill(&call);
	/* 0 is "none" to the protocol. */
	if (call.timeout_ms >= 0)
		call.request.timeout_ms = call.timeout_ms == 0 ? 1 :
		    (uint32_t)call.timeout_ms;
	remote_open(&remote, call.path, call.timeout_ms > 0 ?
	    call.timeout_ms : -1);
	remote_request(&remote, &call.request);
	call_follow(&call, &remote);
	remote_close(&remote);
	for (size_t i = 0; i < call.request.n_fds; i++)
		(void)close(call.fds[i]);
	free(call.data);
	return COMMAND_OK;
}

const struct command command_call = {
	.name = "call",
	.summary = "Send one request to a brood run",
	.operands = "SOCKET [DATA | @FILE | -]",
	.min_operands = 1,
	.max_operands = 2,
	.help =
"The request is DATA, or the contents of FILE, or standard input for '-', or\n"
"empty.  The reply goes to standard output, progress to standard error.\n"
"Exit status: 0 replied, 1 failed or refused, 3 no such server, 124 time ran\n"
"out, 125 the worker crashed.\n",
	.run = call_run,
};
