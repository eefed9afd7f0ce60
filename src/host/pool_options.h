/* SPDX-License-Identifier: ISC */
#ifndef BROOD__POOL_OPTIONS_H
#define BROOD__POOL_OPTIONS_H

/*
 * Which options of a pool are possible, as far as each can be judged alone.
 */

#include <brood/pool.h>

enum { BROOD__POOL_WORKERS_MAX = 1 << 18 };

/* 0, or -EINVAL and in text what is wrong; see config.h. */
int	brood__pool_options_check(const struct brood_pool_options *options,
	    char *text);

#endif
