/* SPDX-License-Identifier: ISC */
#ifndef BROOD__REGION_H
#define BROOD__REGION_H

/*
 * Shared memory that one process writes and another one reads: memfd_create(2)
 * with seals, Linux 5.1.  Elsewhere -ENOSYS.
 *
 * A mapping is not inherited by fork(2), so that no copy of the process can
 * write to it by mistake.
 */

#include <stddef.h>

/*
 * Make memory of this size, zeroed, which can neither shrink nor grow, and map
 * it for writing.  With the descriptor it can be mapped for reading, and not be
 * written in any way.
 *
 *   -ENOSYS	the system has no such memory
 */
int	brood__region_new(size_t size, void **ret_memory, int *ret_fd);

/*
 * The same for the other process to write: maps it for reading.
 */
int	brood__region_new_for_peer(size_t size, const void **ret_memory,
	    int *ret_fd);

/*
 * Map what the peer has made.  The descriptor stays the caller's.
 *
 *   -EINVAL	it is not so long, or may become shorter
 */
int	brood__region_map(int fd, size_t size, const void **ret_memory);
int	brood__region_map_writable(int fd, size_t size, void **ret_memory);

/* memory may be NULL. */
void	brood__region_unmap(const void *memory, size_t size);

#endif
