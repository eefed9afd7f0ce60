/* SPDX-License-Identifier: ISC */
#ifndef BROOD__TIMING_H
#define BROOD__TIMING_H

/*
 * Connections that have until an instant: to say HELLO, to send the rest of a
 * frame, or to ask for something.
 *
 * There may be as many as there are connections, so no turn looks at all of
 * them.  Each list has one length of time for all, so whoever is added last is
 * due last.
 */

#include "command/serve/connection.h"

/*
 * It has until then, for its HELLO in that state and otherwise for a frame;
 * BROOD__NEVER: it may take its time.
 */
void	timing_set(struct connection *connection, int64_t until_ms);

/* A connection whose instant has come, and has none from now on; or NULL. */
struct connection *
	timing_next(struct server *server);

/* When the first such instant comes; BROOD__NEVER: there is none. */
int64_t	timing_first_ms(const struct server *server);

/* Something has happened to it: if it is idle now, it is so from now on. */
void	timing_note_idle(struct connection *connection);
void	timing_unset_idle(struct connection *connection);

/* The first one that has been idle for too long, or NULL. */
struct connection *
	timing_find_idle(const struct server *server);

#endif
