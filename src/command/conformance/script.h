/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SCRIPT_H
#define BROOD__SCRIPT_H

/*
 * The steps that the cases are made of: what a host says to the program under
 * test, and what it expects to receive.  A step that gives bool is true if it
 * went as it should; else target->why says what went wrong.
 */

#include "command/conformance/target.h"

/* Fill a payload.  Another seed, such as the request's id, gives another. */
void	script_fill(uint8_t *bytes, size_t len, uint64_t seed);

/* Receive the program's HELLO; sets target->limit. */
bool	script_expect_hello(struct target *target);

/* Send HELLO.  magic and version may be wrong ones. */
bool	script_send_hello(struct target *target, const char *magic,
	    uint16_t version);

/* Append to frames: a REQUEST with a payload of len bytes made from its id. */
void	script_add_request(struct brood__buffer *frames, uint64_t id,
	    size_t len);

/* Send frames, and free them in any case. */
bool	script_send(struct target *target, struct brood__buffer *frames);

/* The whole reply to such a request comes; or ERROR for it, if may_fail. */
bool	script_expect_reply(struct target *target, uint64_t id, size_t len,
	    bool may_fail);

/* PONG comes with this id and payload. */
bool	script_expect_pong(struct target *target, uint64_t id,
	    const void *payload, uint32_t len);

/* A request is sent and answered. */
bool	script_echo(struct target *target, uint64_t id, size_t len);

/* The stream ends with no frame but ERROR in it, and the program ends. */
bool	script_expect_refusal(struct target *target);

/* The stream ends with no frame in it, and the program exits with 0. */
bool	script_expect_goodbye(struct target *target);

/*
 * The program ends once this side has closed its socket.  Any exit status is
 * right, but a signal that kills it is not.
 */
bool	script_hang_up(struct target *target);

#endif
