/* SPDX-License-Identifier: ISC */

/*
 * The client's side of a server's socket: what call, scale, reload and stop
 * have in common.  Owns the connection.
 */

#include "base/text.h"
#include "command/remote/remote.h"

#include <brood/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REMOTE_TIMEOUT_MS = 10000,
	REMOTE_TEXT = 4096,		/* of a message: for people to read */
};

char *
remote_text(const struct brood_message *msg)
{
	size_t len = msg->len < REMOTE_TEXT ? msg->len : REMOTE_TEXT;
	char *text = calloc(1, len + 1);

	if (text == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "a message");
	if (len > 0)
		memcpy(text, msg->data, len);
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
		command_die(COMMAND_TIMEOUT, ETIMEDOUT, "%s", remote->path);
	if (error == -EPIPE)
		command_die(COMMAND_UNUSABLE, 0,
		    "%s: the server closed the connection", remote->path);
	command_die(COMMAND_UNUSABLE, -error, "%s", remote->path);
}

void
remote_open(struct remote *remote, const char *path, int timeout_ms)
{
	struct brood_channel_options options = { .max_fds = BROOD_MAX_FDS };
	char text[BROOD_SOCKET_TEXT];
	int r;

	if (timeout_ms < 0)
		timeout_ms = REMOTE_TIMEOUT_MS;
	remote->path = path;
	r = brood_connect_channel(path, timeout_ms, &options,
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
remote_request(const struct remote *remote,
    const struct brood_message *request)
{
	struct brood_message msg = *request;
	int r;

	msg.kind = BROOD_KIND_REQUEST;
	msg.id = 1;
	r = brood_channel_send(remote->channel, &msg);
	if (r == -EMSGSIZE)
		command_die(COMMAND_FAILED, 0,
		    "%s: %zu bytes are more than it accepts", remote->path,
		    request->len);
	if (r < 0)
		remote_die(remote, r);
}

void
remote_recv(const struct remote *remote, int timeout_ms,
    struct brood_message *ret_msg)
{
	int r = brood_channel_recv(remote->channel, timeout_ms, ret_msg);

	if (r <= 0)
		remote_die(remote, r < 0 ? r : -ETIMEDOUT);
}

static enum command_status
remote_status(uint32_t code)
{
	switch (code) {
	case BROOD_ERROR_EXPIRED:
		return COMMAND_TIMEOUT;
	case BROOD_ERROR_CRASHED:
		return COMMAND_CRASHED;
	default:
		return COMMAND_FAILED;
	}
}

static const char *
remote_error_name(uint32_t code)
{
	static const char *const names[] = {
		[BROOD_ERROR_FAILED] = "failed",
		[BROOD_ERROR_NO_METHOD] = "no such method",
		[BROOD_ERROR_TOO_LARGE] = "too large",
		[BROOD_ERROR_NO_CAPACITY] = "no capacity",
		[BROOD_ERROR_EXPIRED] = "time ran out",
		[BROOD_ERROR_CANCELED] = "canceled",
		[BROOD_ERROR_CRASHED] = "crashed",
		[BROOD_ERROR_STOPPING] = "stopping",
		[BROOD_ERROR_VERSION] = "another version",
		[BROOD_ERROR_PROTOCOL] = "protocol error",
	};

	if (code >= sizeof(names) / sizeof(names[0]) || names[code] == NULL)
		return "failed";
	return names[code];
}

noreturn void
remote_refused(const struct remote *remote, const struct brood_message *error)
{
	const char *name = remote_error_name(error->code);
	char *text = remote_text(error);

	if (text[0] == '\0')
		command_warn(0, "%s: %s", remote->path, name);
	/* Not "no such method: no such method". */
	else if (strncmp(text, name, strlen(name)) == 0)
		command_warn(0, "%s: %s", remote->path, text);
	else
		command_warn(0, "%s: %s: %s", remote->path, name, text);
	free(text);
	exit(remote_status(error->code));
}

void
remote_control(struct remote *remote, const char *path, uint32_t method,
    const char *json, struct brood_message *ret_reply)
{
	struct brood_message request = {
		.code = method,
		.data = json,
		.len = strlen(json),
	};

	remote_open(remote, path, -1);
	remote_request(remote, &request);
	do {
		remote_recv(remote, -1, ret_reply);
		if (ret_reply->kind == BROOD_KIND_ERROR)
			remote_refused(remote, ret_reply);
	} while (ret_reply->kind != BROOD_KIND_REPLY);
}
