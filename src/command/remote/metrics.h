/* SPDX-License-Identifier: ISC */
#ifndef BROOD__VITALS_H
#define BROOD__VITALS_H

/*
 * A server's status, as people read it and as Prometheus does.
 */

#include <jansson.h>
#include <stdio.h>

/*
 * Lines and a table of workers.  With the status of `before`, CPU is the share
 * since then in percent; with NULL it is the time used, in seconds.
 */
void	vitals_write(FILE *out, const json_t *status, const json_t *before);

/* The text format, version 0.0.4. */
void	vitals_write_prometheus(FILE *out, const json_t *status);

#endif
