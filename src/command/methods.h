/* SPDX-License-Identifier: ISC */
#ifndef BROOD__METHODS_H
#define BROOD__METHODS_H

/*
 * The methods that a brood run answers itself, without a worker: the code of a
 * REQUEST from BROOD_METHOD_ADMIN on.  The user that brood run runs as and root
 * may call them, as the credentials of the connection say; others get the ERROR
 * "no such method".
 *
 * A request and a reply each hold one object of JSON (RFC 8259) in UTF-8.  A
 * request without a payload counts as an empty object.
 */

#include <stdint.h>

/* Not an enum: one of C11 need not hold numbers of 32 bits. */
#define BROOD_METHOD_ADMIN	UINT32_C(0xffff0000)

/*
 * {"name", "pid", "version", "started" (seconds of the epoch), "uptime" (s),
 *  "socket", "program": [...],
 *  "pool": {"workers", "ready", "spare", "busy", "queued", "in_flight",
 *	"submitted", "done", "failed", "crashed", "expired", "canceled",
 *	"refused", "resubmitted", "started", "ended", "queue_limit",
 *	"supervisor"},
 *  "clients": {"connected", "accepted", "dropped"},
 *  "workers": [{"slot", "generation", "state", "pid", "served", "failures",
 *	"request" (0 none), "age" (s), "cpu" (s), "rss" (bytes)}]}
 */
#define BROOD_METHOD_STATUS	(BROOD_METHOD_ADMIN + 1)

/*
 * Parts (REPLY with MORE), one object for each event, until the connection or
 * the pool ends; then an empty object as the last REPLY:
 * {"time" (s), "event" ("ready", "ended", "not_started", "given_up", "broken",
 *  "stopped", "reloaded", "not_reloaded", "lost"), "name", "slot",
 *  "generation", "pid", "status", "signal", "asked", "delay", "step", "error",
 *  "text", "stderr"}
 */
#define BROOD_METHOD_EVENTS	(BROOD_METHOD_ADMIN + 2)

/* {"workers": N} or {"change": N} in, {"workers": N} out. */
#define BROOD_METHOD_SCALE	(BROOD_METHOD_ADMIN + 3)

/* Answered when all workers are new ones, or with an ERROR that says why. */
#define BROOD_METHOD_RELOAD	(BROOD_METHOD_ADMIN + 4)

/*
 * {"drain" (s)}, or empty: 30 s.  Answered at once: the stop has begun.
 */
#define BROOD_METHOD_STOP	(BROOD_METHOD_ADMIN + 5)

#endif
