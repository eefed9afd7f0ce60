/* SPDX-License-Identifier: ISC */
#ifndef BROOD__DIALOG_H
#define BROOD__DIALOG_H

/*
 * What a host says to a program under test and what it must hear: sentences
 * that the cases are made of.  All give false, or -1, with blame.
 */

#include "command/conformance/target.h"

/* Payloads: every number of a request has its own. */
void	dialog_fill(uint8_t *bytes, size_t len, uint64_t seed);

/* Receive and judge its HELLO; then s->limit is known. */
bool	dialog_hear_hello(struct subject *s);

/* Say HELLO, of any version and magic. */
bool	dialog_say_hello(struct subject *s, const char *magic,
	    uint16_t version);

/* Both. */
bool	dialog_open(struct subject *s);

/* Put a REQUEST with its payload into a letter, and its answer is due. */
void	dialog_add_request(struct letter *letter, uint64_t id, size_t len);

/* The whole reply to it came, or an ERROR for it if may_fail. */
bool	dialog_hear_reply(struct subject *s, uint64_t id, size_t len,
	    bool may_fail);

bool	dialog_hear_pong(struct subject *s, uint64_t id, const void *payload,
	    uint32_t len);

/* A small request is answered. */
bool	dialog_echo(struct subject *s, uint64_t id, size_t len);

/* The stream ends, with no answer in it, and so does the program. */
bool	dialog_hear_refusal(struct subject *s);

/* The stream ends here and now, and the program by itself, with status 0. */
bool	dialog_hear_farewell(struct subject *s);

/* The program ends once this side has closed; a signal is a failure. */
bool	dialog_hang_up(struct subject *s);

#endif
