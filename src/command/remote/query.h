/* SPDX-License-Identifier: ISC */
#ifndef BROOD__INQUIRY_H
#define BROOD__INQUIRY_H

/*
 * Asking a `brood run` socket about itself: methods.h in, JSON out.  What goes
 * wrong ends the command, after inquiry_on_end was called if it is set.
 */

#include "command/methods.h"

#include <brood.h>
#include <jansson.h>

extern void (*inquiry_on_end)(void);

/* Connect and say HELLO. */
struct brood_channel *
	inquiry_open(const char *path);

/* Send a request without a payload; gives its id. */
uint64_t inquiry_ask(struct brood_channel *channel, uint32_t method);

/*
 * The answer to it, or a part, which is the caller's; NULL if none came within
 * timeout_ms.
 */
json_t	*inquiry_answer(struct brood_channel *channel, uint64_t id,
	    int timeout_ms);

/* Fields, "" or 0 where there is none; texts are fit for a terminal. */
char	*inquiry_text(const json_t *object, const char *name);
double	inquiry_number(const json_t *object, const char *name);

/* As JSON in ASCII, without any control character within it. */
void	inquiry_print(const json_t *json, size_t flags);

#endif
