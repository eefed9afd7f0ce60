/* SPDX-License-Identifier: ISC */
#ifndef BROOD__GUARD_H
#define BROOD__GUARD_H

/*
 * What a filter has started must not outlive the worker of lines.c, in whatever
 * way that ends: by SIGTERM, by SIGKILL, or because the host has gone.  The
 * kernel ends the filter then, but not the filter's own children.  So each
 * worker has a guard, a child process that does nothing until the worker has
 * ended.  Then it kills the process group of the filter.
 */

#include <stdbool.h>
#include <sys/types.h>

/* Start the guard of this process; 0 or a negative errno. */
int	guard_start(void);

/*
 * Watch this process group instead of any other; 0: none.  Call it with 0
 * before the group's leader is reaped: after that, its number may become
 * another's.
 */
void	guard_watch(pid_t group);

/*
 * Keep SIGTERM away while a filter runs that the guard does not watch: from
 * before its start, or its end, until guard_watch() is called.
 */
void	guard_hold(bool is_held);

#endif
