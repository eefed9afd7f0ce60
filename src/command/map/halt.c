/* SPDX-License-Identifier: ISC */

/*
 * See halt.h.
 */

#include "command/map/halt.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *
halt_parse(void *arg, const char *value)
{
	struct halt *halt = arg;
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(value, &end, 10);
	halt->is_percent = *end == '%';
	if (halt->is_percent)
		end++;
	if (value[0] < '0' || value[0] > '9' || *end != '\0')
		return "not a number or percentage";
	if (errno != 0 || number > (halt->is_percent ? 100 : UINT_MAX))
		return "too large";
	halt->limit = (unsigned)number;
	halt->is_given = true;
	return NULL;
}

bool
halt_is_due(const struct halt *halt, uint64_t n_failed, uint64_t n_lines)
{
	if (halt->limit == 0)
		return false;
	if (!halt->is_percent)
		return n_failed >= halt->limit;
	return n_failed >= HALT_MIN_LINES &&
	    n_failed * 100 >= n_lines * halt->limit;
}

bool
halt_suspect(struct halt *halt, bool is_proof)
{
	halt->n_suspect++;
	if (halt->limit == 0)
		return false;
	return is_proof || (halt->n_suspect >= HALT_MIN_REQUESTS &&
	    halt->n_suspect * 10 >= halt->n_requests);
}
