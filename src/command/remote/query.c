/* SPDX-License-Identifier: ISC */

/*
 * One connection to a server, and its answers as JSON; see inquiry.h.
 */

#include "base/text.h"
#include "command/command.h"
#include "command/remote/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INQUIRY_MS = 10000 };

void (*inquiry_on_end)(void);

static const char *inquiry_path;
static uint64_t inquiry_last_id;

static noreturn void
inquiry_die(enum command_status status, int error, const char *text)
{
	if (inquiry_on_end != NULL)
		inquiry_on_end();
	if (text == NULL)
		command_die(status, error, "%s", inquiry_path);
	command_die(status, error, "%s: %s", inquiry_path, text);
}

struct brood_channel *
inquiry_open(const char *path)
{
	struct brood_channel *channel;
	char text[BROOD_SOCKET_TEXT];
	int r;

	inquiry_path = path;
	r = brood_connect_channel(path, INQUIRY_MS, NULL, &channel, text);
	if (r < 0)
		command_die(COMMAND_UNUSABLE, 0, "%s", text);
	r = brood_channel_hello(channel, "brood", INQUIRY_MS);
	if (r < 0)
		inquiry_die(r == -ETIMEDOUT ? COMMAND_TIMEOUT :
		    COMMAND_UNUSABLE, -r, "HELLO");
	return channel;
}

uint64_t
inquiry_ask(struct brood_channel *channel, uint32_t method)
{
	struct brood_message msg = { .code = method,
	    .id = ++inquiry_last_id };
	int r = brood_channel_send(channel, &msg);

	if (r < 0)
		inquiry_die(COMMAND_UNUSABLE, -r, NULL);
	return msg.id;
}

static noreturn void
inquiry_refused(const struct brood_message *msg)
{
	char *text = strndup(msg->data, msg->len);

	if (text == NULL)
		inquiry_die(COMMAND_FAILED, ENOMEM, NULL);
	brood__text_clean(text);
	if (msg->code == BROOD_ERROR_NO_METHOD)
		inquiry_die(COMMAND_FAILED, 0, "not allowed, or no such method "
		    "there");
	inquiry_die(COMMAND_FAILED, 0, text);
}

static json_t *
inquiry_parse(const struct brood_message *msg)
{
	json_t *json = json_loadb(msg->data, msg->len, 0, NULL);

	if (!json_is_object(json))
		inquiry_die(COMMAND_FAILED, 0, "the answer is no JSON object");
	return json;
}

json_t *
inquiry_answer(struct brood_channel *channel, uint64_t id, int timeout_ms)
{
	struct brood_message msg;
	int r;

	r = brood_channel_recv(channel, timeout_ms, &msg);
	if (r == -EPIPE)
		inquiry_die(COMMAND_UNUSABLE, 0, "the server is gone");
	if (r < 0)
		inquiry_die(COMMAND_UNUSABLE, -r, NULL);
	if (r == 0)
		return NULL;
	if (msg.kind == BROOD_KIND_ERROR)
		inquiry_refused(&msg);
	if (msg.kind != BROOD_KIND_REPLY || msg.id != id)
		inquiry_die(COMMAND_UNUSABLE, EPROTO, NULL);
	return inquiry_parse(&msg);
}

char *
inquiry_text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));
	char *text = strdup(value != NULL ? value : "");

	if (text == NULL)
		inquiry_die(COMMAND_UNUSABLE, ENOMEM, NULL);
	brood__text_clean(text);
	return text;
}

double
inquiry_number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

/* jansson leaves U+007F as it is; outside of strings there is none. */
static int
inquiry_write(const char *bytes, size_t len, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] == 0x7f)
			fputs("\\u007f", stdout);
		else
			putchar(bytes[i]);
	return 0;
}

void
inquiry_print(const json_t *json, size_t flags)
{
	(void)json_dump_callback(json, inquiry_write, NULL,
	    flags | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	putchar('\n');
}
