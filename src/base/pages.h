/* SPDX-License-Identifier: ISC */
#ifndef BROOD__PAGES_H
#define BROOD__PAGES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The owner does not need what is in this memory, but will soon use the memory
 * again.  So the kernel may take the pages as soon as it is short of them, and
 * until then they cost no page fault when they are used again; what they then
 * hold is unknown.
 *
 * False if that cannot be done: free the memory.
 */
bool	brood__pages_offer(void *memory, size_t len);

#endif
