/* SPDX-License-Identifier: ISC */

/*
 * The number of this process, asked for once.
 *
 * Each public function asks which process it runs in, and getpid(2) is a system
 * call: the C library keeps no copy any more, because a child of clone(2) would
 * be told its parent's number.  Here the copy is in a page that the kernel
 * empties in every child that gets memory of its own, however it was made:
 * MADV_WIPEONFORK, Linux 4.14.  pthread_atfork(3) was rejected, since it knows
 * only of children made by the C library.
 *
 * Owns that page, which stays until the process ends.  Any thread may be the
 * first to ask.
 */

#include "base/owner.h"

#include <unistd.h>

#ifdef HAVE_MADV_WIPEONFORK

#include <sys/mman.h>

#include <stdatomic.h>
#include <stddef.h>

/* 0: not known yet, or wiped by fork. */
typedef _Atomic(pid_t) owner_pid;

static _Atomic(owner_pid *) owner_page;

/* A page that is wiped by fork, or NULL. */
static owner_pid *
owner_map(size_t size)
{
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	if (madvise(page, size, MADV_WIPEONFORK) == 0)
		return page;
	(void)munmap(page, size);
	return NULL;
}

/* Without such a page, ask anew each time. */
static pid_t
owner_ask(owner_pid *page)
{
	pid_t pid = getpid();

	if (page != NULL)
		atomic_store_explicit(page, pid, memory_order_relaxed);
	return pid;
}

static pid_t
owner_ask_first(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	owner_pid *page = owner_map(size), *other = NULL;

	if (page != NULL && !atomic_compare_exchange_strong(&owner_page,
	    &other, page)) {
		/* Another thread was first. */
		(void)munmap(page, size);
		page = other;
	}
	return owner_ask(page);
}

/*
 * All that is shared between threads is the page's address, which the kernel
 * has filled with zeros, and one number that never changes while it is not 0:
 * nothing is read through it that another thread has to have written before.
 */
pid_t
brood__owner_self(void)
{
	owner_pid *page = atomic_load_explicit(&owner_page,
	    memory_order_acquire);
	pid_t pid;

	if (page == NULL)
		return owner_ask_first();
	pid = atomic_load_explicit(page, memory_order_relaxed);
	return pid != 0 ? pid : owner_ask(page);
}

#else

pid_t
brood__owner_self(void)
{
	return getpid();
}

#endif
