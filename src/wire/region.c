/* SPDX-License-Identifier: ISC */

/*
 * Shared memory that one process writes and another one reads; see region.h.
 *
 * Owns nothing.
 */

#include "base/fd.h"
#include "wire/region.h"

#include <errno.h>

#ifdef HAVE_SEALED_MEMORY

#include <sys/mman.h>
#include <sys/stat.h>

#include <string.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010	/* linux/fcntl.h, since 5.1 */
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL		0x0008U	/* linux/memfd.h, since 6.3 */
#endif

enum { REGION_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static int
region_map(int fd, size_t size, int protection, void **ret_memory)
{
	void *memory = mmap(NULL, size, protection, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	(void)madvise(memory, size, MADV_DONTFORK);
	*ret_memory = memory;
	return 0;
}

/* Kernels before 6.3 refuse the flag against running it as a program. */
static int
region_open(void)
{
	int fd = memfd_create("brood", MFD_CLOEXEC | MFD_ALLOW_SEALING |
	    MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("brood", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

/*
 * The seal against writing is put on after this process has mapped the memory:
 * a mapping that is there stays writable.
 */
static int
region_make(size_t size, int protection, int seals, void **ret_memory,
    int *ret_fd)
{
	int fd = region_open(), r;
	void *memory = NULL;

	if (fd < 0)
		return fd;
	r = ftruncate(fd, (off_t)size) < 0 ? -errno :
	    region_map(fd, size, protection, &memory);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, seals) < 0) {
		r = -errno;
		(void)munmap(memory, size);
	}
	if (r < 0) {
		(void)close(fd);
		/* EINVAL: a seal that this kernel does not know. */
		return r == -EINVAL ? -ENOSYS : r;
	}
	*ret_memory = memory;
	*ret_fd = fd;
	return 0;
}

int
brood__region_new(size_t size, void **ret_memory, int *ret_fd)
{
	return region_make(size, PROT_READ | PROT_WRITE,
	    REGION_SEALS | F_SEAL_FUTURE_WRITE, ret_memory, ret_fd);
}

int
brood__region_new_for_peer(size_t size, const void **ret_memory, int *ret_fd)
{
	void *memory = NULL;
	int r = region_make(size, PROT_READ, REGION_SEALS, &memory, ret_fd);

	if (r == 0)
		*ret_memory = memory;
	return r;
}

/* Memory that can shrink would kill its reader, by SIGBUS. */
static int
region_check(int fd, size_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
		return -EINVAL;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_size >= 0 && (size_t)st.st_size >= size ? 0 : -EINVAL;
}

int
brood__region_map(int fd, size_t size, const void **ret_memory)
{
	void *memory = NULL;
	int r = region_check(fd, size);

	if (r == 0)
		r = region_map(fd, size, PROT_READ, &memory);
	if (r == 0)
		*ret_memory = memory;
	return r;
}

int
brood__region_map_writable(int fd, size_t size, void **ret_memory)
{
	int r = region_check(fd, size);

	return r < 0 ? r :
	    region_map(fd, size, PROT_READ | PROT_WRITE, ret_memory);
}

void
brood__region_unmap(const void *memory, size_t size)
{
	void *start;

	/* munmap(2) does not write, but is not declared so. */
	memcpy(&start, &memory, sizeof(start));
	if (start != NULL)
		(void)munmap(start, size);
}

#else

int
brood__region_new(size_t size, void **ret_memory, int *ret_fd)
{
	(void)size;
	(void)ret_memory;
	(void)ret_fd;
	return -ENOSYS;
}

int
brood__region_new_for_peer(size_t size, const void **ret_memory, int *ret_fd)
{
	(void)size;
	(void)ret_memory;
	(void)ret_fd;
	return -ENOSYS;
}

int
brood__region_map(int fd, size_t size, const void **ret_memory)
{
	(void)fd;
	(void)size;
	(void)ret_memory;
	return -ENOSYS;
}

int
brood__region_map_writable(int fd, size_t size, void **ret_memory)
{
	(void)fd;
	(void)size;
	(void)ret_memory;
	return -ENOSYS;
}

void
brood__region_unmap(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

#endif
