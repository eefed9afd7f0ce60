/* SPDX-License-Identifier: ISC */
#ifndef BROOD__METRICS_H
#define BROOD__METRICS_H

/*
 * The status of a server: asked for, and written for people or for Prometheus.
 */

#include "command/remote/fields.h"

#include <stdio.h>

/* Ask the server; the caller owns the answer. */
json_t	*metrics_fetch(struct remote *remote);

/*
 * Lines, and a table of the workers.  If before, an earlier status, is not
 * NULL, the table shows the processor time used since then in percent of the
 * time passed; otherwise the time used in seconds.
 */
void	metrics_write(FILE *out, const json_t *status, const json_t *before);

/* The text format of Prometheus, version 0.0.4. */
void	metrics_write_prometheus(FILE *out, const json_t *status);

#endif
