/* SPDX-License-Identifier: ISC */

/*
 * The calls of the library that can fail, and the errors that each can give
 * here: those of its manual page that come from outside (a shortage, a signal,
 * the peer, an older kernel), and not those that say that the caller is wrong
 * (EBADF, EFAULT).
 *
 * Where an error has an effect besides, that is done too: close(2) has closed
 * after EINTR, and a child whose status is lost has been reaped.
 *
 * Here: memory, descriptors and files.  Others: calls_sockets.c.
 */

#include "faults/call.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Memory */

static void
count_blocks(int n)
{
	fault_n_blocks += n;
	if (fault_role == FAULT_SUPERVISOR && fault_region != NULL)
		fault_region->supervisor_blocks = (int32_t)fault_n_blocks;
}

/* Count a block, if it is one. */
static void *
block(void *memory)
{
	count_blocks(memory != NULL);
	return memory;
}

#define BLOCK(name, parameters, arguments)				\
	void *fault_##name parameters;					\
	void *								\
	fault_##name parameters						\
	{								\
		return fault_due(site, E(ENOMEM)) >= 0 ? NULL :		\
		    block(name arguments);				\
	}

/* The same with a block that is made larger. */
#define REBLOCK(name, parameters, arguments)				\
	void *fault_##name parameters;					\
	void *								\
	fault_##name parameters						\
	{								\
		bool is_new = memory == NULL;				\
									\
		if (fault_due(site, E(ENOMEM)) >= 0)			\
			return NULL;					\
		memory = name arguments;				\
		return is_new ? block(memory) : memory;			\
	}

BLOCK(calloc, (FAULT_AT, size_t n, size_t size), (n, size))
BLOCK(malloc, (FAULT_AT, size_t size), (size))
REBLOCK(realloc, (FAULT_AT, void *memory, size_t size), (memory, size))
REBLOCK(reallocarray, (FAULT_AT, void *memory, size_t n, size_t size),
    (memory, n, size))
REBLOCK(recallocarray, (FAULT_AT, void *memory, size_t n_before, size_t n,
    size_t size), (memory, n_before, n, size))
BLOCK(strdup, (FAULT_AT, const char *text), (text))
BLOCK(strndup, (FAULT_AT, const char *text, size_t len), (text, len))

void fault_free(void *memory);
void
fault_free(void *memory)
{
	count_blocks(-(memory != NULL));
	free(memory);
}

int fault_asprintf(FAULT_AT, char **ret_text, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int
fault_asprintf(FAULT_AT, char **ret_text, const char *format, ...)
{
	va_list list;
	int n;

	if (fault_due(site, E(ENOMEM)) >= 0)
		return -1;
	va_start(list, format);
	n = vasprintf(ret_text, format, list);
	va_end(list);
	count_blocks(n >= 0);
	return n;
}

/* EINVAL: the kernel does not know the advice. */
CALL(int, madvise, (FAULT_AT, void *memory, size_t size, int advice),
    (memory, size, advice), E(EINVAL) | E(EAGAIN) | E(ENOMEM), -1)

/* The page of owner.c, which stays until the process ends. */
static void *lasting_page;

void *fault_mmap(FAULT_AT, void *address, size_t size, int protection,
    int flags, int fd, off_t offset);
void *
fault_mmap(FAULT_AT, void *address, size_t size, int protection, int flags,
    int fd, off_t offset)
{
	void *memory;

	if (fault_due(site, E(ENOMEM) | E(EPERM)) >= 0)
		return MAP_FAILED;
	memory = mmap(address, size, protection, flags, fd, offset);
	if (memory != MAP_FAILED && (flags & MAP_ANONYMOUS))
		lasting_page = memory;
	else
		fault_n_mappings += memory != MAP_FAILED;
	return memory;
}

int fault_munmap(void *memory, size_t size);
int
fault_munmap(void *memory, size_t size)
{
	fault_n_mappings -= memory != lasting_page;
	return munmap(memory, size);
}

/* Descriptors and files */

CALL(int, access, (FAULT_AT, const char *path, int mode), (path, mode),
    E(EACCES) | E(ENOENT) | E(ENOMEM), -1)
CALL(int, chdir, (FAULT_AT, const char *path), (path),
    E(EACCES) | E(ENOENT) | E(ENOMEM), -1)
CALL(int, dup2, (FAULT_AT, int fd, int to), (fd, to),
    E(EBUSY) | E(EMFILE) | E(ENOMEM), -1)
CALL(int, dup3, (FAULT_AT, int fd, int to, int flags), (fd, to, flags),
    E(EBUSY) | E(EMFILE) | E(ENOMEM), -1)
CALL(int, fchmod, (FAULT_AT, int fd, mode_t mode), (fd, mode), E(EPERM), -1)
CALL(int, fchmodat, (FAULT_AT, int dir, const char *path, mode_t mode,
    int flags), (dir, path, mode, flags), E(EPERM) | E(ENOENT), -1)
CALL(int, fflush, (FAULT_AT, FILE *file), (file), E(ENOSPC), EOF)
CALL(char *, fgets, (FAULT_AT, char *line, int size, FILE *file),
    (line, size, file), E(EIO), NULL)
CALL(int, flock, (FAULT_AT, int fd, int operation), (fd, operation),
    (operation & LOCK_NB ? E(EAGAIN) : E(EINTR)) | E(ENOLCK), -1)
CALL(int, fstat, (FAULT_AT, int fd, struct stat *ret_stat), (fd, ret_stat),
    E(ENOMEM), -1)
CALL(int, ftruncate, (FAULT_AT, int fd, off_t size), (fd, size),
    E(EINTR) | E(ENOSPC), -1)
CALL(int, lchown, (FAULT_AT, const char *path, uid_t uid, gid_t gid),
    (path, uid, gid), E(EPERM) | E(ENOENT), -1)
CALL(int, lstat, (FAULT_AT, const char *path, struct stat *ret_stat),
    (path, ret_stat), E(EACCES) | E(ENOENT) | E(ENOMEM), -1)
CALL(int, pipe2, (FAULT_AT, int fds[2], int flags), (fds, flags), NO_FD, -1)
CALL(int, unlink, (FAULT_AT, const char *path), (path),
    E(EACCES) | E(ENOENT), -1)
#ifdef __linux__
/* EINVAL: the kernel does not know a flag. */
CALL(int, memfd_create, (FAULT_AT, const char *name, unsigned flags),
    (name, flags), NO_FD | E(EINVAL) | E(ENOSYS), -1)
#endif

/* With memory of its own, if path is NULL. */
char *fault_getcwd(FAULT_AT, char *path, size_t size);
char *
fault_getcwd(FAULT_AT, char *path, size_t size)
{
	if (fault_due(site, E(EACCES) | E(ENOENT) | E(ENOMEM)) >= 0)
		return NULL;
	return path == NULL ? block(getcwd(path, size)) : getcwd(path, size);
}

int fault_close(FAULT_AT, int fd);
int
fault_close(FAULT_AT, int fd)
{
	int r = close(fd);

	return fault_due(site, E(EINTR) | E(EIO)) >= 0 ? -1 : r;
}

static uint32_t
fcntl_errors(int command)
{
	switch (command) {
	case F_DUPFD_CLOEXEC:
		return E(EMFILE) | E(ENOMEM);
#ifdef F_ADD_SEALS
	case F_ADD_SEALS:	/* EINVAL: the kernel does not know a seal */
		return E(EBUSY) | E(EINVAL) | E(EPERM);
	case F_GET_SEALS:
		return E(EINVAL);
#endif
	default:		/* flags: EBADF only */
		return 0;
	}
}

int fault_fcntl(FAULT_AT, int fd, int command, ...);
int
fault_fcntl(FAULT_AT, int fd, int command, ...)
{
	va_list list;
	int argument;

	va_start(list, command);
	argument = command == F_GETFD || command == F_GETFL ? 0 :
	    va_arg(list, int);
	va_end(list);
	if (fault_due(site, fcntl_errors(command)) >= 0)
		return -1;
	return fcntl(fd, command, argument);
}

/* A limit of processors is there even where the system has no such file. */
FILE *fault_fopen(FAULT_AT, const char *path, const char *mode);
FILE *
fault_fopen(FAULT_AT, const char *path, const char *mode)
{
	static char limit[] = "200000 100000\n";
	FILE *file;

	if (fault_due(site, NO_FD | E(ENOENT) | E(EACCES)) >= 0)
		return NULL;
	file = fopen(path, mode);
	if (file == NULL && strstr(path, "/cpu.max") != NULL)
		file = fmemopen(limit, sizeof(limit) - 1, "r");
	return file;
}

int fault_fscanf(FAULT_AT, FILE *file, const char *format, ...)
    __attribute__((format(scanf, 3, 4)));
int
fault_fscanf(FAULT_AT, FILE *file, const char *format, ...)
{
	va_list list;
	int n;

	if (fault_due(site, E(EIO)) >= 0)
		return EOF;
	va_start(list, format);
	n = vfscanf(file, format, list);
	va_end(list);
	return n;
}

int fault_open(FAULT_AT, const char *path, int flags, ...);
int
fault_open(FAULT_AT, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list list;

	va_start(list, flags);
	if (flags & O_CREAT)
		mode = va_arg(list, mode_t);
	va_end(list);
	if (fault_due(site, NO_FD | E(EACCES) | E(ENOENT)) >= 0)
		return -1;
	return open(path, flags, mode);
}

ssize_t fault_read(FAULT_AT, int fd, void *bytes, size_t len);
ssize_t
fault_read(FAULT_AT, int fd, void *bytes, size_t len)
{
	uint32_t errors = fault_fd_waits(fd) ? E(EINTR) : E(EAGAIN);
	struct stat st;
	int due;

	/*
	 * A read of a pipe that waits is for a report, which is written at
	 * once.
	 */
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    !fault_fd_waits(fd) && len > 1 && len != PIPE_BUF)
		errors |= E(SHORT);
	due = fault_due(site, errors);
	if (due == FAULT_SHORT)
		len = 1;
	else if (due >= 0)
		return -1;
	return read(fd, bytes, len);
}

/*
 * One byte to a pipe wakes whoever reads it.  Only a full pipe refuses it, and
 * then there is enough to read already.
 */
static uint32_t
write_errors(int fd, size_t len)
{
	uint32_t errors = fault_fd_waits(fd) ? E(EINTR) : E(EAGAIN);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return errors | E(ENOSPC) | (len > 1 ? E(SHORT) : 0);
	if (len == 1)
		return 0;
	/* Whoever started this process reads its report. */
	if (fault_role != FAULT_WORKER)
		errors |= E(EPIPE);
	return errors | (len > PIPE_BUF ? E(SHORT) : 0);
}

ssize_t fault_write(FAULT_AT, int fd, const void *bytes, size_t len);
ssize_t
fault_write(FAULT_AT, int fd, const void *bytes, size_t len)
{
	int due = fault_due(site, write_errors(fd, len));

	if (due == FAULT_SHORT)
		len = 1;
	else if (due >= 0)
		return -1;
	return write(fd, bytes, len);
}
