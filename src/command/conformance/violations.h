/* SPDX-License-Identifier: ISC */
#ifndef BROOD__BREACH_H
#define BROOD__BREACH_H

/*
 * The cases of breaches of the protocol: one field of one frame is wrong.
 */

#include "command/conformance/cases.h"

enum verdict breach_kind(struct subject *s, uint32_t kind);
enum verdict breach_flags(struct subject *s, uint32_t flags);
enum verdict breach_reserved(struct subject *s, uint32_t value);
enum verdict breach_timeout(struct subject *s, uint32_t timeout_ms);
enum verdict breach_version(struct subject *s, uint32_t version);
enum verdict breach_magic(struct subject *s, uint32_t unused);

/* So many descriptors are announced, and none comes. */
enum verdict breach_nfds(struct subject *s, uint32_t nfds);

#endif
