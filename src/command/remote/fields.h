/* SPDX-License-Identifier: ISC */
#ifndef BROOD__FIELDS_H
#define BROOD__FIELDS_H

/*
 * The JSON objects that a brood run answers with; see methods.h for their
 * fields.  A server may send anything: a field that is missing or has another
 * type counts as "" or 0.
 */

#include "command/remote/remote.h"

#include <jansson.h>

/*
 * The object in a reply, which the caller owns.  If the reply holds none, the
 * command ends.
 */
json_t	*fields_parse(const struct remote *remote,
	    const struct brood_message *reply);

/* The text is fit for a terminal, and the caller frees it. */
char	*fields_text(const json_t *object, const char *name);
double	fields_number(const json_t *object, const char *name);

/* Print as JSON; the flags are those of json_dumps(). */
void	fields_print(const json_t *json, size_t flags);

#endif
