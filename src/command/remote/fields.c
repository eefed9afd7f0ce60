/* SPDX-License-Identifier: ISC */

/*
 * Fields of JSON objects, and their output on terminals; see fields.h.
 */

#include "command/remote/fields.h"

#include <stdio.h>

json_t *
fields_parse(const struct remote *remote, const struct brood_message *reply)
{
	json_t *json = json_loadb(reply->data, reply->len, 0, NULL);

	if (json_is_object(json))
		return json;
	json_decref(json);
	command_die(COMMAND_FAILED, 0, "%s: the answer is no JSON object",
	    remote->path);
}

char *
fields_text(const json_t *object, const char *name)
{
	const json_t *string = json_object_get(object, name);

	return remote_text(json_string_value(string),
	    json_string_length(string));
}

double
fields_number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

/*
 * With JSON_ENSURE_ASCII, U+007F is the only control character that jansson
 * does not escape.  It can only stand within a string.
 */
static int
fields_write(const char *bytes, size_t len, void *arg)
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
fields_print(const json_t *json, size_t flags)
{
	(void)json_dump_callback(json, fields_write, NULL,
	    flags | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	putchar('\n');
}
