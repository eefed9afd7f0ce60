/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REQUEST_H
#define BROOD__REQUEST_H

/*
 * What a program hands over to be submitted, to a pool or a client: is it a
 * request that can be?
 */

#include <brood/pool.h>

/* Are only those fields set that a request may have? */
bool	brood__request_is_valid(const struct brood_message *msg);

/* 0, or -EINVAL for a flag that is not in flags or a time below -1. */
int	brood__request_check_options(
	    const struct brood_request_options *options, uint32_t flags);

#endif
