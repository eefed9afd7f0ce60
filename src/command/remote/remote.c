/* SPDX-License-Identifier: ISC */

/*
 * The client's end of a server's socket, for all subcommands that ask a
 * brood run for something.
 */

#include "base/text.h"
#include "command/remote/remote.h"

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
	if (error == -EPIPE)
		command_die(COMMAND_UNUSABLE, 0,
		    "%s: the server closed the connection", remote->path);
	command_die(COMMAND_UNUSABLE, -error, "%s", remote->path);
}

void
remote_open(struct remote *remote, const char *path, int timeout_ms,
    int wait_ms, bool tells_ran)
{
	struct brood_client_options options = {
		.name = "brood",
		.fds_from_server = 1,
		.connect_ms = timeout_ms,
		.wait_ms = wait_ms,
	};
	char text[BROOD_TEXT_SIZE];
	int r;

	*remote = (struct remote) { .path = path, .tells_ran = tells_ran };
	r = brood_client_new(&remote->client, path, &options, text);
	if (r < 0)
		command_die(r == -ETIMEDOUT ? COMMAND_TIMEOUT :
		    COMMAND_UNUSABLE, 0, "%s", text);
}

void
remote_close(struct remote *remote)
{
	brood_completion_fini(&remote->done);
	remote->client = brood_client_free(remote->client);
}

void
remote_request(struct remote *remote, const struct brood_message *msg,
    int timeout_ms)
{
	/* 0 would mean the default, no limit: the shortest is 1 ms. */
	struct brood_request_options options = {
		.flags = BROOD_STREAM,
		.expire_ms = timeout_ms == 0 ? 1 : timeout_ms,
	};
	int r;

	r = brood_client_submit(remote->client, msg, &options, NULL);
	if (r == -EMSGSIZE)
		command_die(COMMAND_FAILED, 0,
		    "%s: %zu bytes are more than it accepts", remote->path,
		    msg->len);
	if (r < 0)
		remote_die(remote, r);
}

/* What has failed; "" where the text of the completion says all. */
static const char *
remote_failure(const struct brood_completion *done)
{
	if (done->fate == BROOD_EXPIRED)
		return "time ran out";
	if (done->reply.code == 0)
		return done->fate == BROOD_FAILED ? "" :
		    brood_fate_name(done->fate);
	if (done->reply.code == BROOD_ERROR_VERSION)
		return "another version";
	if (done->reply.code == BROOD_ERROR_PROTOCOL)
		return "protocol error";
	return brood_error_name(done->reply.code);
}

static const char *
remote_ran(const struct remote *remote)
{
	if (!remote->tells_ran || remote->done.ran == BROOD_RAN)
		return "";
	return remote->done.ran == BROOD_NOT_RUN ? " (not run)" :
	    " (may have run)";
}

/*
 * A request has failed.  Neither the words for its failure nor the text are
 * printed if the other one contains them.
 */
static noreturn void
remote_failed(const struct remote *remote)
{
	const struct brood_completion *done = &remote->done;
	const char *name = remote_failure(done), *ran = remote_ran(remote);
	char *text = remote_text(done->text, strlen(done->text));

	if (strstr(name, text) != NULL)
		command_warn(0, "%s: %s%s", remote->path, name, ran);
	else if (strncmp(text, name, strlen(name)) == 0)
		command_warn(0, "%s: %s%s", remote->path, text, ran);
	else
		command_warn(0, "%s: %s: %s%s", remote->path, name, text, ran);
	free(text);
	exit(done->fate == BROOD_EXPIRED ? COMMAND_TIMEOUT :
	    done->fate == BROOD_CRASHED ? COMMAND_CRASHED :
	    done->reply.code == 0 ? COMMAND_UNUSABLE : COMMAND_FAILED);
}

void
remote_answer(struct remote *remote, struct brood_message *ret_answer)
{
	int r;

	brood_completion_fini(&remote->done);
	r = brood_client_wait(remote->client, -1);
	if (r == 1)
		r = brood_client_take(remote->client, &remote->done);
	if (r < 0)
		remote_die(remote, r);
	*ret_answer = remote->done.reply;
	switch ((enum brood_fate)remote->done.fate) {
	case BROOD_PROGRESS:
	case BROOD_DONE:
		break;
	case BROOD_PART:
		ret_answer->more = 1;
		break;
	case BROOD_FAILED:
	case BROOD_CRASHED:
	case BROOD_EXPIRED:
	case BROOD_CANCELED:
	case BROOD_REFUSED:
		remote_failed(remote);
	}
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

	remote_request(remote, &request, timeout_ms);
	do {
		remote_answer(remote, ret_reply);
	} while (ret_reply->kind != BROOD_KIND_REPLY || ret_reply->more);
}

void
remote_await_end(struct remote *remote)
{
	int r;

	do {
		brood_completion_fini(&remote->done);
		r = brood_client_wait(remote->client, -1);
		if (r == 1)
			r = brood_client_take(remote->client, &remote->done);
	} while (r == 1);
	if (r != -EPIPE)
		remote_die(remote, r);
}
