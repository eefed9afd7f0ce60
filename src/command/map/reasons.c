/* SPDX-License-Identifier: ISC */

/*
 * See reasons.h.  Two reasons are the same if their texts are.
 */

#include "command/command.h"
#include "command/map/reasons.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct reason *
reasons_find(struct reasons *reasons, const char *text)
{
	for (size_t i = 0; i < reasons->n; i++)
		if (strcmp(reasons->table[i].text, text) == 0)
			return &reasons->table[i];
	return NULL;
}

/* Answers come in any order: keep the lowest numbers, sorted. */
static void
reason_count(struct reason *reason, uint64_t number)
{
	size_t i = reason->n_more < REASONS_LINES ? (size_t)reason->n_more :
	    REASONS_LINES;

	reason->n_more++;
	if (i == REASONS_LINES && number > reason->more[--i])
		return;
	for (; i > 0 && reason->more[i - 1] > number; i--)
		reason->more[i] = reason->more[i - 1];
	reason->more[i] = number;
}

bool
reasons_add(struct reasons *reasons, uint64_t number, const char *text)
{
	struct reason *reason = reasons_find(reasons, text);

	if (reason == NULL && reasons->n < REASONS_MAX) {
		reason = &reasons->table[reasons->n++];
		*reason = (struct reason) { .first = number };
		(void)snprintf(reason->text, sizeof(reason->text), "%s", text);
		return true;
	}
	reason_count(reason != NULL ? reason : &reasons->others, number);
	return false;
}

/* The numbers of the lines that were counted, as text. */
static const char *
reason_lines(const struct reason *reason, char *text, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < REASONS_LINES && i < reason->n_more; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%" PRIu64,
		    i > 0 ? ", " : "", reason->more[i]);
	if (reason->n_more > REASONS_LINES)
		(void)snprintf(text + len, size - len, ", ...");
	return text;
}

void
reasons_end(const struct reasons *reasons)
{
	char text[REASONS_LINES * 22 + 8];

	for (size_t i = 0; i < reasons->n; i++) {
		const struct reason *reason = &reasons->table[i];

		if (reason->n_more > 0)
			command_warn(0, "%" PRIu64 " more like line %" PRIu64
			    ": %s", reason->n_more, reason->first,
			    reason_lines(reason, text, sizeof(text)));
	}
	if (reasons->others.n_more > 0)
		command_warn(0, "%" PRIu64 " more, for other reasons: %s",
		    reasons->others.n_more,
		    reason_lines(&reasons->others, text, sizeof(text)));
}
