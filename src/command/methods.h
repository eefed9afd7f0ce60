/* SPDX-License-Identifier: ISC */
#ifndef BROOD__METHODS_H
#define BROOD__METHODS_H

/*
 * The methods that a `brood run` socket answers by itself, and no worker sees:
 * the code of a REQUEST from BROOD_METHOD_CONTROL on.  They are for the owner
 * of the socket (the uid that brood run runs as) and root, by the credentials
 * of the connection; others get ERROR "no such method".
 *
 * Requests and replies are UTF-8: an object of JSON (RFC 8259), or empty where
 * nothing is named.
 */

#include <stdint.h>

/* Numbers of 32 bits, which an enum of C11 need not hold. */
#define BROOD_METHOD_CONTROL	UINT32_C(0xffff0000)

/*
 * {"name", "pid", "version", "started" (seconds of the epoch), "uptime" (s),
 *  "socket", "program": [...],
 *  "pool": {"workers", "ready", "busy", "queued", "in_flight", "submitted",
 *	"done", "failed", "crashed", "expired", "canceled", "refused",
 *	"resubmitted", "started", "ended", "queue_limit", "supervisor"},
 *  "clients": {"connected", "accepted", "dropped"},
 *  "workers": [{"slot", "generation", "state", "pid", "served", "failures",
 *	"request" (0 none), "age" (s), "cpu" (s), "rss" (bytes)}]}
 */
#define BROOD_METHOD_STATUS	(BROOD_METHOD_CONTROL + 1)

/*
 * Parts (REPLY with MORE), one object each, for as long as the client stays:
 * {"time" (s), "event" ("ready", "ended", "not_started", "given_up", "broken",
 *  "stopped", "reloaded", "not_reloaded", "lost"), "name", "slot",
 *  "generation", "pid", "status", "signal", "asked", "delay", "step", "error",
 *  "text", "stderr"}
 */
#define BROOD_METHOD_EVENTS	(BROOD_METHOD_CONTROL + 2)

/* {"workers": N}, or {"change": +-N} -> {"workers": N} */
#define BROOD_METHOD_SCALE	(BROOD_METHOD_CONTROL + 3)

/* Answered when the new generation serves, or with ERROR and why. */
#define BROOD_METHOD_RELOAD	(BROOD_METHOD_CONTROL + 4)

/* {"drain" (s): ...} or empty.  Answered when it has begun. */
#define BROOD_METHOD_STOP	(BROOD_METHOD_CONTROL + 5)

#endif
