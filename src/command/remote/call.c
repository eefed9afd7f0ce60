/* SPDX-License-Identifier: ISC */

/*
 * brood call: send one request to a brood run and print the reply.
 *
 * The parts of the reply go to standard output as they come, unchanged;
 * progress goes to standard error, one line each.
 */

#include "command/options.h"
#include "command/remote/remote.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

enum { CALL_READ = 1 << 16 };

struct call {
	int timeout_ms;			/* -1: none */
	int wait_ms;			/* for a server */
	int fds[BROOD_MAX_FDS];		/* of the request; they are open until
					   the process ends */
	struct brood__buffer data;	/* what was read for the request */
	struct brood_message request;
	bool is_in_line;		/* what was printed last has no newline
					   at its end */
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

/* Read all of a file, at most one byte more than can be sent. */
static void
call_read(struct call *call, FILE *file, const char *name)
{
	struct brood__buffer *data = &call->data;
	size_t n;

	do {
		if (brood__buffer_reserve(data, CALL_READ) < 0)
			command_die(COMMAND_UNUSABLE, ENOMEM, "%s", name);
		n = fread(data->bytes + data->end, 1, CALL_READ, file);
		data->end += n;
	} while (n > 0 && brood__buffer_len(data) <= BROOD_MAX_PAYLOAD);
	if (ferror(file))
		command_die(COMMAND_UNUSABLE, errno, "%s", name);
	if (brood__buffer_len(data) > BROOD_MAX_PAYLOAD)
		command_die(COMMAND_FAILED, 0, "%s: more than %u bytes", name,
		    BROOD_MAX_PAYLOAD);
	call->request.data = data->bytes + data->start;
	call->request.len = brood__buffer_len(data);
}

static void
call_set_data(struct call *call, const char *operand)
{
	FILE *file;

	if (strcmp(operand, "-") == 0)
		call_read(call, stdin, "standard input");
	else if (operand[0] != '@') {
		call->request.data = operand;
		call->request.len = strlen(operand);
	} else {
		file = fopen(operand + 1, "re");
		if (file == NULL)
			command_die(COMMAND_UNUSABLE, errno, "%s",
			    operand + 1);
		call_read(call, file, operand + 1);
		(void)fclose(file);
	}
}

/* The time limit is one for the connection and the request. */
static void
call_open(struct call *call, struct remote *remote, const char *path)
{
	int64_t due_ms;

	if (call->timeout_ms <= 0) {
		remote_open(remote, path, REMOTE_TIMEOUT_MS, call->wait_ms,
		    true);
		return;
	}
	/* How much of the time was the wait for a server is not known. */
	due_ms = brood__now_ms() + call->wait_ms + call->timeout_ms;
	remote_open(remote, path, call->timeout_ms, call->wait_ms, true);
	call->timeout_ms = MIN(call->timeout_ms,
	    brood__time_left(due_ms, brood__now_ms()));
}

static void
call_print_progress(const struct brood_message *msg)
{
	char *text = remote_text(msg->data, msg->len);

	fprintf(stderr, "%s\n", text);
	free(text);
}

/* Each part is flushed: its reader need not wait for the rest. */
static void
call_print_reply(struct call *call, const struct brood_message *msg)
{
	const char *data = msg->data;

	if (msg->len > 0)
		call->is_in_line = data[msg->len - 1] != '\n';
	(void)fwrite(data, 1, msg->len, stdout);
	/* On a terminal, what comes next begins a line of its own. */
	if (!msg->more && call->is_in_line && isatty(STDOUT_FILENO))
		(void)putchar('\n');
	command_close_stdout();
}

/* Gives the status of the reply, the worker's own number. */
static uint32_t
call_follow(struct call *call, struct remote *remote)
{
	struct brood_message msg;

	do {
		remote_answer(remote, &msg);
		if (msg.kind == BROOD_KIND_PROGRESS)
			call_print_progress(&msg);
		else
			call_print_reply(call, &msg);
	} while (msg.kind == BROOD_KIND_PROGRESS || msg.more);
	return msg.code;
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
		REMOTE_WAIT(call.wait_ms),
		{ .name = "fd", .argument = "FILE", .help = "open FILE for "
		    "reading and send its descriptor;\nmay be repeated",
		    .set = call_add_fd, .set_arg = &call },
		{ .name = NULL },
	};
	struct remote remote;
	uint32_t status;

	argv = options_parse(command, options, argc, argv);
	if (argv[1] != NULL)
		call_set_data(&call, argv[1]);
	call.request.fds = call.fds;
	call_open(&call, &remote, argv[0]);
	remote_request(&remote, &call.request, call.timeout_ms);
	status = call_follow(&call, &remote);
	if (status != 0)
		command_warn(0, "%s: the reply has status %" PRIu32, argv[0],
		    status);
	remote_close(&remote);
	brood__buffer_fini(&call.data);
	return status != 0 ? COMMAND_STATUS : COMMAND_OK;
}

const struct command command_call = {
	.name = "call",
	.summary = "Send one request to a brood run",
	.operands = "SOCKET [DATA | @FILE | -]",
	.min_operands = 1,
	.max_operands = 2,
	.help =
"The request is DATA, or the contents of FILE, or standard input for '-', or\n"
"empty.  Write -- before DATA that begins with '-'.\n"
"The reply goes to standard output, progress to standard error.\n"
"Exit status: 0 replied, 1 failed or refused, 3 no such server, 4 replied with\n"
"a status other than 0, 124 time ran out, 125 the worker crashed.\n",
	.run = call_run,
};
