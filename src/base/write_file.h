/* SPDX-License-Identifier: ISC */
#ifndef BROOD__WRITE_FILE_H
#define BROOD__WRITE_FILE_H

/*
 * Files by which the kernel is told something, in /proc and /sys.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Write the text by one write(2).  0 or a positive errno. */
static inline int
brood__write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error;
	ssize_t n;

	if (fd < 0)
		return errno;
	do {
		n = write(fd, text, strlen(text));
		error = n < 0 ? errno : 0;
	} while (error == EINTR);
	(void)close(fd);
	return error;
}

#endif
