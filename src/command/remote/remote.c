/* SPDX-License-Identifier: ISC */

/*
 * The client's end of a server's socket, for all subcommands that ask a
 * brood run for something.
 */

#include "base/text.h"
#include "command/methods.h"
#include "command/remote/remote.h"

#include "base/clock.h"

#include <brood/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REMOTE_TEXT = 4096 };

char *
remote_text(const void *data, size_t len)
{
	char *text;

	len = brood__text_chomp(data, len);
	if (len > REMOTE_TEXT)
		len = REMOTE_TEXT;
	text = calloc(1, len + 1);
	if (text == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "a message");
	if (len > 0)
		memcpy(text, data, len);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '?';
	brood__text_clean(text);
	return text;
}

static noreturn void
remote_die(const struct remote *remote, int error)
{
	if (error == -ETIMEDOUT)
		command_die(COMMAND_TIMEOUT, 0, "%s: no answer in time",
		    remote->path);
	if (error == -EPIPE)
		command_die(COMMAND_UNUSABLE, 0,
		    "%s: the server closed the connection", remote->path);
	command_die(COMMAND_UNUSABLE, -error, "%s", remote->path);
}

void
remote_open(struct remote *remote, const char *path, int timeout_ms)
{
	struct brood_channel_options options = { .max_fds = BROOD_MAX_FDS };
	char text[BROOD_TEXT_SIZE];
	int r;

	*remote = (struct remote) { .path = path };
	r = brood_channel_connect(path, timeout_ms, &options,
	    &remote->channel, text);
	if (r < 0)
		command_die(r == -ETIMEDOUT ? COMMAND_TIMEOUT :
		    COMMAND_UNUSABLE, 0, "%s", text);
	r = brood_channel_hello(remote->channel, "brood", timeout_ms);
	if (r < 0)
		remote_die(remote, r);
}

void
remote_close(struct remote *remote)
{
	remote->channel = brood_channel_free(remote->channel);
}

void
remote_request(struct remote *remote, const struct brood_message *request)
{
	struct brood_message msg = *request;
	int r;

	msg.kind = BROOD_KIND_REQUEST;
	msg.id = ++remote->id;
	remote->method = msg.code;
	r = brood_channel_send(remote->channel, &msg);
	if (r == -EMSGSIZE)
		command_die(COMMAND_FAILED, 0,
		    "%s: %zu bytes are more than it accepts", remote->path,
		    request->len);
	if (r < 0)
		remote_die(remote, r);
}


static const char *
remote_error_name(uint32_t code)
{
	if (code == BROOD_ERROR_EXPIRED)
		return "time ran out";
	if (code == BROOD_ERROR_VERSION)
		return "another version";
	if (code == BROOD_ERROR_PROTOCOL)
		return "protocol error";
	return brood_error_name(code);
}

/* Neither the name nor the text is printed if the other one contains it. */
static noreturn void
remote_refused(const struct remote *remote, const struct brood_message *error)
{
	const char *name = remote_error_name(error->code);
	char *text = remote_text(error->data, error->len);

	if (strstr(name, text) != NULL)
		command_warn(0, "%s: %s", remote->path, name);
	else if (strncmp(text, name, strlen(name)) == 0)
		command_warn(0, "%s: %s", remote->path, text);
	else
		command_warn(0, "%s: %s: %s", remote->path, name, text);
	free(text);
	exit(error->code == BROOD_ERROR_EXPIRED ? COMMAND_TIMEOUT :
	    error->code == BROOD_ERROR_CRASHED ? COMMAND_CRASHED :
	    COMMAND_FAILED);
}

void
remote_answer(const struct remote *remote, int64_t deadline_ms,
    struct brood_message *ret_answer)
{
	int r;

	do {
		r = brood_channel_recv(remote->channel,
		    brood__time_left(deadline_ms, brood__now_ms()), ret_answer);
		if (r <= 0)
			remote_die(remote, r < 0 ? r : -ETIMEDOUT);
		if (ret_answer->kind == BROOD_KIND_ERROR)
			remote_refused(remote, ret_answer);
	} while (ret_answer->kind != BROOD_KIND_REPLY &&
	    ret_answer->kind != BROOD_KIND_PROGRESS);
	if (ret_answer->id != remote->id)
		remote_die(remote, -EPROTO);
}

void
remote_call(struct remote *remote, uint32_t method, const char *json,
    int timeout_ms, struct brood_message *ret_reply)
{
	struct brood_message request = {
		.code = method,
		.data = json,
		.len = strlen(json),
	};
	int64_t deadline_ms = brood__deadline(brood__now_ms(), timeout_ms);

	remote_request(remote, &request);
	do {
		remote_answer(remote, deadline_ms, ret_reply);
	} while (ret_reply->kind != BROOD_KIND_REPLY);
}
