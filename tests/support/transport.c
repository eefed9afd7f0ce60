/* SPDX-License-Identifier: ISC */

/*
 * Pools of the suites use rings from their first request on, unless a test asks
 * for something else; the linker puts this in the place of brood_pool_new().
 * The portable build has no rings, so there the same tests use sockets.
 */

#include <brood.h>

int	__real_brood_pool_new(struct brood_pool **ret_pool,
	    const struct brood_pool_options *options, char *text);
int	__wrap_brood_pool_new(struct brood_pool **ret_pool,
	    const struct brood_pool_options *options, char *text);

int
__wrap_brood_pool_new(struct brood_pool **ret_pool,
    const struct brood_pool_options *options, char *text)
{
	struct brood_pool_options own;

	if (options == NULL)
		return __real_brood_pool_new(ret_pool, NULL, text);
	own = *options;
	if (own.transport == 0)
		own.transport = BROOD_RINGS;
	return __real_brood_pool_new(ret_pool, &own, text);
}
