/* SPDX-License-Identifier: ISC */

/*
 * Offering pages to the kernel; see pages.h.  With MADV_FREE of madvise(2),
 * which Linux and the BSDs have.
 */

#include "base/pages.h"

#ifdef HAVE_MADV_FREE

#include <sys/mman.h>

#include <stdint.h>
#include <unistd.h>

/* Only whole pages: what is left has other memory beside it. */
bool
brood__pages_offer(void *memory, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)memory + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)memory + len) & ~(page - 1);

	return begin >= end ||
	    madvise((void *)begin, end - begin, MADV_FREE) == 0;
}

#else

bool
brood__pages_offer(void *memory, size_t len)
{
	(void)memory;
	(void)len;
	return false;
}

#endif
