/* SPDX-License-Identifier: ISC */

/*
 * Checks of one request; see request.h.  Pure.
 */

#include "host/request.h"

#include "base/reserved.h"

#include <errno.h>

bool
brood__request_is_valid(const struct brood_message *msg)
{
	return msg != NULL && msg->kind == 0 && msg->id == 0 &&
	    msg->more == 0 && msg->expire_ms == 0 && msg->ran == 0 &&
	    msg->reserved_1 == 0 && BROOD__RESERVED_IS_ZERO(msg) &&
	    msg->n_fds <= BROOD_MAX_FDS &&
	    (msg->len == 0 || msg->data != NULL) &&
	    (msg->n_fds == 0 || msg->fds != NULL);
}

int
brood__request_check_options(const struct brood_request_options *options,
    uint32_t flags)
{
	return (options->flags & ~flags) == 0 && options->expire_ms >= -1 &&
	    options->run_ms >= -1 && options->cancel_ms >= -1 &&
	    BROOD__RESERVED_IS_ZERO(options) ? 0 : -EINVAL;
}
