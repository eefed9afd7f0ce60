/* SPDX-License-Identifier: ISC */

/*
 * Claims about shared memory that one process writes: the one who has the
 * descriptor can read it and change nothing, neither what is in it nor how long
 * it is.
 */

#include "base/fd.h"
#include "support/drain.h"
#include "support/support.h"
#include "wire/region.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

BROOD_SUITE(region);

enum { SIZE = 64 << 10, FD_PATH_SIZE = 64 };

int	__real_fcntl(int, int, ...);
int	__wrap_fcntl(int, int, ...);

/* The kernel refuses to seal, with this errno; 0: it does not. */
static int seal_error;

int
__wrap_fcntl(int fd, int command, ...)
{
	va_list list;
	int argument;

	va_start(list, command);
	argument = command == F_GETFD ? 0 : va_arg(list, int);
	va_end(list);
#ifdef F_ADD_SEALS
	if (command == F_ADD_SEALS && seal_error != 0) {
		errno = seal_error;
		return -1;
	}
#endif
	return __real_fcntl(fd, command, argument);
}

/* Skips the test where there is no such memory. */
static uint8_t *
region_new(int *ret_fd)
{
	void *memory = NULL;
	int r = brood__region_new(SIZE, &memory, ret_fd);

	if (r == -ENOSYS)
		cr_skip("there is no sealed memory here");
	cr_assert_eq(r, 0);
	strcpy(memory, "as it was");
	return memory;
}

static void
region_end(uint8_t *memory, int fd)
{
	cr_assert_str_eq((const char *)memory, "as it was");
	brood__region_unmap(memory, SIZE);
	(void)brood__fd_close(fd);
}

/* The errno of a call that is to be refused; 0: it was not. */
#define REFUSED(call)	(errno = 0, (call) < 0 ? errno : 0)

Test(region, reader_sees_what_is_written)
{
	const void *copy = NULL;
	int fd;
	uint8_t *memory = region_new(&fd);

	cr_assert_eq(brood__region_map(fd, SIZE, &copy), 0);
	cr_assert_str_eq(copy, "as it was");
	memory[SIZE - 1] = 7;
	cr_assert_eq(((const uint8_t *)copy)[SIZE - 1], 7);
	brood__region_unmap(copy, SIZE);
	region_end(memory, fd);
}

Test(region, reader_cannot_map_it_writable)
{
	char path[FD_PATH_SIZE];
	void *copy = NULL;
	int fd, again;
	uint8_t *memory = region_new(&fd);

	cr_assert_eq(brood__region_map_writable(fd, SIZE, &copy), -EPERM);
	cr_assert_null(copy);
	errno = 0;
	cr_assert_eq(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, fd, 0),
	    MAP_FAILED);
	cr_assert_eq(errno, EPERM);
	/* Nor through a descriptor of its own. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0) {
		cr_assert_eq(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED, again, 0), MAP_FAILED);
		(void)brood__fd_close(again);
	}
	region_end(memory, fd);
}

Test(region, reader_cannot_make_its_mapping_writable)
{
	const void *mapped = NULL;
	void *copy;
	int fd;
	uint8_t *memory = region_new(&fd);

	cr_assert_eq(brood__region_map(fd, SIZE, &mapped), 0);
	memcpy(&copy, &mapped, sizeof(copy));
	cr_assert_eq(REFUSED(mprotect(copy, SIZE, PROT_READ | PROT_WRITE)),
	    EACCES);
	/* Nor punch a hole, which would be read as zeros. */
	cr_assert_eq(REFUSED(madvise(copy, SIZE, MADV_REMOVE)), EACCES);
	brood__region_unmap(copy, SIZE);
	region_end(memory, fd);
}

Test(region, reader_cannot_write_truncate_grow_or_punch_it)
{
	int fd;
	uint8_t *memory = region_new(&fd);

	cr_assert_eq(REFUSED(pwrite(fd, "x", 1, 0)), EPERM);
	cr_assert_eq(REFUSED(ftruncate(fd, SIZE / 2)), EPERM);
	cr_assert_eq(REFUSED(ftruncate(fd, SIZE * 2)), EPERM);
	cr_assert_eq(REFUSED(fallocate(fd, 0, SIZE, SIZE)), EPERM);
	cr_assert_eq(REFUSED(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
	    FALLOC_FL_KEEP_SIZE, 0, SIZE)), EPERM);
	cr_assert_eq(REFUSED(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)), EPERM);
	region_end(memory, fd);
}

/* What the worker writes: it must not be able to make it shorter. */
Test(region, peer_can_write_its_own_and_not_change_its_length)
{
	const void *read_only = NULL;
	void *own = NULL, *copy;
	int fd, r;

	r = brood__region_new_for_peer(SIZE, &read_only, &fd);
	if (r == -ENOSYS)
		cr_skip("there is no sealed memory here");
	cr_assert_eq(r, 0);
	cr_assert_eq(brood__region_map_writable(fd, SIZE, &own), 0);
	strcpy(own, "mine");
	cr_assert_str_eq(read_only, "mine");
	cr_assert_eq(REFUSED(ftruncate(fd, 0)), EPERM);
	cr_assert_eq(REFUSED(ftruncate(fd, SIZE * 2)), EPERM);
	cr_assert_eq(REFUSED(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)), EPERM);
	/* The host only reads it. */
	memcpy(&copy, &read_only, sizeof(copy));
	brood__region_unmap(copy, SIZE);
	brood__region_unmap(own, SIZE);
	(void)brood__fd_close(fd);
}

Test(region, memory_that_can_shrink_or_is_short_is_not_mapped)
{
	const void *copy = NULL;
	void *own = NULL;
	int fd, plain;
	uint8_t *memory = region_new(&fd);

	cr_assert_eq(brood__region_map(fd, SIZE + 1, &copy), -EINVAL);
	cr_assert_eq(brood__region_map_writable(fd, SIZE + 1, &own), -EINVAL);
	plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	cr_assert(plain >= 0 && ftruncate(plain, SIZE) == 0);
	cr_assert_eq(brood__region_map(plain, SIZE, &copy), -EINVAL);
	cr_assert_eq(brood__region_map_writable(plain, SIZE, &own), -EINVAL);
	(void)brood__fd_close(plain);
	region_end(memory, fd);
}

static int
region_read(void *arg)
{
	/* volatile: the look is what kills. */
	return *(volatile const uint8_t *)arg;
}

/* Address sanitizers turn the signal into an exit status. */
static void
check_not_inherited(const void *memory)
{
	void *start;
	int status;

	memcpy(&start, &memory, sizeof(start));
	status = support_join(support_fork(region_read, start));
	cr_assert((WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) != 'a'));
}

Test(region, forked_child_has_no_mapping)
{
	const void *copy = NULL;
	int fd;
	uint8_t *memory = region_new(&fd);

	cr_assert_eq(memory[0], 'a');
	cr_assert_eq(brood__region_map(fd, SIZE, &copy), 0);
	check_not_inherited(memory);
	check_not_inherited(copy);
	brood__region_unmap(copy, SIZE);
	region_end(memory, fd);
}

Test(region, descriptor_is_closed_on_exec)
{
	int fd;
	uint8_t *memory = region_new(&fd);

	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	region_end(memory, fd);
}

/*
 * What the caller holds would be unmapped a second time, when something else
 * may be in its place.
 */
Test(region, failing_to_seal_gives_no_memory)
{
	static const struct { int error, r; } cases[] = {
		{ EINVAL, -ENOSYS }, { EPERM, -EPERM },
	};
	void *memory = NULL;
	int fd;

	memory = region_new(&fd);
	region_end(memory, fd);
	memory = NULL;
	fd = -1;
	for (size_t i = 0; i < 2; i++) {
		seal_error = cases[i].error;
		cr_assert_eq(brood__region_new(SIZE, &memory, &fd),
		    cases[i].r);
		cr_assert_null(memory);
		cr_assert_eq(fd, -1);
	}
}
